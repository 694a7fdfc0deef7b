"""Slopes of mutual information against closed forms, on dependence with and without correlation."""

import pytest
import torch
from mibench_ratio import margin_score, ratio_gradient
from mibench_ratio.normality import evidence_against_normality
from mibench_ratio.ratio import plug_in
from mibench_ratio.spectra import Spectra, spectra
from ratio_cases import bpsk, correlated, crossed, normal, outliers, relative_rmse
from torch import Tensor


def gauss(x: Tensor, y: Tensor) -> Tensor:
    x, y = x - x.mean(0), y - y.mean(0)
    return torch.cat([torch.ones_like(x[:, :1]), x, y], 1) @ plug_in(Spectra.of(x, y))


# family, d: relative RMSE that was measured over six seeds, n = 256
MEASURED = {
    (crossed, 1): 0.14,
    (crossed, 5): 0.095,
    (bpsk, 1): 0.15,
    (bpsk, 5): 0.11,
    (outliers, 2): 0.09,
    (outliers, 5): 0.06,
}


@pytest.mark.parametrize(("family", "d"), MEASURED)
def test_where_dependence_is_not_correlation_the_error_is_far_below_the_plug_in_gaussians(family, d: int) -> None:
    error = relative_rmse(family, ratio_gradient, d=d)
    assert error < MEASURED[family, d] + 0.04
    assert error < relative_rmse(family, gauss, d=d) / 2


@pytest.mark.parametrize("d", [1, 5, 20])
def test_on_gaussians_the_error_is_at_most_half_as_much_again_as_the_plug_in_gaussians(d: int) -> None:
    assert relative_rmse(correlated, ratio_gradient, d=d) < 1.5 * relative_rmse(correlated, gauss, d=d)


def test_the_exact_critic_has_the_truth_as_its_slope() -> None:
    for family, d in MEASURED:
        case = family(200_000, d, 17)
        assert case.slope(case.exact) == pytest.approx(case.truth, rel=0.02), family


def test_more_samples_buy_accuracy() -> None:
    def error(n: int) -> float:
        cases = [crossed(n, 3, seed) for seed in range(12)]
        return sum(abs(case.slope(ratio_gradient(case.x, case.y)) / case.truth - 1) for case in cases) / len(cases)

    assert error(64) > 1.5 * error(512)


@pytest.mark.parametrize("d", [1, 5])
def test_moments_of_the_margin_score_are_steins(d: int) -> None:
    """E[s_l h] = -E[d_l h], which the linear score of a skewed density misses by far."""
    y = normal(8, 400, d).exp().add(1).log()
    score, linear = margin_score(y), -(y - y.mean(1, keepdim=True)) / y.var(1, keepdim=True)
    for flow, slope in ((y**2, 2 * y), (y.sin(), y.cos())):
        truth = -slope.mean()
        errors = [(s * flow).mean((1, 2)) - truth for s in (score, linear)]
        assert errors[0].square().mean() < 0.25 * errors[1].square().mean()


def evidence(z: Tensor) -> Tensor:
    z = z - z.mean(-2, keepdim=True)
    return evidence_against_normality(z, *spectra(z))


@pytest.mark.parametrize(("n", "d"), [(100, 2), (256, 10)])
def test_evidence_against_normality_is_small_on_gaussians_and_large_elsewhere(n: int, d: int) -> None:
    mixing = normal(d, d, seed=3)
    gaussian = torch.stack([evidence(normal(n, d, seed=seed) @ mixing) for seed in range(200)])
    assert (gaussian > 2.5).double().mean() < 0.07
    assert (gaussian > 1.5).double().mean() < 0.35
    assert evidence(normal(n, d).sign() + 0.3 * normal(n, d, seed=1)) > 3
    tails = normal(n, d) / normal(n, 1, seed=1).abs()
    assert evidence(tails) > 3


def test_the_evidence_is_affine_invariant() -> None:
    x = normal(80, 3).exp()
    mixed = x @ normal(3, 3, seed=1) + 5
    assert evidence(mixed).item() == pytest.approx(evidence(x).item(), rel=1e-6)
