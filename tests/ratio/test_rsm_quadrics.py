"""Blocks on a quadric: quadratic functions of coordinates are left out, ellipsoids in any direction made round."""

from collections.abc import Callable

import pytest
import torch
from mibench_ratio import ratio_fit
from mibench_ratio.kernels import units
from mibench_ratio.quadrics import MOST, quadratic, rounding
from ratio_cases import normal, slope_behind
from torch import Tensor
from torch.testing import assert_close


def standard(y: Tensor) -> Tensor:
    return units(y).standardise(y)


def product(z: Tensor) -> Tensor:
    return z[:, :1] * z[:, 1:]


def squared_norm(z: Tensor) -> Tensor:
    return z.square().sum(1, keepdim=True)


def on_a_sphere(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(normal(n, d, seed=seed))


def layer_norm(z: Tensor) -> Tensor:
    return torch.nn.functional.layer_norm(z, z.shape[1:], eps=0.0)


@pytest.mark.parametrize("further", [product, squared_norm])
@pytest.mark.parametrize("seed", range(3))
def test_a_quadratic_function_of_the_others_changes_nothing(further: Callable[[Tensor], Tensor], seed: int) -> None:
    found = slope_behind(lambda z: torch.cat([z, further(z)], 1), 2, seed)
    assert found == pytest.approx(slope_behind(lambda z: z, 2, seed), rel=1e-3)
    assert found == pytest.approx(-2 / (0.7 * 1.49), rel=0.15)


def test_quadratic_functions_are_told_from_noise_and_from_other_replicas() -> None:
    z = normal(200, 2)
    noisy = torch.cat([z, product(z) + 1e-3 * normal(200, 1, seed=1), z.sin()[:, :1]], 1)
    several = torch.cat([z, product(z), squared_norm(z)], 1)
    found = quadratic(torch.stack([standard(noisy), standard(several)]))
    assert found.tolist() == [[False] * 4, [False, False, True, True]]
    assert not quadratic(standard(normal(200, MOST))).any()
    heavy = normal(200, 2) / normal(200, 2, seed=7)
    assert quadratic(standard(torch.cat([heavy, normal(200, 1, seed=1)], 1))).tolist() == [False] * 3
    assert quadratic(standard(torch.cat([heavy, product(heavy)], 1))).tolist() == [False, False, True]
    assert not quadratic(torch.zeros(200, 3, dtype=torch.float64)).any()


@pytest.mark.parametrize("d", [3, 5])
def test_an_ellipsoid_in_any_direction_is_made_round(d: int) -> None:
    turned = standard(on_a_sphere(300, d) @ normal(d, d, seed=1) + 3)
    beside = standard(normal(300, 2, seed=2))
    matrix = rounding(torch.cat([turned, beside], 1))
    assert matrix is not None
    assert_close(matrix[d:, d:], torch.eye(2).double())
    samples = turned @ matrix[:d, :d]
    centre = torch.linalg.lstsq(
        torch.cat([2 * samples, torch.ones(300, 1).double()], 1), samples.square().sum(1, keepdim=True)
    ).solution[:d, 0]
    radius = (samples - centre).norm(dim=1)
    assert (radius.std() / radius.mean()).item() == pytest.approx(0, abs=1e-6)


def test_what_is_round_along_the_axes_or_on_no_quadric_stays() -> None:
    sphere, gaussian = standard(on_a_sphere(200, 3)), standard(normal(200, 3))
    assert rounding(sphere) is None
    assert rounding(gaussian) is None
    assert rounding(standard(normal(8, 3))) is None
    oblique = standard(on_a_sphere(200, 3) @ normal(3, 3, seed=1))
    together = rounding(torch.stack([gaussian, oblique]))
    alone = rounding(oblique)
    assert together is not None
    assert alone is not None
    assert_close(together, torch.stack([torch.eye(3).double(), alone]))


@pytest.mark.parametrize("d", [4, 6])
@pytest.mark.parametrize("seed", range(3))
def test_layer_normalisation_is_a_sphere_within_a_plane(d: int, seed: int) -> None:
    axes = torch.linalg.svd(torch.ones(1, d, dtype=torch.float64)).Vh[1:].mT

    def in_the_plane(z: Tensor) -> Tensor:
        return layer_norm(z) @ axes

    assert slope_behind(layer_norm, d, seed) == pytest.approx(slope_behind(in_the_plane, d, seed), rel=0.2)


def test_at_the_samples_a_rounded_fit_is_its_gradient_along_the_surface() -> None:
    x = normal(256, 4)
    y = layer_norm(x + 0.7 * normal(256, 4, seed=1))
    fit = ratio_fit(x, y)
    assert fit.chart_y.frame is not None
    assert_close(fit.at(x, y), fit.gradient, rtol=1e-6, atol=1e-6)
    assert fit.gradient.abs().max() > 0.1
    assert (fit.gradient * y).sum(1).abs().max() < 1e-6
