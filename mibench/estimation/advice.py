"""Which estimate to report, in two sentences, or why none; what spoils all of them comes first."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mibench.estimation.intervals import (
    ALPHA,
    COPIES,
    DEPENDENT,
    FAILS,
    FEWEST_DRAWS,
    FEWEST_SHUFFLES,
    HINGES,
    IN_ORDER,
    LESS,
    MORE,
    NO_LIMIT,
    TOO_FEW,
)
from mibench.estimation.order import share_of_copies
from mibench.estimation.stability import KEPT, OUT
from mibench.estimation.stages import REPEATING
from mibench.outcome import Status
from mibench.pairs import Pairs
from mibench.pairs.checks import repeats_often
from mibench.pairs.far import far_out
from mibench.text import either, number, percent, pluralise, shortened

if TYPE_CHECKING:
    from mibench.estimation.answer import Estimation

SURE = 3.0
"""How many standard errors of its own the twin's information is at least where the twin is sure to hold any."""
WORST = 0.5
"""The share of the twin's information that the error on the twin may be."""
MUCH = 0.2
"""The share of the twin's information that the error on the twin may be without a word."""
UNKNOWN = "its information is not known"
"""The verdict on a twin whose information is not known."""
_IN_ORDER = (
    "Rows depend on those before them in the file, in x and in y, which alone can look like information: intervals and "
    "p-values do not hold. Thin the rows or take differences; sorting a file does that too, so shuffle the rows if "
    "their order means nothing."
)
_MUST_KEEP = ("x and y swapped", "normal scores of each column", "jitter of 0.1 %")
"""Changes that keep all information, in the units that estimators see: columns are standardised first."""


