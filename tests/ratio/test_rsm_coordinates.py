"""Coordinates that others determine or nearly do, and samples on a sphere: no answer without bounds."""

import math
from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, margin_score, ratio_fit, ratio_gradient
from mibench_ratio.charts import SINGULAR
from mibench_ratio.directions import directions
from mibench_ratio.kernels import units
from mibench_ratio.many import many_gradient
from mibench_ratio.radius import radius_features
from mibench_ratio.spectra import spectra
from ratio_cases import Pairs, correlated, crossed, generator, normal
from test_rsm_charts import rotation
from test_rsm_clusters import clustered
from torch import Tensor
from torch.testing import assert_close

PRECISIONS = (torch.float32, torch.float64)


def _seen_through(matrix: Tensor) -> Callable[[Pairs], Pairs]:
    """The same pairs with y in other coordinates."""
    return lambda case: case._replace(y=case.y @ matrix, velocity=case.velocity @ matrix)


COPY = _seen_through(torch.tensor([[1, 0, 1], [0, 1, 0]]).double())
STRETCHED = _seen_through(torch.tensor([[1, 0, -2], [0, 1, 0]]).double())
SUM = _seen_through(torch.tensor([[1, 0, 1], [0, 1, 1]]).double())


def _slope(case: Pairs, dtype: torch.dtype, options: FitOptions | None = None) -> float:
    return case.slope(ratio_gradient(case.x.to(dtype), case.y.to(dtype), options).double())


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("seen", [COPY, STRETCHED])
@pytest.mark.parametrize("family", [clustered, crossed])
def test_a_copy_of_a_coordinate_changes_little(
    family: Callable[[int, int, int], Pairs], seen: Callable[[Pairs], Pairs], dtype: torch.dtype
) -> None:
    for seed in range(3):
        case = family(240, 2, seed)
        twice = seen(case)
        assert _slope(twice, dtype) == pytest.approx(_slope(case, torch.float64), rel=0.05, abs=0.02)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_copy_in_the_other_block_changes_little(dtype: torch.dtype) -> None:
    for seed in range(3):
        case = crossed(240, 2, seed)
        expected = ratio_gradient(case.x, case.y)
        gradient = ratio_gradient(torch.cat([case.x, case.x[:, :1]], 1).to(dtype), case.y.to(dtype)).double()
        assert (gradient - expected).norm() < 0.2 * expected.norm()


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("family", [clustered, crossed])
def test_a_sum_of_coordinates_changes_little(family: Callable[[int, int, int], Pairs], dtype: torch.dtype) -> None:
    for seed in range(3):
        case = family(240, 2, seed)
        assert _slope(SUM(case), dtype) == pytest.approx(_slope(case, torch.float64), rel=0.3, abs=0.3)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_block_without_its_mean_over_coordinates_has_the_slope_of_all_but_one(dtype: torch.dtype) -> None:
    """As after a layer that normalises: the means are rounding alone, however large learnt directions would make it."""
    centring = _seen_through(torch.eye(4).double() - 1 / 4)
    all_but_one = _seen_through(torch.eye(4).double()[:, :3])
    cases = [centring(crossed(256, 4, seed)) for seed in range(6)]
    slopes = torch.tensor([_slope(case, dtype) for case in cases])
    expected = torch.tensor([_slope(all_but_one(case), torch.float64) for case in cases])
    assert slopes.mean() == pytest.approx(expected.mean().item(), rel=0.15)
    assert slopes.std() < 3 * expected.std()


def test_the_score_of_a_margin_leaves_out_what_others_determine() -> None:
    y = normal(200, 2)
    whole = margin_score(torch.cat([y, y.sum(1, keepdim=True)], 1))
    assert (whole == 0).all(0).sum() == 1
    assert whole.abs().max() < 20


def test_many_samples_leave_out_what_others_determine() -> None:
    case = clustered(3000, 2, 0)
    expected = case.slope(many_gradient(case.x, case.y, FitOptions(), "auto"))
    twice = COPY(case)
    assert twice.slope(many_gradient(twice.x, twice.y, FitOptions(), "auto")) == pytest.approx(expected, rel=0.05)


def test_learnt_directions_leave_alone_a_coordinate_that_does_not_vary() -> None:
    case = crossed(256, 3, 0)
    x, y = (
        units(block @ rotation(3, seed)).standardise(block @ rotation(3, seed))
        for seed, block in enumerate((case.x, case.y))
    )
    turn = directions(x, torch.cat([y, torch.zeros_like(y[:, :1])], 1))
    assert turn is not None
    assert turn.taken.all()
    assert (turn.of_y[3, :3].abs() < 1e-12).all()
    assert (turn.of_y[:3, 3].abs() < 1e-12).all()


