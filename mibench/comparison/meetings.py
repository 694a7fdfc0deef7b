"""Who is ahead of whom where two estimators have met: in the same seed of the same cell."""

from typing import Any

import numpy as np

from mibench.comparison.error_table import ErrorTable
from mibench.comparison.statistics import Array, Integers

ROUNDING = 1e-9
"""Errors that differ by less than this share are a tie."""


def shares_ahead(table: ErrorTable) -> Array:
    """The share of runs in which the estimator of a row is ahead of that of a column, ties counting half.

    Returns:
        The mean over the seeds of a cell, the cells of a task, and tasks, as for ranks; NaN where two never met.
    """
    tasks = [
        mean_of(np.stack([mean_of(points_of(table.errors[rows[cell]]), 0) for cell in groups(table.cells[rows])]), 0)
        for rows in groups(table.tasks)
    ]
    return mean_of(np.stack(tasks), 0).T


def groups(labels: "np.ndarray[Any, Any]") -> list[Integers]:
    """The row numbers of each label, in the order of labels."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(labels[order][1:] != labels[order][:-1]) + 1)


def points_of(errors: Array) -> Array:
    """Whether each rival is ahead of an estimator, seed by seed: 1, 0, or 0.5 for a tie."""
    ours, theirs = errors[:, :, None], errors[:, None, :]
    met = ~np.isnan(ours) & ~np.isnan(theirs) & ~np.eye(errors.shape[1], dtype=bool)
    points = np.where(np.isclose(ours, theirs, rtol=ROUNDING, atol=0), 0.5, theirs < ours)
    return np.where(met, points, np.nan)


def mean_of(values: Array, axis: int) -> Array:
    """The mean of what is a number; NaN where nothing is."""
    present = ~np.isnan(values)
    count = present.sum(axis=axis)
    total = np.where(present, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
