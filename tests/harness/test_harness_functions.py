"""A plain function is an estimator: in its units, with its parameters, seeded, and refused where it cannot serve."""

import functools
import math
import random
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest
import torch

from mibench import ArrayEstimator, from_function
from mibench.contracts import Problem
from mibench.errors import ContractError, UnfitError
from mibench.plan.selectors import combinations, field_values
from mibench.specs import EstimatorSpec
from mibench.testing import check_estimator


def plug_in(x: Any, y: Any, ridge: float = 1e-6) -> float:
    """I(X;Y) of the Gaussian with the batch's covariance."""
    covariance = np.cov(np.hstack([x, y]).T) + ridge * np.eye(x.shape[1] + y.shape[1])
    (_, of_x), (_, of_y), (_, of_both) = (
        np.linalg.slogdet(block)
        for block in (covariance[: x.shape[1], : x.shape[1]], covariance[x.shape[1] :, x.shape[1] :], covariance)
    )
    return float(of_x + of_y - of_both) / 2


def plug_in_bits(x: Any, y: Any) -> float:
    return plug_in(x, y) / math.log(2)


def flat(x: Any, y: Any) -> float:
    return plug_in(x[:, :1], y[:, :1])


def forty_two(x: Any, y: Any) -> float:
    del x, y
    return 42.0


def shapes(x: Any, y: Any, k: int = 3, kind: str = "a", widths: tuple[int, ...] = (1, 2), tree: Any = None) -> float:
    """The dimensions, and what a parameter says."""
    del kind, widths, tree
    x[:] = 0  # its own copy
    return 100 * x.shape[1] + 10 * y.shape[1] + k


def bare(x, y, w=(1, 2), v: tuple = (), k: int = None, t=((1,),)):  # type: ignore[no-untyped-def, assignment] # noqa: RUF013
    del x, y, w, v, k, t
    return 0.0


def whole(x: Any, y: Any, b: bool = 0) -> float:  # type: ignore[assignment]
    del x, y
    return float(b)


def worded(x: Any, y: Any, kind: Literal["a", "b"] = "c") -> float:  # type: ignore[assignment]
    del x, y
    return float(len(kind))


def drawing(x: Any, y: Any, rng: Any = None, random_state: int | None = None) -> float:
    del x, y
    assert rng is not None
    assert random_state is not None
    return float(random.random() + np.random.rand() + torch.rand(()).item() + rng.random() + random_state % 7)  # noqa: NPY002