@pytest.mark.parametrize("smallest", [1e-3, 1e-4, 1e-5])
def test_nearly_collinear_blocks_cost_nothing_on_gaussians(smallest: float) -> None:
    """The truth is that of the blocks before they are seen through a matrix, and so is the plug-in Gaussian's error."""
    through = torch.diag(torch.logspace(0, math.log10(smallest), 4).double()) @ rotation(4, 3)
    errors = []
    for seed in range(12):
        case = correlated(256, 4, seed)
        seen = Pairs(case.x @ through, case.y @ through, case.velocity @ through, case.exact, case.truth)
        fit = ratio_fit(seen.x, seen.y)
        assert fit.chart_y.turn is not None
        plain = seen.slope(
            ratio_fit(case.x, case.y, FitOptions(normality=False, linear="free")).gradient @ through.mT.inverse()
        )
        errors.append((seen.slope(fit.gradient) / case.truth - 1, plain / case.truth - 1))
    of_fit, of_plain = torch.tensor(errors).square().mean(0).sqrt().tolist()
    assert of_fit < 1.5 * of_plain


def test_blocks_that_are_not_nearly_collinear_keep_their_coordinates() -> None:
    case = correlated(256, 4, 0)
    assert ratio_fit(case.x, case.y).chart_y.turn is None
    (spectrum,) = spectra(units(case.y).standardise(case.y))
    assert spectrum.values[0] > SINGULAR * spectrum.values[-1]


def test_waves_of_a_radius_that_hardly_varies_have_bounded_derivatives() -> None:
    angle = 2 * math.pi * torch.rand(300, 1, generator=generator(0), dtype=torch.float64)
    for noise in (0.0, 1e-6, 0.02):
        circle = torch.cat([angle.cos(), angle.sin()], 1) * (1 + noise * normal(300, 1))
        standard = units(circle).standardise(circle)
        radius = radius_features(standard, spectra(standard)[0])
        assert radius.slopes.abs().max() < 10
        assert radius.curvatures.abs().max() < 100


def _bent(case: Pairs) -> Pairs:
    """The same pairs, y with tails, in which a fit bends it."""
    y = case.y.detach() ** 3
    return case._replace(y=y, velocity=3 * case.y.detach() ** 2 * case.velocity)


def test_blocks_are_turned_before_they_are_bent() -> None:
    """As if the samples had been handed in along the directions."""
    case = _bent(crossed(256, 3, 0))
    into_x, into_y = rotation(3, 1), rotation(3, 2)
    x, y = case.x @ into_x, case.y @ into_y
    fit = ratio_fit(x, y)
    assert fit.chart_y.frame is not None
    assert fit.chart_y.bends is not None
    along = ratio_fit(x @ fit.chart_x.frame, y @ fit.chart_y.frame)
    assert along.chart_y.frame is None
    assert_close(fit.gradient, along.gradient @ fit.chart_y.frame.mT, rtol=1e-6, atol=1e-8)


def test_directions_of_outliers_do_not_come_before_bends() -> None:
    for seed in range(4):
        x, noise = normal(2, 300, 2, seed=seed)
        heavy = normal(300, 1, seed=seed + 9).abs()
        fit = ratio_fit(x / heavy, (x + noise) / heavy)
        assert fit.chart_x.frame is None
        assert fit.chart_y.frame is None


def _in_time(d: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """d values of an autoregression, the d that follow, and how these move along its coefficient, .8."""
    noise, rho = normal(256, 2 * d, seed=seed), 0.8
    states, slopes = [noise[:, 0] / 0.6], [rho / 0.36 * noise[:, 0] / 0.6]
    for k in range(1, 2 * d):
        slopes.append(states[-1] + rho * slopes[-1])
        states.append(rho * states[-1] + noise[:, k])
    return torch.stack(states[:d], 1), torch.stack(states[d:], 1), torch.stack(slopes[d:], 1)


def _plug_in(x: Tensor, y: Tensor) -> Tensor:
    """The gradient of a Gaussian with these covariances."""
    x, y = x - x.mean(0), y - y.mean(0)
    z = torch.cat([x, y], 1)
    joint, margin = torch.linalg.inv(z.mT @ z / len(z)), torch.linalg.inv(y.mT @ y / len(y))
    return y @ margin - (z @ joint)[:, x.shape[1] :]


def test_correlated_blocks_are_whitened_unless_they_are_clusters() -> None:
    """The mean of the full fit of a Gaussian is then nearer to that of the plug-in Gaussian."""
    errors = []
    for seed in range(6):
        x, y, velocity = _in_time(8, seed)
        fit = ratio_fit(x, y, FitOptions(normality=False))
        assert fit.chart_y.turn is not None
        straight = ratio_gradient(x, y, FitOptions(normality=False, clusters="none"))
        gaussian = (_plug_in(x, y) * velocity).sum(-1).mean()
        errors.append([((g * velocity).sum(-1).mean() / gaussian - 1).square() for g in (fit.gradient, straight)])
    white, straight = torch.tensor(errors).mean(0).sqrt()
    assert white < 0.12
    assert white < straight / 1.5
    apart = clustered(256, 3, 0)
    along = torch.tensor([[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 1.0]]).double()
    assert ratio_fit(apart.x @ along, apart.y @ along).chart_y.turn is None
