"""Waves of whole blocks: their inner products are the kernel's, their derivatives theirs, and they see signs."""

import mibench_ratio.many
import pytest
import torch
from mibench_ratio import FitOptions
from mibench_ratio.blocks import MOST, Blocks
from mibench_ratio.kernels import centred, gaussian, median_distance, squared_distances
from mibench_ratio.many import many_gradient
from ratio_cases import normal
from torch import Tensor
from torch.testing import assert_close

WHOLE = FitOptions(alignment=0.0, block_weight=1.0)


def blocks(n: int = 60, count: int = 40) -> tuple[Blocks, Tensor, Tensor]:
    x, y = normal(n, 2), normal(n, 3, seed=1)
    return Blocks.of(x, y, torch.arange(n), WHOLE, count), x, y


def features(made: Blocks, x: Tensor, y: Tensor) -> Tensor:
    """phi, `(4 m, rows)`, in the order of its derivatives."""
    parts = made.parts(x, y)
    return (parts.of_x[:, None] * torch.stack([parts.cosines, parts.sines])).flatten(0, 2)


def test_inner_products_are_the_centred_kernel() -> None:
    made, x, y = blocks(count=20_000)
    precision = 2 / (WHOLE.block_width**2 * median_distance(squared_distances(x, x) + squared_distances(y, y)))
    of_x, of_y = (gaussian(squared_distances(block, block), precision) for block in (x, y))
    phi = features(made, x, y)
    assert_close(phi.mT @ phi, centred(of_x) * of_y, atol=0.03, rtol=0)


def test_derivatives_are_those_of_the_features() -> None:
    made, x, y = blocks()
    y, score = y.clone().requires_grad_(), normal(60, 3, seed=5)
    parts = made.parts(x, y)
    for j in range(3):
        for k, feature in enumerate(features(made, x, y)[::7]):
            (first,) = torch.autograd.grad(feature.sum(), y, create_graph=True)
            (second,) = torch.autograd.grad(first[:, j].sum(), y, retain_graph=True)
            assert_close(made.derivatives(parts, j)[7 * k], first[:, j])
            total = (score[:, j] * first[:, j] + second[:, j]).sum()
            assert_close(made.sums(parts, score[:, j], j)[7 * k], total)


def test_their_mean_over_the_product_of_the_margins_is_zero() -> None:
    made, x, y = blocks()
    assert made.parts(x, y).of_x.mean(-1).abs().max() < 1e-12


def test_a_coordinate_that_does_not_vary_has_no_derivative() -> None:
    x, y = normal(60, 2), normal(60, 3, seed=1)
    y[:, 1] = 0
    made = Blocks.of(x, y, torch.arange(60), WHOLE, 10)
    assert (made.derivatives(made.parts(x, y), 1) == 0).all()
    assert made.derivatives(made.parts(x, y), 0).abs().max() > 0


def signs(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor, float]:
    """y = u x + e / 2 with one random sign u for three coordinates: x, y, e and dI/ds at s = 1/2, which is -4.56666."""
    x, noise = normal(2, n, 3, seed=seed)
    y = normal(n, 1, seed=seed + 100).sign() * x + 0.5 * noise
    return x, y, noise, -4.56666


def test_they_see_one_sign_that_three_coordinates_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def share(n: int) -> float:
        x, y, noise, truth = signs(n, 0)
        options = FitOptions(clusters="none")  # a mixture of two sees it too
        return ((many_gradient(x, y, options, "auto") * noise).sum(1).mean() / truth).item()

    few, many = share(1000), share(8000)
    assert 0.75 < few < many < 1
    monkeypatch.setattr(mibench_ratio.many, "MOST", 0)
    assert share(8000) < many - 0.05


def test_wide_blocks_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = normal(2, 300, MOST // 2 + 1)
    y = x.abs() * y
    wide = many_gradient(x, y, FitOptions(), 48)
    monkeypatch.setattr(mibench_ratio.many, "MOST", 0)
    assert_close(many_gradient(x, y, FitOptions(), 48), wide, rtol=0, atol=0)
