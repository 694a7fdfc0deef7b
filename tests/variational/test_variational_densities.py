"""Models of densities, and the estimates that are read from them, against closed forms."""

import math
from dataclasses import dataclass

import pytest
import torch
from mibench_variational.densities import DensityModel, DensityParams, KnownConditional, LogRatioModel, Turned
from mibench_variational.flow_matching import Velocity, divergence
from mibench_variational.njee import bins_of, edges_of_equal_mass
from torch import Tensor
from variational_cases import build, gaussian_mi, gaussian_pairs, generators, offering

from mibench import gaussians
from mibench.contracts import Problem
from mibench.errors import UnfitError

BATCHES = 200


def problem(d: int = 2, **changes: object) -> Problem:
    return Problem(dx=d, dy=d, generators=generators(0), dtype=torch.float64, **changes)


def within_errors(estimates: Tensor, expected: float, slack: float = 0.0) -> None:
    error = estimates.std().item() / math.sqrt(len(estimates))
    assert estimates.mean().item() == pytest.approx(expected, abs=4 * error + slack)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("density", ["gaussian", "logistic"])
def test_a_model_of_a_density_integrates_to_one(density: str, components: int) -> None:
    params = DensityParams(hidden=(8,), density=density, components=components)
    model = DensityModel.initialised(params, problem(1), 1)
    y = torch.linspace(-60, 60, 20_001, dtype=torch.float64)[:, None]
    density_of_y = model.scores(torch.tensor([[0.3], [-2.0]], dtype=torch.float64), y).exp()
    torch.testing.assert_close(torch.trapezoid(density_of_y, y[:, 0]), torch.ones(2, dtype=torch.float64))


def test_scores_of_all_pairs_of_every_model_are_those_of_pairs() -> None:
    params = DensityParams(hidden=(8,), components=2)
    x, y = gaussian_pairs(0.5, (2, 7, 2), 0, torch.float64)
    two = Problem(dx=2, dy=2, generators=generators(0, 1), replicas=(2,), dtype=torch.float64)
    conditional = KnownConditional(lambda x: gaussians.conditional(torch.tensor(0.5, dtype=x.dtype), x, 2), 2)
    model = DensityModel.initialised(params, two, 2)
    for critic in (model, LogRatioModel.initialised(params, two), conditional, Turned(model), Turned(conditional)):
        for rows in (3, 7):
            scores = torch.cat(tuple(critic.blocks(x, y, rows)), dim=-2)
            torch.testing.assert_close(scores.diagonal(0, -2, -1), critic.paired(x, y))
            torch.testing.assert_close(scores.roll(-1, -1).diagonal(0, -2, -1), critic.paired(x, y.roll(-1, -2)))


@pytest.mark.parametrize(("mi", "n"), [(0.5, 256), (2.0, 64)])
def test_leaving_one_out_with_the_known_conditional_bounds_the_information_from_above(mi: float, n: int) -> None:
    d = 4
    rho = gaussians.correlation(mi, d, d)
    x, y = gaussian_pairs(rho, (BATCHES, n, d), 0, torch.float64)
    estimator = build("l1out", offering(problem(d), rho), conditional="known")
    estimator.update(x, y)
    values = estimator.mi(x, y)
    assert values.mean() > mi - 4 * values.std() / math.sqrt(BATCHES)
    assert values.mean() < mi + 0.5
    log_conditional = gaussians.conditional(torch.tensor(rho, dtype=x.dtype), x[0, :, None], d).log_prob(y[0, None])
    others = [torch.cat((log_conditional[:i, i], log_conditional[i + 1 :, i])) for i in range(n)]
    expected = torch.stack([log_conditional[i, i] - others[i].exp().mean().log() for i in range(n)]).mean()
    torch.testing.assert_close(values[0], expected)


def test_l1out_asks_for_the_conditional_that_it_was_told_to_know() -> None:
    with pytest.raises(UnfitError, match="needs p"):
        build("l1out", problem(), conditional="known")


@dataclass(frozen=True)
class WideConditional(KnownConditional):
    """The conditional of the Gaussians, its deviation too large by a factor."""

    factor: float = 1.0
    rho: float = 0.7

    def paired(self, x: Tensor, y: Tensor) -> Tensor:
        scale = self.factor * math.sqrt(1 - self.rho**2)
        return torch.distributions.Normal(self.rho * x, scale).log_prob(y).sum(-1)


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_barber_agakov_is_short_of_the_information_by_the_divergence_of_its_model(factor: float) -> None:
    rho, d = 0.7, 3
    x, y = gaussian_pairs(rho, (BATCHES, 64, d), 0, torch.float64)
    known = offering(problem(d), rho)
    estimator = build("barber-agakov", known)
    estimator.critic = WideConditional(known.conditional, d, factor, rho)
    short = d * (math.log(factor) + 1 / (2 * factor**2) - 0.5)
    assert (short > 0) == (factor > 1)
    within_errors(estimator.mi(x, y), gaussian_mi(rho, d) - short)
    if factor == 1:
        torch.testing.assert_close(estimator.mi(x, y), known.log_ratio(x, y).mean(-1))


