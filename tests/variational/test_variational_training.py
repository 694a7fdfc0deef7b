"""Trained estimators find the information and its gradient."""

import math

import pytest
import torch
from torch import Tensor
from variational_cases import SPECS, WITH_GRADIENT, build, gaussian_mi, gaussian_pairs, generators, offering

from mibench.contracts import Estimator, Problem


def fresh(rho: Tensor, shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    return gaussian_pairs(rho, shape, seed)


def gradient_in_rho(estimator: Estimator, value: float, replicas: int, n: int, d: int, seed: int) -> Tensor:
    rho = torch.full((replicas, 1, 1), value, requires_grad=True)
    x, y = fresh(rho, (replicas, n, d), seed)
    return torch.autograd.grad(estimator.surrogate(x, y).sum(), rho)[0].flatten()


@pytest.mark.parametrize("name", SPECS)
def test_short_training_finds_value_and_gradient_in_low_dimension(name: str) -> None:
    """2 d at rho .7: I = .67; CLUB must find its own value rho^2 d / (1 - rho^2)."""
    value, d, replicas, n = 0.7, 2, 2, 128
    problem = offering(Problem(dx=d, dy=d, generators=generators(*range(replicas)), replicas=(replicas,)), value)
    estimator = build(name, problem, hidden=(48, 48), embedding=16, learning_rate=3e-3)
    rho = torch.full((replicas, 1, 1), value)
    for seed in range(200):
        estimator.update(*fresh(rho, (replicas, n, d), seed))
    truth = value**2 * d / (1 - value**2) if name == "club" else gaussian_mi(value, d)
    estimates = estimator.mi(*fresh(rho, (replicas, 1000, d), 1000))
    assert estimates.mean().item() == pytest.approx(truth, rel=0.15)
    if name not in WITH_GRADIENT:
        return
    gradient = gradient_in_rho(estimator, value, replicas, 1000, d, 1001)
    assert gradient.mean().item() == pytest.approx(value * d / (1 - value**2), rel=0.15)


@pytest.mark.parametrize("value", [-0.6, 0.3])
def test_mine_at_the_authors_settings_shrinks_the_gradient_a_little(value: float) -> None:
    """8 d, 200 steps of 256 fresh samples: .95 +- .02 of the truth at .36, .94 +- .04 at .58 over 5 seeds."""
    estimator = build(
        "mine",
        Problem(dx=8, dy=8, generators=generators(0)),
        hidden=(512, 512),
        embedding=20,
        learning_rate=1e-4,
    )
    for seed in range(200):
        estimator.update(*fresh(torch.tensor(value), (256, 8), seed))
    truth = 8 * value / (1 - value**2)
    rho = torch.tensor(value, requires_grad=True)
    gradient = torch.autograd.grad(estimator.surrogate(*fresh(rho, (256, 8), 199)), rho)[0]
    assert (gradient / truth).item() == pytest.approx(0.95, abs=0.12)
    assert estimator.mi(*fresh(rho, (256, 8), 200)).item() == pytest.approx(gaussian_mi(value, 8), rel=0.2)


def test_moving_average_trains_mine_to_the_same_value() -> None:
    estimator = build("mine", Problem(dx=2, dy=2, generators=generators(0)), hidden=(48,), ema=0.9, learning_rate=5e-3)
    rho = torch.tensor(0.7)
    for seed in range(300):
        estimator.update(*fresh(rho, (128, 2), seed))
    assert estimator.mi(*fresh(rho, (1000, 2), 1000)).item() == pytest.approx(gaussian_mi(0.7, 2), rel=0.2)


def test_trained_infonce_stays_below_log_batch_where_information_is_larger() -> None:
    estimator = build("infonce", Problem(dx=5, dy=5, generators=generators(0)), hidden=(64,), learning_rate=5e-3)
    rho = torch.tensor(0.98)
    assert gaussian_mi(0.98, 5) > 2 * math.log(16)
    for seed in range(200):
        estimator.update(*fresh(rho, (16, 5), seed))
    value = estimator.mi(*fresh(rho, (16, 5), 1000)).item()
    assert 0.7 * math.log(16) < value <= math.log(16)
