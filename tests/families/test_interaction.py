"""Functions of several inputs: the truth in every way, against densities of scipy and in the cases that are known."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.constellations import BPSK, BPSKParams
from mibench_families.interaction import Interaction, InteractionParams
from scipy.integrate import quad
from scipy.stats import chi2, norm
from torch.testing import assert_close

from mibench.families import Draws
from mibench.testing.families import Effort

FUNCTIONS = ["parity", "inner", "radius", "wave", "maximum"]


@pytest.mark.parametrize(("function", "k"), [("parity", 3), ("inner", 4), ("radius", 2), ("wave", 2), ("maximum", 3)])
def test_the_truth_holds_in_every_way(function: Any, k: int) -> None:
    prove(Interaction(InteractionParams(function=function, k=k, snr=2.0)), Effort(replicas=100, n=300))


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("snr", [0.5, 4.0])
def test_parity_says_what_two_amplitudes_do(k: int, snr: float) -> None:
    parity, bpsk = Interaction(InteractionParams(k=k, snr=snr)), BPSK(BPSKParams(snr=snr))
    assert value(parity) == pytest.approx(value(bpsk), rel=1e-10)
    assert slope(parity, "snr") == pytest.approx(slope(bpsk, "snr"), rel=1e-8)


def density(function: str, k: int) -> tuple[Callable[[float], float], float, float]:
    """The density of f by scipy, and where it is not 0."""

    def of_radius(f: float) -> float:
        return math.sqrt(2 * k) * float(chi2.pdf(k + math.sqrt(2 * k) * f, k))

    def of_greatest(t: float, power: int = 0) -> float:
        return t**power * k * float(norm.pdf(t) * norm.cdf(t) ** (k - 1))

    if function == "radius":
        return of_radius, -math.sqrt(k / 2), 40.0
    mean, square = (quad(of_greatest, -12, 12, args=(power,))[0] for power in (1, 2))
    scale = math.sqrt(square - mean**2)
    return lambda f: scale * of_greatest(mean + scale * f), -15.0, 15.0


@pytest.mark.parametrize(("function", "k"), [("radius", 3), ("radius", 6), ("maximum", 3)])
def test_the_margin_is_that_of_scipy(function: Any, k: int) -> None:
    family = Interaction(InteractionParams(function=function, k=k, snr=3.0))
    of_f, low, high = density(function, k)
    theta = family.at(torch.float64)
    x, _ = family.sample(theta, 5, Draws.seeded(0))
    y = torch.tensor([-3.0, -1.0, 0.0, 2.0, 5.0], dtype=torch.float64)[:, None]
    given_x = family.conditional(theta)(x).log_prob(y)

    def through(f: float, at: float) -> float:
        return of_f(f) * float(norm.pdf(at - math.sqrt(family.params.snr) * f))

    expected = [quad(through, low, high, args=(at,), limit=500)[0] for at in y[:, 0].tolist()]
    log_margin = given_x - family.log_ratio(theta, x, y)
    assert_close(log_margin.exp(), torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_signals_have_mean_zero_and_unit_power(function: Any, k: int) -> None:
    family = Interaction(InteractionParams(function=function, k=k, snr=1.0))
    theta = family.at(torch.float64)
    x, _ = family.sample(theta, 200_000, Draws.seeded(0))
    signal = family.conditional(theta)(x).mean
    assert_close(signal.mean().item(), 0.0, rtol=0, atol=0.012)
    assert_close(signal.square().mean().item(), 1.0, rtol=0, atol=0.04)
    correlated = (signal * x).mean(0).abs().max().item()
    assert (correlated < 0.012) == (function != "maximum")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"k": 0}, "`k` is at least 1"),
        ({"function": "inner", "k": 3}, "even k"),
        ({"function": "maximum", "k": 1}, "k >= 2"),
        ({"snr": 0.0}, "`snr` is above 0 and at most 25"),
        ({"snr": 26.0}, "`snr` is above 0 and at most 25"),
    ],
)
def test_what_is_no_interaction_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        InteractionParams(**wrong)
