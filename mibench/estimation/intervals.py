"""The 95 % intervals of estimates on one data set, and the p-values that shuffled pairs give.

Where a twin resembles the data and holds about as much information as an estimator sees in them, the errors on its
draws give an interval for I. Else an interval is for what an estimator tends to with ever more rows: it allows for the
sample, and where an estimator does not train for bias in 1/n, but for no other bias. Of a bound it is for the bound; of
an estimator that trains, for what is found on unseen rows after training on half of the rows.
"""

import math
from collections.abc import Sequence

import numpy as np

from mibench.comparison.statistics import t_quantile
from mibench.twins import Twin

LEVEL = 0.95
ALPHA = 0.05
FEWEST_SHUFFLES = 19
"""With fewer, no p-value can be as small as `ALPHA`."""
MOST_BIAS = 0.1
"""The share of the twin's information that a bias may be which is larger than errors scatter."""
MOST_OF_ONE_ROW = 0.25
"""The share of an estimate's variance that one row may make."""
PER_HALVING = 0.85 * math.log(2)
"""Nats that an estimate of infinite information loses with half of its rows, at least."""
NO_LIMIT = "no limit"
HINGES = "hinges on one row"
IN_ORDER, COPIES = "rows depend on each other", "rows are copies"
DEPENDENT = (IN_ORDER, COPIES)
"""Reasons for which rows are no independent draws, so that neither p-values nor intervals hold."""
NOT_KNOWN = "the twin's information is not known"
FEWEST_DRAWS = 2
"""Of the twin: the error on a single one is chance and bias in unknown parts."""
TOO_FEW = "too few draws of the twin"
MOST_LOST = 0.1
"""The share of the twin's draws that an estimator may end without a number on: the others are then not all draws."""
FAILS = "fails on the twin"
LESS, MORE = "the twin holds less", "the twin holds more"


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

    It is exact at any number of shuffles (Phipson & Smyth, 2010); NaN where there is no estimate.
    """
    if math.isnan(value):
        return math.nan
    return (1 + sum(other >= value for other in null)) / (1 + len(null))


def why_not_of_information(
    interval: tuple[float, float],
    errors: Sequence[float],
    twin: Twin | None,
    *,
    value: float = math.nan,
    null: Sequence[float] = (),
    row_share: float = 0.0,
) -> str:
    """Why an estimator's interval cannot be for I; empty where it can.

    Args:
        interval: `interval_of_twins`, if it can be had.
        errors: estimate less truth on each draw of the twin.
        twin: that of the data, if it has one.
        value: the estimate on the data, without correction.
        null: the estimates on shuffled pairs. An estimate among them says nothing of dependence that the estimator
            cannot see, which a twin of few rows may lack too. Fewer than `FEWEST_SHUFFLES` tell nothing.
        row_share: the largest share of the estimate's variance that one row makes. Draws of a twin know the tails of
            the data no better than its few furthest rows do, so that errors on them do not scatter as the estimate
            does (Athreya, Bootstrap of the Mean in the Infinite Variance Case, Annals of Statistics 1987).
    """
    if twin is None:
        return "no twin"
    if not twin.known:
        return NOT_KNOWN
    if not twin.resemblance.found:
        return "the twin differs"
    if len(errors) < FEWEST_DRAWS:
        return TOO_FEW
    blind = len(null) >= FEWEST_SHUFFLES and shuffled_p_value(value, null) > ALPHA
    hinges = row_share > MOST_OF_ONE_ROW
    bias, deviation = float(np.mean(errors)), float(np.std(errors, ddof=1))
    apart = "" if blind or hinges else _apart(interval, len(errors), twin)
    if abs(bias) > max(MOST_BIAS * twin.information, deviation):
        seen = interval[0] + min(bias, 0.0), interval[1] + min(bias, 0.0)  # what is seen, and no bias that was added
        return LESS if apart == _apart(seen, len(errors), twin) == LESS else "biased on the twin"
    return "sees no dependence" if blind else HINGES if hinges else apart


def _apart(interval: tuple[float, float], count: int, twin: Twin) -> str:
    """Whether the twin holds less or more than an estimator sees in the data; empty where it may hold as much.

    An estimate scatters, and so does the twin's information, since it was made of so many rows. Where they differ by
    more than both scatter, the twin lacks dependence of the data or has some of its own, and how the estimator errs on
    that it cannot show.
    """
    low, high = interval
    sampling = t_quantile(LEVEL, count - 1) * twin.sampling
    further = (low + high) / 2 - twin.information
    if abs(further) <= math.hypot((high - low) / 2, sampling):
        return ""
    return LESS if further > 0 else MORE


def has_no_limit(whole: float, half: float, quarter: float) -> bool:
    """Whether an estimate falls by about ln 2 with each halving of the rows, so that it tends to nothing.

    It does where y is a function of x: the nearest rows are then twice as far with half of the rows, and show nothing
    finer. Where there is noise it falls less and less, once rows lie closer than the noise.

    Args:
        whole: the estimate on all rows.
        half: its mean on halves.
        quarter: on a quarter of the rows.
    """
    return min(whole - half, (whole - quarter) / 2) >= PER_HALVING


def without_less(reasons: Sequence[str]) -> list[str]:
    """`why_not_of_information` of all estimators together.

    Where one of them sees more than the twin holds, none of their intervals can rest on that twin: those of estimators
    that see no more than it holds would lack the same.
    """
    return [reason or LESS for reason in reasons] if LESS in reasons else list(reasons)


def interval_of_twins(nats: float, errors: Sequence[float], twin: Twin, n: int) -> tuple[float, float]:
    """For I itself, from the errors of the same estimate on draws of a twin, which is a parametric bootstrap.

    The bias on the twin is taken off. It is taken to grow in proportion to the information, so that the sampling error
    of the twin's own information counts by the share that the bias is of it. Where `why_not_of_information` gives a
    reason, such an interval would not hold I.

    Args:
        nats: the estimate on the data.
        errors: estimate less truth on each of two draws or more: their mean is its bias, and they scatter as the
            estimate does.
        twin: that of the data.
        n: how many rows the data have.
    """
    count = len(errors)
    bias, deviation = float(np.mean(errors)), float(np.std(errors, ddof=1))
    share = min(abs(bias) / twin.information, 1.0) if twin.information else 0.0
    spread = math.hypot(deviation * math.sqrt(1 + 1 / count), twin.error, share * twin.deviation / math.sqrt(n))
    width = t_quantile(LEVEL, count - 1) * spread
    return nats - bias - width, nats - bias + width


def joint_p_value(values: Sequence[float], nulls: Sequence[Sequence[float]]) -> float:
    """Whether any of several estimators sees dependence: the test of their largest standardised estimate.

    All estimators see the same shuffles, so that the largest has a null of its own and no level is lost to the number
    of estimators (Westfall & Young, Resampling-Based Multiple Testing, 1993).

    Args:
        values: one estimate an estimator.
        nulls: its estimates on shuffled pairs, as many and in the same order for each.
    """
    table = np.column_stack([np.array(values)[:, None], np.array(nulls)])
    spread = table.std(1, keepdims=True)
    largest = ((table - table.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)).max(0)
    return shuffled_p_value(float(largest[0]), largest[1:].tolist())