def advise(said: "Estimation", rows: int, pairs: Pairs, shuffles: int) -> str:
    """A recommendation in two sentences, behind a warning where rows lie far out or are no independent draws.

    A remark follows where shuffles are too few.

    Args:
        said: all but the recommendation.
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
    less = bool((said.estimates["why_not_I"] == LESS).any())
    alike = bool((said.twin["verdict"] == "resembles the data").any())
    dependent = bool(said.estimates["why_not_I"].isin(DEPENDENT).any())
    ranked = alike and bool(said.estimates["twin_rmse"].notna().any()) and not dependent and not less
    reasons = {row.estimator: list(_reasons(row, said, rows, twin=ranked)) for row in every}
    if not ranked:
        reasons = {row.estimator: reasons[row.estimator] or list(_outseen(row, every)) for row in every}
    valid = [row for row in every if not reasons[row.estimator]]
    if not valid:
        first = f"None of these, because each fails a check: {_grouped(reasons)}."
        return _with(first, [_why_unranked(said), "more rows or other estimators may help"])
    if clash := _crossed(valid):
        return f"None of these, because {clash}. At least one of the two bounds is wrong on these data."
    reasons |= {row.estimator: ["is not above 0"] for row in valid if _reported(row) <= 0}
    above = [row for row in valid if not reasons[row.estimator]]
    if not above or said.p_value > max(ALPHA, 1 / (1 + shuffles)):
        why = f"not above {f'those of {_shuffled(shuffles)}' if above else 0}"
        sighted = [row for row in valid if not _loses(row, said.twin)]
        lost = "" if sighted else _lost(every, valid, said.twin, repeating=repeats_often(pairs.x, pairs.y))
        return lost or _nothing(sighted, why, dependent=dependent)
    valid, left_out = above, _grouped(reasons)
    rest = [left_out and f"left out: {left_out}"]
    if ranked:
        return _least_error(valid, said.twin.iloc[0], rest)
    rest.insert(0, _why_unranked(said))
    repeating = repeats_often(pairs.x, pairs.y)
    rest.append("values repeat often, which estimators of densities do not expect" if repeating else "")
    return _most_agreed(valid, said, rest, repeating=repeating)


def _falling(estimates: pd.DataFrame) -> str:
    """That estimates tend to nothing finite; empty where none falls without end."""
    if falling := estimates.loc[estimates["why_not_I"] == NO_LIMIT, "estimator"].tolist():
        return (
            f"None of these, because with each halving of the rows {_listed(falling, 'falls', 'fall')} by about ln 2 "
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


def _loses(row: Any, twin: pd.DataFrame) -> bool:
    """Whether an estimator misses most of what the twin holds, by more than its errors there scatter.

    It misses nothing where the twin may hold nothing: a model of few rows is never without any information.
    """
    if twin.empty or not float(twin["information"].iloc[0]) > SURE * float(twin["sampling"].iloc[0]):
        return False
    return row.twin_bias < -max(WORST * float(twin["information"].iloc[0]), row.twin_deviation)


def _lost(every: list[Any], valid: list[Any], twin: pd.DataFrame, *, repeating: bool) -> str:
    """That estimators which find nothing here miss what the twin holds too."""
    known = number(float(twin["information"].iloc[0]))
    names = _listed([row.estimator for row in valid], "misses", "miss")
    seeing = REPEATING if repeating else ("copula", "ksg")
    others = [name for name in seeing if name not in [row.estimator for row in every]]
    such = f", e.g. {either(others)}" if others else ""
    return (
        f"None of these, because of the {known} nats that twins of these data hold, {names} more than half, so that it "
        f"says nothing to find none here. Other estimators may see more{such}."
    )


def _shuffled(shuffles: int) -> str:
    """What all estimates together are compared with."""
    return "shuffled pairs at the 5 % level" if shuffles >= FEWEST_SHUFFLES else pluralise(shuffles, "shuffle")


def _too_few(shuffles: int) -> str:
    return (
        f"Whether there is any information, {pluralise(shuffles, 'shuffle')} cannot tell at the 5 % level, which takes "
        f"{FEWEST_SHUFFLES} or more (--shuffles)."
    )


def _grouped(reasons: dict[str, list[str]]) -> str:
    """Estimators by what they are left out for."""
    groups: dict[str, list[str]] = {}
    for name, why in reasons.items():
        if why:
            groups.setdefault(" and ".join(why), []).append(name)
    return "; ".join(f"{', '.join(names)} ({why})" for why, names in groups.items())


def _least_error(valid: list[Any], twin: Any, rest: list[str]) -> str:
    """The estimate whose error on the twin is smallest, of those that hinge on no single row if there are any."""
    hinging = [row.estimator for row in valid if row.why_not_I == HINGES]
    best = min(valid, key=lambda row: (row.estimator in hinging, row.twin_rmse))
    others_hinge = f"{_listed(hinging, 'hinges', 'hinge')} on one row" if best.estimator not in hinging else ""
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
        return _with(f"Report {number(best.nats)} nats by {best.estimator}: {why}.", [lost, reason, *rest])
    corrected = f", its {number(best.nats)} less the bias of {number(best.twin_bias)} that it shows there"
    first = (
        f"Report {number(_reported(best))} nats (95 %: {_span(best)}) by {best.estimator}"
        f"{corrected if _reported(best) != best.nats else ''}: {why}."
    )
    others = [row for row in valid if row is not best and row.of == "I"]
    agreeing = [row.estimator for row in others if _overlap(row, best)]
    apart = [row.estimator for row in others if not _overlap(row, best)]
    said = [f"its interval overlaps with that of {', '.join(agreeing)}" if agreeing else ""]
    said.append(f"its interval lies apart from that of {', '.join(apart)}" if apart else "")
    return _with(first, [lost, *said, *rest])


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


def _most_agreed(valid: list[Any], said: "Estimation", rest: list[str], *, repeating: bool) -> str:
    """The estimate with which most of the others agree; all that see correlation alone are one of them.

    Of those with which as many agree it is the one with the narrowest interval; but where values are `repeating`, one
    that sees correlation alone comes last, since of such data no correlation says the information.
    """
    agreeing = {row.estimator: [other for other in valid if other is not row and _agree(row, other)] for row in valid}
    voices = {name: {_voice(other) for other in others} for name, others in agreeing.items()}
    best = max(
        (row for row in valid if not _is_lower(row, valid)),
        key=lambda row: (
            len(voices[row.estimator] - {_voice(row)}),
            not (repeating and row.sees == "correlation"),
            row.low - row.high,
        ),
    )
    friends = [row.estimator for row in agreeing[best.estimator]]
    independent = best.why_not_I not in DEPENDENT
    if len({_voice(row) for row in valid}) > 1 and not voices[best.estimator] - {_voice(best)}:
        spans = ", ".join(f"{row.estimator} {_span(row) if independent else number(row.nats)}" for row in valid)
        alike = [row.estimator for row in valid if _voice(row) in voices[row.estimator]]
        but = f" but {', '.join(alike)}, which see correlation alone and count as one" if alike else ""
        return _with(f"None of these, because no two agree{but}: {spans}.", rest)
    limit = f", for what {best.estimator} would see of ever more rows, not for I" if best.of == "its limit" else ""
    what = f", which is {best.of}" if best.bound else ""
    why = f"{_listed(friends, 'agrees', 'agree')} with it" if friends else "nothing else is left to compare it with"
    span = f" (95 %: {_span(best)}{limit})" if independent else ""
    report = f"Report {number(best.nats)} nats{span} by {best.estimator}{what}"
    apart = [row.estimator for row in valid if row is not best and row.estimator not in friends]
    differ = f"{_listed(apart, 'differs', 'differ')} from it" if apart else ""
    return _with(f"{report}: {_passed(best, said)}{why}.", [differ, *_failed(best, said), *rest])


def _passed(best: Any, said: "Estimation") -> str:
    """The checks that an estimate has passed, by name."""
    own = said.stability[said.stability["estimator"] == best.estimator]
    kept = own.loc[own["change"].isin(_MUST_KEEP) & own["verdict"].isin(KEPT), "change"]
    passed = [*(["shuffled pairs"] if best.p_value <= ALPHA else []), *kept]
    return f"it passes the checks ({', '.join(passed)}), and " if passed else ""


def _failed(best: Any, said: "Estimation") -> Iterator[str]:
    """What in the tables of stability and null flows speaks against an estimate that passed the checks."""
    own = said.stability[said.stability["estimator"] == best.estimator]
    if moved := own.loc[own["verdict"] == OUT, "change"].tolist():
        yield f"it moves out of its interval with {', '.join(moved)}"
    if flows := _flowing(best, said.flows):
        yield f"its gradient is not 0 along {', '.join(flows)}, which {'keeps' if len(flows) == 1 else 'keep'} I"


def _flowing(best: Any, flows: pd.DataFrame) -> list[str]:
    """The null flows along which an estimate changes."""
    if not len(flows):
        return []
    return flows.loc[(flows["estimator"] == best.estimator) & (flows["verdict"] == "not 0"), "flow"].tolist()


def _voice(row: Any) -> str:
    """What counts as one where estimates are compared: correlations are the same whoever reads them."""
    return row.sees if row.sees == "correlation" else row.estimator


def _outseen(row: Any, every: list[Any]) -> Iterator[str]:
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


def _with(first: str, rest: list[str]) -> str:
    """A sentence, and a second one of what else is to be said."""
    second = "; ".join(filter(None, rest))
    return f"{first} {second[0].upper()}{second[1:]}." if second else first


def _listed(names: list[str], singular: str, plural: str) -> str:
    return f"{', '.join(names)} {singular if len(names) == 1 else plural}"


def _reasons(row: Any, said: "Estimation", rows: int, *, twin: bool) -> Iterator[str]:
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
    own = stability[(stability["estimator"] == row.estimator) & stability["change"].isin(_MUST_KEEP)]
    if row.bound:
        own = own[(own["shift"] > 0) == (row.bound == "lower")]
    yield from own[own["verdict"] == OUT]["change"]


def _crossed(valid: list[Any]) -> str:
    """A lower bound above an upper bound; empty if there is none."""
    for low in valid:
        for high in valid:
            if (low.bound, high.bound) == ("lower", "upper") and low.limit_low > high.limit_high:
                return f"the lower bound of {low.estimator} lies above the upper bound of {high.estimator}"
    return ""


def _agree(one: Any, other: Any) -> bool:
    """Whether intervals overlap; a bound agrees with whatever it bounds."""
    below, above = sorted((one, other), key=lambda row: row.low)
    return _overlap(one, other) or below.bound == "lower" or above.bound == "upper"


def _is_lower(row: Any, valid: list[Any]) -> bool:
    """Whether an estimate is a lower bound below what another sees."""
    return row.bound == "lower" and any(other.bound != "upper" and other.low > row.high for other in valid)


def _overlap(one: Any, other: Any) -> bool:
    return one.low <= other.high and other.low <= one.high


def _span(row: Any) -> str:
    return f"{number(row.low)} to {number(row.high)}"