def test_barber_agakov_declines_a_task_that_does_not_know_the_entropy_of_y() -> None:
    kind = type(build("barber-agakov"))
    with pytest.raises(UnfitError, match="doe learns a model of p"):
        kind(kind.Params(), problem())


def test_bins_hold_as_many_samples_each_and_keep_frequent_values_apart() -> None:
    y = torch.randn(2, 64, 3, generator=torch.Generator().manual_seed(0))
    bins = bins_of(y, edges_of_equal_mass(y, 8))
    counts = (bins.unsqueeze(-1) == torch.arange(8)).sum(-3)
    assert (counts == 8).all()
    discrete = torch.tensor([0.0, 5.0, 7.0]).repeat(20)[:, None]
    labels = bins_of(discrete, edges_of_equal_mass(discrete, 8))
    assert len(labels.unique()) == 3
    assert (labels[discrete == 5] == labels[1]).all()


def test_njee_keeps_the_bins_of_its_first_batch_and_finds_the_information_of_a_channel() -> None:
    """Three letters, of which a tenth are drawn anew; the coordinate beside them says nothing."""
    generator = torch.Generator().manual_seed(0)

    def batch(n: int) -> tuple[Tensor, Tensor]:
        letters, others, noise = (torch.randint(3, (n,), generator=generator) for _ in range(3))
        sent = torch.where(torch.rand(n, generator=generator) < 0.1, others, letters)
        return letters[:, None].float(), torch.stack((noise, sent), -1).float()

    estimator = build("njee", Problem(dx=1, dy=2, generators=generators(0)), hidden=(32,), learning_rate=1e-2, bins=4)
    for step in range(200):
        estimator.update(*batch(128))
        if step == 0:
            first = estimator.edges.clone()
    assert estimator.edges.equal(first)
    right, wrong = 0.9 + 0.1 / 3, 0.1 / 3
    truth = math.log(3) + right * math.log(right) + 2 * wrong * math.log(wrong)
    assert estimator.mi(*batch(4000)).item() == pytest.approx(truth, abs=0.05)


def test_njee_says_nothing_of_samples_that_are_not_finite() -> None:
    x, y = gaussian_pairs(0.5, (2, 12, 3), 0)
    y[0, 3, 1] = math.inf
    estimator = build("njee", Problem(dx=3, dy=3, generators=generators(0, 1), replicas=(2,)))
    assert estimator.mi(x, y).isnan().tolist() == [True, False]


@dataclass(frozen=True)
class ExactVelocity(Velocity):
    """Of the flow from N(0, 1) to N(rho x, 1 - rho^2) in each coordinate."""

    rho: float = 0.0

    def __call__(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        variance = (1 - t).square() + t.square() * (1 - self.rho**2)
        slope = (t * (1 - self.rho**2) - (1 - t)) / variance
        return self.rho * x + slope * (y - t * self.rho * x)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.99])
def test_the_exact_flow_loses_as_much_volume_as_there_is_information(rho: float) -> None:
    d = 3
    x, y = gaussian_pairs(rho, (BATCHES, 64, d), 0, torch.float64)
    seeds = Problem(dx=d, dy=d, generators=generators(*range(BATCHES)), replicas=(BATCHES,), dtype=torch.float64)
    estimator = build("flow-matching", seeds)
    estimator.critic = ExactVelocity(estimator.critic.network, rho)
    within_errors(estimator.mi(x, y), gaussian_mi(rho, d), slack=1e-9)
    x, y = gaussian_pairs(rho, (BATCHES, 64, d), 1, torch.float64)
    best = estimator.objective(x, y).mean()
    estimator.critic = ExactVelocity(estimator.critic.network, rho + 0.3 if rho < 0.5 else rho - 0.3)
    assert estimator.objective(x, y).mean() < best


def test_the_divergence_is_the_trace_of_the_jacobian() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix, y = (torch.randn(4, size, generator=generator, dtype=torch.float64) for size in (4, 4))
    y.requires_grad_()
    velocity = (y @ matrix).square()
    expected = (2 * (y @ matrix) * matrix.diagonal()).sum(-1)
    torch.testing.assert_close(divergence(velocity, y), expected)
