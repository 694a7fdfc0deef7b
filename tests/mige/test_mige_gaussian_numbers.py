"""The gradient of I along rho, on Gaussians and on bijections of them, against numbers measured independently."""

import math

import pytest
import torch
from mige_cases import RHOS, relative_rmse, rho_gradients, true_rho_gradient
from torch import Tensor

# d: relative RMSE of the curve at n=256, threshold .99; and how many of our seeds average its spread away
RMSE = {5: (0.0575, 6), 8: (0.058, 6), 10: (0.07, 4), 16: (0.116, 2), 20: (0.156, 2)}


@pytest.mark.parametrize("d", RMSE)
def test_relative_rmse_of_the_gradient_curve(d: int) -> None:
    reference, seeds = RMSE[d]
    measured = relative_rmse(rho_gradients(RHOS, 256, d, seeds), true_rho_gradient(RHOS, d))
    assert measured == pytest.approx(reference, rel=0.15)


# n, d: mean and standard deviation over 10 seeds of the authors' estimator at rho = .2, .5, .8
AUTHORS = {
    (128, 8): [(1.47, 0.19), (4.78, 0.33), (15.7, 0.4)],
    (128, 16): [(2.91, 0.37), (8.67, 0.39), (24.9, 0.5)],
    (256, 8): [(1.68, 0.21), (5.19, 0.27), (16.85, 0.31)],
    (256, 16): [(3.08, 0.40), (9.77, 0.28), (31.0, 0.4)],
}


def standard_scores(n: int, d: int) -> list[float]:
    """Differences of our 10-seed means from the authors', in standard errors of the difference."""
    estimates = rho_gradients(torch.tensor([0.2, 0.5, 0.8], dtype=torch.float64), n, d, 10)
    ours = zip(estimates.mean(0).tolist(), estimates.std(0).tolist(), strict=True)
    return [
        (mean - reference) / math.sqrt((deviation**2 + spread**2) / 10)
        for (mean, deviation), (reference, spread) in zip(ours, AUTHORS[n, d], strict=True)
    ]


def test_estimates_are_the_authors_up_to_the_spread_of_seeds() -> None:
    scores = [score for n, d in AUTHORS for score in standard_scores(n, d)]
    assert max(map(abs, scores)) < 3
    assert sum(abs(score) < 2 for score in scores) >= 11


# n, d: relative RMSE, calibrated
CALIBRATED = {(256, 8): 0.040, (256, 20): 0.022, (256, 32): 0.019, (128, 20): 0.026}


@pytest.mark.parametrize(("n", "d"), CALIBRATED)
def test_relative_rmse_of_the_calibrated_gradient_curve(n: int, d: int) -> None:
    estimates = rho_gradients(RHOS, n, d, 2, calibration="full")
    assert relative_rmse(estimates, true_rho_gradient(RHOS, d)) == pytest.approx(CALIBRATED[n, d], rel=0.35)


def half_cube(v: Tensor) -> Tensor:
    return v * v.abs().sqrt()


BIJECTIONS = {"asinh": torch.asinh, "sinh": torch.sinh, "half-cube": half_cube, "normal-cdf": torch.special.ndtr}


@pytest.mark.parametrize("bijection", BIJECTIONS)
def test_calibration_at_least_halves_the_error_where_the_gradient_is_not_linear(bijection: str) -> None:
    rhos, bend = RHOS[::3], BIJECTIONS[bijection]
    plain, calibrated = (
        relative_rmse(rho_gradients(rhos, 256, 20, 2, bend=bend, calibration=calibration), true_rho_gradient(rhos, 20))
        for calibration in ("none", "full")
    )
    assert plain == pytest.approx(0.185, abs=0.04)
    assert calibrated < plain / 2
