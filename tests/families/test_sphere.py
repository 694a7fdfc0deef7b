"""Vectors of unit length: the truth against Bessel functions, and in every way."""

import math

import pytest
import torch
from families_checks import prove, slope, value
from mibench_families.sphere import Sphere, SphereParams
from scipy.special import ive
from torch.testing import assert_close

from mibench.families import Draws


@pytest.mark.parametrize(
    "params",
    [SphereParams(), SphereParams(d=2, kappa=20.0), SphereParams(d=16), SphereParams(kappa=0.0)],
    ids=str,
)
def test_the_truth_holds_in_every_way(params: SphereParams) -> None:
    prove(Sphere(params))


@pytest.mark.parametrize("d", [2, 3, 8, 100])
@pytest.mark.parametrize("kappa", [0.1, 3.0, 50.0, 900.0])
def test_information_and_slope_are_those_of_bessel_functions(d: int, kappa: float) -> None:
    half = d / 2 - 1
    mean = ive(half + 1, kappa) / ive(half, kappa)
    log_mean = math.lgamma(d / 2) - half * math.log(kappa / 2) + math.log(ive(half, kappa)) + kappa
    family = Sphere(SphereParams(d=d, kappa=kappa))
    assert value(family) == pytest.approx(kappa * mean - log_mean, rel=1e-9, abs=1e-12)
    assert slope(family, "kappa") == pytest.approx(kappa * (1 - mean**2 - (d - 1) / kappa * mean), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_are_of_unit_length_and_move_along_the_sphere(dtype: torch.dtype) -> None:
    family = Sphere(SphereParams(d=5, kappa=4.0))
    draws = Draws(generators=tuple(torch.Generator().manual_seed(k) for k in range(2)), replicas=(2,), dtype=dtype)
    kappa = torch.tensor([1.0, 30.0], dtype=dtype, requires_grad=True)
    x, y = family.sample({"kappa": kappa}, 400, draws)
    for block in (x, y):
        assert_close(block.norm(dim=-1), torch.ones_like(block[..., 0]))
    (across,) = torch.autograd.grad(y.square().sum(), kappa, retain_graph=True)
    assert_close(across, torch.zeros_like(kappa), rtol=0, atol=1e-3)
    near = (x * y).sum(-1).mean(-1)
    expected = [ive(2.5, k) / ive(1.5, k) for k in (1.0, 30.0)]
    assert_close(near, near.new_tensor(expected), rtol=0, atol=0.06)


@pytest.mark.parametrize(("name", "wrong"), [("d", 1), ("kappa", -1.0), ("kappa", 1e4)])
def test_what_is_no_sphere_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"`{name}` is at least"):
        SphereParams(**{name: wrong})
