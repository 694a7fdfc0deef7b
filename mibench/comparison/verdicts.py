"""Verdicts on the rows of a comparison, and how they are reached from what the seeds say.

A row is `better` or `worse` where the hypothesis that its true difference lies within the tolerance is rejected at 5 %,
adjusted for the number of rows (Holm): in at most 5 of 100 comparisons of equal things any row is called so. A row is
a `match` where the whole 95 % interval of its difference lies within the tolerance.

Student's t decides alone from three seeds on. Where equal things differ symmetrically, as pairs of equal seeds do, a
fifth of the 5 % goes to signed ranks, which need more seeds and keep their power where a few values are extreme.
Training may end in one of two values: then all pairs of equal things differ by the same amount with probability
2 / 4^seeds, and nothing in them tells that from a difference. So no p-value is set below the chance of what agrees.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mibench.comparison.statistics import (
    MOST_SEEDS,
    Array,
    agreement,
    chance_of_agreement,
    half_width,
    holm,
    seeds_needed,
    t_test,
    wilcoxon,
)
from mibench.text import pluralise

Verdict = Literal["match", "better", "worse", "inconclusive", "other settings"]
VERDICTS: tuple[Verdict, ...] = ("worse", "inconclusive", "better", "match", "other settings")
"""The most urgent first."""

ALPHA = 0.05
FEWEST_SEEDS = 3
"""Below this number nothing is called better, worse or a match, unless nothing changed."""
RANKS_SHARE = 0.2
"""The share of ALPHA that goes to signed ranks."""
ROUNDED = 1e-6
"""Differences below this, in the unit of what is compared, are rounding: trials run in single precision. Without it a
quantity that is 0 but for rounding would have next to no tolerance, which is a share of its size."""
MOST_RANKED = 300
"""Above this number of values the mean is close enough to normal, and the exact distribution of ranks is slow."""

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
"""The columns of the frames that comparisons return, whatever was compared.

`mean` of `seeds` seeds and its 95 % interval from `low` to `high`; the `reference` that it is compared with and the
`tolerance` around it; the `difference` of the two; `p`, the p-value adjusted for the number of rows, where a test was
made; the `verdict` and its `reason`; `against`, the name of the references or the place of the baseline; and where the
reference comes from.
"""

UNDECLARED = "differs, and the task does not declare which way is better"
MIRRORED = "differs, about as far from the truth on its other side"
UNRESOLVED = "the difference lies within the error of the truth itself"
TOO_FEW_AGREE = "too few seeds agree for any number of them; look at single ones"


@dataclass(frozen=True)
class Judgement:
    """A verdict, its reason, and the adjusted p-value where a test was made."""

    verdict: Verdict
    reason: str = ""
    pvalue: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the seeds say about one row.

    Attributes:
        differences: how much our value is above the other, one a seed.
        losses: how much worse our value is, one a seed; `None` if it is not known which way is good.
        tolerance: the largest size of a difference that does not count.
        resolution: the step between values that can be told apart; 0 for continuous values.
        symmetric: whether both sides were measured, seed by seed: differences of equal things are then symmetric about
            0, and differences of 0 say that nothing changed.
        doubt: how far the mean loss may be off because the truth itself is.
    """

    differences: Array
    losses: Array | None
    tolerance: float
    resolution: float = 0.0
    symmetric: bool = False
    doubt: float = 0.0

    @property
    def decisive(self) -> Array:
        """The losses, or the differences where it is not known which way is good."""
        return self.differences if self.losses is None else self.losses

    @property
    def unchanged(self) -> bool:
        """Whether both sides gave the same numbers."""
        return self.symmetric and not self.differences.any()

    @property
    def testable(self) -> bool:
        """Whether the row can be called better or worse; it then counts among the rows that are adjusted for."""
        return len(self.differences) >= FEWEST_SEEDS and not self.unchanged

    @property
    def pvalue(self) -> float:
        """The p-value of the hypothesis that the true difference lies within the tolerance."""
        values, tolerance = self.decisive, self.tolerance + self.doubt
        student = t_test(values, tolerance, self.resolution)
        if not self.symmetric:
            return student
        sign, size = (-1 if values.mean() < 0 else 1), abs(float(values.mean()))
        ranked = size > tolerance and len(values) <= MOST_RANKED
        ranks = min(1.0, 2 * wilcoxon(sign * values - tolerance)) if ranked else 1.0
        pvalue = min(1.0, student / (1 - RANKS_SHARE), ranks / RANKS_SHARE)
        return max(pvalue, chance_of_agreement(agreement(values, sign), len(values)))

    @property
    def tolerated(self) -> bool:
        """Whether the whole interval of the difference, and of the loss, lies within the tolerance."""
        if self.unchanged or len(self.differences) < FEWEST_SEEDS:
            return self.unchanged
        sides = [(self.differences, 0.0), (self.decisive, self.doubt)]
        return all(_size(side) + self._half_width(side) + doubt <= self.tolerance for side, doubt in sides)

    @property
    def unresolved(self) -> bool:
        """Whether no number of seeds would decide, since the truth is not known well enough."""
        return self.doubt > 0 and abs(_size(self.decisive) - self.tolerance) <= self.doubt

    @property
    def mirrored(self) -> bool:
        """Whether the values differ and are nevertheless about as good."""
        apart = _size(self.differences) - self._half_width(self.differences) > self.tolerance
        return apart and _size(self.decisive) <= self.tolerance

    def deviation(self, side: Array) -> float:
        """The standard deviation of differences or losses, at least half the resolution."""
        return max(float(side.std(ddof=1)), self.resolution / 2)

    def _half_width(self, side: Array) -> float:
        return half_width(self.deviation(side), len(side))


