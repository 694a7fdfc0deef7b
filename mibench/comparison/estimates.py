"""Means over seeds within cells, and over tasks, with the standard error that the seeds give them."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mibench.comparison.statistics import (
    MOST_SEEDS,
    Array,
    Integers,
    agreement,
    chance_of_agreement,
    t_probability,
    t_quantile,
)

MOST_DF = 1000
"""Degrees of freedom beyond which Student's distribution is taken to stay as it is."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error.

    Attributes:
        mean: the estimate.
        error: its standard error.
        df: the degrees of freedom of the standard error; 0 where the seeds are too few to know it.
        pairs: the number of values in the cells, and tasks, whose mean lies on its side by more than half of its size.
        agreeing: how many of these lie on its side by more than half of the median of their cell.
    """

    mean: float
    error: float
    df: float
    pairs: int = 0
    agreeing: int = 0

    @property
    def chance(self) -> float:
        """How often as many values of equal things agree, where each is one of two at random: no p-value is smaller."""
        return chance_of_agreement(self.agreeing, self.pairs) if self.pairs else 0.0

    def half_width(self, level: float = 0.95) -> float:
        """Half the width of the confidence interval; infinite where the standard error is not known."""
        return t_quantile(level, self._whole_df) * self.error if self._whole_df else math.inf

    def pvalue(self, tolerance: float) -> float:
        """The two-sided p-value, at the edge of the tolerance, of a true mean within the tolerance around 0."""
        excess = abs(self.mean) - tolerance
        if excess <= 0 or not self._whole_df:
            return 1.0
        return max(self.chance, t_probability(excess / self.error, self._whole_df) if self.error else 0.0)

    def times_needed(self, margin: float, level: float, chance: float = 1.0) -> float | None:
        """How many times as many seeds bring the half-width down to a margin and `self.chance` to a chance.

        `None` if that is more than `MOST_SEEDS`.
        """

        def suffices(tenths: int) -> bool:
            counts = (math.ceil(count * tenths / 10) for count in (self.pairs, self.agreeing))
            more = Estimate(self.mean, self.error / math.sqrt(tenths / 10), self.df * tenths / 10, *counts)
            return more.half_width(level) <= margin and more.chance <= chance

        tenths = range(10, 10 * MOST_SEEDS + 1)
        index = bisect.bisect_left(tenths, True, key=suffices)
        return tenths[index] / 10 if index < len(tenths) else None

    @property
    def _whole_df(self) -> int:
        return min(MOST_DF, math.floor(self.df + 1e-9))


def mean_over_cells(values: Array, cells: Integers) -> Estimate:
    """The mean over cells of the mean over seeds, where only the seeds are random (Satterthwaite, 1946).

    Args:
        values: one for each seed of a cell.
        cells: the cell of each value. A cell with one seed is taken to vary as the others do on average.
    """
    _, numbers, counts = np.unique(cells, return_inverse=True, return_counts=True)
    means = np.bincount(numbers, values) / counts
    squares = np.bincount(numbers, (values - means[numbers]) ** 2)
    mean = float(means.mean())
    several = counts > 1
    if not several.any():
        return Estimate(mean, math.nan, 0)
    sign = math.copysign(1, mean)
    carrying = np.flatnonzero(sign * means > abs(mean) / 2)
    agreeing = sum(agreement(values[numbers == cell], sign) for cell in carrying)
    variances = squares / np.maximum(counts - 1, 1)
    variances[~several] = variances[several].mean()
    parts = variances / counts / len(counts) ** 2
    spent = float((parts[several] ** 2 / (counts[several] - 1)).sum())
    df = float(parts.sum()) ** 2 / spent if spent else float((counts - 1).sum())
    return Estimate(mean, math.sqrt(parts.sum()), df, int(counts[carrying].sum()), agreeing)


def mean_over_tasks(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of the estimates of several tasks, taken as they are; the seeds of different tasks are independent."""
    mean = float(np.mean([estimate.mean for estimate in estimates]))
    if any(estimate.df == 0 for estimate in estimates):
        return Estimate(mean, math.nan, 0)
    parts = [(estimate.error / len(estimates)) ** 2 for estimate in estimates]
    spent = sum(part**2 / estimate.df for part, estimate in zip(parts, estimates, strict=True))
    df = sum(parts) ** 2 / spent if spent else min(estimate.df for estimate in estimates)
    carrying = [estimate for estimate in estimates if math.copysign(1, mean) * estimate.mean > abs(mean) / 2]
    pairs, agreeing = (sum(getattr(estimate, name) for estimate in carrying) for name in ("pairs", "agreeing"))
    return Estimate(mean, math.sqrt(sum(parts)), df, pairs, agreeing)
