"""Samples that the tests of several plugins draw: Gaussians, and pairs of a family."""

import math

import torch
from torch import Tensor

from mibench.families import Draws, Family


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def correlated(*shape: int, rho: float = 0.6, seed: int = 0) -> tuple[Tensor, Tensor]:
    x = normal(*shape, seed=seed)
    return x, rho * x + math.sqrt(1 - rho**2) * normal(*shape, seed=seed + 1000)


def drawn(kind: type[Family], n: int, seeds: int, **params: float) -> tuple[Tensor, Tensor, float]:
    """Pairs of a family, one replica a seed, and the truth."""
    family = kind(kind.Params(**params))
    theta = family.at(torch.float64)
    x, y = family.sample({name: value.expand(seeds) for name, value in theta.items()}, n, Draws.seeded(0, (seeds,)))
    return x, y, family.information(theta).item()
