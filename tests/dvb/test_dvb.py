import subprocess
import sys

import pytest
import torch
from mibench_dvb.dvb import DVB, rate
from torch.distributions import Independent, Normal

from mibench import Problem, gaussians
from mibench.errors import UnfitError


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def problem(rho: torch.Tensor, d: int) -> Problem:
    return Problem(
        dx=d,
        dy=d,
        generators=(torch.Generator(),),
        dtype=torch.float64,
        conditional=lambda x: gaussians.conditional(rho, x, d),
    )


def test_rate_is_the_mean_log_ratio_of_conditional_and_prior() -> None:
    mean, deviation = draw(50, 3), draw(50, 3, seed=1).exp()
    conditional = Independent(Normal(mean, deviation), 1)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    y = mean + deviation * draw(100_000, 50, 3, seed=2)
    ratios = (conditional.log_prob(y) - prior.log_prob(y)).mean(-1)
    error = ratios.std() / len(ratios) ** 0.5
    assert abs(rate(conditional) - ratios.mean()) < 4 * error


@pytest.mark.parametrize("rho", [-0.8, 0.3, 0.6])
def test_the_bound_is_tight_where_the_prior_is_the_marginal(rho: float) -> None:
    x, at = draw(200_000, 4), torch.tensor(rho, dtype=torch.float64).requires_grad_()
    dvb = DVB(DVB.Params(), problem(at, 4))
    assert dvb.mi(x, x).item() == pytest.approx(gaussians.mutual_information(at.detach(), 4, 4).item(), rel=0.01)
    (gradient,) = torch.autograd.grad(dvb.surrogate(x, x), at)
    assert gradient.item() == pytest.approx(gaussians.slope(at.detach(), 4, 4).item(), rel=0.01)


def test_the_bound_is_loose_by_the_divergence_of_the_marginal_from_the_prior() -> None:
    x = draw(200_000, 2)
    nats = rate(Independent(Normal(3 + x, torch.full_like(x, 0.5)), 1))
    mi = 2 * 0.5 * torch.log(torch.tensor(1.25 / 0.25, dtype=torch.float64))
    gap = 2 * 0.5 * (1.25 + 9 - 1 - torch.log(torch.tensor(1.25, dtype=torch.float64)))
    assert nats.item() == pytest.approx((mi + gap).item(), rel=0.01)


def test_replicas_are_rated_apart() -> None:
    mean, deviation = draw(2, 3, 7, 5), draw(2, 3, 7, 5, seed=1).exp()
    together = rate(Independent(Normal(mean, deviation), 1))
    assert together.shape == (2, 3)
    assert together[1, 2] == rate(Independent(Normal(mean[1, 2], deviation[1, 2]), 1))


def test_an_unknown_conditional_is_unfit() -> None:
    with pytest.raises(UnfitError, match="needs p"):
        DVB(DVB.Params(), Problem(dx=1, dy=1, generators=(torch.Generator(),)))


def test_declaring_dvb_imports_no_torch() -> None:
    code = "import sys, mibench_dvb.plugin as p; p.mibench_estimators(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
