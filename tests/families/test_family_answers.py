"""What a family gives in place of what it must is one sentence: for `check`, for a run, and for whoever asks it."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import answering_toys as toys
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from mibench_gaussian.canonical import Canonical, CanonicalParams
from torch import Tensor

from mibench.cli import main
from mibench.curves.cells import family_task
from mibench.errors import ContractError, PluginError
from mibench.families import Draws, Family, QuadratureFamily, Theta
from mibench.testing.families import check_truth

FILE = str(Path(toys.__file__))
PAIR = "to give two tensors, x (1, 64, 1) and y (1, 64, 1)"
WRONG: dict[str, tuple[str, str, str]] = {
    "float": ("information", "to give a tensor of shape (1,), one number a replica", "a float: keep it a tensor, wi"),
    "int": ("information", "to give a tensor of shape (1,), one number a replica", "an int: keep it a tensor, witho"),
    "none": ("information", "to give a tensor of shape (1,), one number a replica", "None: is there a `return`?"),
    "numpy-float": ("information", "one number a replica", "a numpy float64: compute it with torch, without numpy"),
    "detached": ("information", "to be differentiable in theta", "a tensor without an autograd graph: was it computed"),
    "longer": (
        "information",
        "to give a tensor of shape (1,)",
        "one of shape (1, 1): keep the axes of theta",
    ),
    "single": ("information", "to keep theta's torch.float64", "a tensor of torch.float32"),
    "arrays": ("sample", PAIR, "for x a numpy ndarray: compute it with torch, without numpy"),
    "one": ("sample", PAIR, "one tensor of shape (1, 64, 1): return both, x and y"),
    "three": ("sample", PAIR, "a tuple of 3"),
    "no-samples": ("sample", PAIR, "None: is there a `return`?"),
    "fewer": ("sample", PAIR, "x (1, 63, 1) and y (1, 63, 1): give as many replicas as `draws` has, and n = 64 pairs"),
    "wider": ("sample", PAIR, "x (1, 64, 1) and y (1, 64, 2): mend `dims`, or the coordinates"),
    "flat": ("sample", PAIR, "x (1, 64) and y (1, 64): keep the axes of replicas and that of coordinates"),
    "counts": (
        "sample",
        "in torch.float64 as `draws` has it",
        "y in torch.int64: make it with `draws`",
    ),
    "no-ratio": ("log_ratio", "to give a tensor of shape (1, 64), one number a pair", "None: is there a `return`?"),
    "mean-ratio": ("log_ratio", "one number a pair", "one of shape (1,): reduce over coordinates, the last axis of"),
}


def told(output: str) -> str:
    return " ".join(output.split())


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_answer_is_one_sentence_in_a_run_and_in_check(fault: str, tmp_path: Path) -> None:
    method, promise, got = WRONG[fault]
    line = inspect.getsourcelines(vars(getattr(toys, toys.CLASSES[fault]))[method])[1]
    place = f"expected `{method}` of family {toys.CLASSES[fault]} (answering_toys.py:{line}) "
    options = ["-p", FILE, "--seeds", "1", "--executor", "serial", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, ["run", "-e", "oracle", "-t", f"{fault}[d=1,n=64,steps=0]", *options])
    assert done.exit_code == 1
    assert f"1 x failed: oracle: ContractError: {place}" in told(done.output)
    assert promise in told(done.output)
    assert f"; got {got}" in told(done.output)
    done = CliRunner().invoke(main, ["check", f"{fault}[d=1]", "-p", FILE])
    assert done.exit_code == 1
    *_, claim, last = done.output.splitlines()
    assert told(claim).startswith(f"shapes FAILS {place}")
    assert f"; got {got.partition(' (')[0]}" in claim
    assert last == f"{fault}: 1 claim failed: shapes"


class Wide(Canonical):
    """One more coordinate of y than the family inside has."""

    @property
    def dims(self) -> tuple[int, int]:
        dx, dy = super().dims
        return dx, dy + 1

    def sample(self, theta: Theta, n: int, draws: Draws) -> tuple[Tensor, Tensor]:
        x, y = super().sample(theta, n, draws)
        return x, torch.cat([y, draws.normal(n, 1)], -1)


def test_a_child_may_ask_its_parent_for_what_it_does_not_give_itself() -> None:
    x, y = Wide(CanonicalParams(d=2)).sample({"rho": torch.tensor(0.5).double()}, 5, Draws.seeded(0))
    assert (x.shape, y.shape) == ((5, 2), (5, 3))


class FloatError(Canonical):
    """An error that is no tensor."""

    def error(self, theta: Theta, name: str | None = None) -> Any:
        return 0.0


class ScalarDensity(Canonical):
    """One density a batch."""

    def log_density(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        return super().log_density(theta, x, y).sum(-1)


@pytest.mark.parametrize(
    ("kind", "claim", "said"),
    [
        (FloatError, "error", "to give a tensor of shape (), one number a replica; got a float: keep it a tensor"),
        (ScalarDensity, "likelihood ratio", "to give a tensor of shape (1,), one number a pair; got one of shape ()"),
    ],
)
def test_what_a_family_may_leave_out_is_looked_at_too(kind: type[Canonical], claim: str, said: str) -> None:
    wrong = [finding for finding in check_truth(kind(CanonicalParams(rho=0.6))) if not finding.holds]
    assert wrong[0].claim == claim
    assert said in wrong[0].detail


@dataclass(frozen=True, kw_only=True)
class Cell:
    s: float = 0.5
    m: float = 1.0


class Integral(QuadratureFamily):
    """A quadrature whose answer is to be planted."""

    Params = Cell
    theta = ("s",)
    answer: Callable[[Tensor], Any]

    def integral(self, theta: Theta, fineness: int) -> Any:
        return type(self).answer(theta["s"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda s: s.item(), "to give a tensor of shape (), one number; got a float: keep it a tensor"),
        (lambda s: s[None], "to give a tensor of shape (), one number; got one of shape (1,)"),
        (lambda s: s.detach(), "to be differentiable in theta; got a tensor without an autograd graph"),
        (lambda s: np.float64(s.item()), "a numpy float64: compute it with torch"),
    ],
)
def test_an_integral_is_one_number_that_moves_with_theta(answer: Callable[[Tensor], Any], said: str) -> None:
    kind = type("Planted", (Integral,), {"answer": staticmethod(answer)})
    with pytest.raises(ContractError, match=re.escape(said)):
        kind(Cell()).information({"s": torch.tensor(0.5).double()})


class Steady(Canonical):
    """Information that one name of two does not move."""

    Params = Cell
    theta = ("m", "s")
    dims = (1, 1)

    def information(self, theta: Theta) -> Tensor:
        return theta["s"].square()


def test_information_that_a_name_does_not_move_has_the_derivative_0_in_it() -> None:
    from mibench import truths

    task = family_task(Steady)
    where = torch.float64, torch.device("cpu")
    assert truths.slope(task, task.Params(), "m", *where)[0].item() == 0
    assert truths.slope(task, task.Params(), "s", *where)[0].item() == pytest.approx(1.0)


@pytest.mark.parametrize("dims", [3, (1,), (1, 0), ("1", 1)])
def test_dimensions_are_two_whole_numbers(dims: Any) -> None:
    kind = type("Odd", (Canonical,), {"dims": dims})
    wrong = [finding for finding in check_truth(kind(CanonicalParams())) if not finding.holds]
    assert [finding.claim for finding in wrong] == ["shapes"]
    assert wrong[0].detail.startswith("expected `dims` of family Odd to be two whole numbers")


class Elsewhere(Family):
    """A theta that its parameters lack."""

    Params = Cell
    theta = ("q",)


class Plain(Family):
    """Parameters that are no dataclass."""

    class Params:
        s = 0.5

    theta = ("s",)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Elsewhere, "family Elsewhere: `theta` names 'q', and `Params` has no field of this name; there are: s, m"),
        (Plain, "family Plain: `Params` is no dataclass; it has to be one"),
    ],
)
def test_a_theta_without_a_field_is_refused(kind: type[Family], said: str) -> None:
    with pytest.raises(PluginError, match=re.escape(said)):
        family_task(kind)
