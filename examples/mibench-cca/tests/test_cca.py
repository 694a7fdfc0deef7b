"""`cca-ridge` keeps the contract, is exact where it should be, and says so where it cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mibench_cca.cca import CCA, CCAParams, canonical_correlations, log_determinant_bias
from mibench_cca.plugin import mibench_estimators
from torch import Tensor

import mibench
from mibench import gaussians

(SPEC,) = mibench_estimators()
RHO = torch.tensor(0.6, dtype=torch.float64)


def pairs(n: int, dx: int, dy: int, replicas: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(replicas, n, dx, generator=generator, dtype=torch.float64)
    noise = torch.randn(replicas, n, dy, generator=generator, dtype=torch.float64)
    return x, gaussians.correlate(RHO.expand(replicas), x, noise)


def cca(dx: int, dy: int, *, unbiased: bool = True) -> CCA:
    problem = mibench.Problem(dx=dx, dy=dy, generators=(torch.Generator(),), dtype=torch.float64)
    return CCA(CCAParams(unbiased=unbiased), problem)


def test_keeps_the_contract(mibench_check: Callable[..., None]) -> None:
    mibench_check(SPEC)


@pytest.mark.parametrize(("n", "dx", "dy"), [(16, 2, 2), (16, 5, 3), (64, 20, 20)])
def test_the_value_is_unbiased_for_gaussians_however_few(n: int, dx: int, dy: int) -> None:
    values = cca(dx, dy).mi(*pairs(n, dx, dy, replicas=4000))
    error = values.std() / len(values) ** 0.5
    assert abs(values.mean() - gaussians.mutual_information(RHO, dx, dy)) < 4 * error


def test_the_plug_in_estimate_is_too_high_by_what_is_taken_off() -> None:
    x, y = pairs(64, 5, 3)
    bias = cca(5, 3, unbiased=False).mi(x, y) - cca(5, 3).mi(x, y)
    expected = (log_determinant_bias(64, 5) + log_determinant_bias(64, 3) - log_determinant_bias(64, 8)) / 2
    assert bias.item() == pytest.approx(expected)
    assert bias.item() == pytest.approx(5 * 3 / (2 * 64), rel=0.1)


def test_the_gradient_in_rho_is_unbiased_too() -> None:
    generator = torch.Generator().manual_seed(1)
    rho = RHO.expand(4000).clone().requires_grad_()
    x, noise = torch.randn(2, 4000, 32, 4, generator=generator, dtype=torch.float64)
    value = cca(4, 4).surrogate(x, gaussians.correlate(rho, x, noise))
    (slopes,) = torch.autograd.grad(value.sum(), rho)
    error = slopes.std() / len(slopes) ** 0.5
    assert abs(slopes.mean() - gaussians.slope(RHO, 4, 4)) < 4 * error


def test_linear_maps_of_either_side_change_nothing() -> None:
    x, y = pairs(200, 4, 3)
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.randn(d, d, generator=generator, dtype=torch.float64) for d in (4, 3))
    torch.testing.assert_close(cca(4, 3).mi(1e3 * x @ a + 5, y @ b), cca(4, 3).mi(x, y), rtol=1e-6, atol=1e-6)


def test_a_copy_gives_a_large_and_finite_number_and_gradient() -> None:
    x, _ = pairs(64, 2, 2)
    y = x.clone().requires_grad_()
    value = cca(2, 2).surrogate(x, y)
    value.sum().backward()
    assert 10 < value.item() < 100
    assert y.grad is not None
    assert y.grad.isfinite().all()


def test_correlations_come_largest_first_and_below_one() -> None:
    x, y = pairs(100, 3, 5)
    correlations = canonical_correlations(x, y, 1e-9)
    assert correlations.shape == (1, 3)
    assert (correlations.diff() <= 0).all()
    assert (correlations < 1).all()


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="more than dx \\+ dy = 8 pairs, not 8"):
        cca(4, 4).mi(*pairs(8, 4, 4))


def test_runs_beside_the_others(tmp_path: Path) -> None:
    both, plugins = ["cca-ridge", "mige"], ["mibench_cca.plugin"]
    frame = mibench.run(both, "gaussian", profile="smoke", results=tmp_path, plugins=plugins)
    assert set(frame["status"]) == {"ok"}
    assert set(frame["estimator"]) == set(both)
