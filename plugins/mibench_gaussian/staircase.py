"""The task `gaussian-staircase`: I(X;Y) rises level by level while the estimator goes on training.

The protocol of Poole et al. (ICML 2019) and Song & Ermon (ICLR 2020): on d-dimensional correlated Gaussians the mutual
information is held for `steps` updates at each of the levels, 2 bits apart, and the critic is kept from level to level.
Every update sees n fresh pairs, on which the value is read before the update; reported is the mean over the second half
of a level, and the standard deviation of single batches around it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench import gaussians
from mibench.bends import BENDS, BendName
from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams
from mibench.text import fixed

BITS_PER_LEVEL = 2


@dataclass(frozen=True, kw_only=True)
class StaircaseCell(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y.
        n: pairs a batch.
        steps: updates a level.
        levels: how many levels.
        bend: `none`, or `cubic` for Poole et al.'s harder variant, applied to y.
    """

    d: Annotated[int, AtLeast(1)] = 20
    n: Annotated[int, AtLeast(2)] = 64
    steps: Annotated[int, AtLeast(2)] = 4000
    levels: Annotated[int, AtLeast(1)] = 5
    bend: BendName = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        least = BENDS[self.bend].dims[1]
        if self.d < least:
            raise ValueError(f"bend={self.bend} needs d >= {least}, not d={self.d}")
        try:
            gaussians.correlation(level_nats(self.levels), self.d, self.d)
        except ValueError:
            message = f"levels={self.levels} are too many: correlations below 1 are needed, at d={self.d} too"
            raise ValueError(message) from None


def level_nats(level: int) -> float:
    """I(X;Y) on a level, counted from 1."""
    return level * BITS_PER_LEVEL * math.log(2)


class Staircase(Task):
    """Measures `mi/NATS` and `mi_std/NATS` for each level."""

    Params = StaircaseCell

    def run(self, cells: Sequence[StaircaseCell], context: Context) -> list[list[Measurement]]:
        """Climbs the levels with one estimator; one replica a trial."""
        cell = cells[0]
        estimator = context.estimator(cell.d, cell.d)
        measured: list[list[Measurement]] = [[] for _ in cells]
        for level in range(1, cell.levels + 1):
            values = _climb(estimator, cell, level, context)  # (steps - steps // 2, replicas)
            for trial, mean, deviation in zip(
                measured, values.mean(0).tolist(), values.std(0, correction=0).tolist(), strict=True
            ):
                nats = level_nats(level)
                trial.append(Measurement(f"mi/{fixed(nats)}", mean, nats))
                trial.append(Measurement(f"mi_std/{fixed(nats)}", deviation))
        return measured


def _climb(
    estimator: Estimator, cell: StaircaseCell, level: int, context: Context
) -> Float[Tensor, "measured replicas"]:
    """Trains through one level; the values of its second half, each read before its update."""
    rho = torch.full((len(context.data),), gaussians.correlation(level_nats(level), cell.d, cell.d))
    rho = rho.to(context.device, context.dtype)
    values: list[Tensor] = []
    for step in range(cell.steps):
        x, y = _draw(cell, rho, context)
        if step >= cell.steps // 2:
            values.append(estimator.mi(x, y))
        estimator.update(x, y)
    return torch.stack(values)


def _draw(cell: StaircaseCell, rho: Tensor, context: Context) -> tuple[Tensor, Tensor]:
    drawn = context.draw(lambda generator: torch.randn(2, cell.n, cell.d, generator=generator, dtype=torch.float32))
    x, noise = drawn.unbind(1)
    return x, BENDS[cell.bend].y(gaussians.correlate(rho, x, noise))
