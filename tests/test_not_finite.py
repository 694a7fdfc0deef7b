"""A sample that is NaN or infinite costs its own replica, whatever an estimator knows of p(y|x)."""

import math
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from mibench_ratio import FitOptions
from mibench_ratio.critic import held_out_bound
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

import mibench.finite
from mibench import gaussians
from mibench.contracts import Conditional, Estimator, Problem
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec
from mibench.testing.lookup import look_up

REGISTRY = Registry(load_plugins())
N, D = 32, 2
RHO = torch.tensor(0.6)
FORMS = [
    "mige[conditional=closed]",
    "mige[conditional=score]",
    "mige-rp[k=1,conditional=score]",
    "rsm[conditional=closed]",
    "dvb",
    "pairwise-kl",
    "l1out[conditional=known]",
    "l1out[conditional=known,memory=40]",
    "exact",
    "barber-agakov",
]
OF_DENSITIES = ["mige[conditional=closed]", "rsm[conditional=closed]", "l1out[conditional=known]", "barber-agakov"]
EVERY = sorted(
    entry.name
    for entry in REGISTRY.entries(EstimatorSpec)
    if "gradient" in entry.spec.estimates and not entry.spec.baseline_of
)
WRONG = [math.nan, math.inf, -math.inf]


class Strict(Distribution):
    """A normal that refuses by itself what is not finite."""

    arg_constraints: ClassVar = {}

    def __init__(self, mean: Tensor) -> None:
        if not mean.isfinite().all():
            raise RuntimeError("a mean is not finite")
        self._mean = mean
        super().__init__(mean.shape[:-1], mean.shape[-1:])

    def log_prob(self, value: Tensor) -> Tensor:
        if not value.isfinite().all():
            raise RuntimeError("a value is not finite")
        return -(value - self._mean).square().sum(-1) / 2


def normal(x: Tensor) -> Distribution:
    return gaussians.conditional(RHO, x, D)


def strict(x: Tensor) -> Distribution:
    return Strict(RHO * x)


def pairs() -> tuple[Tensor, Tensor]:
    """Two replicas."""
    x, noise = torch.randn(2, 2, N, D, generator=torch.Generator().manual_seed(1))
    return x, RHO * x + (1 - RHO**2).sqrt() * noise


def made(form: str, law: Conditional, replicas: tuple[int, ...] = (2,)) -> Estimator:
    spec, params = look_up(form, REGISTRY)
    assert isinstance(spec, EstimatorSpec)
    kind = spec.load("test")
    x = pairs()[0]
    problem = Problem(
        dx=D,
        dy=D,
        generators=tuple(torch.Generator().manual_seed(seed) for seed in range(math.prod(replicas))),
        replicas=replicas,
        conditional=law,
        log_ratio=lambda x, y: (x * y).sum(-1),
        population=(lambda: x if replicas else x[1]) if "population" in spec.needs else None,
    )
    return kind(kind.Params(**params), problem)


