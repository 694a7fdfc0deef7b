"""Which estimate to report, in two sentences, or why none."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from mibench.pairs import Pairs
from mibench.pairs.checks import is_discrete
from mibench.text import number

ALPHA = 0.05
ROWS_A_COLUMN = 5
"""With fewer rows than this for each column, no estimate of information can be told from its bias."""
_MUST_KEEP = ("x and y swapped", "ranks of each column", "jitter of 0.1 %")
"""Changes that keep all information, in the units that estimators see: columns are standardised first."""


def advise(estimates: pd.DataFrame, stability: pd.DataFrame, rows: int, pairs: Pairs) -> str:
    """A recommendation in two sentences.

    Args:
        estimates: of `mibench.estimation.answer.Estimation`.
        stability: likewise.
        rows: how many were used.
        pairs: the data.
    """
    columns = pairs.x.shape[1] + pairs.y.shape[1]
    if rows < ROWS_A_COLUMN * columns:
        wanted = ROWS_A_COLUMN * columns
        return (
            f"None of these, because {rows:,} rows are too few for {columns} columns. "
            f"Take {wanted:,} rows or more, or fewer columns."
        )
    every: list[Any] = list(estimates.itertuples())
    reasons = {row.estimator: list(_reasons(row, stability, rows)) for row in every}
    valid = estimates[[not reasons[name] for name in estimates["estimator"]]]
    left_out = "; ".join(f"{name} {' and '.join(why)}" for name, why in reasons.items() if why)
    if not len(valid):
        return f"None of these, because each fails a check: {left_out}. More rows or other estimators may help."
    if clash := _crossed(valid):
        return f"None of these, because {clash}. At least one of the two bounds is wrong on these data."
    if (valid["p_value"] > ALPHA).all():
        return (
            "No information is found: no estimate is above those of shuffled pairs at the 5 % level. "
            f"What there is lies below about {number(valid['high'].max())} nats, if these estimators can see it at all."
        )
    return _chosen(valid, left_out, pairs)


def _chosen(valid: pd.DataFrame, left_out: str, pairs: Pairs) -> str:
    rows: list[Any] = list(valid.itertuples())
    agreeing = {
        row.estimator: [other.estimator for other in rows if other != row and _agree(row, other)] for row in rows
    }
    best = max(rows, key=lambda row: (len(agreeing[row.estimator]), row.low - row.high))
    friends = agreeing[best.estimator]
    if len(rows) > 1 and not friends:
        spans = ", ".join(f"{row.estimator} {_span(row)}" for row in rows)
        return f"None of these, because no two agree: {spans}. Look at the stability of each before you report one."
    what = "" if best.of == "its limit" else f", which is {best.of}"
    why = f"{_listed(friends, 'agrees', 'agree')} with it" if friends else "nothing else is left to compare it with"
    report = f"Report {number(best.nats)} nats (95 %: {_span(best)}) by {best.estimator}{what}"
    first = f"{report}: it passes the checks, and {why}."
    apart = [row.estimator for row in rows if row != best and row.estimator not in friends]
    discrete = any(is_discrete(column) for block in (pairs.x, pairs.y) for column in block.T)
    rest = [f"{_listed(apart, 'differs', 'differ')} from it" if apart else "", left_out and f"left out: {left_out}"]
    rest.append("some columns are discrete, which estimators of densities do not expect" if discrete else "")
    second = "; ".join(filter(None, rest))
    return f"{first} {second[0].upper()}{second[1:]}." if second else first


def _listed(names: list[str], singular: str, plural: str) -> str:
    return f"{', '.join(names)} {singular if len(names) == 1 else plural}"


def _reasons(row: Any, stability: pd.DataFrame, rows: int) -> Iterator[str]:
    """Why an estimate is not to be reported."""
    if not math.isfinite(row.nats) or not math.isfinite(row.high - row.low):
        yield f"gave no number ({row.status})"
        return
    if row.nats > math.log(rows) - 1:
        yield f"is near log n = {number(math.log(rows))} nats, above which no sample of n proves anything"
    if row.high < 0:
        yield "is negative, which no information is"
    own = stability[(stability["estimator"] == row.estimator) & stability["change"].isin(_MUST_KEEP)]
    if row.of != "its limit":  # a bound that gets looser is a bound still
        own = own[(own["shift"] > 0) == (row.of == "its lower bound")]
    moved = own[own["verdict"] == "moves out of its interval"]["change"].tolist()
    if moved:
        yield f"changes with {' and '.join(moved)}"


def _crossed(valid: pd.DataFrame) -> str:
    """A lower bound above an upper bound; empty if there is none."""
    rows: list[Any] = list(valid.itertuples())
    for low in rows:
        for high in rows:
            if (low.of, high.of) == ("its lower bound", "its upper bound") and low.low > high.high:
                return f"the lower bound of {low.estimator} lies above the upper bound of {high.estimator}"
    return ""


def _agree(one: Any, other: Any) -> bool:
    """Whether intervals overlap; a bound agrees with whatever it bounds."""
    below = {row.of == "its lower bound": row for row in (one, other)}
    if len(below) == 2:
        return below[True].low <= below[False].high
    return one.low <= other.high and other.low <= one.high


def _span(row: Any) -> str:
    return f"{number(row.low)} to {number(row.high)}"
