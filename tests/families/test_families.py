"""What holds for every family: shapes, precision, replicas, and the cost of an answer."""

import doctest
import sys
import time
from types import ModuleType

import pytest
import torch
from families_checks import slope, value
from mibench_families.blocks import Blocks
from mibench_families.exponential_noise import ExponentialNoise
from mibench_families.gamma_exponential import GammaExponential
from mibench_families.lomax import Lomax
from mibench_families.quantised import Quantised
from mibench_families.smoothed_discrete import SmoothedDiscrete
from mibench_families.smoothed_uniform import SmoothedUniform
from mibench_families.student import Student, StudentParams
from mibench_families.symmetric_channel import SymmetricChannel
from mibench_families.uniform_noise import UniformNoise, UniformNoiseParams
from mibench_families.zero_inflated_poisson import ZeroInflatedPoisson
from mibench_gaussian.canonical import Canonical, CanonicalParams
from mibench_gaussian.channel import Channel
from mibench_gaussian.dense import Dense, DenseParams
from mibench_gaussian.latent import Latent
from mibench_gaussian.pairs import Pairs, PairsParams

from mibench import compositions, families
from mibench.compositions import Bent, Copies
from mibench.families import Draws, Family, Solved, _solve, together

KINDS = (
    Blocks,
    Canonical,
    Channel,
    Dense,
    ExponentialNoise,
    GammaExponential,
    Latent,
    Lomax,
    Pairs,
    Quantised,
    SmoothedDiscrete,
    SmoothedUniform,
    Student,
    SymmetricChannel,
    UniformNoise,
    ZeroInflatedPoisson,
)

every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pairs_log_ratios_and_answers_have_the_stated_shapes(kind: type[Family], dtype: torch.dtype) -> None:
    family = kind(kind.Params())
    generators = tuple(torch.Generator().manual_seed(k) for k in range(6))
    draws = Draws(generators=generators, replicas=(2, 3), dtype=dtype)
    theta = {name: value.expand(2, 3, *value.shape).clone() for name, value in family.at(dtype).items()}
    x, y = family.sample(theta, 5, draws)
    dx, dy = family.dims
    assert (x.shape, y.shape) == ((2, 3, 5, dx), (2, 3, 5, dy))
    assert x.dtype == y.dtype == dtype
    assert family.log_ratio(theta, x, y).shape == (2, 3, 5)
    assert family.log_ratio(theta, x, y).dtype == dtype
    exact = {name: value.double() for name, value in theta.items()}
    for answer in (family.information(exact), family.error(exact), *(family.error(exact, name) for name in theta)):
        assert answer.shape == (2, 3)
        assert answer.dtype == torch.float64


@every
def test_a_replica_does_not_depend_on_its_neighbours(kind: type[Family]) -> None:
    family = kind(kind.Params())
    theta_once = family.at(torch.float64)
    theta = {name: torch.stack([value, value * 0.9]) for name, value in theta_once.items()}
    together = family.sample(theta, 9, Draws.seeded(4, (2,)))
    alone = family.sample({name: value[1] for name, value in theta.items()}, 9, Draws.seeded(5))
    for side in (0, 1):
        assert torch.allclose(together[side][1], alone[side], rtol=1e-12, atol=1e-12)
    ratio = family.log_ratio({name: value[1] for name, value in theta.items()}, *alone)
    assert torch.allclose(family.log_ratio(theta, *together)[1], ratio, rtol=1e-9, atol=1e-9)


@every
def test_single_precision_shows_the_same_pairs(kind: type[Family]) -> None:
    family = kind(kind.Params())
    exact = family.sample(family.at(torch.float64), 200, Draws.seeded(1))
    single = Draws(generators=(torch.Generator().manual_seed(1),), dtype=torch.float32)
    rounded = family.sample(family.at(torch.float32), 200, single)
    for left, right in zip(exact, rounded, strict=True):
        assert ((left - right).abs() <= 1e-4 * (1 + left.abs())).float().mean() > 0.98


@every
def test_what_a_family_says_of_itself_fits_together(kind: type[Family]) -> None:
    family = kind(kind.Params())
    assert family.theta
    assert set(family.adversarial) <= set(family.theta)
    assert set(family.null) <= set(family.theta)
    assert all(family.pathwise(name) != (name in family.adversarial) for name in family.theta)
    assert kind.__doc__
    assert "I(X;Y)" in str(sys.modules[kind.__module__].__doc__)


@every
def test_a_known_answer_costs_less_than_a_millisecond(kind: type[Family]) -> None:
    family = kind(kind.Params())
    theta = {name: value.requires_grad_() for name, value in family.at(torch.float64).items()}
    torch.autograd.grad(family.information(theta), list(theta.values()), materialize_grads=True)
    times: list[float] = []
    for _ in range(20):
        start = time.perf_counter()
        torch.autograd.grad(family.information(theta), list(theta.values()), materialize_grads=True)
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3


def test_a_quadrature_is_solved_once_for_a_value_of_theta() -> None:
    family = ZeroInflatedPoisson(ZeroInflatedPoisson.Params(p=0.123))
    theta = {"p": torch.tensor([0.123, 0.4, 0.123], dtype=torch.float64)}
    family.information(theta)
    before = _solve.cache_info()
    again = family.information(theta)
    after = _solve.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 3)
    assert again[0] == again[2] != again[1]
    assert isinstance(_solve(type(family), family.params, (0.4,)), Solved)


