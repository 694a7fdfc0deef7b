"""What speaks against reporting an estimate, in the words of the recommendation."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from mibench.estimation.intervals import ALPHA, COPIES, FAILS, FEWEST_DRAWS
from mibench.estimation.sentences import subject
from mibench.estimation.stability import OUT
from mibench.estimation.stages import REPEATING
from mibench.outcome import Status
from mibench.text import either, number

if TYPE_CHECKING:
    from mibench.estimation.answer import Estimation

SURE = 3.0
"""How many standard errors of its own the twin's information is at least where the twin is sure to hold any."""
WORST = 0.5
"""The share of the twin's information that the error on the twin may be."""
MUST_KEEP = ("x and y swapped", "normal scores of each column", "jitter of 0.1 %")
"""Changes that keep all information, in the units that estimators see: columns are standardised first."""


def reasons_against(row: Any, said: "Estimation", rows: int, *, twin: bool) -> Iterator[str]:
    """Why an estimate is not to be reported."""
    if not math.isfinite(row.nats) or not math.isfinite(row.high - row.low):
        yield f"gave no number ({row.status})"
        return
    if ended := [status for status in row.status.split(", ") if status != Status.OK]:
        yield " and ".join(ended)
    if row.why_not_I == COPIES and row.sees != "correlation":
        yield "takes copies for information"
        return
    if row.nats > math.log(rows) - 1:
        yield f"is near log n = {number(math.log(rows))} nats, above which no sample of n proves anything"
    if row.high < 0:
        yield "is negative, which no information is"
    yield from _lacking(row, twin=twin)
    if twin:
        return  # whatever moves it moves it there too
    if said.p_value <= ALPHA < row.p_value:
        yield "sees no dependence where others do"
    if moved := list(_moved(row, said.stability)):
        yield f"changes with {' and '.join(moved)}"


def _lacking(row: Any, *, twin: bool) -> Iterator[str]:
    """What numbers an estimator lacks on a twin that resembles the data, which ranks estimates if `twin`."""
    if row.why_not_I == FAILS:
        yield f"{row.twin_lost} of the twin"
    elif twin and not math.isfinite(row.twin_rmse):
        yield f"gave numbers on fewer than {FEWEST_DRAWS} draws of the twin"


def _moved(row: Any, stability: pd.DataFrame) -> Iterator[str]:
    """The changes that keep all information and move an estimate; a bound that gets looser is a bound still."""
    own = stability[(stability["estimator"] == row.estimator) & stability["change"].isin(MUST_KEEP)]
    if row.bound:
        own = own[(own["shift"] > 0) == (row.bound == "lower")]
    yield from own[own["verdict"] == OUT]["change"]


def outseen(row: Any, every: list[Any]) -> Iterator[str]:
    """Who sees more than an estimator of correlation, whose estimate then lacks part of the information."""
    more = [
        other.estimator
        for other in every
        if (row.sees, other.sees) == ("correlation", "dependence")
        and other.bound != "upper"
        and other.p_value <= ALPHA
        and other.low - max(other.null_mean, 0.0) > row.high
    ]
    if more:
        yield f"sees correlation alone, and less than {', '.join(more)}"


def crossed(valid: list[Any]) -> str:
    """A lower bound above an upper bound; empty if there is none."""
    for low in valid:
        for high in valid:
            if (low.bound, high.bound) == ("lower", "upper") and low.limit_low > high.limit_high:
                return f"the lower bound of {low.estimator} lies above the upper bound of {high.estimator}"
    return ""


def grouped(reasons: dict[str, list[str]]) -> str:
    """Estimators by what they are left out for."""
    groups: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if why:
            groups.setdefault(" and ".join(why), []).append(name)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items())


def loses(row: Any, twin: pd.DataFrame) -> bool:
    """Whether an estimator misses most of what the twin holds, by more than its errors there scatter.

    It misses nothing where the twin may hold nothing: a model of few rows is never without any information.
    """
    if twin.empty or not float(twin["information"].iloc[0]) > SURE * float(twin["sampling"].iloc[0]):
        return False
    return row.twin_bias < -max(WORST * float(twin["information"].iloc[0]), row.twin_deviation)


def lost(every: list[Any], valid: list[Any], twin: pd.DataFrame, *, repeating: bool) -> str:
    """That estimators which find nothing here miss what the twin holds too."""
    known = number(float(twin["information"].iloc[0]))
    names = subject([row.estimator for row in valid], "misses", "miss")
    seeing = REPEATING if repeating else ("copula", "ksg")
    others = [name for name in seeing if name not in [row.estimator for row in every]]
    such = f", e.g. {either(others)}" if others else ""
    return (
        f"None of these, because of the {known} nats that twins of these data hold, {names} more than half, so that it "
        f"says nothing to find none here. Other estimators may see more{such}."
    )
