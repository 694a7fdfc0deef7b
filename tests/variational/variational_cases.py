"""Correlated Gaussians with the log ratio in closed form, and small estimators to try claims on."""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from mibench_variational.critics import Critic
from mibench_variational.flo import FenchelCritic
from mibench_variational.plugin import mibench_estimators
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Estimator, Problem

SPECS = {spec.name: spec for spec in mibench_estimators()}
WITH_GRADIENT = sorted(name for name, spec in SPECS.items() if "gradient" in spec.estimates)
OFFERED = 0.8
"""The correlation of the p(y|x) and the log ratio that are offered to estimators that need them."""


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
        of_x, of_y, both = ((self.rho * x).square().sum(-1), y.square().sum(-1), (x * y).sum(-1))
        return self.log_ratio(of_x, of_y, both, x.shape[-1])

    def blocks(self, x: Tensor, y: Tensor, rows: int) -> Iterator[Tensor]:
        of_x = (self.rho * x).square().sum(-1)[..., :, None]
        of_y = y.square().sum(-1)[..., None, :]
        yield from self.log_ratio(of_x, of_y, x @ y.mT, x.shape[-1]).split(rows, dim=-2)

    def log_ratio(self, of_x: Tensor, of_y: Tensor, both: Tensor, d: int) -> Tensor:
        of_y = of_y * self.rho**2 if self.less_marginal else of_y
        return gaussian_mi(self.rho, d) - (of_x + of_y - 2 * self.rho * both) / (2 * (1 - self.rho**2))


def build(name: str, problem: Problem | None = None, **parameters: Any) -> Estimator:
    module, _, attribute = SPECS[name].target.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    known = {field.name for field in fields(kind.Params)}
    small = {"hidden": (16, 16), "embedding": 8, "learning_rate": 1e-3} | parameters
    chosen = {key: value for key, value in small.items() if key in known}
    problem = problem or Problem(dx=3, dy=3, generators=generators(0))
    if "conditional" in SPECS[name].needs and problem.conditional is None:
        problem = offering(problem)
    return kind(kind.Params(**chosen), problem)


def offering(problem: Problem, rho: float = OFFERED) -> Problem:
    """The problem with p(y|x) and the log ratio of correlated Gaussians."""
    exact = torch.tensor(rho, dtype=problem.dtype)
    return replace(
        problem,
        conditional=lambda x: gaussians.conditional(exact, x, problem.dy),
        log_ratio=lambda x, y: gaussians.log_ratio(exact, x, y),
    )


def put_critic(estimator: Estimator, critic: Critic) -> None:
    """Puts a critic in place of the network; it is the normaliser of `flo` too."""
    estimator.critic = FenchelCritic(critic, critic) if isinstance(estimator.critic, FenchelCritic) else critic
