import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.blocks import Blocks, BlocksParams
from mibench_families.quantised import Quantised, QuantisedParams
from mibench_families.smoothed_discrete import SmoothedDiscrete, SmoothedDiscreteParams
from mibench_families.smoothed_uniform import SmoothedUniform, SmoothedUniformParams
from mibench_families.symmetric_channel import SymmetricChannel, SymmetricChannelParams
from mibench_families.uniform_noise import UniformNoise, UniformNoiseParams
from mibench_families.zero_inflated_poisson import ZeroInflatedPoisson, ZeroInflatedPoissonParams
from scipy.integrate import quad
from scipy.special import entr
from scipy.stats import poisson
from torch import Tensor

from mibench.compositions import Bent, Gauged, Rotated
from mibench.families import Draws, Family, Theta
from mibench.testing.families import check_truth


@pytest.mark.parametrize(
    "family",
    [
        SmoothedUniform(SmoothedUniformParams(s=3.0)),
        SmoothedUniform(SmoothedUniformParams(d=2, s=0.4)),
        UniformNoise(UniformNoiseParams()),
        UniformNoise(UniformNoiseParams(epsilon=0.75, gauge="signal")),
        SmoothedDiscrete(SmoothedDiscreteParams()),
        SmoothedDiscrete(SmoothedDiscreteParams(d=2, m=3, s=1.7)),
        Blocks(BlocksParams()),
        Blocks(BlocksParams(d=3, p=0.7)),
        SymmetricChannel(SymmetricChannelParams()),
        SymmetricChannel(SymmetricChannelParams(d=2, m=10, q=0.3)),
        Quantised(QuantisedParams(d=2, scale=3.0)),
        ZeroInflatedPoisson(ZeroInflatedPoissonParams()),
        ZeroInflatedPoisson(ZeroInflatedPoissonParams(p=0.5)),
    ],
    ids=lambda family: str(family.params),
)
def test_the_truth_holds_in_every_way(family: Family) -> None:
    prove(family)


@pytest.mark.parametrize(("epsilon", "information", "gradient"), [(0.1, 1.709438, -9.0), (0.75, 0.333333, -0.444444)])
@pytest.mark.parametrize("gauge", ["noise", "signal"])
def test_uniform_noise_has_the_published_information(
    epsilon: float, information: float, gradient: float, gauge: str
) -> None:
    family = UniformNoise(UniformNoiseParams(epsilon=epsilon, gauge=gauge))
    assert value(family) == pytest.approx(information, abs=5e-7)
    assert slope(family, "epsilon") == pytest.approx(gradient, abs=5e-7)


@pytest.mark.parametrize(("s", "information", "gradient"), [(5.0, 1.709438, 0.18), (2 / 3, 1 / 3, 0.5)])
def test_smoothed_uniform_is_uniform_noise_in_other_units(s: float, information: float, gradient: float) -> None:
    family = SmoothedUniform(SmoothedUniformParams(s=s))
    assert value(family) == pytest.approx(information, abs=5e-7)
    assert slope(family, "s") == pytest.approx(gradient, abs=1e-12)


class MovingEdge(UniformNoise):
    """Noise of changing width, said to be differentiable along its paths."""

    def __init__(self, params: UniformNoiseParams) -> None:
        super().__init__(params)
        self.adversarial = ()


def test_uniform_noise_in_the_wrong_gauge_is_caught_and_named() -> None:
    findings = check_truth(MovingEdge(UniformNoiseParams(epsilon=0.1)))
    broken = {finding.claim: finding.detail for finding in findings if not finding.holds}
    assert set(broken) == {"score/epsilon", "pathwise/epsilon"}
    assert broken["pathwise/epsilon"].startswith(("0.9", "1.0"))  # the interior alone gives 1 in place of -9


def staircase(m: int, s: float) -> float:
    """h(Y) by adding up the stairs."""
    edges = np.unique(np.concatenate([s * np.arange(m), s * np.arange(m) + 1]))
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    reach = (middles[:, None] > s * np.arange(m)) & (middles[:, None] < s * np.arange(m) + 1)
    p = reach.sum(1) / m
    return -float(np.sum(widths[p > 0] * p[p > 0] * np.log(p[p > 0])))


@pytest.mark.parametrize("s", [0.03, 0.1, 0.17, 0.35, 0.5, 0.8, 1.0, 1.5])
@pytest.mark.parametrize("m", [2, 6])
def test_smoothed_discrete_agrees_with_its_stairs(m: int, s: float) -> None:
    assert value(SmoothedDiscrete(SmoothedDiscreteParams(m=m, s=s))) == pytest.approx(staircase(m, s), abs=1e-12)


def test_smoothed_discrete_has_the_published_information_of_the_uniform_mixture() -> None:
    family = SmoothedDiscrete(SmoothedDiscreteParams(m=5, s=0.5))
    assert value(family) == pytest.approx(math.log(5) - 0.8 * math.log(2), rel=1e-12)


@pytest.mark.parametrize(("m", "s", "k"), [(6, 0.35, 2), (6, 0.17, 5), (4, 0.8, 1)])
def test_smoothed_discrete_is_linear_in_s_between_its_kinks(m: int, s: float, k: int) -> None:
    def log(j: int) -> float:
        return j * math.log(j)

    up_to_k = sum(log(j) for j in range(1, k + 1))
    gradient = -(2 * up_to_k + (k + 1) * (m - k - 1) * log(k) - k * (m - k) * log(k + 1)) / m
    assert slope(SmoothedDiscrete(SmoothedDiscreteParams(m=m, s=s)), "s") == pytest.approx(gradient, rel=1e-10)


