"""Errors of whole curves: sums over the points of each, for all curves at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.statistics import Array, Integers
from mibench.frames.grouping import group_numbers


@dataclass(frozen=True)
class Curves:
    """The points of several curves.

    Attributes:
        value: measured, one a point.
        truth: what it should be.
        curve: the number of each point's curve.
    """

    value: Array
    truth: Array
    curve: Integers

    def mean(self, of_points: Array) -> Array:
        """The mean over the points of each curve."""
        return np.bincount(self.curve, of_points) / np.bincount(self.curve)


def rmse(curves: Curves) -> Array:
    """sqrt(mean (value - truth)^2)."""
    return np.sqrt(curves.mean((curves.value - curves.truth) ** 2))


def relative_rmse(curves: Curves) -> Array:
    """sqrt(mean (value - truth)^2) / sqrt(mean truth^2); NaN where all of the truth is 0."""
    return _share(rmse(curves), np.sqrt(curves.mean(curves.truth**2)))


def ratio(curves: Curves) -> Array:
    """The c that minimises |value - c truth|^2; NaN where all of the truth is 0."""
    return _share(curves.mean(curves.value * curves.truth), curves.mean(curves.truth**2))


def cosine(curves: Curves) -> Array:
    """The cosine of the angle between the two curves; NaN where one of them is 0 throughout."""
    lengths = np.sqrt(curves.mean(curves.value**2)) * np.sqrt(curves.mean(curves.truth**2))
    return _share(curves.mean(curves.value * curves.truth), lengths)


Statistic = Callable[[Curves], Array]
STATISTICS: Mapping[str, Statistic] = {"rmse": rmse, "relative_rmse": relative_rmse, "ratio": ratio, "cosine": cosine}


def errors_of(
    points: pd.DataFrame, columns: Sequence[str], statistics: Mapping[str, Statistic] = STATISTICS
) -> pd.DataFrame:
    """The errors of every curve, one row each.

    Args:
        points: rows with `value` and `truth`, in the order in which the points of a curve follow each other.
        columns: what the points of a curve have in common.
        statistics: by the name of their column.

    Returns:
        `columns` and a column for each statistic. The index says which row of `points` is the first of a curve.
    """
    curve = group_numbers(points, columns)
    _, first = np.unique(curve, return_index=True)
    value, truth = (points[name].to_numpy(float) for name in ("value", "truth"))
    curves = Curves(value, truth, curve)
    return points[list(columns)].iloc[first].assign(**{name: f(curves) for name, f in statistics.items()})


def _share(part: Array, whole: Array) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole != 0)