def half(x: Any, y: Any, random_state: int | None = None) -> float:
    """The value of a random half of the pairs."""
    chosen = np.random.RandomState(random_state).permutation(len(x))[: max(len(x) // 2, 2)]
    return plug_in(x[chosen], y[chosen])


def half_drawn_globally(x: Any, y: Any) -> float:
    return half(x, y, np.random.randint(2**32))  # noqa: NPY002


def half_in_order(x: Any, y: Any, rng: Any = None) -> float:
    """A random half, and less the mean product of neighbours."""
    return half(x, y, rng.integers(2**32)) - float((x[1:, 0] * y[:-1, 0]).mean())


def neighbours_in_order(x: Any, y: Any, seed: int | None = None) -> float:
    """A seed that is not used, and less the mean product of neighbours."""
    del seed
    return plug_in(x, y) - 1e-3 * float((x[1:, 0] * y[:-1, 0]).mean())


def problem(dx: int = 2, dy: int = 3, replicas: int = 2, dtype: torch.dtype = torch.float32) -> Problem:
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(replicas))
    return Problem(dx=dx, dy=dy, generators=generators, replicas=(replicas,), dtype=dtype)


def made(function: Callable[..., Any], given: Problem, **declared: Any) -> Any:
    kind = from_function(function, name="f", **declared).load("f")
    return kind(kind.Params(), given)


def pairs(given: Problem, n: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    z = torch.randn(*given.replicas, n, given.dx + given.dy, generator=generator).to(given.dtype)
    return z[..., : given.dx], z[..., given.dx :] + z[..., :1]


@pytest.mark.parametrize(
    ("function", "declared"),
    [
        (plug_in, {}),
        (plug_in_bits, {"unit": "bits"}),
        (flat, {"one_dimensional": True}),
        (half, {}),
        (half_drawn_globally, {}),
    ],
)
def test_a_function_keeps_the_contract(function: Callable[..., Any], declared: dict[str, Any]) -> None:
    spec = from_function(function, name="f", **declared)
    failed = [verdict for verdict in check_estimator(spec) if verdict.status == "failed"]
    assert failed == []


@pytest.mark.parametrize(
    ("function", "declared"),
    [(plug_in_bits, {}), (plug_in, {"unit": "bits"}), (forty_two, {}), (forty_two, {"one_dimensional": True})],
)
def test_a_wrong_unit_and_a_constant_are_found(function: Callable[..., Any], declared: dict[str, Any]) -> None:
    verdicts = check_estimator(from_function(function, name="f", **declared))
    assert [verdict.name for verdict in verdicts if verdict.status == "failed"] == ["value"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (half_in_order, "to give the same numbers in the mean: draw whatever the order"),
        (neighbours_in_order, "to give the same numbers, as nothing is drawn: do not pair by position"),
    ],
)
def test_a_function_that_pairs_by_position_is_found_whether_it_draws_or_not(
    function: Callable[..., Any], message: str
) -> None:
    failed = [verdict for verdict in check_estimator(from_function(function, name="f")) if verdict.status == "failed"]
    assert [verdict.name for verdict in failed] == ["permutation"]
    assert message in failed[0].message


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_replica_is_asked_by_itself_in_float64_and_bits_become_nats(dtype: torch.dtype) -> None:
    given = problem(dtype=dtype)
    x, y = pairs(given)
    answers = made(plug_in_bits, given, unit="bits").mi(x, y)
    assert answers.dtype == dtype
    assert answers.tolist() == pytest.approx(
        [plug_in(a.double().numpy(), b.double().numpy()) for a, b in zip(x, y, strict=True)]
    )


def test_the_parameters_of_a_function_are_the_estimators() -> None:
    kind = from_function(shapes, name="f").load("f")
    assert kind.Params() == kind.Params(k=3, kind="a", widths=(1, 2))
    x, y = pairs(problem())
    assert kind(kind.Params(k=5), problem()).mi(x, y).tolist() == [235.0, 235.0]
    assert x.abs().sum() > 0


def test_a_default_says_what_an_annotation_leaves_out() -> None:
    params = from_function(bare, name="f").load("f").Params
    assert combinations(params, {}, "f") == [params(w=(1, 2), v=(), k=None)]
    sweep = {"w": ["3x4"], "v": ["5"], "k": ["6", "none"]}
    assert combinations(params, sweep, "f") == [params(w=(3, 4), v=(5,), k=k) for k in (6, None)]
    assert field_values(params(), "f") == {"w": (1, 2), "v": (), "k": None}


@pytest.mark.parametrize(
    ("function", "kind", "why"),
    [
        (whole, TypeError, "whole: `b` is True or False, not 0"),
        (worded, ValueError, "worded: `kind` cannot be 'c'; there are: a, b"),
    ],
)
def test_a_default_that_could_never_run_is_refused_where_it_is_declared(
    function: Any, kind: type[Exception], why: str
) -> None:
    said = f"estimator 'f': a default of {why}; change that default, or its annotation"
    with pytest.raises(kind, match=f"^{re.escape(said)}$"):
        from_function(function, name="f")


def test_what_a_function_draws_follows_from_the_trial_and_changes_nothing_outside() -> None:
    before = np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    estimator = made(drawing, problem())
    x, y = pairs(problem())
    first, again = estimator.mi(x, y), estimator.mi(x, y)
    assert first.equal(again)
    assert first[0] != first[1]
    assert made(drawing, problem()).mi(x, y).equal(first)
    assert np.random.get_state()[1].tolist() == before[0]  # noqa: NPY002
    assert torch.get_rng_state().equal(before[1])


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (np.zeros(3), r"ndarray of shape \(3,\)"),
        (None, "None"),
        (1j, "complex"),
        ("0.3", "str"),
        (True, "bool"),
        ([0.3], "list"),
        (torch.zeros(2), r"Tensor of shape \(2,\)"),
        (np.zeros(1), r"ndarray of shape \(1,\)"),
        (np.zeros((1, 1)), r"ndarray of shape \(1, 1\)"),
        (np.bool_(True), "bool"),
        (np.complex128(1), "complex"),
        (np.array(None), "None"),
        (Decimal("0.3"), "Decimal"),
        ((value for value in (0.3,)), "generator"),
        (np.ma.masked, "masked"),
        (10**400, "whole number that no floating point number holds"),
    ],
)
def test_what_is_no_number_is_refused(answer: Any, got: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.forty_two", lambda x, y: answer)
    estimator = type("E", (ArrayEstimator,), {"estimate": lambda self, x, y, seed: forty_two(x, y)})(None, problem())
    with pytest.raises(ContractError, match=got):
        estimator.mi(*pairs(problem()))


@pytest.mark.parametrize(
    "answer", [0.3, np.float32(0.3), np.array(0.3), torch.tensor(0.3), np.float64(0.3), Fraction(3, 10)]
)
def test_any_real_number_is_taken(answer: Any) -> None:
    estimator = type("E", (ArrayEstimator,), {"estimate": lambda self, x, y, seed: answer})(None, problem())
    assert estimator.mi(*pairs(problem())).tolist() == pytest.approx([0.3, 0.3])


def test_an_infinite_number_stays_one_and_leaves_the_other_replica_alone() -> None:
    answers = iter([-math.inf, 0.5])
    estimator = type("E", (ArrayEstimator,), {"estimate": lambda self, x, y, seed: next(answers)})(None, problem())
    assert estimator.mi(*pairs(problem())).tolist() == [-math.inf, 0.5]


def test_a_function_of_one_dimension_declines_more() -> None:
    made(flat, problem(dx=1, dy=1), one_dimensional=True)
    with pytest.raises(UnfitError, match="one dimension, not dx=1 and dy=2"):
        made(flat, problem(dx=1, dy=2), one_dimensional=True)


class Product(ArrayEstimator):
    """The mean product of the first coordinates, in bits, with its gradient."""

    unit = "bits"

    def estimate(self, x: Any, y: Any, seed: int) -> float:
        del seed
        return float((x[:, 0] * y[:, 0]).mean())

    def gradient(self, x: Any, y: Any, seed: int) -> tuple[Any, Any]:
        del seed
        slopes = np.zeros_like(x), np.zeros_like(y)
        slopes[0][:, 0], slopes[1][:, 0] = y[:, 0] / len(x), x[:, 0] / len(x)
        return slopes


def test_a_gradient_in_arrays_is_that_of_the_surrogate_in_nats() -> None:
    given = problem(dtype=torch.float64)
    x, y = (z.requires_grad_() for z in pairs(given))
    ours = torch.autograd.grad(Product(None, given).surrogate(x, y).sum(), (x, y))
    truth = torch.autograd.grad((x[..., 0] * y[..., 0]).mean(-1).sum() * math.log(2), (x, y))
    for slope, true in zip(ours, truth, strict=True):
        assert torch.allclose(slope, true)


@pytest.mark.parametrize(
    "answer",
    [None, np.zeros(3), (np.zeros((20, 2)), np.zeros((20, 2))), (np.zeros((20, 2), complex), np.zeros((20, 3)))],
)
def test_a_gradient_that_is_not_like_the_samples_is_refused(answer: Any) -> None:
    estimator = type("E", (ArrayEstimator,), {"gradient": lambda self, x, y, seed: answer})(None, problem())
    with pytest.raises(ContractError, match=r"a gradient to be two arrays of real numbers, \(20, 2\) and \(20, 3\)"):
        estimator.surrogate(*pairs(problem()))


def test_a_function_is_declared_under_its_own_words() -> None:
    spec = from_function(plug_in, name="f")
    assert isinstance(spec, EstimatorSpec)
    assert spec.summary == "I(X;Y) of the Gaussian with the batch's covariance."
    assert spec.reference.endswith("test_harness_functions.plug_in")


def test_what_no_worker_could_import_is_refused() -> None:
    with pytest.raises(ValueError, match="estimator 'f': workers cannot import a lambda, which has no name"):
        from_function(lambda x, y: 0.0, name="f")

    def inner(x: Any, y: Any) -> float:
        return plug_in(x, y)

    with pytest.raises(ValueError, match=r"estimator 'f': workers cannot import .*inner, which is defined inside"):
        from_function(inner, name="f")
    with pytest.raises(ValueError, match="`unit` cannot be 'dits'"):
        from_function(plug_in, name="f", unit="dits")  # type: ignore[arg-type]


def lone(x: Any) -> float:
    return plug_in(x, x)


def demanding(x: Any, y: Any, k: int) -> float:
    return plug_in(x, y, k)


def naming(x: Any, y: Any, *, k: int) -> float:
    return plug_in(x, y, k)


@pytest.mark.parametrize("function", [lone, demanding, naming])
def test_what_x_and_y_alone_cannot_call_is_refused_at_once(function: Any) -> None:
    with pytest.raises(
        TypeError, match=rf"estimator 'f': {function.__name__}\(x.* cannot be called with x and y alone"
    ):
        from_function(function, name="f")


@pytest.mark.parametrize(
    "function", [functools.partial(plug_in, ridge=1e-3), 3, None, Product(None, problem()).estimate]
)
def test_what_is_no_function_with_a_name_is_refused_in_words_of_the_caller(function: Any) -> None:
    with pytest.raises(TypeError, match=r"^estimator 'f': `function` is one that `def` makes outside all others, not"):
        from_function(function, name="f")


def test_a_function_whose_signature_takes_more_is_taken() -> None:
    assert from_function(np.corrcoef, name="f").name == "f"
    assert from_function(shapes, name="f").name == "f"
