import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.exponential_noise import ExponentialNoise, ExponentialNoiseParams
from mibench_families.gamma_exponential import GammaExponential, GammaExponentialParams
from mibench_families.lomax import Lomax, LomaxParams
from mibench_families.mathematics import log_chi_square_rule
from mibench_families.student import Student, StudentParams
from scipy.special import digamma, polygamma

from mibench.families import Draws, Family

TRIGAMMA = 1e-9
"""Torch's trigamma, the derivative of its digamma, is right to ten digits in float64."""


def trigamma(t: float) -> float:
    return float(polygamma(1, t))


@pytest.mark.parametrize(
    "family",
    [
        Lomax(LomaxParams(alpha=0.5)),
        Lomax(LomaxParams(dx=2, dy=3, alpha=2.0)),
        Lomax(LomaxParams(alpha=0.01)),
        GammaExponential(GammaExponentialParams(shape=0.5)),
        GammaExponential(GammaExponentialParams(d=3, shape=2.0)),
        GammaExponential(GammaExponentialParams(shape=0.02)),
        ExponentialNoise(ExponentialNoiseParams(s=0.3)),
        ExponentialNoise(ExponentialNoiseParams(d=2, s=3.0)),
        ExponentialNoise(ExponentialNoiseParams(s=1.001)),
    ],
    ids=lambda family: str(family.params),
)
def test_the_truth_holds_in_every_way(family: Family) -> None:
    prove(family)


@pytest.mark.parametrize("alpha", [0.05, 0.7, 3.0, 40.0])
def test_lomax_agrees_with_the_closed_form_of_one_pair(alpha: float) -> None:
    family = Lomax(LomaxParams(alpha=alpha))
    assert value(family) == pytest.approx(math.log1p(1 / alpha) - 1 / (1 + alpha), abs=1e-12)
    assert slope(family, "alpha") == pytest.approx(-1 / (alpha * (1 + alpha) ** 2), rel=1e-9, abs=TRIGAMMA)


@pytest.mark.parametrize("alpha", [150.0, 199.0, 201.0, 1e3, 1e4, 5e5])
def test_information_that_is_a_small_difference_of_large_numbers_keeps_its_digits(alpha: float) -> None:
    u = 1 / (1 + alpha)
    known = sum(u**k / k for k in range(2, 20))
    lomax, student = Lomax(LomaxParams(alpha=alpha)), Student(StudentParams(dx=2, dy=2, nu=2 * alpha))
    digits = 1e-6 if alpha < 200 else 1e-11
    assert value(lomax) == pytest.approx(known, rel=digits, abs=0)
    assert slope(lomax, "alpha") == pytest.approx(-(u**2) / alpha, rel=digits, abs=0)
    assert value(student) == pytest.approx(known, rel=digits, abs=0)
    assert slope(student, "nu") == pytest.approx(-(u**2) / alpha / 2, rel=digits, abs=0)


def test_lomax_is_the_clayton_copula() -> None:
    alpha = 0.8
    family = Lomax(LomaxParams(alpha=alpha))
    theta = family.at(torch.float64)
    x, y = family.sample(theta, 50, Draws.seeded(0))
    u, v = ((1 + side.exp()[:, 0]).pow(-alpha) for side in (x, y))
    clayton = (
        (1 + 1 / alpha) * (u * v).pow(-1 / alpha - 1) * (u.pow(-1 / alpha) + v.pow(-1 / alpha) - 1).pow(-alpha - 2)
    )
    assert torch.allclose(family.log_ratio(theta, x, y), clayton.log())


@pytest.mark.parametrize("shape", [0.01, 0.5, 1.0, 2.0, 30.0])
def test_gamma_exponential_agrees_with_its_closed_form(shape: float) -> None:
    family = GammaExponential(GammaExponentialParams(d=2, shape=shape))
    assert value(family) == pytest.approx(2 * (digamma(shape + 1) - math.log(shape)), rel=1e-12)
    assert slope(family, "shape") == pytest.approx(2 * (trigamma(shape + 1) - 1 / shape), rel=1e-9, abs=TRIGAMMA)


