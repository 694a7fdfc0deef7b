"""The estimate with which most of the others agree, where no error on the twin ranks them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from mibench.estimation.intervals import ALPHA, DEPENDENT
from mibench.estimation.objections import MUST_KEEP
from mibench.estimation.sentences import span_of, subject, two_sentences
from mibench.estimation.stability import KEPT, OUT
from mibench.text import number

if TYPE_CHECKING:
    from mibench.estimation.answer import Estimation


def most_agreed(valid: list[Any], said: "Estimation", rest: list[str], *, repeating: bool) -> str:
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
        spans = ", ".join(f"{row.estimator} {span_of(row) if independent else number(row.nats)}" for row in valid)
        alike = [row.estimator for row in valid if _voice(row) in voices[row.estimator]]
        but = f" but {', '.join(alike)}, which see correlation alone and count as one" if alike else ""
        return two_sentences(f"None of these, because no two agree{but}: {spans}.", rest)
    limit = f", for what {best.estimator} would see of ever more rows, not for I" if best.of == "its limit" else ""
    what = f", which is {best.of}" if best.bound else ""
    why = f"{subject(friends, 'agrees', 'agree')} with it" if friends else "nothing else is left to compare it with"
    span = f" (95 %: {span_of(best)}{limit})" if independent else ""
    report = f"Report {number(best.nats)} nats{span} by {best.estimator}{what}"
    apart = [row.estimator for row in valid if row is not best and row.estimator not in friends]
    differ = f"{subject(apart, 'differs', 'differ')} from it" if apart else ""
    return two_sentences(f"{report}: {_passed(best, said)}{why}.", [differ, *_failed(best, said), *rest])


def _passed(best: Any, said: "Estimation") -> str:
    """The checks that an estimate has passed, by name."""
    own = said.stability[said.stability["estimator"] == best.estimator]
    kept = own.loc[own["change"].isin(MUST_KEEP) & own["verdict"].isin(KEPT), "change"]
    shuffled = best.p_value <= ALPHA and best.why_not_I not in DEPENDENT
    passed = [*(["shuffled pairs"] if shuffled else []), *kept]
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


def _agree(one: Any, other: Any) -> bool:
    """Whether intervals overlap; a bound agrees with whatever it bounds."""
    below, above = sorted((one, other), key=lambda row: row.low)
    return overlap(one, other) or below.bound == "lower" or above.bound == "upper"


def _is_lower(row: Any, valid: list[Any]) -> bool:
    """Whether an estimate is a lower bound below what another sees."""
    return row.bound == "lower" and any(other.bound != "upper" and other.low > row.high for other in valid)


def overlap(one: Any, other: Any) -> bool:
    """Whether two intervals have values in common."""
    return one.low <= other.high and other.low <= one.high
