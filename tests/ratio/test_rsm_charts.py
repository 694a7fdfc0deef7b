"""Bends for heavy tails and learnt directions: bijections whose gradients are carried back, taken where they help."""

import math

import pytest
import torch
from mibench_ratio import FitOptions, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.bends import tails
from mibench_ratio.charts import Chart
from mibench_ratio.contrast import waves
from mibench_ratio.directions import _rotation, _side_by_side, _slopes, directions, joint_diagonaliser
from mibench_ratio.kernels import units
from mibench_ratio.normality import evidence_against_joint_normality
from mibench_ratio.spectra import Spectra
from ratio_cases import Pairs, correlated, crossed, generator, normal, outliers, sparse
from torch import Tensor
from torch.testing import assert_close

NONE = FitOptions(tails="none", directions="none")


def rotation(d: int, seed: int) -> Tensor:
    return torch.linalg.qr(normal(d, d, seed=seed))[0]


def turned(case: Pairs, seed: int = 0) -> Pairs:
    in_x, in_y = rotation(case.x.shape[1], 2 * seed), rotation(case.y.shape[1], 2 * seed + 1)
    return Pairs(case.x @ in_x, case.y @ in_y, case.velocity @ in_y, case.exact @ in_y, case.truth)


def cauchy(n: int, d: int, seed: int) -> Tensor:
    return (math.pi * (torch.rand(n, d, generator=generator(seed), dtype=torch.float64) - 0.5)).tan()


def test_a_chart_carries_gradients_back_by_the_chain_rule() -> None:
    y = cauchy(80, 3, 0) @ torch.diag(torch.tensor([1.0, 7.0, 0.1]).double())
    chart = Chart.of(y, bend=True)
    assert chart.bends is not None
    chart = Chart(chart.bends, chart.unit, rotation(3, 1))
    moving = y.clone().requires_grad_()
    straight = chart.bends.bend(moving)
    assert_close((straight - chart.unit.mean) / chart.unit.scale @ chart.turn, chart(y))
    weights = normal(80, 3, seed=5)
    (expected,) = torch.autograd.grad(
        (((straight - chart.unit.mean) / chart.unit.scale) @ chart.turn * weights).sum(), moving
    )
    assert_close(chart.pull_back(y, weights), expected)
    (of_slope,) = torch.autograd.grad(chart.bends.slope(moving).log().sum(), moving)
    assert_close(chart.bends.log_slope_gradient(y), of_slope)
    assert_close(chart.pull_back_score(y, weights), expected + of_slope)


@pytest.mark.parametrize("n", [100, 1000])
def test_heavy_tails_are_bent_and_no_others(n: int) -> None:
    bent = torch.cat([tails(cauchy(n, 5, seed)).bent for seed in range(10)])
    assert bent.double().mean() > 0.9
    light = [normal(n, 5, seed=seed) for seed in range(40)]
    assert torch.cat([tails(y).bent for y in light]).double().mean() < 0.05
    assert not any(tails(y.sign() + 0.3 * y).bent.any() for y in light[:5])


def test_discrete_and_constant_coordinates_are_not_bent() -> None:
    label = torch.randint(3, (300,), generator=generator(0))
    counts = torch.poisson(torch.full((300, 1), 0.5).double(), generator=generator(0))
    discrete = torch.cat([torch.nn.functional.one_hot(label).double(), counts, torch.ones(300, 1).double()], 1)
    assert not tails(discrete).bent.any()


def test_bends_follow_units() -> None:
    y = cauchy(60, 2, 3)
    assert_close(tails(5 - 3e3 * y).steepness, tails(y).steepness)
    assert_close(Chart.of(5 + 3e3 * y, bend=True)(5 + 3e3 * y), Chart.of(y, bend=True)(y))


def test_raw_heavy_tails_have_the_slope_that_bent_ones_have() -> None:
    """Both sides of crossed pairs stretched by sinh(3 z): information and every slope stay."""

    def error(how: FitOptions) -> float:
        errors = []
        for seed in range(4):
            case = crossed(200, 2, seed)
            stretched = Pairs(
                (3 * case.x).sinh(), (3 * case.y).sinh(), 3 * (3 * case.y).cosh() * case.velocity, *case[3:]
            )
            errors.append(abs(stretched.slope(ratio_gradient(stretched.x, stretched.y, how)) / case.truth - 1))
        return sum(errors) / 4

    assert error(FitOptions()) < 0.2
    assert error(NONE) > 0.3


def test_the_margin_score_of_heavy_tails_is_near_the_exact_one() -> None:
    y = cauchy(400, 1, 0)
    exact = -2 * y / (1 + y.square())
    assert torch.corrcoef(torch.cat([margin_score(y), exact], 1).mT)[0, 1] > 0.9


@pytest.mark.parametrize(("d", "bound"), [(2, 0.25), (5, 0.2)])
def test_turned_dependence_is_found_as_if_it_were_not_turned(d: int, bound: float) -> None:
    errors = []
    for seed in range(4):
        case = turned(crossed(256, d, seed), seed)
        errors.append(
            [abs(case.slope(ratio_gradient(case.x, case.y, how)) / case.truth - 1) for how in (FitOptions(), NONE)]
        )
    learnt, not_learnt = torch.tensor(errors).mean(0)
    assert learnt < bound
    assert learnt < not_learnt / 1.5


