"""Which estimate to report, in two sentences, or why none; what spoils all of them comes first."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mibench.estimation.agreement import most_agreed, overlap
from mibench.estimation.intervals import (
    ALPHA,
    COPIES,
    DEPENDENT,
    FEWEST_DRAWS,
    FEWEST_SHUFFLES,
    HINGES,
    IN_ORDER,
    LESS,
    MORE,
    NO_LIMIT,
    TOO_FEW,
)
from mibench.estimation.objections import WORST, crossed, grouped, loses, lost, outseen, reasons_against
from mibench.estimation.order import share_of_copies
from mibench.estimation.sentences import span_of, subject, two_sentences
from mibench.pairs import Pairs
from mibench.pairs.checks import repeats_often
from mibench.pairs.far import far_out
from mibench.text import number, percent, pluralise, shortened

if TYPE_CHECKING:
    from mibench.estimation.answer import Estimation

MUCH = 0.2
"""The share of the twin's information that the error on the twin may be without a word."""
UNKNOWN = "its information is not known"
"""The verdict on a twin whose information is not known."""
_IN_ORDER = (
    "Rows depend on those before them in the file, in x and in y, which alone can look like information: intervals and "
    "p-values do not hold. Thin the rows or take differences; sorting a file does that too, so shuffle the rows if "
    "their order means nothing."
)


def advise(said: "Estimation", rows: int, pairs: Pairs, shuffles: int) -> str:
    """A recommendation in two sentences, behind a warning where rows lie far out or are no independent draws.

    A remark follows where shuffles are too few.

    Args:
        said: all but the recommendation, with p-values of estimates even where rows are no independent draws.
        rows: how many were used.
        pairs: the data.
        shuffles: how many the p-value of all estimators rests on.
    """
    advice = _advice(said, rows, pairs, shuffles)
    draws = _warning(set(said.estimates["why_not_I"]), pairs, rows)
    warning = " ".join(filter(None, [_far(pairs), draws]))
    if warning:
        advice = f"{warning} As the rows stand: {advice[0].lower()}{advice[1:]}"
    return f"{advice} {_too_few(shuffles)}" if 0 < shuffles < FEWEST_SHUFFLES and not draws else advice


def _far(pairs: Pairs) -> str:
    """How many rows lie far out, which is the first, and what to do about them; empty where none does."""
    far = np.hstack([far_out(pairs.x), far_out(pairs.y)])
    rows = np.flatnonzero(far.any(1))
    if not len(rows):
        return ""
    column = int(np.flatnonzero(far[rows[0]])[0])
    name, value = [*pairs.x_names, *pairs.y_names][column], np.hstack([pairs.x, pairs.y])[rows[0], column]
    count, verb = pluralise(len(rows), "row"), "lies" if len(rows) == 1 else "lie"
    which = "" if len(rows) == 1 else "the first of them "
    return (
        f"{count} of {len(pairs):,} {verb} far from all others, {which}row {pairs.row_numbers[rows[0]]}, where "
        f"{shortened(name, 60)} is {number(value, 6)}: drop what is an error or a code for missing values."
    )


def _warning(reasons: set[str], pairs: Pairs, rows: int) -> str:
    """What to do first where rows are no independent draws; empty where they may be."""
    if COPIES in reasons:
        return (
            f"{percent(share_of_copies(pairs, rows))} of the rows are copies of others, which estimators of neighbours "
            "and those that train take for information: intervals and p-values do not hold. Drop the copies."
        )
    return _IN_ORDER if IN_ORDER in reasons else ""


def _advice(said: "Estimation", rows: int, pairs: Pairs, shuffles: int) -> str:
    if falling := _falling(said.estimates):
        return falling
    every: list[Any] = list(said.estimates.itertuples())
    repeating = repeats_often(pairs.x, pairs.y)
    less = bool((said.estimates["why_not_I"] == LESS).any())
    alike = bool((said.twin["verdict"] == "resembles the data").any())
    dependent = bool(said.estimates["why_not_I"].isin(DEPENDENT).any())
    ranked = alike and bool(said.estimates["twin_rmse"].notna().any()) and not dependent and not less
    reasons = {row.estimator: list(reasons_against(row, said, rows, twin=ranked)) for row in every}
    if not ranked and not dependent:
        reasons = {row.estimator: reasons[row.estimator] or list(outseen(row, every)) for row in every}
    valid = [row for row in every if not reasons[row.estimator]]
    if not valid:
        first = f"None of these, because each fails a check: {grouped(reasons)}."
        return two_sentences(first, [_why_unranked(said), "more rows or other estimators may help"])
    if clash := crossed(valid):
        return f"None of these, because {clash}. At least one of the two bounds is wrong on these data."
    level = max(ALPHA, 1 / (1 + shuffles))
    reasons |= {row.estimator: ["is not above 0"] for row in valid if _reported(row) <= 0}
    above = [row for row in valid if not reasons[row.estimator]]
    if dependent:  # that makes intervals too narrow and p-values too small: what they do not tell from 0 may be none
        reasons |= {row.estimator: ["is not told from 0"] for row in above if row.low <= 0 or row.p_value > level}
    told = [row for row in above if not reasons[row.estimator]]
    if not told or said.p_value > level:
        untold = (
            "told from 0 by both intervals and shuffled pairs" if dependent else f"above those of {_shuffled(shuffles)}"
        )
        why = f"not {untold if above else 'above 0'}"
        sighted = [row for row in valid if not loses(row, said.twin)]
        return (
            _nothing(sighted, why, dependent=dependent)
            if sighted
            else lost(every, valid, said.twin, repeating=repeating)
        )
    valid, left_out = told, grouped(reasons)
    rest = [left_out and f"left out: {left_out}"]
    if ranked:
        return _least_error(valid, said.twin.iloc[0], rest)
    rest.insert(0, _why_unranked(said))
    rest.append("values repeat often, which estimators of densities do not expect" if repeating else "")
    return most_agreed(valid, said, rest, repeating=repeating)