def answers(estimator: Estimator, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The value, and the gradient in each block, after a step of training; those that there are."""
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    estimator.update(x, y)
    given: dict[str, Tensor] = {}
    surrogate = estimator.surrogate(x, y)
    slopes = torch.autograd.grad(surrogate.sum(), (x, y), allow_unused=True)
    given |= {name: slope for name, slope in zip(("x", "y"), slopes, strict=True) if slope is not None}
    if type(estimator).mi is not Estimator.mi:
        given["value"] = estimator.mi(x, y)
    return given


def spoilt(block: str, value: float, rows: int | slice = 0) -> tuple[Tensor, Tensor]:
    """The pairs, of which the second replica is not finite."""
    x, y = pairs()
    {"x": x, "y": y}[block][1, rows, 0] = value
    return x, y


def assert_second_alone_is_lost(given: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert given.keys() == expected.keys()
    for name, numbers in given.items():
        assert torch.equal(numbers[0], expected[name][0]), name
        assert numbers[1].isnan().any(), name


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("rows", [0, slice(None)], ids=["one", "all"])
@pytest.mark.parametrize("block", ["x", "y"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_finite_makes_its_replica_nan_and_no_other(
    form: str, block: str, rows: int | slice, value: float
) -> None:
    expected = answers(made(form, normal), *pairs())
    assert_second_alone_is_lost(answers(made(form, normal), *spoilt(block, value, rows)), expected)


@pytest.mark.parametrize("block", ["x", "y"])
@pytest.mark.parametrize("name", EVERY)
def test_every_estimator_has_a_gradient_of_nan_in_a_replica_that_is_not_finite(name: str, block: str) -> None:
    """Before it has learnt anything, in all blocks that its gradient is of."""
    slopes: list[dict[str, Tensor]] = []
    for pair in (pairs(), spoilt(block, math.nan)):
        x, y = (samples.clone().requires_grad_() for samples in pair)
        value = made(name, normal).surrogate(x, y)
        given = torch.autograd.grad(value.sum(), (x, y), allow_unused=True)
        slopes.append(
            {"value": value, **{side: slope for side, slope in zip("xy", given, strict=True) if slope is not None}}
        )
    assert_second_alone_is_lost(slopes[1], slopes[0])


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("block", ["x", "y"])
@pytest.mark.parametrize("form", OF_DENSITIES)
def test_so_it_does_where_a_density_refuses_it_by_itself(form: str, block: str, value: float) -> None:
    expected = answers(made(form, strict), *pairs())
    assert_second_alone_is_lost(answers(made(form, strict), *spoilt(block, value)), expected)


@pytest.mark.parametrize("block", ["x", "y"])
@pytest.mark.parametrize("form", FORMS)
def test_without_replica_axes_the_answer_is_nan(form: str, block: str) -> None:
    x, y = spoilt(block, math.nan)
    given = answers(made(form, normal, ()), x[1], y[1])
    assert all(numbers.isnan().any() for numbers in given.values())


@pytest.mark.parametrize("form", [form for form in FORMS if form != "rsm[conditional=closed]"])  # its value reads none
def test_an_encoder_whose_weights_are_nan_makes_its_replica_nan_and_no_other(form: str) -> None:
    def law(weight: Tensor) -> Conditional:
        return lambda x: Independent(Normal(x @ weight, torch.ones_like(x)), 1)

    weights = torch.eye(D).repeat(2, 1, 1)
    expected = answers(made(form, law(weights)), *pairs())
    broken = weights.clone()
    broken[1, 0, 0] = math.nan
    assert_second_alone_is_lost(answers(made(form, law(broken)), *pairs()), expected)


@pytest.mark.parametrize(
    ("form", "law"), [*((form, normal) for form in FORMS), *((form, strict) for form in OF_DENSITIES)]
)
def test_where_finiteness_is_not_asked_for_numbers_are_the_same(
    form: str, law: Conditional, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, which would have to be waited for."""
    expected = answers(made(form, law), *pairs())
    monkeypatch.setattr(mibench.finite, "math", SimpleNamespace(isfinite=lambda _: False))
    given = answers(made(form, law), *pairs())
    assert all(torch.equal(given[name], expected[name]) for name in expected)


def test_the_bound_of_ratio_score_matching_is_nan_where_a_whole_coordinate_is() -> None:
    x, y = spoilt("x", math.nan, slice(None))
    value = made("rsm", normal).mi(x, y)
    assert value.isnan().tolist() == [False, True]


def test_so_it_is_where_the_value_looks_at_other_samples() -> None:
    x, y = spoilt("x", math.nan)
    some = torch.arange(1, N).expand(2, -1)
    assert held_out_bound(x, y, some, FitOptions(clusters="none")).isnan().tolist() == [False, True]


def test_three_pairs_of_which_one_is_infinite_are_not_taken_for_one_value_of_x() -> None:
    x, y = (block[:, :3] for block in spoilt("y", math.inf))
    assert made("l1out[conditional=known,memory=40]", normal).mi(x, y).isnan().tolist() == [False, True]