def test_cells_of_one_family_share_a_batch() -> None:
    cells = [Student(StudentParams(nu=nu, rho=rho)) for nu, rho in ((1.0, 0.2), (3.0, -0.5))]
    answers = cells[0].information(together(cells, torch.float64))
    assert answers.tolist() == [value(family) for family in cells]


def test_draws_have_the_stated_moments() -> None:
    draws, n = Draws.seeded(0, (1,)), 200_000
    normal, uniform, exponential = draws.normal(n), draws.uniform(n), draws.exponential(n)
    shape = torch.tensor([2.5], dtype=torch.float64)
    gamma, log_gamma = draws.gamma(shape, n), draws.log_gamma(shape, n)
    for drawn, mean, variance in (
        (normal, 0.0, 1.0),
        (uniform, 0.5, 1 / 12),
        (exponential, 1.0, 1.0),
        (gamma, 2.5, 2.5),
        (log_gamma.exp(), 2.5, 2.5),
        (draws.integers(4, n).double(), 1.5, 1.25),
        (draws.poisson(torch.full((1, n), 3.0, dtype=torch.float64)), 3.0, 3.0),
    ):
        assert drawn.mean().item() == pytest.approx(mean, abs=4 * (variance / n) ** 0.5)
        assert drawn.var().item() == pytest.approx(variance, rel=0.03)


def test_the_logarithm_of_a_gamma_variable_does_not_underflow() -> None:
    shape = torch.tensor([1e-3], dtype=torch.float64, requires_grad=True)
    drawn = Draws.seeded(0, (1,)).log_gamma(shape, 100_000)
    assert drawn.isfinite().all()
    assert drawn.mean().item() == pytest.approx(torch.digamma(shape).item(), rel=0.02)
    (gradient,) = torch.autograd.grad(drawn.mean(), shape)
    assert gradient.item() == pytest.approx(torch.polygamma(1, shape).item(), rel=0.02)


def student(nu: float, d: int) -> Family:
    return Student(StudentParams(dx=d, dy=d, nu=nu))


def gaussian(rho: float = 0.75) -> Family:
    return Canonical(CanonicalParams(d=1, rho=rho))


def pairs(d: int) -> Family:
    return Pairs(PairsParams(dx=d, dy=d))


BENDS_OF_ONE = ("none", "normal-cdf", "bimodal", "wiggly", "half-cube")
BENDS_OF_PAIRS = ("none", "normal-cdf", "half-cube", "spiral", "spiral-cdf")
PUBLISHED: list[tuple[Family, str, float, float]] = [
    *[(Bent(gaussian(), bend), "rho", 0.413339, 1.714286) for bend in BENDS_OF_ONE],
    (UniformNoise(UniformNoiseParams(epsilon=0.1)), "epsilon", 1.709438, -9.0),
    (UniformNoise(UniformNoiseParams(epsilon=0.75)), "epsilon", 0.333333, -0.444444),
    *[(Bent(student(1.0, 1), bend), "nu", 0.224171, -0.289868) for bend in ("none", "asinh")],
    *[
        (Dense(DenseParams(dx=d, dy=d)), "c", information, gradient)
        for d, information, gradient in (
            (2, 0.293893, 1.066667),
            (3, 0.413339, 1.285714),
            (5, 0.592812, 1.515152),
            (25, 1.292184, 1.885370),
            (50, 1.624265, 1.941371),
        )
    ],
    (pairs(2), "strength", 1.021651, 0.711111),
    *[(Bent(pairs(d), bend), "strength", 1.021651, 0.711111) for d in (3, 5, 25) for bend in BENDS_OF_PAIRS],
    *[
        (Bent(student(nu, d), bend), "nu", information, gradient)
        for nu, d, bends, information, gradient in (
            (1.0, 2, ("none", "asinh"), 0.431946, -0.444444),
            (2.0, 2, ("none",), 0.193147, -0.125),
            (2.0, 3, ("none", "asinh"), 0.290922, -0.164219),
            (3.0, 3, ("none",), 0.178712, -0.075931),
            (2.0, 5, ("none", "asinh"), 0.448151, -0.210184),
            (3.0, 5, ("none",), 0.298544, -0.106235),
        )
        for bend in bends
    ],
]


def test_the_published_tasks_of_beyond_normal_are_reproduced_to_six_digits() -> None:
    assert len(PUBLISHED) == 39  # the fortieth is a swiss roll
    for family, name, information, gradient in PUBLISHED:
        assert value(family) == pytest.approx(information, abs=5e-7)
        assert slope(family, name) == pytest.approx(gradient, abs=5e-7)


def test_copies_of_a_family_are_as_exact_as_the_family() -> None:
    inner = ZeroInflatedPoisson(ZeroInflatedPoisson.Params())
    theta = inner.at(torch.float64)
    assert Copies(inner, 3).error(theta, "p") == 3 * inner.error(theta, "p")


@pytest.mark.parametrize("module", [families, compositions])
def test_the_examples_of_the_documentation_run(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted > 0
    assert results.failed == 0