def _falling(estimates: pd.DataFrame) -> str:
    """That estimates tend to nothing finite; empty where none falls without end."""
    if falling := estimates.loc[estimates["why_not_I"] == NO_LIMIT, "estimator"].tolist():
        return (
            f"None of these, because with each halving of the rows {subject(falling, 'falls', 'fall')} by about ln 2 "
            f"({number(math.log(2))} nats): y may be a function of x, or x of y, and their information infinite. "
            "Where there is noise, more rows would show a limit."
        )
    return ""


def _why_unranked(said: "Estimation") -> str:
    """Why no error on the twin ranks estimates; empty where there is none, or rows depend on each other."""
    if (said.twin["verdict"] == UNKNOWN).any():
        return (
            "how much information the twin holds is not known, since values repeat too often for that, so that no "
            "error on it ranks them"
        )
    if (said.twin["verdict"] == "differs from the data").any():
        area = number(float(said.twin["area"].iloc[0]))
        return (
            f"the twin is not like these data (a classifier tells them apart, with an area of {area} under its curve), "
            "so that no error on it ranks them"
        )
    if (said.estimates["why_not_I"] == LESS).any():
        known = number(float(said.twin["information"].iloc[0]))
        return (
            f"the twin holds {known} nats, less than is seen in these data, so that it lacks some of their dependence: "
            "no error on it ranks them, and no interval is for I"
        )
    if (said.estimates["why_not_I"] == TOO_FEW).any() and said.estimates["twin_rmse"].isna().all():
        return (
            f"none of them gave numbers on {FEWEST_DRAWS} draws of the twin or more (--twins), so that no error on it "
            "ranks them"
        )
    return ""


def _nothing(valid: list[Any], why: str, *, dependent: bool) -> str:
    """That no information is found, and how much there may be, which no interval says where rows are `dependent`."""
    found = f"No information is found: the estimates are {why}."
    most = number(max(row.high for row in valid))
    below = f"What there is lies below about {most} nats, if these estimators can see it at all."
    return found if dependent else f"{found} {below}"


def _shuffled(shuffles: int) -> str:
    """What all estimates together are compared with."""
    return "shuffled pairs at the 5 % level" if shuffles >= FEWEST_SHUFFLES else pluralise(shuffles, "shuffle")


def _too_few(shuffles: int) -> str:
    return (
        f"Whether there is any information, {pluralise(shuffles, 'shuffle')} cannot tell at the 5 % level, which takes "
        f"{FEWEST_SHUFFLES} or more (--shuffles)."
    )


def _least_error(valid: list[Any], twin: Any, rest: list[str]) -> str:
    """The estimate whose error on the twin is smallest, of those that hinge on no single row if there are any."""
    hinging = [row.estimator for row in valid if row.why_not_I == HINGES]
    best = min(valid, key=lambda row: (row.estimator in hinging, row.twin_rmse))
    others_hinge = f"{subject(hinging, 'hinges', 'hinge')} on one row" if best.estimator not in hinging else ""
    rest = [others_hinge if hinging else "", *rest]
    error, known = number(best.twin_rmse), number(twin["information"])
    if best.twin_rmse > WORST * twin["information"]:
        return (
            f"None of these, because on twins of these data, which hold {known} nats, even {best.estimator} is off by "
            f"{error}. More rows would make errors smaller."
        )
    why = f"on twins of these data, which hold {known} nats, its error of {error} is the smallest"
    if best.twin_rmse > MUCH * twin["information"]:
        why += f", though {percent(best.twin_rmse / twin['information'])} of what they hold"
    off = [f"{row.estimator} by {number(row.twin_rmse)}" for row in valid if row is not best and row.of != "I"]
    rest = [f"there {', '.join(off)} would be off" if off else "", *rest]
    lost = f"it {best.twin_lost} of the twin, and that error is of the others" if best.twin_lost else ""
    if best.of != "I":
        reason = f"{_lack(best)}, so that no interval for I is given"
        return two_sentences(f"Report {number(best.nats)} nats by {best.estimator}: {why}.", [lost, reason, *rest])
    corrected = f", its {number(best.nats)} less the bias of {number(best.twin_bias)} that it shows there"
    first = (
        f"Report {number(_reported(best))} nats (95 %: {span_of(best)}) by {best.estimator}"
        f"{corrected if _reported(best) != best.nats else ''}: {why}."
    )
    others = [row for row in valid if row is not best and row.of == "I"]
    agreeing = [row.estimator for row in others if overlap(row, best)]
    apart = [row.estimator for row in others if not overlap(row, best)]
    said = [f"its interval overlaps with that of {', '.join(agreeing)}" if agreeing else ""]
    said.append(f"its interval lies apart from that of {', '.join(apart)}" if apart else "")
    return two_sentences(first, [lost, *said, *rest])


def _reported(row: Any) -> float:
    """The estimate; less its bias on the twin where it lies outside its own interval."""
    outside = row.of == "I" and not row.low <= row.nats <= row.high
    return (row.low + row.high) / 2 if outside else row.nats


def _lack(best: Any) -> str:
    """Why an estimate gets no interval for I."""
    return {
        "sees no dependence": "it does not tell them from shuffled pairs",
        HINGES: "how it scatters hinges on one row",
        MORE: "the twin holds more than it sees in these data",
    }.get(best.why_not_I, f"of it {number(best.twin_bias)} is bias")
