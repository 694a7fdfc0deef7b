"""Components with covariances of their own: they are found where they differ, and the gradient is then right."""

import math
from collections.abc import Sequence

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.clustering import mixtures
from mibench_ratio.kernels import units
from mibench_ratio.many import many_gradient
from mibench_ratio.mixture import Mixture
from mibench_ratio.shapes import hidden, shaped
from ratio_cases import Pairs, normal
from torch import Tensor
from torch.testing import assert_close

SLOPES = ((-3.0, 3.0, -0.9), (3.0, -3.0, 0.9))
QUADRANTS = ((-2.0, -2.0, 0.5), (2.0, 2.0, -0.5), (-2.0, 2.0, 0.5), (2.0, -2.0, -0.5))
"""Regimes: where x and y have their means, and the slope of y in x."""


def regimes(n: int, d: int, seed: int, places: Sequence[tuple[float, float, float]], noise: float = 0.6) -> Pairs:
    """Clusters in which y depends on x in ways of their own; the parameter is the deviation of the noise of y."""
    x, e = normal(2, n, d, seed=seed)
    of_x, of_y, slopes = (torch.tensor(part).double()[:, None] for part in zip(*places, strict=True))
    label, x = torch.arange(n) % len(places), 0.7 * x
    y = of_y[label] + slopes[label] * x + noise * e
    x = of_x[label] + x
    moved = y.clone().requires_grad_()
    u, v = x[:, None] - of_x, moved[:, None] - of_y
    joint = -(u / 0.7).square().sum(-1) / 2 - ((v - slopes * u) / noise).square().sum(-1) / 2
    variances = ((0.7 * slopes) ** 2 + noise**2)[:, 0]
    margin = -v.square().sum(-1) / (2 * variances) - d * variances.log() / 2
    (exact,) = torch.autograd.grad((joint.logsumexp(1) - margin.logsumexp(1)).sum(), moved)
    return Pairs(x, y, e, exact, math.nan)


def standard(case: Pairs) -> Tensor:
    z = torch.cat([case.x, case.y], 1)
    return units(z).standardise(z)


def found(z: Tensor) -> Mixture:
    mixture = mixtures(z)
    assert mixture is not None
    return shaped(z, mixture)


@pytest.mark.parametrize("d", [1, 3])
def test_clusters_of_two_slopes_are_two_with_a_covariance_each(d: int) -> None:
    case = regimes(256, d, 0, SLOPES)
    mixture = found(standard(case))
    assert mixture.shaped
    assert mixture.counts == (2,)
    centres, covariances = mixture.components.centres, mixture.components.covariances
    slopes = torch.linalg.solve(covariances[:, :d, :d], covariances[:, :d, d:])
    slopes = (slopes * case.y.std(0) / case.x.std(0)[:, None]).diagonal(dim1=1, dim2=2).mean(1)
    expected = torch.tensor([slope for _, _, slope in SLOPES]).double()
    assert_close(slopes[centres[:, 0].argsort()], expected, atol=0.1, rtol=0)


def test_clusters_of_one_shape_share_a_covariance() -> None:
    z = 4 * normal(3, 4).repeat_interleave(80, 0) + normal(240, 4, seed=1)
    mixture = found(units(z).standardise(z))
    assert not mixture.shaped
    assert mixture.counts == (3,)


@pytest.mark.parametrize("apart", [1.0, 1.5])
def test_the_slope_is_near_the_exact_one_where_each_quadrant_has_a_slope_of_its_own(apart: float) -> None:
    places = [(apart * x, apart * y, slope) for x, y, slope in QUADRANTS]
    errors = []
    for how in (FitOptions(), FitOptions(clusters="none")):
        cases = [regimes(256, 1, seed, places) for seed in range(4)]
        errors.append([case.slope(ratio_gradient(case.x, case.y, how)) - case.slope(case.exact) for case in cases])
    here, without = torch.tensor(errors).square().mean(1).sqrt()
    assert here < without / 2


@pytest.mark.parametrize("times", [2, 4])
def test_clusters_far_apart_of_several_shapes_do_not_make_the_gradient_noise(times: int) -> None:
    places = [(times * x, times * y, slope) for x, y, slope in SLOPES]
    many = regimes(20_000, 1, 99, places)
    cases = [regimes(256, 1, seed, places) for seed in range(6)]
    errors = torch.tensor([case.slope(ratio_gradient(case.x, case.y)) / many.slope(many.exact) - 1 for case in cases])
    assert errors.square().mean().sqrt() < 0.2  # 0.7 where the coefficient of the ratio is free


def test_many_samples_have_components_of_their_own_shapes_too() -> None:
    case = regimes(3000, 2, 0, SLOPES)
    slope = case.slope(many_gradient(case.x, case.y, FitOptions(), "auto"))
    assert abs(slope / case.slope(case.exact) - 1) < 0.1


