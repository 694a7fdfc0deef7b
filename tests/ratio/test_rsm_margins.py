"""Margins of other shapes are evened out where that straightens the dependence, by bijections, and nowhere else."""

import math
from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.bends import Both, tails
from mibench_ratio.charts import Chart
from mibench_ratio.directions import directions
from mibench_ratio.quantiles import KNOTS, Quantiles, quantiles
from mibench_ratio.ratio import Fit
from ratio_cases import correlated, crossed, generator, normal, slope_behind
from torch import Tensor
from torch.testing import assert_close

AS_THEY_ARE = FitOptions(margins="none")


def at_an_edge(z: Tensor) -> Tensor:
    return torch.special.ndtr(z) ** 4


def softplus(z: Tensor) -> Tensor:
    return torch.nn.functional.softplus(3 * z)


def lognormal(z: Tensor) -> Tensor:
    return (1.5 * z).exp()


def arcsine(z: Tensor) -> Tensor:
    return (math.pi * (torch.special.ndtr(z) - 0.5)).sin()


def simplex(z: Tensor) -> Tensor:
    """All of a softmax, whose last coordinate the others determine."""
    return torch.softmax(torch.cat([z, torch.zeros_like(z[:, :1])], 1), 1)


def exponential(n: int, d: int, seed: int) -> Tensor:
    return -torch.rand(n, d, generator=generator(seed), dtype=torch.float64).log()


def slope(shape: Callable[[Tensor], Tensor], d: int, seed: int, options: FitOptions | None = None) -> float:
    """dI/ds over the truth for y = shape of x + s e in units of its standard deviation."""
    return -slope_behind(lambda z: shape(z / 1.49**0.5), d, seed, options) * 0.7 * 1.49 / d


def is_evened(fit: Fit) -> bool:
    kinds = {
        type(chart.bends.second if isinstance(chart.bends, Both) else chart.bends)
        for chart in (fit.chart_x, fit.chart_y)
    }
    return Quantiles in kinds


@pytest.mark.parametrize("shape", [at_an_edge, softplus, lognormal, arcsine])
@pytest.mark.parametrize("d", [1, 3])
def test_a_gaussian_copula_is_seen_whatever_its_margins(shape: Callable[[Tensor], Tensor], d: int) -> None:
    found = torch.tensor([slope(shape, d, seed) for seed in range(6)])
    assert (found - 1).square().mean().sqrt() < 0.1


def test_at_an_edge_the_margins_as_they_are_mislead() -> None:
    assert torch.tensor([slope(at_an_edge, 3, seed, AS_THEY_ARE) for seed in range(4)]).mean() > 1.15


@pytest.mark.parametrize("seed", range(8))
def test_a_simplex_is_no_surface_to_slip_from(seed: int) -> None:
    assert slope(simplex, 3, seed) == pytest.approx(1, abs=0.35)


def test_a_column_of_rounding_is_no_coordinate_to_turn_to() -> None:
    case = crossed(256, 3, 0)
    axes = torch.linalg.qr(normal(3, 3, seed=5))[0]
    y = torch.cat([case.y @ axes, 1e-15 * normal(256, 1, seed=6)], 1)
    turn = directions(case.x, y)
    assert turn is not None
    assert ((y @ turn.of_y).std(0) > 1e-6).sum() == 3


@pytest.mark.parametrize(
    "case",
    [
        (x := exponential(256, 2, 0), x + 0.5 * exponential(256, 2, 1)),
        (crossed(256, 2, 0).x, crossed(256, 2, 0).y),
        (correlated(256, 2, 0).x, correlated(256, 2, 0).y),
        (normal(256, 1), normal(256, 1).abs() + 0.3 * normal(256, 1, seed=1)),
        (x := 3 * normal(256, 2).sign(), x + 0.5 * normal(256, 2, seed=1)),
    ],
    ids=["added noise", "signs", "Gaussians", "fold", "clusters"],
)
def test_margins_that_hold_the_dependence_stay(case: tuple[Tensor, Tensor]) -> None:
    assert not is_evened(ratio_fit(*case))
    assert torch.equal(ratio_gradient(*case), ratio_gradient(*case, AS_THEY_ARE))


def test_at_the_samples_an_evened_fit_is_its_gradient_and_other_replicas_are_their_own() -> None:
    x = normal(256, 2)
    evened = x, simplex(1.5 * x + normal(256, 2, seed=1))[:, :2]
    plain = crossed(256, 2, 1).x, crossed(256, 2, 1).y
    fit = ratio_fit(*evened)
    assert is_evened(fit)
    assert fit.ratio is not None
    assert_close(fit.at(*evened), fit.gradient, rtol=1e-6, atol=1e-6)
    both = ratio_gradient(*(torch.stack(blocks) for blocks in zip(evened, plain, strict=True)))
    assert_close(both, torch.stack([ratio_gradient(*evened), ratio_gradient(*plain)]), rtol=1e-6, atol=1e-6)


def test_slopes_of_a_bend_are_its_derivatives() -> None:
    y = torch.cat([exponential(200, 1, 0), at_an_edge(normal(200, 1)), 2 * normal(200, 1, seed=1)], 1)
    bends = Both(tails(y), quantiles(tails(y).bend(y)))
    assert bends.bent.tolist() == [[True, True, False]]
    moving = torch.cat([y, 3 * y]).requires_grad_()
    (slopes,) = torch.autograd.grad(bends.bend(moving).sum(), moving)
    assert_close(bends.slope(moving.detach()), slopes)
    assert (slopes > 0).all()
    (of_slopes,) = torch.autograd.grad(bends.slope(moving).log().sum(), moving)
    assert_close(bends.log_slope_gradient(moving.detach()), of_slopes)


def test_knots_are_quantiles_of_a_normal_density() -> None:
    y = exponential(1001, 1, 0)
    bends = quantiles(y)
    assert_close(bends.bend(bends.knots.mT)[:, 0], torch.linspace(-2, 2, KNOTS, dtype=torch.float64))
    assert_close(bends.bend(y).std(0), torch.ones(1).double(), rtol=0.1, atol=0)


@pytest.mark.parametrize("n", [64, 256, 1000])
def test_normal_margins_and_few_values_stay(n: int) -> None:
    assert torch.cat([quantiles(normal(n, 20, seed=seed)).bent for seed in range(10)]).double().mean() < 0.01
    assert not quantiles(exponential(n, 3, 0).round()).bent.any()
    assert not quantiles(exponential(n, 3, 0).sub(1).clamp_min(0)).bent.any()


def test_no_margin_is_evened_behind_a_turn() -> None:
    y = exponential(100, 2, 0)
    everywhere = torch.ones(1, 1, dtype=torch.bool)
    chart = Chart.of(y, bend=True)
    assert chart.evened(y, everywhere) is not chart
    assert chart.evened(y, ~everywhere) is chart
    turned = chart.turned(torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64))
    assert turned.evened(y, everywhere) is turned


def test_margins_are_evened_beside_a_replica_that_is_turned() -> None:
    y = torch.stack([exponential(100, 2, seed) for seed in (0, 1)])
    turns = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.6, -0.8], [0.8, 0.6]]], dtype=torch.float64)
    chart = Chart.of(y, bend=False).turned(turns)
    evened = chart.evened(y, torch.ones(2, 1, 1, dtype=torch.bool))
    assert evened.bent.flatten().tolist() == [True, False]
    assert_close(evened(y)[1], chart(y)[1])
