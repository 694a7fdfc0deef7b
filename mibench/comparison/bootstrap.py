"""Intervals of shares, for what other tasks and other seeds would give.

Intervals are those of a bootstrap over tasks (Davison & Hinkley 1997, section 3.8): tasks are drawn with replacement,
each with its cells and seeds, the same for all estimators, so that what is drawn varies by both. With a single task the
seeds of every cell are drawn, and the interval is about them alone. The bootstrap's standard deviation is multiplied by
Student's quantile, since tasks are few. What was never seen may still happen: the variance is at least that of four
that did not take place, two of them won and two lost (Agresti & Coull 1998). With a single task these are four runs,
since seeds are all that is drawn, also where the share is one of cells. With several tasks they are of what the share
is of.

Ends lie as far off as that on a scale on which a share near 0 or 1 is closer to normal. With a single task it is the
arcsine of the square root, on which a share of runs has the same variance wherever it is. With several it is the logit,
on which the intervals of 0 and 1 are wider by much: another task may be unlike all of these. A cell is near the oracle
or it is not, so that resamples of a share near 0 lie above it: an interval is around the middle between the share and
their mean.
"""

from dataclasses import dataclass

import numpy as np

from mibench.comparison.estimates import MOST_DF
from mibench.comparison.meetings import mean_of
from mibench.comparison.statistics import Array, Integers, t_quantile

LEVEL = 0.95
_FAR = 700.0
"""A logit beyond which a share is 0 or 1."""


@dataclass(frozen=True)
class Statistic:
    """A share of runs, or of cells, by estimator.

    Attributes:
        tasks: tasks x estimators: the share in each task; NaN where a task says nothing about an estimator.
        noise: resamples x estimators: how far the share moves with other seeds, if there is only one task.
        df: the degrees of freedom that each estimator's seeds have.
        counts: how many runs of each estimator, or cells of several tasks, it is a share of.
    """

    tasks: Array
    noise: Array
    df: Integers
    counts: Integers


@dataclass(frozen=True)
class Interval:
    """A mean over tasks for each estimator, and the ends of its 95 % interval."""

    mean: Array
    low: Array
    high: Array


def interval(statistic: Statistic, generator: np.random.Generator) -> Interval:
    """The mean over tasks, and its interval for other tasks and other seeds.

    Args:
        statistic: by task.
        generator: draws the tasks.
    """
    there = ~np.isnan(statistic.tasks)
    tasks, mean = there.sum(axis=0), mean_of(statistic.tasks, axis=0)
    drawn = weights_of(len(there), len(statistic.noise), generator)
    moves = drawn @ np.where(there, statistic.tasks - mean, 0) / np.maximum(drawn @ there, 1)
    several = tasks > 1
    variance = np.where(several, moves.var(axis=0) * tasks / np.maximum(tasks - 1, 1), statistic.noise.var(axis=0))
    deviation = np.sqrt(np.maximum(variance, _unseen(mean, statistic.counts) ** 2))
    width = deviation * [_quantile(int(df)) for df in np.where(several, tasks - 1, statistic.df)]
    middle = mean + statistic.noise.mean(axis=0) / 2
    centre = (middle * statistic.counts + 0.5) / (statistic.counts + 1)  # so that no slope is 0 or infinite
    low, high = (
        np.where(several, _moved_on_logits(centre, side * width), _moved_on_arcsines(centre, side * width))
        for side in (-1, 1)
    )
    return Interval(mean, np.minimum(low, mean), np.maximum(high, mean))


def _moved_on_logits(share: Array, by: Array) -> Array:
    logit, slope = np.log(share / (1 - share)), share * (1 - share)
    return 1 / (1 + np.exp(-np.clip(logit + by / slope, -_FAR, _FAR)))


def _moved_on_arcsines(share: Array, by: Array) -> Array:
    angle, slope = np.arcsin(np.sqrt(share)), 2 * np.sqrt(share * (1 - share))
    return np.sin(np.clip(angle + by / slope, 0, np.pi / 2)) ** 2


def _unseen(share: Array, counts: Integers) -> Array:
    """The standard deviation that two won and two lost, which did not take place, add to a share of so many."""
    centre = (share * counts + 2) / (counts + 4)
    return np.sqrt(2 * (centre**2 + (1 - centre) ** 2)) / (counts + 4)


def _quantile(df: int) -> float:
    """Student's quantile; NaN where a single seed leaves no degree of freedom."""
    return t_quantile(LEVEL, min(df, MOST_DF)) if df > 0 else np.nan


def weights_of(count: int, resamples: int, generator: np.random.Generator) -> Array:
    """How often each of several seeds or tasks is drawn, if as many are drawn as there are: resamples x seeds."""
    drawn = generator.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count).astype(np.float64)
