"""Intervals and tests for a handful of seeds, exact at any number of them.

The functions are few and short, which is why the harness needs no scipy; the tests compare them with scipy's.
"""

import bisect
import functools
import math
import sys
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Integers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

MOST_SEEDS = 1000
"""More seeds than this, or than this many times those at hand, nobody runs to see a difference."""
_SMALL_TAIL = 1e-3
"""Below this a tail is not taken as what the central part leaves."""


def t_probability(t: float, df: int) -> float:
    """P(|T| > |t|) for Student's T with an integer number of degrees of freedom.

    The central part is the finite series of Abramowitz & Stegun, 26.7.3 and 26.7.4; a small tail, which rounding would
    take from it, has a series of its own.
    """
    theta = math.atan2(abs(t), math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    term = total = cosine if df % 2 else 1.0
    for k in range(2 + df % 2, df, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    series = sine * total
    central = 2 / math.pi * (theta + series * (df > 1)) if df % 2 else series
    return 1 - central if central < 1 - _SMALL_TAIL else _tail(t, df)


def _tail(t: float, df: int) -> float:
    """P(|T| > |t|) by the hypergeometric series of the incomplete beta function, DLMF 8.17.8: no term is negative."""
    half, cosine = df / 2, math.sqrt(df) / math.hypot(t, math.sqrt(df))
    term = total = math.exp(math.lgamma(half + 0.5) - math.lgamma(half + 1)) / math.sqrt(math.pi)
    k = 0
    while term > total * sys.float_info.epsilon / 4:
        term *= (half + 0.5 + k) / (half + 1 + k) * cosine**2
        total += term
        k += 1
    return total * cosine**df * math.sqrt(1 - cosine**2)


@functools.cache
def t_quantile(level: float, df: int) -> float:
    """The t with P(|T| <= t) = `level`, for Student's T with `df` degrees of freedom."""
    low, high = 0.0, 1.0
    while t_probability(high, df) > 1 - level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if t_probability(middle, df) > 1 - level else (low, middle)
    return (low + high) / 2


def half_width(deviation: float, count: int, level: float = 0.95) -> float:
    """Half the width of the confidence interval of the mean of `count` normal values; infinite for a single value."""
    return t_quantile(level, count - 1) * deviation / math.sqrt(count) if count > 1 else math.inf


def t_test(values: Array, tolerance: float = 0.0, resolution: float = 0.0) -> float:
    """The p-value of the hypothesis that the mean of normal values lies within the tolerance around 0.

    Args:
        values: one a seed.
        tolerance: the largest mean that the hypothesis allows.
        resolution: the step between values that can be told apart. Equal values of a coarse measurement have a standard
            deviation of 0 by accident, so half a step is the least that is assumed.

    Returns:
        The two-sided p-value at the edge of the tolerance, which is the ordinary t-test where the tolerance is 0; 1 for
        fewer than two values.
    """
    excess = abs(float(np.mean(values))) - tolerance if len(values) > 1 else 0.0
    if excess <= 0:
        return 1.0
    error = max(float(np.std(values, ddof=1)), resolution / 2) / math.sqrt(len(values))
    return t_probability(excess / error, len(values) - 1) if error else 0.0


def wilcoxon(values: Array) -> float:
    """The one-sided p-value of signed ranks (Wilcoxon, 1945): the centre of symmetric values is not above 0.

    The test is exact at any count and with ties, whose ranks are averaged: every pattern of signs is counted. Values of
    0 are dropped, as Wilcoxon did; 1 if none is left.
    """
    values = values[values != 0]
    ranks = _double_ranks(np.abs(values))
    negative = int(ranks[values < 0].sum())
    probabilities = _signed_rank_distribution(tuple(sorted(ranks.tolist())))
    return min(1.0, float(probabilities[: negative + 1].sum()))


def agreement(values: Array, sign: float) -> int:
    """How many values lie in a direction by more than half of their median does."""
    return int((sign * values > max(0.0, sign * float(np.median(values))) / 2).sum())


@functools.lru_cache(maxsize=4096)
def chance_of_agreement(agreeing: int, count: int) -> float:
    """How often so many of `count` differences of equal things agree, where every value is one of two at random.

    Both sides then are what they are with a probability of at most a quarter, so that this is twice a binomial tail. It
    is a bound for any number that agree, and 1 where a quarter or less do.
    """
    if agreeing <= count / 4:
        return 1.0
    chosen = math.lgamma(count + 1) - math.lgamma(agreeing + 1) - math.lgamma(count - agreeing + 1)
    term = total = 2 * math.exp(chosen + agreeing * math.log(0.25) + (count - agreeing) * math.log(0.75))
    for k in range(agreeing, count):
        term *= (count - k) / (k + 1) / 3
        total += term
        if term < sys.float_info.epsilon * total:
            break
    return min(1.0, total)


def holm(pvalues: Sequence[float]) -> list[float]:
    """P-values adjusted for their number (Holm, 1979).

    Where all hypotheses whose adjusted p-value is below alpha are rejected, the probability that a true one is among
    them is at most alpha, however the p-values depend on each other.
    """
    order = sorted(range(len(pvalues)), key=lambda index: pvalues[index])
    adjusted, largest = [0.0] * len(pvalues), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(pvalues) - rank) * pvalues[index]))
        adjusted[index] = largest
    return adjusted


def seeds_needed(deviation: float, margin: float, level: float = 0.95) -> int | None:
    """The smallest count for which the half-width is at most `margin`; `None` if it exceeds `MOST_SEEDS`."""
    counts = range(2, MOST_SEEDS + 1)
    index = bisect.bisect_left(counts, True, key=lambda count: half_width(deviation, count, level) <= margin)
    return counts[index] if index < len(counts) else None


def _double_ranks(values: Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Twice the rank of each value, the average rank where values are equal: whole numbers."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (2 * last - counts + 1)[inverse]


@functools.lru_cache(maxsize=256)
def _signed_rank_distribution(ranks: tuple[int, ...]) -> Array:
    """The probability of each sum of those ranks whose sign is negative, if every sign is a fair coin."""
    probabilities = np.ones(1)
    for rank in ranks:
        longer = np.zeros(len(probabilities) + rank)
        longer[: len(probabilities)] += probabilities / 2
        longer[rank:] += probabilities / 2
        probabilities = longer
    return probabilities
