"""Correlated Gaussians with the log ratio in closed form, and small estimators to try claims on."""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import torch
from mibench_variational.critics import Critic
from mibench_variational.plugin import mibench_estimators
from torch import Tensor

from mibench.contracts import Estimator, Problem

SPECS = {spec.name: spec for spec in mibench_estimators()}


def generators(*seeds: int) -> tuple[torch.Generator, ...]:
    return tuple(torch.Generator().manual_seed(seed) for seed in seeds)


def correlation(mi: float, d: int) -> float:
    return math.sqrt(1 - math.exp(-2 * mi / d))


def gaussian_mi(rho: float, d: int) -> float:
    return -d / 2 * math.log(1 - rho**2)


def gaussian_pairs(
    rho: float | Tensor, shape: tuple[int, ...], seed: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, *shape, generator=generator).to(dtype)
    rho = torch.as_tensor(rho, dtype=dtype)
    return x, rho * x + (1 - rho**2).sqrt() * noise


@dataclass(frozen=True)
class ExactCritic(Critic):
    """log p(x, y) / p(x)p(y) of the correlated Gaussians, or log p(y|x) up to a constant without `less_marginal`."""

    rho: float
    less_marginal: bool = True

    def paired(self, x: Tensor, y: Tensor) -> Tensor:
        return self.scores(x, y).diagonal(dim1=-2, dim2=-1)

    def blocks(self, x: Tensor, y: Tensor, rows: int) -> Iterator[Tensor]:
        c = 1 - self.rho**2
        of_x = (self.rho * x).square().sum(-1)[..., :, None]
        of_y = y.square().sum(-1)[..., None, :]
        of_y = of_y * self.rho**2 if self.less_marginal else of_y
        log_ratio = gaussian_mi(self.rho, x.shape[-1]) - (of_x + of_y - 2 * self.rho * x @ y.mT) / (2 * c)
        yield from log_ratio.split(rows, dim=-2)


def build(
    name: str,
    problem: Problem | None = None,
    **parameters: Any,
) -> Estimator:
    module, _, attribute = SPECS[name].target.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    known = {field.name for field in fields(kind.Params)}
    small = {"hidden": (16, 16), "embedding": 8, "learning_rate": 1e-3} | parameters
    chosen = {key: value for key, value in small.items() if key in known}
    return kind(kind.Params(**chosen), problem or Problem(dx=3, dy=3, generators=generators(0)))
