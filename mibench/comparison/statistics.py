"""Intervals and tests for a handful of seeds, exact at any number of them.

They are few and short, which is why the harness needs no scipy; its tests compare them with scipy's.
"""

import bisect
import functools
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


def t_probability(t: float, df: int) -> float:
    """P(|T| > |t|) for Student's T with an integer number of degrees of freedom.

    The finite series of Abramowitz & Stegun, 26.7.3 and 26.7.4, for the central part; where that is nearly all, the
    tail is what double precision leaves of 1.
    """
    theta = math.atan2(abs(t), math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    term = total = cosine if df % 2 else 1.0
    for k in range(2 + df % 2, df, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    series = sine * total
    central = 2 / math.pi * (theta + series * (df > 1)) if df % 2 else series
    return max(0.0, 1 - central)


@functools.cache
def t_quantile(level: float, df: int) -> float:
    """The t beyond which, on both sides together, lies 1 - `level` of Student's distribution."""
    low, high = 0.0, 1.0
    while t_probability(high, df) > 1 - level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, df) > 1 - level else (low, middle)
    return (low + high) / 2


def half_width(deviation: float, count: int, level: float = 0.95) -> float:
    """Half the width of the interval of a mean of `count` normal values; infinite for a single one."""
    return t_quantile(level, count - 1) * deviation / math.sqrt(count) if count > 1 else math.inf


def t_test(differences: Array) -> float:
    """P of a mean as far from 0, for normal differences; 1 if there are fewer than two."""
    if len(differences) < 2:
        return 1.0
    error = float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
    mean = float(np.mean(differences))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return t_probability(mean / error, len(differences) - 1)


def wilcoxon(differences: Array) -> float:
    """P of a sum of signed ranks as far from its mean, for differences symmetric about 0 (Wilcoxon, 1945).

    Exact at any count and with ties, whose ranks are averaged: every pattern of signs is counted. Differences of 0 are
    dropped, as Wilcoxon did; 1 if none is left.
    """
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    ranks = _double_ranks(np.abs(differences))
    positive = int(ranks[differences > 0].sum())
    probabilities = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(probabilities) + rank)
        longer[: len(probabilities)] += probabilities / 2
        longer[rank:] += probabilities / 2
        probabilities = longer
    smaller = min(positive, len(probabilities) - 1 - positive)  # the distribution is symmetric
    return min(1.0, 2 * float(probabilities[: smaller + 1].sum()))


def holm(pvalues: Sequence[float]) -> list[float]:
    """P values adjusted for their number (Holm, 1979): below alpha, at most alpha of families hold a false one."""
    order = sorted(range(len(pvalues)), key=lambda index: pvalues[index])
    adjusted, largest = [0.0] * len(pvalues), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = largest
    return adjusted


def seeds_needed(deviation: float, margin: float, level: float = 0.95, most: int = 1000) -> int | None:
    """The smallest count whose interval has a half-width of at most `margin`; `None` if that is more than `most`."""
    counts = range(2, most + 1)
    place = bisect.bisect_left(counts, True, key=lambda count: half_width(deviation, count, level) <= margin)
    return counts[place] if place < len(counts) else None


def _double_ranks(values: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Twice the rank of each value, the average where values are equal: whole numbers."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (2 * last - counts + 1)[places]
