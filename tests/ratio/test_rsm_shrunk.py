"""Claims about few samples for many dimensions: the plug-in Gaussian of shrunk covariances."""

import pytest
import torch
from mibench_ratio import FitOptions, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.shrunk import FEW, few
from ratio_cases import correlated, normal
from torch import Tensor
from torch.testing import assert_close

SHRUNK, FREE = FitOptions(linear="shrunk", tails="none"), FitOptions(clusters="none", directions="none")


def channel(n: int, d: int, seed: int, noise: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Gaussian x, y = x A + noise with strengths that differ, and the true gradient of the log ratio in y."""
    turn = torch.linalg.qr(normal(d, d, seed=99)).Q * torch.linspace(2, 0, d, dtype=torch.float64)
    x, error = normal(n, d, seed=seed), noise * normal(n, d, seed=seed + 1000)
    y = x @ turn + error
    of_y = turn.mT @ turn + noise**2 * torch.eye(d, dtype=torch.float64)
    return x, y, torch.linalg.solve(of_y, y.mT).mT - error / noise**2


def alignment(estimate: Tensor, truth: Tensor) -> float:
    return ((estimate * truth).sum() / (estimate.norm() * truth.norm())).item()


@pytest.mark.parametrize(("n", "d"), [(64, 64), (100, 40), (48, 16)])
def test_the_gradient_is_nearer_to_the_truth_than_a_penalised_fit_s_and_no_longer(n: int, d: int) -> None:
    for seed in range(3):
        x, y, truth = channel(n, d, seed)
        shrunk, ridge = (ratio_gradient(x, y, FitOptions(linear=how)) for how in ("shrunk", "ridge"))
        assert alignment(shrunk, truth) > 1.2 * alignment(ridge, truth)
        assert (shrunk - truth).norm() < truth.norm() < (ridge - truth).norm()


def test_the_margin_score_is_nearer_to_the_truth_too() -> None:
    _, y, _ = channel(80, 100, 0)
    turn = torch.linalg.qr(normal(100, 100, seed=99)).Q * torch.linspace(2, 0, 100, dtype=torch.float64)
    truth = -torch.linalg.solve(turn.mT @ turn + torch.eye(100, dtype=torch.float64), y.mT).mT
    shrunk, ridge = (margin_score(y, FitOptions(linear=how)) for how in ("shrunk", "ridge"))
    assert alignment(shrunk, truth) > max(0.9, alignment(ridge, truth))


def test_it_comes_to_the_plug_in_gaussian_as_samples_grow_and_then_is_the_free_fit() -> None:
    errors: list[float] = []
    for n in (15, 25, FEW * 20 - 1):
        x, y, truth = channel(n, 10, 0)
        assert few(x, y)
        errors.append(((ratio_gradient(x, y, SHRUNK) - truth).norm() / truth.norm()).item())
    assert sorted(errors, reverse=True) == errors
    case = correlated(10 * FEW, 2, 0)
    assert torch.equal(ratio_gradient(case.x, case.y, FitOptions(linear="shrunk")), ratio_gradient(case.x, case.y))


def test_uncorrelated_blocks_have_no_gradient() -> None:
    x, y = normal(36, 8), normal(36, 12, seed=1)
    basis = torch.linalg.qr(torch.cat([torch.ones_like(x[:, :1]), x], 1)).Q
    y = y - basis @ (basis.mT @ y)
    assert_close(ratio_gradient(x, y, SHRUNK), torch.zeros_like(y), rtol=0, atol=1e-10)


def test_the_gradient_along_the_scale_of_a_coordinate_is_zero_on_the_batch() -> None:
    x, y, _ = channel(48, 24, 3)
    gradient, score = ratio_gradient(x, y, SHRUNK), margin_score(y, SHRUNK)
    centred = y - y.mean(0)
    assert_close((gradient * centred).mean(0), torch.zeros(24).double(), rtol=0, atol=1e-10)
    assert_close((score * centred).mean(0), -torch.ones(24).double())


def test_translation_scale_and_order_change_nothing() -> None:
    x, y, _ = channel(30, 20, 4)
    order, scale = torch.randperm(30, generator=torch.Generator().manual_seed(5)), normal(20, seed=6).exp()
    moved = ratio_gradient((3 * x - 7)[order], (y * scale + 2)[order], SHRUNK)
    assert_close(moved * scale, ratio_gradient(x, y, SHRUNK)[order])


def test_at_the_samples_the_fit_is_its_gradient_and_replicas_are_apart() -> None:
    x, y = (torch.stack(blocks) for blocks in zip(channel(40, 30, 5)[:2], channel(40, 30, 6)[:2], strict=True))
    y[1, 3, 4] = torch.nan
    fit = ratio_fit(x, y, SHRUNK)
    assert_close(fit.gradient[0], ratio_gradient(x[0], y[0], SHRUNK))
    assert_close(fit.at(x, y)[0], fit.gradient[0])
    assert fit.gradient[1].isnan().all()


@pytest.mark.parametrize("n", [3, 10])
def test_constant_and_repeated_coordinates_and_very_few_samples_are_fine(n: int) -> None:
    x, y = normal(n, 5), normal(n, 6, seed=1)
    x[:, 0], y[:, 1], y[:, 2] = 1, 2, y[:, 3]
    gradient = ratio_gradient(x, y, SHRUNK)
    assert gradient.isfinite().all()
    assert_close(gradient[:, 1], torch.zeros(n).double())
    assert_close(gradient[:, 2], gradient[:, 3])
    still = ratio_gradient(torch.ones(n, 4).double(), y, SHRUNK)
    assert_close(still, torch.zeros_like(still), rtol=0, atol=1e-10)
