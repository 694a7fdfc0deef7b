"""Values that lie far out: a few of a column, well beyond all others, as codes for missing values and errors do.

A value is far out only if it lies `GAP` times further from the median than the furthest of the others, which tails that
have a mean hardly ever do: of Cauchy's, one column in about thirty holds one.
"""

import numpy as np

from mibench.pairs.columns import Array

GAP = 30.0
"""How many times further from the median than all others a value lies that is far out."""
FEW = 0.25
"""The share of a column's values, of those that are not the median, that are a few."""


def far_out(block: Array, most: float = FEW) -> np.ndarray:
    """Which values of columns `(n, d)` lie far out, likewise; of a column at most a share of `most`."""
    columns = [_far(column, most) for column in block.T]
    return np.column_stack(columns) if columns else np.zeros(block.shape, dtype=bool)


def _far(column: Array, most: float) -> np.ndarray:
    distances = np.abs(column - np.median(column))
    ordered = np.sort(distances[distances > 0])
    tail = ordered[int((1 - most) * len(ordered)) :]
    gaps = np.flatnonzero(tail[1:] > GAP * tail[:-1])
    return distances > tail[gaps[0]] if len(gaps) else np.zeros(len(column), dtype=bool)