def test_replicas_of_one_shape_of_several_and_without_clusters_are_fitted_together_as_they_are_alone() -> None:
    case, (x, noise) = regimes(128, 2, 0, SLOPES), normal(2, 128, 2, seed=5)
    same = 4 * normal(3, 4, seed=2)[torch.arange(128) % 3] + normal(128, 4, seed=1)
    pairs = [(case.x, case.y), (same[:, :2], same[:, 2:]), (x, noise * x.abs())]
    together = ratio_gradient(*(torch.stack(blocks) for blocks in zip(*pairs, strict=True)))
    for gradient, (x, y) in zip(together, pairs, strict=True):
        assert_close(gradient, ratio_gradient(x, y), rtol=1e-6, atol=1e-6)


def test_at_the_samples_the_fit_is_its_gradient() -> None:
    case = regimes(128, 2, 0, SLOPES)
    fit = ratio_fit(case.x, case.y, FitOptions(means="none"))
    assert fit.ratio is not None
    assert fit.ratio.system.mixed is not None
    assert_close(fit.at(case.x.clone(), case.y.clone()), fit.gradient, rtol=1e-6, atol=1e-6)


def test_values_of_x_that_repeat_make_no_narrow_shapes() -> None:
    """Of labels, no covariance is smaller than that which all share."""
    x = torch.nn.functional.one_hot(torch.arange(256) % 3, 3).double()
    z = torch.cat([x, 5 * x[:, :2] + normal(256, 2)], 1)
    assert not found(units(z).standardise(z)).shaped


def with_a_sign(n: int, d: int, seed: int) -> Pairs:
    """y is x, all of it with one random sign, in noise of deviation 0.5, which is the parameter."""
    (x, e), s = normal(2, n, d, seed=seed), 0.5
    sign = torch.randint(2, (n, 1), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
    y = sign * x + s * e
    exact = (x * torch.tanh((x * y).sum(1, keepdim=True) / s**2) - y) / s**2 + y / (1 + s**2)
    return Pairs(x, y, e, exact, math.nan)


@pytest.mark.parametrize(("n", "d"), [(256, 3), (256, 5), (600, 2)])
def test_a_sign_that_coordinates_share_is_seen(n: int, d: int) -> None:
    many = with_a_sign(20_000, d, 99)
    cases = [with_a_sign(n, d, seed) for seed in range(4)]
    errors = torch.tensor([case.slope(ratio_gradient(case.x, case.y)) / many.slope(many.exact) - 1 for case in cases])
    assert errors.square().mean().sqrt() < 0.1


def test_hidden_states_have_the_covariances_of_the_truth() -> None:
    case = with_a_sign(600, 3, 0)
    mixture = hidden(standard(case), torch.tensor(True))
    assert mixture is not None
    assert mixture.counts == (2,)
    crossed = mixture.components.covariances[:, :3, 3:].diagonal(dim1=1, dim2=2)
    assert_close(
        crossed.sort(0).values, torch.tensor([[-1.0], [1.0]]).double().expand(2, 3) / 1.25**0.5, atol=0.2, rtol=0
    )
    assert mixture.components.centres.abs().max() < 0.15


@pytest.mark.parametrize("d", [1, 2, 4])
def test_gaussian_skewed_bounded_and_heavy_samples_have_no_hidden_state(d: int) -> None:
    """Of 300 samples, in the coordinates that they are fitted in."""
    x, e = normal(2, 300, d, seed=d)
    heavy = normal(300, 1, seed=9).abs()
    for block, y in (
        (x, 0.8 * x + e),
        (x.exp(), x + e),
        (-torch.special.ndtr(x).log(), x.abs() + e),
        (torch.special.ndtr(x), e * x.abs()),
        (x / heavy, (x + e) / heavy),
    ):
        fit = ratio_fit(block, y)
        assert fit.ratio is None or fit.ratio.system.mixed is None


def test_a_constant_coordinate_hides_no_state() -> None:
    z = standard(with_a_sign(256, 3, 0))
    plain, beside = (hidden(block, torch.tensor(True)) for block in (z, torch.cat([z, torch.zeros_like(z[:, :1])], 1)))
    assert plain is not None
    assert beside is not None
    assert beside.counts == plain.counts == (2,)


def test_tails_that_all_coordinates_share_are_no_hidden_state() -> None:
    x, e = normal(2, 256, 5, seed=1)
    size = normal(256, 1, seed=9).abs()
    for y in (e, x + 0.5 * e):
        z = torch.cat([x, y], 1) / size
        assert hidden(units(z).standardise(z), torch.tensor(True)) is None


def test_replicas_with_and_without_a_hidden_state_are_fitted_together_as_they_are_alone() -> None:
    case, clusters, (x, noise) = with_a_sign(256, 3, 1), regimes(256, 3, 0, SLOPES), normal(2, 256, 3, seed=5)
    pairs = [(x, noise * x.abs()), (case.x, case.y), (clusters.x, clusters.y)]
    together = ratio_gradient(*(torch.stack(blocks) for blocks in zip(*pairs, strict=True)))
    for gradient, (one, other) in zip(together, pairs, strict=True):
        assert_close(gradient, ratio_gradient(one, other), rtol=1e-6, atol=1e-6)


def test_many_samples_have_hidden_states_too() -> None:
    case = with_a_sign(3000, 3, 0)
    slope = case.slope(many_gradient(case.x, case.y, FitOptions(), "auto"))
    assert abs(slope / case.slope(case.exact) - 1) < 0.06
