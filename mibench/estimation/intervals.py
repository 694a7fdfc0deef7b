"""The 95 % intervals of estimates on one data set, and the p-value that shuffled pairs give.

An interval is for what an estimator tends to with ever more rows: it allows for the sample, and where an estimator does
not train for bias in 1/n, but for no other bias. Of a bound it is for the bound; of an estimator that trains, for what
is found on unseen rows after training on half of the rows.
"""

import math
from collections.abc import Sequence

import numpy as np

from mibench.comparison.statistics import t_quantile

LEVEL = 0.95


def interval_of_halves(corrected: float, error: float, halvings: int) -> tuple[float, float]:
    """Around an estimate without its 1/n bias, from the standard error that halves gave.

    Args:
        corrected: the estimate, in nats.
        error: its standard error.
        halvings: how often rows were dealt into halves, which are the degrees of freedom of the error.
    """
    width = t_quantile(LEVEL, halvings) * error
    return corrected - width, corrected + width


def interval_of_splits(values: Sequence[float]) -> tuple[float, float]:
    """Around the mean over random splits into a half to train on and a half to judge on.

    The splits share rows, so that the variance of their mean is (1/J + 1) S^2 for J splits with variance S^2 (Nadeau &
    Bengio, Machine Learning 2003, with as many rows to judge on as to train on); J - 1 degrees of freedom.
    """
    count = len(values)
    if count < 2:
        return -math.inf, math.inf
    width = t_quantile(LEVEL, count - 1) * math.sqrt(1 / count + 1) * float(np.std(values, ddof=1))
    middle = float(np.mean(values))
    return middle - width, middle + width


def shuffled_p_value(value: float, null: Sequence[float]) -> float:
    """The share of shuffled pairs whose estimate is at least as large, the pairs themselves among them.

    It is exact at any number of shuffles (Phipson & Smyth, 2010).
    """
    return (1 + sum(other >= value for other in null)) / (1 + len(null))