@pytest.mark.parametrize("s", [0.1, 0.3, 0.9, 1.1, 3.0, 10.0])
def test_exponential_noise_agrees_with_its_closed_form(s: float) -> None:
    if s > 1:
        information = math.log((s - 1) / s) + digamma(s / (s - 1))
        gradient = 1 / (s - 1) - 1 / s - trigamma(s / (s - 1)) / (s - 1) ** 2
    else:
        information = math.log((1 - s) / s) + digamma(1 / (1 - s))
        gradient = -1 / (1 - s) - 1 / s + trigamma(1 / (1 - s)) / (1 - s) ** 2
    family = ExponentialNoise(ExponentialNoiseParams(s=s))
    assert value(family) == pytest.approx(np.euler_gamma + information, rel=1e-11)
    assert slope(family, "s") == pytest.approx(gradient, rel=1e-8)


@pytest.mark.parametrize("shift", [-1e-3, -1e-7, 0.0, 1e-7, 1e-3])
def test_exponential_noise_is_smooth_where_both_means_are_equal(shift: float) -> None:
    family = ExponentialNoise(ExponentialNoiseParams())
    s = torch.tensor(1 + shift, dtype=torch.float64, requires_grad=True)
    information = family.information({"s": s})
    (gradient,) = torch.autograd.grad(information, s)
    assert information.item() == pytest.approx(np.euler_gamma - shift / 2 + 5 / 12 * shift**2, abs=2e-9)
    assert gradient.item() == pytest.approx(-1 / 2 + 5 / 6 * shift, abs=2e-6)


def test_the_series_meets_the_closed_form_where_one_takes_over() -> None:
    family = ExponentialNoise(ExponentialNoiseParams())
    for edge in (0.98, 1 / 0.98):
        s = torch.tensor([edge * (1 - 1e-9), edge * (1 + 1e-9)], dtype=torch.float64, requires_grad=True)
        information = family.information({"s": s})
        (gradient,) = torch.autograd.grad(information.sum(), s)
        assert (information[1] - information[0]).abs() < 2e-9
        assert (gradient[1] - gradient[0]).abs() < 1e-8


def plug_in(correlation: Callable[[float], float], at: float) -> float:
    """The derivative of a Gaussian's information, given its correlation as a function of theta."""
    ends = [-0.5 * math.log1p(-(correlation(at + shift) ** 2)) for shift in (1e-5, -1e-5)]
    return (ends[0] - ends[1]) / 2e-5


def test_a_plug_in_gaussian_sees_the_stated_share_of_each_gradient() -> None:
    def of_lomax(alpha: float) -> float:
        return trigamma(alpha) / (trigamma(1) + trigamma(alpha))

    def of_gamma_exponential(shape: float) -> float:
        return (trigamma(shape) / (trigamma(1) + trigamma(shape))) ** 0.5

    def of_exponential_noise(s: float) -> float:
        return (1 + s**2) ** -0.5

    for at, share in ((0.5, 1.23), (1.0, 0.97), (2.0, 0.70)):
        family = Lomax(LomaxParams(alpha=at))
        assert plug_in(of_lomax, at) / slope(family, "alpha") == pytest.approx(share, abs=0.005)
    for at, share in ((0.5, 1.20), (1.0, 1.03), (2.0, 0.84)):
        family = GammaExponential(GammaExponentialParams(shape=at))
        assert plug_in(of_gamma_exponential, at) / slope(family, "shape") == pytest.approx(share, abs=0.005)
    for at, share in ((0.3, 1.12), (2.0, 0.69), (10.0, 0.16)):
        family = ExponentialNoise(ExponentialNoiseParams(s=at))
        assert plug_in(of_exponential_noise, at) / slope(family, "s") == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (LomaxParams, {"alpha": 0.0}),
        (LomaxParams, {"alpha": math.inf}),
        (LomaxParams, {"dx": 0}),
        (GammaExponentialParams, {"shape": -1.0}),
        (GammaExponentialParams, {"d": 0}),
        (ExponentialNoiseParams, {"s": 0.0}),
        (ExponentialNoiseParams, {"s": 1.0}),
        (ExponentialNoiseParams, {"s": math.nan}),
    ],
)
def test_parameters_out_of_range_are_refused_in_one_line(kind: type, wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        kind(**wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("df", [3, 24, 26, 100, 500, 1000, 10_000])
def test_the_rule_of_a_chi_square_variable_has_its_moments(df: int) -> None:
    squares, weights = log_chi_square_rule(df, 100)
    mean = (weights * squares).sum()
    assert mean.item() == pytest.approx(df, rel=1e-9)
    assert (weights * (squares - mean).square()).sum().item() == pytest.approx(2 * df, rel=1e-8)