@pytest.mark.parametrize(("m", "q"), [(2, 0.2), (10, 0.3), (3, 1.0)])
def test_the_symmetric_channel_agrees_with_its_closed_form(m: int, q: float) -> None:
    same = 1 - q * (1 - 1 / m)
    family = SymmetricChannel(SymmetricChannelParams(m=m, q=q))
    information = math.log(m) + same * math.log(same) + (1 - same) * math.log(q / m)
    assert value(family) == pytest.approx(information, abs=1e-12)
    assert slope(family, "q") == pytest.approx(-(1 - 1 / m) * math.log(same * m / q), abs=1e-12)


def test_two_letters_are_a_binary_symmetric_channel() -> None:
    flip = 0.1
    entropy = -flip * math.log(flip) - (1 - flip) * math.log(1 - flip)
    assert value(SymmetricChannel(SymmetricChannelParams(q=2 * flip))) == pytest.approx(
        math.log(2) - entropy, rel=1e-12
    )


@pytest.mark.parametrize("p", [0.01, 0.5, 0.8])
def test_blocks_have_the_entropy_of_their_label(p: float) -> None:
    family = Blocks(BlocksParams(p=p))
    assert value(family) == pytest.approx(-p * math.log(p) - (1 - p) * math.log(1 - p), rel=1e-12)
    assert slope(family, "p") == pytest.approx(-math.log(p / (1 - p)), abs=1e-12)


def test_a_bin_says_its_label_and_the_scale_says_nothing() -> None:
    family = Quantised(QuantisedParams(d=3, m=7, scale=2.0))
    assert value(family) == pytest.approx(3 * math.log(7))
    assert slope(family, "scale") == 0


def zero_inflated(p: float) -> float:
    """I by adaptive quadrature over the rate."""
    y = np.arange(300)
    margin = (1 - p) * 0.5 ** (y + 1.0) + p * (y == 0)

    def lost(x: float) -> float:
        return math.exp(-x) * float(entr((1 - p) * poisson.pmf(y, x) + p * (y == 0)).sum())

    edges = (0, 0.1, 3, 15, 60)
    pieces = [quad(lost, *ends, epsabs=1e-11, limit=200)[0] for ends in pairwise(edges)]
    return float(entr(margin).sum()) - sum(pieces)


@pytest.mark.parametrize("p", [0.0, 0.15, 0.3, 0.5, 0.95])
def test_zero_inflated_poisson_agrees_with_another_quadrature(p: float) -> None:
    family = ZeroInflatedPoisson(ZeroInflatedPoissonParams(p=p))
    assert value(family) == pytest.approx(zero_inflated(p), abs=1e-9)
    assert family.error(family.at(torch.float64)).item() < 1e-9
    assert family.error(family.at(torch.float64), "p").item() < 1e-8


def test_an_uninflated_poisson_has_the_published_information() -> None:
    letters = np.arange(1, 60)
    closed = 2 * math.log(2) - np.euler_gamma - float((np.log(letters) * 0.5**letters).sum())
    assert value(ZeroInflatedPoisson(ZeroInflatedPoissonParams(p=0.0))) == pytest.approx(closed, abs=1e-9)
    assert closed == pytest.approx(0.3012, abs=5e-5)


class AsPublished(ZeroInflatedPoisson):
    """(1 - p) times the information without inflation."""

    def information(self, theta: Theta) -> Tensor:
        return (1 - theta["p"]) * 0.3012


def test_the_published_zero_inflated_poisson_is_caught_and_named() -> None:
    broken = {finding.claim for finding in check_truth(AsPublished(ZeroInflatedPoissonParams())) if not finding.holds}
    assert {"value", "likelihood ratio/p"} <= broken
    assert broken <= {"value", "likelihood ratio/p", "copies"}


@pytest.mark.parametrize(
    "family", [SmoothedDiscrete(SmoothedDiscreteParams()), Quantised(QuantisedParams())], ids=["x", "y"]
)
def test_bends_and_rotations_of_discrete_coordinates_are_refused(family: Family) -> None:
    for make in (lambda family: Bent(family, "asinh"), Rotated, Gauged):
        with pytest.raises(ValueError, match=r"discrete|smooth density"):
            make(family)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pairs_lie_in_the_support_in_either_precision(dtype: torch.dtype) -> None:
    families: list[Family] = [
        SmoothedUniform(SmoothedUniformParams(s=30.0)),
        UniformNoise(UniformNoiseParams(epsilon=0.01)),
        SmoothedDiscrete(SmoothedDiscreteParams(m=100, s=0.37)),
        Blocks(BlocksParams()),
        Quantised(QuantisedParams(m=100, scale=7.0)),
    ]
    for family in families:
        draws = Draws(generators=(torch.Generator().manual_seed(0),), dtype=dtype)
        theta = family.at(dtype)
        ratio = family.log_ratio(theta, *family.sample(theta, 100_000, draws))
        assert ratio.dtype == dtype
        assert ratio.isfinite().float().mean() > 0.9999, family


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (SmoothedUniformParams, {"s": 0.0}),
        (UniformNoiseParams, {"epsilon": -0.1}),
        (SmoothedDiscreteParams, {"m": 1}),
        (SmoothedDiscreteParams, {"s": math.nan}),
        (BlocksParams, {"p": 1.0}),
        (SymmetricChannelParams, {"q": 0.0}),
        (SymmetricChannelParams, {"d": 0}),
        (QuantisedParams, {"scale": math.inf}),
        (ZeroInflatedPoissonParams, {"p": 1.0}),
        (ZeroInflatedPoissonParams, {"p": -0.1}),
    ],
)
def test_parameters_out_of_range_are_refused_in_one_line(kind: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        kind(**wrong)
    assert "\n" not in str(caught.value)
