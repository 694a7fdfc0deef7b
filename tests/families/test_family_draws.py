"""Pairs come from `draws` alone: families with other random numbers are named, and no shipped one has any."""

import inspect
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from mibench_gaussian.canonical import Canonical, CanonicalParams
from torch import Tensor

from mibench.bends import BENDS
from mibench.compositions import Gauged, compose
from mibench.curves.cells import load_task
from mibench.discovery import load_plugins
from mibench.discovery.registry import Entry, Registry
from mibench.families import Draws, Family, Theta
from mibench.plan.selectors import combinations
from mibench.specs import FamilySpec
from mibench.testing.families import Effort, check_truth
from mibench.testing.family_draws import draws

FAMILIES = Registry(load_plugins()).entries(FamilySpec)
CELL = CanonicalParams(d=2, rho=0.6)


class DrawsGlobally(Canonical):
    """Noise of torch's own generator."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return torch.randn_like(x), y


class SeedsNumpy(Canonical):
    """A seed for everyone."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        np.random.seed(0)  # noqa: NPY002
        return super().sample(theta, n, draws)


class DrawsFromPython(Canonical):
    """Noise of Python's generator."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        shift = random.gauss(0, 1)
        x, y = super().sample(theta, n, draws)
        return x, y + shift


class MadeOfGlobalNumbers(Canonical):
    """Numbers of torch's generator, drawn once an instance."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.shift = torch.randn(())


class SetsDtype(Canonical):
    """A default dtype for everyone."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        torch.set_default_dtype(torch.float64)
        return super().sample(theta, n, draws)


@pytest.mark.parametrize(
    ("kind", "said", "line"),
    [
        (DrawsGlobally, "torch's global generator to stay as it is: draw from `draws`", "torch.randn_like(x)"),
        (SeedsNumpy, "numpy's global generator to stay as it is", "np.random.seed(0)"),
        (DrawsFromPython, "numbers that do not depend on python's global generator", "random.gauss(0, 1)"),
        (MadeOfGlobalNumbers, "torch's global generator to stay as it is", "torch.randn(())"),
    ],
)
def test_who_draws_from_a_generator_of_the_process_is_named(kind: type[Canonical], said: str, line: str) -> None:
    (finding,) = [finding for finding in draws(kind(CELL), Effort()) if not finding.holds]
    source, first = inspect.getsourcelines(kind)
    (offset,) = (offset for offset, text in enumerate(source) if line in text)
    assert finding.claim == "global state"
    assert said in finding.detail
    assert f"(test_family_draws.py:{first + offset})" in finding.detail


def test_a_mode_that_a_family_sets_is_found_and_put_back() -> None:
    (finding,) = [finding for finding in draws(SetsDtype(CELL), Effort()) if not finding.holds]
    assert (finding.claim, torch.get_default_dtype()) == ("global state", torch.float32)
    assert "`sample` to leave torch's default dtype as it was, float32; got float64" in finding.detail


class OwnNumbers(Canonical):
    """Noise of a generator that no seed reaches."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, y + torch.from_numpy(np.random.default_rng().standard_normal(y.shape))


class GoesOn(Canonical):
    """Noise of a generator that goes on from call to call."""

    def __init__(self, params: Any) -> None:
        super().__init__(params)
        self.generator = torch.Generator().manual_seed(0)

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, y + torch.randn(y.shape, generator=self.generator, dtype=y.dtype)


class Shared(Canonical):
    """Noise of the first replica's generator for all of them."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, y + torch.randn(y.shape, generator=draws.generators[0], dtype=y.dtype)


class MeanTheta(Canonical):
    """One theta for all replicas."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_ratio({"rho": theta["rho"].mean().expand(theta["rho"].shape)}, x, y)


@pytest.mark.parametrize(
    ("kind", "claim", "said"),
    [
        (OwnNumbers, "determinism", "the same draws to give the same numbers, to the last bit"),
        (GoesOn, "determinism", "a family to give the same numbers of the same draws, however often asked"),
        (Shared, "replicas", "each replica to have the numbers that it has alone"),
        (MeanTheta, "replicas", "reduce over the last two axes only; got a log ratio that differs"),
    ],
)
def test_numbers_that_do_not_follow_from_a_replicas_own_draws_are_found(
    kind: type[Canonical], claim: str, said: str
) -> None:
    (finding,) = [finding for finding in draws(kind(CELL), Effort()) if not finding.holds]
    assert finding.claim == claim
    assert said in finding.detail


def test_the_proof_of_a_truth_asks_for_it() -> None:
    assert "global state" in {finding.claim for finding in check_truth(DrawsGlobally(CELL)) if not finding.holds}
    names = [finding.claim for finding in check_truth(Canonical(CELL))]
    assert names[2:5] == ["global state", "determinism", "replicas"]


def shapes_of(family: Family) -> Iterator[tuple[str, Callable[[], Family]]]:
    """Everything that is made of a family."""
    yield "itself", lambda: family
    yield "copies", lambda: compose(family, copies=3)
    yield "gauge", lambda: Gauged(family)
    yield "rotated", lambda: compose(family, rotate=True)
    for bend in BENDS:
        yield bend, lambda bend=bend: compose(family, bend=bend, rotate=True, copies=2)


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_every_shipped_family_draws_from_draws_alone_in_every_composition(entry: Entry[FamilySpec]) -> None:
    task = load_task(entry.spec.task, entry.name)
    for cell in combinations(task.Params, entry.spec.grid, entry.name)[:1]:
        kept = 0
        for name, make in shapes_of(task().family(cell)):
            try:
                family = make()
            except ValueError:  # a composition that does not fit, as of a discrete family
                continue
            kept += 1
            wrong = [finding.detail for finding in draws(family, Effort()) if not finding.holds]
            assert not wrong, f"{name}: {wrong}"
        assert kept >= 2
