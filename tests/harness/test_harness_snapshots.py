"""A restored object goes on as the one it was taken of would have."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from mibench.adam import Adam
from mibench.files import Checkpoint
from mibench.specs import added
from mibench.training import restore, snapshot, tensors


class Ours:
    """A learner in the house's style: tensors, our Adam, a generator, an average that starts as nothing."""

    def __init__(self) -> None:
        self.weight = torch.full((3,), 2.0, requires_grad=True)
        self.adam = Adam([self.weight], 0.1)
        self.generator = torch.Generator().manual_seed(3)
        self.average: Tensor | None = None
        self.history: list[float] = []
        self.function = torch.relu

    def step(self) -> list[float]:
        loss = (self.weight * torch.rand(3, generator=self.generator)).square().sum()
        self.average = loss.detach() if self.average is None else 0.9 * self.average + 0.1 * loss.detach()
        self.adam.step(torch.autograd.grad(loss, [self.weight]))
        self.history.append(loss.item())
        return [*self.weight.tolist(), self.average.item(), *self.history]


class Theirs:
    """A learner as others write it: a module and an optimiser of torch's, state in a dict."""

    def __init__(self) -> None:
        self.net = torch.nn.Linear(2, 1)
        torch.nn.init.ones_(self.net.weight)
        torch.nn.init.zeros_(self.net.bias)
        self.optimiser = torch.optim.SGD(self.net.parameters(), lr=0.1, momentum=0.9)
        self.count: dict[str, Any] = {"steps": 0}
        self.net.owner = [self]  # a cycle

    def step(self) -> list[float]:
        self.optimiser.zero_grad()
        self.net(torch.ones(4, 2)).square().mean().backward()
        self.optimiser.step()
        self.count["steps"] += 1
        self.count["last"] = self.net.bias.item()
        return [*self.net.weight.flatten().tolist(), *self.count.values()]


@dataclass(frozen=True)
class Frozen:
    """What changes inside of what is frozen."""

    pair: tuple[Tensor, Tensor] = field(default_factory=lambda: (torch.zeros(2), torch.ones(2)))

    def step(self) -> list[float]:
        for member in self.pair:
            member.add_(1.5)
        return torch.cat(self.pair).tolist()


@pytest.mark.parametrize("make", [Ours, Theirs, Frozen])
def test_a_restored_object_goes_on_as_if_nothing_had_happened(make: Callable[[], Any], tmp_path: Path) -> None:
    whole, first, second = make(), make(), make()
    for _ in range(3):
        whole.step()
        first.step()
    checkpoint = Checkpoint(tmp_path / "a" / "trial")
    checkpoint.save(snapshot(first))
    restore(second, checkpoint.load())
    for _ in range(3):
        assert second.step() == whole.step()


def test_a_snapshot_is_a_copy() -> None:
    learner = Ours()
    taken = snapshot(learner)
    before = taken["weight"].clone()
    learner.step()
    assert torch.equal(taken["weight"], before)


@dataclass(frozen=True)
class Settings:
    width: int = 3
    rate: float = math.nan


@dataclass(frozen=True)
class Renamed:
    size: int = 3


@dataclass(frozen=True)
class Longer(Settings):
    """What a later version knows: `law` is nothing that a trial is told apart by."""

    depth: int | None = 2
    law: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Kinder(Settings):
    """What a later version knows of: at its default it is what was meant before."""

    kind: str = added("rbf")


class Network:
    """What is trained, settings, and what comes into being, grows and changes while it is trained."""

    def __init__(self, settings: Settings | Renamed) -> None:
        self.settings = settings
        self.layers = [torch.zeros(3, 2, requires_grad=True)]
        self.memory = torch.zeros(0, 2)
        self.rate = 0.1
        self.extra: Tensor | None = None


class Other(Network):
    """Another learner with the same settings and the same network."""


class Wider(Network):
    def __init__(self) -> None:
        super().__init__(Settings())
        self.head = torch.nn.Linear(2, 1)


class Headed:
    def __init__(self, head: torch.nn.Module | None) -> None:
        self.head = head


@pytest.mark.parametrize(
    ("here", "there", "what"),
    [
        (Network(Settings()), Network(Settings(rate=0.5)), "settings.rate is nan here and 0.5 there"),
        (Network(Settings(width=4)), Network(Settings()), "settings.width is 4 here and 3 there"),
        (Network(Settings()), Network(Renamed()), "settings.size is only there"),
        (Network(Longer()), Network(Settings()), "settings.depth is only here"),
        (Network(Kinder(kind="imq")), Network(Settings()), "settings.kind is only here"),
        (Headed(torch.nn.Linear(2, 1)), Headed(None), "head._parameters.weight is only here"),
        (Wider(), Network(Settings()), "head._parameters.weight is only here"),
        (Theirs(), torch.nn.Module(), "net._parameters.weight is only here"),
        (torch.nn.Linear(2, 3), torch.nn.Linear(2, 1), r"_parameters.weight is \(3, 2\) here and \(1, 2\) there"),
        (
            torch.nn.Linear(2, 1).double(),
            torch.nn.Linear(2, 1),
            "weight is torch.float64 here and torch.float32 there",
        ),
        (Other(Settings()), Network(Settings()), "it is of Other here and of Network there"),
        (Frozen(), None, "it is of Frozen here and None there"),
        (Frozen(), [Frozen()], "it is of Frozen here and of list there"),
        (Frozen(), Frozen(pair=cast("Any", torch.zeros(2))), "pair is of tuple here and of Tensor there"),
    ],
)
def test_a_snapshot_of_another_object_is_refused_and_changes_nothing(here: Any, there: Any, what: str) -> None:
    before = [tensor.clone() for _, tensor in tensors(here)]
    with pytest.raises(ValueError, match=f"the snapshot is not of such an object: .*{what}"):
        restore(here, snapshot(there))
    assert all(torch.equal(tensor, was) for (_, tensor), was in zip(tensors(here), before, strict=True))


def test_what_is_not_trained_may_come_into_being_grow_and_change() -> None:
    here, there = (Network(Settings()) for _ in range(2))
    there.memory, there.rate, there.extra = torch.ones(5, 2), 0.2, torch.ones(3)
    cast("Any", there).later = [1.0]
    restore(here, snapshot(there))
    assert (here.memory.shape, here.rate) == ((5, 2), 0.2)
    assert here.extra is not None
    assert cast("Any", here).later == [1.0]


@pytest.mark.parametrize("law", [None, torch.relu])
def test_a_snapshot_may_lack_settings_that_are_none_or_a_function(law: Callable[..., Any] | None) -> None:
    here, there = Network(Longer(depth=None, law=law)), Network(Settings())
    there.rate = 0.2
    restore(here, snapshot(there))
    assert here.rate == 0.2


def test_a_snapshot_may_lack_settings_that_were_added_and_are_at_their_defaults() -> None:
    here, there = Network(Kinder()), Network(Settings())
    there.rate = 0.2
    restore(here, snapshot(there))
    assert here.rate == 0.2


def test_what_a_snapshot_keeps_once_may_stand_elsewhere_in_the_object() -> None:
    """Attributes that training sets again stand last, and first in the object that is restored."""
    here, there = Ours(), Ours()
    weight = there.weight
    del there.weight
    there.weight = weight
    there.step()
    restore(here, snapshot(there))
    assert torch.equal(here.weight, there.weight)
