"""Where an estimator is tried: problems, and batches of correlated Gaussians whose truth is known."""

import contextlib
import re
import sys
from collections.abc import Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Conditional, LogRatio, Population, Problem
from mibench.errors import UnfitError
from mibench.plan.seeds import derive_seed
from mibench.text import message_of

Batch: TypeAlias = tuple[Tensor, Tensor]
_WIDEST = ContextVar("widest", default=sys.maxsize)
"""The most dimensions that x and y of a scenario have."""
_FEWEST = ContextVar("fewest", default=1)
"""The fewest pairs that a batch of a scenario has."""
MOST = 1024
"""To how many pairs that is raised for an estimator."""
_AT_LEAST = re.compile(r"at least (\d{1,9})\b")
_POPULATION = 2048


def served(error: Exception) -> contextlib.AbstractContextManager[None] | None:
    """Has every scenario be as an estimator asks for, or `None` where it asks for nothing that is not so already.

    Args:
        error: by which it declined one: `at least 20` in its message asks for as many pairs, where it asks for none an
            `UnfitError` is taken to ask for x and y of one dimension.
    """
    asked = _AT_LEAST.search(message_of(error))
    if asked and _FEWEST.get() < int(asked[1]) <= MOST:
        return _set(_FEWEST, int(asked[1]))
    return _set(_WIDEST, 1) if isinstance(error, UnfitError) and _WIDEST.get() > 1 else None


@contextlib.contextmanager
def _set(variable: ContextVar[int], value: int) -> Generator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Where an estimator is tried: the problem it is made for, and batches of correlated Gaussians.

    Attributes:
        seeds: one a replica, in C order; they determine its batches and its estimator's generator.
        replicas: leading axes of every tensor; one axis of all seeds by default, none for a single seed.
        dx, dy: dimensions; unequal, so that mixing them up is noticed. `dims` is what an estimator is shown.
        n: pairs a batch; `pairs` is how many an estimator is shown.
        rho: correlation, or one a replica in C order.
        dtype, device: of every tensor.
        bent: whether x is bent by sinh, which leaves I(X;Y) as it is and makes x and y differ.
        swapped: whether x and y change places.
    """

    seeds: tuple[int, ...] = (0,)
    replicas: tuple[int, ...] | None = None
    dx: int = 3
    dy: int = 2
    n: int = 16
    rho: float | tuple[float, ...] = 0.6
    dtype: torch.dtype = torch.float64
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bent: bool = False
    swapped: bool = False

    @property
    def dims(self) -> tuple[int, int]:
        """Dimensions of x and of y before they are swapped: dx and dy, or 1 and 1 (see `served`)."""
        return min(self.dx, _WIDEST.get()), min(self.dy, _WIDEST.get())

    @property
    def pairs(self) -> int:
        """Pairs a batch: n, or as many as the estimator asks for (see `served`)."""
        return max(self.n, _FEWEST.get())

    @property
    def leading(self) -> tuple[int, ...]:
        """The leading axes of every tensor."""
        if self.replicas is not None:
            return self.replicas
        return () if len(self.seeds) == 1 else (len(self.seeds),)

    @property
    def correlation(self) -> Tensor:
        """rho `(*replicas)`."""
        rhos = self.rho if isinstance(self.rho, tuple) else (self.rho,) * len(self.seeds)
        return torch.tensor(rhos, dtype=self.dtype, device=self.device).reshape(self.leading)

    def conditional(self, rho: Tensor) -> Conditional:
        """p(y|x), differentiable in rho; of batches that are neither bent nor swapped."""
        return lambda x: gaussians.conditional(rho, x, self.dims[1])

    def log_ratio(self, x: Tensor, y: Tensor) -> Tensor:
        """log p(x, y) / (p(x) p(y)) of the scenario's batches, `(*replicas, n)`."""
        x, y = (y, x) if self.swapped else (x, y)
        return gaussians.log_ratio(self.correlation, x.asinh() if self.bent else x, y)

    def population(self) -> Tensor:
        """Values of x `(*replicas, size, dx)` from the distribution that batches are drawn from, to stand for all."""
        generators = [torch.Generator().manual_seed(derive_seed("all", seed)) for seed in self.seeds]
        shape = _POPULATION, self.dims[0]
        drawn = [torch.randn(shape, generator=generator, dtype=torch.float32) for generator in generators]
        values = torch.stack(drawn).to(self.device, self.dtype).reshape(*self.leading, _POPULATION, -1)
        return values.sinh() if self.bent else values

    def problem(
        self,
        conditional: Conditional | None = None,
        log_ratio: LogRatio | None = None,
        population: Population | None = None,
    ) -> Problem:
        """What the estimator is told.

        Args:
            conditional: p(y|x), if it is offered.
            log_ratio: the exact log ratio, if it is offered.
            population: all values of x, if they are offered.
        """
        dx, dy = reversed(self.dims) if self.swapped else self.dims
        return Problem(
            dx=dx,
            dy=dy,
            generators=tuple(torch.Generator().manual_seed(derive_seed("init", seed)) for seed in self.seeds),
            replicas=self.leading,
            device=self.device,
            dtype=self.dtype,
            conditional=conditional,
            log_ratio=log_ratio,
            population=population,
        )

    def batch(self, step: int = 0) -> Batch:
        """x `(*replicas, n, dx)` and y `(*replicas, n, dy)`, new tensors at every call."""
        x, noise = self.source(step)
        y = gaussians.correlate(self.correlation, x, noise)
        x = x.sinh() if self.bent else x
        return (y, x) if self.swapped else (x, y)

    def source(self, step: int = 0) -> Batch:
        """x before it is bent, and the noise that y is made from."""
        drawn = torch.stack([self._draw(seed, step) for seed in self.seeds]).to(self.device, self.dtype)
        shaped = drawn.reshape(*self.leading, self.pairs, -1)
        return shaped[..., : self.dims[0]].clone(), shaped[..., self.dims[0] :].clone()

    def _draw(self, seed: int, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed("data", seed, step))
        return torch.randn(self.pairs, sum(self.dims), generator=generator, dtype=torch.float32)


LEVELS = (0.0, 0.3, 0.6, 0.85)
"""Correlations at which values and gradients are held against the truth, by the first axis of `GAUSSIANS`."""
_SEEDS = 4
GAUSSIANS = Scenario(
    seeds=tuple(range(_SEEDS)) * len(LEVELS),
    replicas=(len(LEVELS), _SEEDS),
    rho=tuple(sign * level for level in LEVELS for sign in (1, -1) * (_SEEDS // 2)),
    dx=2,
    dy=2,
    n=64,
)
"""Gaussians of several correlations, half of them negative; from level to level the same draws."""
