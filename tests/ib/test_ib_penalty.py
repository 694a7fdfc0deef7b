"""MIGE's penalty: conditional scores by estimation and in closed form agree; scale runs away only where it is said."""

import pytest
import torch
from mibench_mige.mige import MIGE, MIGEParams
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.contracts import Problem

N = 256


def penalty_gradient(latent: int, seed: int, **params: object) -> tuple[Tensor, Tensor]:
    """The penalty's gradient in the mean and log deviation of a Gaussian encoder, and along a scaling of z."""
    generator = torch.Generator().manual_seed(seed)
    mean, noise = torch.randn(2, 1, N, latent, generator=generator, dtype=torch.float64)
    mean.requires_grad_()
    log_std = torch.full_like(mean, -0.7).requires_grad_()

    def conditional(x: Tensor) -> Distribution:
        return Independent(Normal(mean, log_std.exp()), 1)

    problem = Problem(
        dx=latent, dy=latent, generators=(generator,), replicas=(1,), dtype=torch.float64, conditional=conditional
    )
    mige = MIGE(MIGEParams(threshold=0.94, **params), problem)
    z = mean + log_std.exp() * noise
    gradient = torch.autograd.grad(mige.surrogate(torch.zeros_like(mean), z).sum(), (mean, log_std))
    along_scale = (gradient[0] * mean).sum() + gradient[1].sum()  # mean -> c mean, std -> c std at c = 1
    return torch.cat([part.flatten() for part in gradient]), along_scale.detach()


@pytest.mark.parametrize("conditional", ["closed", "score"])
def test_calibration_stops_the_runaway_of_scale(conditional: str) -> None:
    """I(Z;X) does not change along z -> c z, so its gradient there must vanish."""
    _, along_scale = penalty_gradient(16, 0, conditional=conditional, calibration="diagonal")
    assert abs(along_scale) < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_without_calibration_runs_away_in_scale(seed: int) -> None:
    """The shrunken score of H(Z) no longer cancels the -log std of H(Z|X): descent of the penalty raises the scale."""
    assert penalty_gradient(64, seed, conditional="closed")[1] < -2


@pytest.mark.parametrize("seed", range(3))
def test_the_published_form_does_not_run_away_upwards(seed: int) -> None:
    """Both scores are shrunken there, the conditional one more, having fewer samples: scale is pushed down."""
    assert penalty_gradient(64, seed, conditional="score")[1] > 2


def test_the_conditional_score_by_estimation_and_in_closed_form_agree() -> None:
    closed, estimated = (
        torch.stack(
            [penalty_gradient(2, seed, conditional=conditional, conditional_samples=128)[0] for seed in range(2)]
        )
        for conditional in ("closed", "score")
    )
    assert torch.cosine_similarity(closed.flatten(), estimated.flatten(), dim=0) > 0.8
    assert 0.7 < estimated.norm() / closed.norm() < 1.3
