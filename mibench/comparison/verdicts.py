"""A judgement of one row of a comparison, and how it is reached from an interval."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mibench.comparison.statistics import seeds_needed

Verdict = Literal["match", "better", "worse", "inconclusive", "other settings"]
VERDICTS: tuple[Verdict, ...] = ("worse", "inconclusive", "better", "match", "other settings")
"""The most urgent first."""

COLUMNS = (
    "task",
    "cell",
    "estimator",
    "measurement",
    "statistic",
    "mean",
    "low",
    "high",
    "seeds",
    "reference",
    "tolerance",
    "difference",
    "p",
    "verdict",
    "reason",
    "against",
    "provenance",
    "source",
    "settings",
    "note",
)
"""Of the frames that comparisons return, whatever was compared.

`mean` of `seeds` seeds and its 95 % interval from `low` to `high`; the `reference` it is compared with and the
`tolerance` around that; `difference` of the two; `p`, adjusted for the number of rows, where a test was made; the
`verdict` and its `reason`; `against` what: the name of the references or the place of the baseline; and where the
reference comes from.
"""

UNDECLARED = "differs, and the task does not declare which way is better"


@dataclass(frozen=True)
class Judgement:
    """A verdict, and why."""

    verdict: Verdict
    reason: str = ""


def judge(
    difference: float, loss: float | None, half_width: float, tolerance: float, *, deviation: float, seeds: int
) -> Judgement:
    """Judges a difference by its interval against what is tolerated.

    It matches when the whole interval is tolerated, and is better or worse when none of it is: significant and large.

    Args:
        difference: in the measurement's unit.
        loss: how much worse that is, negative for better; `None` if nothing says which way is good.
        half_width: of the interval of the difference; infinite if unknown.
        tolerance: the largest size of a difference that does not count.
        deviation: over seeds, from which is reckoned how many more are needed.
        seeds: how many there are.
    """
    size = abs(difference)
    if size + half_width <= tolerance:
        return Judgement("match")
    if size - half_width <= tolerance:
        return Judgement("inconclusive", more_seeds(deviation, abs(size - tolerance), seeds))
    if loss is None:
        return Judgement("inconclusive", UNDECLARED)
    if abs(loss) <= half_width:
        return Judgement("inconclusive", "differs, about as far from the truth on its other side")
    return Judgement("worse" if loss > 0 else "better")


def more_seeds(deviation: float, margin: float, seeds: int, *, fewest: int = 0) -> str:
    """How many more seeds would decide, if mean and deviation stay as they are.

    Args:
        deviation: over seeds.
        margin: the half-width that an interval must come down to.
        seeds: how many there are.
        fewest: with how many a test of all rows together can be significant at all.
    """
    if seeds < 2:
        return "at least 1 more seed needed: one has no interval"
    needed = seeds_needed(deviation, margin) if margin else None
    if needed is None:
        return "too close to the edge of the tolerance for any number of seeds up to 1000"
    return f"about {max(1, max(needed, fewest) - seeds)} more seeds needed"


def as_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a comparison as a frame of `COLUMNS`, with the same types whatever was compared."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({name: _TYPES.get(name, "string") for name in COLUMNS})


_NUMBERS = ("mean", "low", "high", "reference", "tolerance", "difference", "p")
_TYPES = {**dict.fromkeys(_NUMBERS, "float64"), "seeds": "Int64"}
