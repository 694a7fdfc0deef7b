"""Errors of whole curves: sums over the points of each, for all curves at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.statistics import Array, Integers
from mibench.frames.grouping import Rows, group_numbers
from mibench.outcome import NO_TRUTH, Status


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
    return _size(curves, curves.value - curves.truth)


def relative_rmse(curves: Curves) -> Array:
    """sqrt(mean (value - truth)^2) / sqrt(mean truth^2); NaN where all of the truth is 0."""
    return _share(rmse(curves), _of_truth(curves))


def ratio(curves: Curves) -> Array:
    """The c that minimises |value - c truth|^2; NaN where all of the truth is 0."""
    return _share(curves.mean(curves.value * curves.truth), _of_truth(curves) ** 2)


def cosine(curves: Curves) -> Array:
    """The cosine of the angle between the two curves; NaN where one of them is 0 throughout."""
    lengths = _size(curves, curves.value) * _of_truth(curves)
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


@dataclass(frozen=True)
class Whole:
    """Which curves of a frame are whole: they have every point that their estimator has, or has failed on.

    The error of a curve over other points is another error, and one without the points that failed is too small.

    Attributes:
        points: which rows of the frame are points of whole curves; those of trials that did not end well are none.
        left_out: a sentence that counts the curves that lack points; empty if none does.
    """

    points: Rows
    left_out: str


def whole_curves(
    frame: pd.DataFrame, columns: Sequence[str], along: Sequence[str], measurements: Sequence[str]
) -> Whole:
    """The points of those curves that lack none. A trial that was skipped is no point.

    Args:
        frame: a tidy frame of one task.
        columns: what all seeds of a curve have in common: parameters, and `estimator`.
        along: the parameters in which its points differ.
        measurements: of which there are curves.
    """
    curve = group_numbers(frame, columns)
    point, seed = group_numbers(frame, [*columns, *along]), group_numbers(frame, [*columns, "seed"])
    failed = frame["status"].isin(Status.failures()).to_numpy(bool)
    ended = frame["status"] == Status.OK.value
    known = (ended & frame["value"].notna() & frame["truth"].notna()).to_numpy(bool)
    whole, lacking, present = np.zeros(len(frame), bool), np.zeros(len(frame), bool), np.zeros(len(frame), bool)
    for measurement in measurements:
        measured = known & (frame["measurement"] == measurement).to_numpy(bool)
        there = np.isin(curve, curve[measured])  # curves that fail everywhere have no error anyway
        expected = there & (measured | failed)
        size, of_seed = _count(curve, point, expected), _count(seed, point, measured)
        short = of_seed[seed] < size[curve]
        whole |= measured & ~short
        lacking |= expected & short
        present |= expected
    return Whole(whole, _said(frame["estimator"], seed, present, lacking))


def count_seeds(frame: pd.DataFrame, row: Integers, averaged: Rows) -> list[int]:
    """How many seeds each row of a table averages.

    Args:
        frame: a tidy frame.
        row: for each of its rows the table's.
        averaged: which of its rows are averaged.
    """
    seeds = frame["seed"][averaged].groupby(row[averaged]).nunique()
    return seeds.reindex(range(int(row.max(initial=-1)) + 1), fill_value=0).tolist()


def _count(group: Integers, point: Integers, rows: Rows) -> Integers:
    """How many different points each group has in these rows."""
    pairs = np.unique(np.stack([group[rows], point[rows]]), axis=1)
    return np.bincount(pairs[0], minlength=int(group.max(initial=-1)) + 1)


def _said(estimator: "pd.Series[str]", seed: Integers, present: Rows, lacking: Rows) -> str:
    """How many of the curves of each estimator lack points."""
    names = estimator.to_numpy(str)
    counts = {
        name: [len(np.unique(seed[rows & (names == name)])) for rows in (lacking, present)] for name in np.unique(names)
    }
    said = ", ".join(f"{lost} of {known} of {name}" for name, (lost, known) in counts.items() if lost)
    return f"in no error of a curve, since they lack points (trials failed or missing): {said}." if said else ""


def _size(curves: Curves, of_points: Array) -> Array:
    """The root mean square over the points of each curve."""
    return np.sqrt(curves.mean(of_points**2))


def _of_truth(curves: Curves) -> Array:
    """The size of the truth; 0 where it is so but for rounding."""
    size = _size(curves, curves.truth)
    return np.where(size > NO_TRUTH, size, 0.0)


def _share(part: Array, whole: Array) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole != 0)