def test_directions_are_those_of_the_pairs() -> None:
    case = turned(crossed(256, 4, 1), 1)
    x, y = (units(block).standardise(block) for block in (case.x, case.y))
    turn = directions(x, y)
    assert turn is not None
    assert turn.taken.all()
    mixed = (rotation(4, 2) @ torch.diag(case.x.std(0, correction=0)) @ turn.of_x).abs()
    assert (mixed.max(0).values > 0.9 * mixed.norm(dim=0)).all()


def test_nothing_is_turned_where_the_axes_serve() -> None:
    for seed in range(3):
        for case in (crossed(256, 3, seed), outliers(256, 5, seed), correlated(256, 3, seed, rho=0.9)):
            assert directions(*(units(block).standardise(block) for block in (case.x, case.y))) is None
        assert directions(normal(256, 4, seed=seed), normal(256, 4, seed=seed + 50)) is None
    few = crossed(40, 5, 0)
    assert directions(few.x, few.y) is None


def test_replicas_have_their_own_bends_and_directions() -> None:
    plain, mixed = crossed(200, 2, 0), turned(crossed(200, 2, 1), 1)
    heavy = Pairs((3 * plain.x).sinh(), (3 * plain.y).sinh(), *plain[2:])
    cases = plain, mixed, heavy
    together = ratio_gradient(torch.stack([c.x for c in cases]), torch.stack([c.y for c in cases]))
    assert_close(together, torch.stack([ratio_gradient(c.x, c.y) for c in cases]), rtol=1e-6, atol=1e-6)


def test_at_the_samples_a_bent_and_turned_fit_is_its_gradient() -> None:
    case = turned(crossed(100, 2, 1), 1)
    y = torch.cat([case.y, cauchy(100, 1, 0)], 1)
    fit = ratio_fit(case.x, y)
    assert fit.chart_y.bends is not None
    assert fit.chart_y.turn is not None
    assert_close(fit.at(case.x.clone(), y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)


def test_the_slope_of_the_contrast_is_its_derivative() -> None:
    u, v = normal(20, 3).requires_grad_(), normal(20, 2, seed=1).requires_grad_()
    of_u, of_v = (waves(block)[0].unflatten(-1, (4, -1)) for block in (u, v))
    covariance = torch.einsum("nak,nbl->akbl", of_u, of_v) / 20
    contrast = covariance.square().sum((0, 2)).square().sum()
    in_u, in_v = _slopes(_side_by_side(u.detach(), v.detach()))
    assert_close((in_u, in_v[:, :2]), torch.autograd.grad(contrast, (u, v)))
    assert (in_v[:, 2] == 0).all()


@pytest.mark.parametrize("d", [2, 5, 6])
def test_matrices_with_common_axes_are_made_diagonal_together(d: int) -> None:
    axes = rotation(d, 0)
    matrices = axes @ torch.diag_embed(normal(4, d, seed=1)) @ axes.mT
    turn = joint_diagonaliser(matrices)
    assert_close(turn.mT @ turn, torch.eye(d).double())
    assert_close((axes.mT @ turn).abs().max(0).values, torch.ones(d).double())


def test_coordinates_that_stand_for_none_are_not_turned() -> None:
    axes = rotation(3, 0)
    matrices = axes @ torch.diag_embed(normal(4, 3, seed=1)) @ axes.mT
    turn = joint_diagonaliser(torch.nn.functional.pad(matrices, (0, 2, 0, 2)))
    assert_close(turn[3:], torch.eye(5)[3:].double())
    product = turn[:3, :3].mT @ matrices @ turn[:3, :3]
    assert_close(product, torch.diag_embed(product.diagonal(dim1=-2, dim2=-1)))


def test_a_step_of_the_climb_is_a_rotation() -> None:
    skew = normal(4, 4)
    turn = _rotation(skew - skew.mT)
    assert_close(turn @ turn.mT, torch.eye(4).double())
    assert torch.linalg.det(turn).item() == pytest.approx(1)


def evidence(case: Pairs) -> Tensor:
    x, y = (units(block).standardise(block) for block in (case.x, case.y))
    return evidence_against_joint_normality(x, y, Spectra.of(x, y))


def test_stairs_are_evidence_against_normality() -> None:
    for seed in range(10):
        x, noise = normal(2, 256, 3, seed=seed)
        assert evidence(Pairs(x, x.round() + 0.3 * noise, noise, noise, math.nan)) > 2.5


def test_gaussian_coordinates_that_are_correlated_seldom_show_evidence_against_normality() -> None:
    x, noise = normal(2, 200, 256, 10)
    both = normal(200, 256, 1, seed=1)
    x, y = (block + both for block in (x, 0.7 * (x + noise)))
    x, y = ((block - block.mean(-2, keepdim=True)) / block.std(-2, keepdim=True) for block in (x, y))
    assert (evidence_against_joint_normality(x, y, Spectra.of(x, y)) > 2.5).double().mean() < 0.12


def test_dependence_in_few_of_many_coordinates_is_evidence_against_normality() -> None:
    gaussian = torch.stack([evidence(correlated(256, 10, seed)) for seed in range(100)])
    assert (gaussian > 2.5).double().mean() < 0.12
    assert min(evidence(sparse(256, 10, seed)) for seed in range(20)) > 3
    assert min(evidence(sparse(256, 20, seed)) for seed in range(20)) > 3
    assert evidence(outliers(256, 5, 0)) > 4
