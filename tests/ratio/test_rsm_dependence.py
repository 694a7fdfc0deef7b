"""Samples that show no dependence are told from those that do, whatever their margins."""

from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, ratio_fit, ratio_gradient
from mibench_ratio.dependence import evidence_of_dependence
from mibench_ratio.kernels import units
from mibench_ratio.options import DEPENDENT, INDEPENDENT
from mibench_ratio.spectra import Spectra
from ratio_cases import generator, normal
from torch import Tensor
from torch.testing import assert_close


def evidence(x: Tensor, y: Tensor, enough: float = 99.0) -> Tensor:
    u, v = (units(block).standardise(block) for block in (x, y))
    return evidence_of_dependence(u, v, Spectra.of(u, v), enough)


def two_modes(z: Tensor) -> Tensor:
    return z.sign() + 0.15 * z


def at_edges(z: Tensor) -> Tensor:
    return (3 * z).sin()


def skewed(z: Tensor) -> Tensor:
    return z.exp()


def labels(z: Tensor) -> Tensor:
    return z.round()


SHAPES = [two_modes, at_edges, skewed, labels]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 3])
def test_independent_samples_seldom_show_dependence(shape: Callable[[Tensor], Tensor], d: int) -> None:
    x, y = (shape(normal(60, 256, d, seed=seed)) for seed in (0, 1))
    scores = evidence(x, y)
    assert ((scores - INDEPENDENT) / (DEPENDENT - INDEPENDENT)).clamp(0, 1).mean() < 0.3
    assert (scores > DEPENDENT).double().mean() < 0.2


def turned(block: Tensor) -> Tensor:
    return block @ torch.linalg.qr(normal(block.shape[1], block.shape[1], seed=7)).Q


def square(x: Tensor, e: Tensor) -> Tensor:
    return x.square() + e


def one_of_many(x: Tensor, e: Tensor) -> Tensor:
    return torch.cat([x[:, :1].abs(), e[:, 1:]], 1)


def product(x: Tensor, e: Tensor) -> Tensor:
    return x.prod(1, keepdim=True).sign() + 0.5 * e[:, :1]


def fast_wave(x: Tensor, e: Tensor) -> Tensor:
    return (8 * x).sin() + 0.2 * e


def hidden_sign(x: Tensor, e: Tensor) -> Tensor:
    sign = torch.rand(x.shape, generator=generator(5), dtype=x.dtype) < 0.5
    return turned(torch.where(sign, x, -x) + 0.5 * e)


@pytest.mark.parametrize(
    ("kind", "d"),
    [(square, 1), (one_of_many, 10), (product, 2), (fast_wave, 1), (fast_wave, 3), (hidden_sign, 5)],
)
def test_dependence_of_every_kind_is_seen(kind: Callable[[Tensor, Tensor], Tensor], d: int) -> None:
    x, e = normal(2, 256, d)
    assert evidence(x, kind(x, e)) > DEPENDENT


def test_evidence_is_invariant_to_translation_scale_and_order() -> None:
    x, e = normal(2, 100, 2)
    y, order = 0.2 * x.abs() + e, torch.randperm(100, generator=generator(0))
    other = evidence(3 * x[order] - 2, 0.1 * y[order] + 7)
    assert_close(other, evidence(x, y), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_independent_samples_get_the_plug_in_gaussian(shape: Callable[[Tensor], Tensor]) -> None:
    """Of which a fit finds many times as much."""
    x, y = (shape(normal(8, 256, 1, seed=seed)) for seed in (2, 3))
    sizes = [
        ratio_gradient(x, y, options).square().mean((1, 2)).median() for options in (None, FitOptions(normality=False))
    ]
    assert sizes[0] < 0.1 * sizes[1]


def test_replicas_are_judged_one_by_one() -> None:
    x, e = normal(2, 3, 200, 1)
    y = torch.stack([two_modes(e[0]), x[1].square() + 0.3 * e[1], e[2]])
    together = ratio_fit(x, y)
    assert together.share.flatten().tolist() == [0, 1, 0]
    for i in range(3):
        assert_close(together.gradient[i], ratio_gradient(x[i], y[i]), rtol=1e-8, atol=1e-8)
