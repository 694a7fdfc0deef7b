"""Pairwise divergences against torch's, and the bound against closed forms."""

import math

import pytest
import torch
from mibench_dvb.pairwise_kl import PairwiseKL, pairwise_divergences, pairwise_information
from test_dvb import draw, problem
from torch.distributions import Independent, MixtureSameFamily, Normal, kl_divergence

from mibench import Problem, gaussians
from mibench.contracts import Conditional
from mibench.errors import UnfitError
from mibench.specs import NoParams


def test_divergences_of_all_pairs_are_those_of_torch() -> None:
    mean, deviation = 5 + draw(2, 6, 3), draw(2, 6, 3, seed=1).exp()
    rows, columns = (Independent(Normal(mean.unsqueeze(axis), deviation.unsqueeze(axis)), 1) for axis in (-2, -3))
    torch.testing.assert_close(pairwise_divergences(mean, deviation), kl_divergence(rows, columns))


@pytest.mark.parametrize("clusters", [1, 4])
def test_the_bound_is_exact_where_outputs_are_equal_or_far_apart(clusters: int) -> None:
    mean = 1e4 * (torch.arange(12) % clusters)[:, None].double()
    information = pairwise_information(pairwise_divergences(mean, torch.ones_like(mean)))
    assert information.item() == pytest.approx(math.log(clusters), abs=1e-9)


@pytest.mark.parametrize("rho", [0.1, 0.6])
def test_the_bound_is_above_the_information_where_that_is_small_and_at_most_log_n(rho: float) -> None:
    x, at = draw(2000, 2), torch.tensor(rho, dtype=torch.float64)
    value = PairwiseKL(NoParams(), problem(at, 2)).mi(x, x).item()
    truth = gaussians.mutual_information(at, 2, 2).item()
    assert truth < value < 2.5 * truth
    near = torch.tensor(0.9999, dtype=torch.float64)
    assert PairwiseKL(NoParams(), problem(near, 2)).mi(x[:64], x[:64]).item() <= math.log(64)


def test_a_gradient_reaches_the_parameters_of_the_conditional_where_samples_coincide() -> None:
    x = draw(5, 2)
    x[1] = x[0]
    mean, deviation = x.clone().requires_grad_(), torch.full_like(x, 0.5).requires_grad_()
    pairwise_information(pairwise_divergences(mean, deviation)).backward()
    assert mean.grad.isfinite().all()
    assert deviation.grad.sum() < 0


def mixture(x: torch.Tensor) -> torch.distributions.Distribution:
    weights = torch.distributions.Categorical(torch.ones(*x.shape[:-1], 2))
    return MixtureSameFamily(weights, Independent(Normal(torch.stack((x, -x), -2), 1.0), 1))


class Tilted(Normal):
    """A normal's moments, and another density."""


def tilted(x: torch.Tensor) -> torch.distributions.Distribution:
    return Independent(Tilted(x, torch.ones_like(x)), 1)


@pytest.mark.parametrize(
    ("conditional", "message"), [(None, "not known here"), (mixture, "needs a normal"), (tilted, "needs a normal")]
)
def test_a_conditional_that_is_not_normal_is_declined(conditional: Conditional | None, message: str) -> None:
    x = draw(4, 2)
    unfit = Problem(dx=2, dy=2, generators=(torch.Generator(),), conditional=conditional)
    with pytest.raises(UnfitError, match=message):
        PairwiseKL(NoParams(), unfit).mi(x, x)