def tolerated_share(share: float, size: float) -> float:
    """The largest difference that does not count: a share of a size, `ROUNDED` or more; 0 for a share of 0."""
    return max(share * size, ROUNDED) if share else 0.0


def judge(rows: Sequence[Evidence]) -> list[Judgement]:
    """Verdicts on all rows of a comparison together.

    Args:
        rows: what the seeds say about each. Rows without any difference, or with fewer than three seeds, cannot be
            called better or worse, so they do not count among the rows that p-values are adjusted for.
    """
    tested = [index for index, row in enumerate(rows) if row.testable]
    pvalues = dict(zip(tested, holm([rows[index].pvalue for index in tested]), strict=True))
    return [_judge(row, pvalues.get(index, math.nan), len(tested)) for index, row in enumerate(rows)]


def _judge(row: Evidence, pvalue: float, tested: int) -> Judgement:
    count = len(row.differences)
    if pvalue < ALPHA and row.losses is None:
        return Judgement("inconclusive", UNDECLARED, pvalue)
    if pvalue < ALPHA:
        return Judgement("worse" if row.decisive.mean() > 0 else "better", "", pvalue)
    if row.tolerated:
        return Judgement("match", "", pvalue)
    if count < FEWEST_SEEDS:
        missing = pluralise(FEWEST_SEEDS - count, "more seed")
        return Judgement("inconclusive", f"at least {missing} needed: a verdict takes {FEWEST_SEEDS}", pvalue)
    return Judgement("inconclusive", _undecided(row, tested), pvalue)


def _undecided(row: Evidence, tested: int) -> str:
    if row.unresolved:
        return UNRESOLVED
    return MIRRORED if row.mirrored else _more_seeds(row, tested)


def _more_seeds(row: Evidence, tested: int) -> str:
    """How many more seeds would decide, if mean and standard deviation stay as they are."""
    values = row.decisive
    margin = _size(values) - row.tolerance
    margin -= math.copysign(row.doubt, margin)
    level = 1 - ALPHA * (1 - RANKS_SHARE * row.symmetric) / tested if margin > 0 else 1 - ALPHA
    needed = seeds_needed(row.deviation(values), abs(margin), level) if margin else None
    if needed and margin > 0 and row.symmetric:
        agreeing = agreement(values, math.copysign(1, values.mean())) / len(values)
        counts = range(needed, MOST_SEEDS + 1)
        chances = (chance_of_agreement(round(agreeing * count), count) for count in counts)
        needed = next((count for count, chance in zip(counts, chances, strict=True) if tested * chance < ALPHA), None)
        if needed is None:
            return TOO_FEW_AGREE
    if needed is None:
        return f"too close to the edge of the tolerance for any number of seeds up to {MOST_SEEDS}"
    return f"about {pluralise(max(1, needed - len(values)), 'more seed')} needed"


def _size(values: Array) -> float:
    return abs(float(values.mean()))


def together(*notes: str) -> str:
    """A reason made of several notes, of which some may be empty."""
    return "; ".join(filter(None, notes))


def as_frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows of a comparison as a frame of `COLUMNS`, with the same types whatever was compared."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({name: _TYPES.get(name, "string") for name in COLUMNS})


_NUMBERS = ("mean", "low", "high", "reference", "tolerance", "difference", "p")
_TYPES = {**dict.fromkeys(_NUMBERS, "float64"), "seeds": "Int64"}
