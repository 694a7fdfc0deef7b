"""Claims about Stein calibration: the identity holds on the batch, an exact score keeps, nothing degenerate breaks."""

import pytest
import torch
from mibench_mige import MIGE, calibrate, ssge_score
from mige_cases import normal
from torch import Tensor
from torch.testing import assert_close

from mibench import Problem, gaussians


def moment(score: Tensor, samples: Tensor) -> Tensor:
    """`mean(s (x - mean)^T)`."""
    return score.mT @ (samples - samples.mean(-2, keepdim=True)) / samples.shape[-2]


def identity(x: Tensor) -> Tensor:
    return torch.eye(x.shape[-1], dtype=x.dtype).expand(*x.shape[:-2], -1, -1)


def test_full_restores_steins_identity_on_the_batch() -> None:
    x = 3 * normal(2, 100, 6) @ normal(6, 6, seed=1) + 5
    score = ssge_score(x)
    assert (moment(score, x) + identity(x)).abs().max() > 1e-2
    assert_close(moment(calibrate(score, x, "full"), x), -identity(x), rtol=0, atol=1e-10)


def test_diagonal_restores_the_identity_coordinate_by_coordinate_at_any_n() -> None:
    x = normal(2, 20, 50) + 5
    calibrated = calibrate(ssge_score(x), x, "diagonal")
    diagonal = moment(calibrated, x).diagonal(dim1=-2, dim2=-1)
    assert_close(diagonal, -torch.ones_like(diagonal), rtol=0, atol=1e-10)


@pytest.mark.parametrize("mode", ["diagonal", "full"])
def test_calibrated_scores_have_mean_zero(mode) -> None:
    x = normal(60, 4).exp()
    assert_close(calibrate(ssge_score(x), x, mode).mean(0), torch.zeros(4, dtype=x.dtype), rtol=0, atol=1e-12)


def test_a_block_of_a_joint_score_is_calibrated_as_in_the_whole() -> None:
    whole = normal(100, 7) @ normal(7, 7, seed=1)
    score = ssge_score(whole)
    block = calibrate(score[:, :3], whole[:, :3], "full", others=whole[:, 3:])
    assert_close(block, calibrate(score, whole, "full")[:, :3], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("mode", ["diagonal", "full"])
def test_calibration_is_idempotent(mode) -> None:
    x = normal(80, 5)
    once = calibrate(ssge_score(x), x, mode)
    assert_close(calibrate(once, x, mode), once)


@pytest.mark.parametrize("mode", ["diagonal", "full"])
def test_an_exact_score_is_left_unchanged_up_to_sampling_error(mode) -> None:
    changes = [(calibrate(-x, x, mode) + x).square().mean().sqrt() for x in (normal(n, 3) for n in (200, 20000))]
    assert changes[0] < 4 * (3 / 200) ** 0.5
    assert changes[1] < 4 * (3 / 20000) ** 0.5


def test_none_returns_the_score_itself() -> None:
    score = normal(5, 9)
    assert calibrate(score, normal(5, 9, seed=1), "none") is score


def test_calibration_is_equivariant_under_linear_maps() -> None:
    x, matrix = normal(60, 4), normal(4, 4, seed=1)
    score = ssge_score(x)
    mapped = score @ torch.linalg.inv(matrix).mT
    expected = calibrate(score, x, "full") @ torch.linalg.inv(matrix).mT
    assert_close(calibrate(mapped, x @ matrix, "full"), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("unit", [1e-200, 1e-9, 1e9, 1e200])
def test_units_do_not_matter_to_calibration(unit: float) -> None:
    x, others = normal(60, 4), normal(60, 3, seed=1)
    score = ssge_score(x)
    expected = calibrate(score, x, "full", others=others)
    assert_close(calibrate(score, x, "full", others=others * unit), expected)
    units = torch.tensor([1, unit, 1, unit], dtype=x.dtype)
    assert_close(calibrate(score / units, x * units, "full", others=others) * units, expected)
    assert_close(calibrate(score / units, x * units, "full", others=others / unit) * units, expected)
    assert_close(calibrate(score / units, x * units, "diagonal") * units, calibrate(score, x, "diagonal"))


@pytest.mark.parametrize(("n", "d"), [(4, 4), (4, 9), (41, 40), (79, 40)])
def test_full_needs_two_samples_a_dimension(n: int, d: int) -> None:
    x = normal(n, d)
    with pytest.raises(ValueError, match=f"at least {2 * d} samples, 2 a dimension, not {n}: use calibration=diagonal"):
        calibrate(x, x, "full")


@pytest.mark.parametrize("mode", ["diagonal", "full"])
def test_a_coordinate_without_spread_is_left_alone(mode) -> None:
    x = normal(50, 3)
    x[:, 1] = 0.1  # whose mean is another number
    calibrated = calibrate(ssge_score(x), x, mode)
    assert calibrated.isfinite().all()
    assert_close(moment(calibrated, x).diagonal()[[0, 2]], -torch.ones(2, dtype=x.dtype))


def test_calibration_keeps_the_dtype() -> None:
    x = normal(50, 3, dtype=torch.float32)
    assert calibrate(ssge_score(x), x).dtype == torch.float32


@pytest.mark.parametrize("conditional", ["joint", "closed", "score"])
def test_full_calibration_gives_the_gradient_its_length_whatever_knows_the_conditional(conditional) -> None:
    """The regression of the gradient on the exact one, at n=64 and d=8, where plain scores fall short of it."""
    n, d, seeds = 64, 8, 12
    rho = torch.full((seeds,), 0.5)
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(seeds))
    x, noise = normal(2, seeds, n, d, dtype=torch.float32)
    y = gaussians.correlate(rho, x, noise).requires_grad_()
    problem = Problem(
        dx=d, dy=d, generators=generators, replicas=(seeds,), conditional=lambda x: gaussians.conditional(rho, x, d)
    )
    mige = MIGE(MIGE.Params(calibration="full", conditional=conditional), problem)
    (gradient,) = torch.autograd.grad(n * mige.surrogate(x, y).sum(), y)
    exact = gaussians.log_ratio_gradient(rho, x, y.detach())
    ratio = (gradient * exact).sum() / exact.square().sum()
    assert ratio.item() == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("mode", ["none", "diagonal", "full"])
def test_a_nan_costs_its_own_replica_alone(mode) -> None:
    x, y = normal(2, 3, 30, 2)
    y[1, 4, 0] = torch.nan
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(3))
    problem = Problem(dx=2, dy=2, generators=generators, replicas=(3,), dtype=torch.float64)
    values = MIGE(MIGE.Params(calibration=mode), problem).surrogate(x, y.requires_grad_())
    assert values.isfinite().tolist() == [True, False, True]
