"""Contests: what a task, or all of them, say about two estimators on the same data, and the verdicts on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mibench.comparison.error_table import ErrorTable
from mibench.comparison.estimates import Estimate, mean_over_cells, mean_over_tasks
from mibench.comparison.meetings import ROUNDING
from mibench.comparison.statistics import Array, Integers, holm
from mibench.comparison.verdicts import ALPHA, FEWEST_SEEDS, TOO_FEW_AGREE, UNRESOLVED, Judgement, together
from mibench.frames.grouping import Rows
from mibench.text import pluralise

ALL_TASKS = "all"
LARGE = 0.05
"""The share by which an error must differ from the rival's to count."""
SMALLEST = 1e-6
"""Errors below this share of the root mean square error of both sides in a cell are equal to it."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """What a task, or all tasks together, say about an estimator and a rival.

    Attributes:
        task: its name, or `ALL_TASKS`.
        estimate: the mean logarithm of the ratio of errors, or the mean difference.
        tolerance: the largest size of the true mean that does not count.
        wins, ties, losses: numbers of pairs, at all levels of the quantity.
        failed, rival_failed: numbers of trials that failed where the other side did not.
        cells, seeds: how many both sides have in common.
        note: what else there is to say.
        doubt: how far the mean may be off because truths themselves are.
    """

    task: str
    estimate: Estimate
    tolerance: float
    wins: int
    ties: int
    losses: int
    failed: int
    rival_failed: int
    cells: int
    seeds: int
    note: str = ""
    doubt: float = 0.0

    @property
    def testable(self) -> bool:
        """Whether the estimator can be called better or worse; the row then counts among those adjusted for."""
        return self.seeds >= FEWEST_SEEDS and self.wins + self.losses > 0

    @property
    def pvalue(self) -> float:
        """The p-value of the hypothesis that the true mean lies within the tolerance, wherever truths may be."""
        return self.estimate.pvalue(self.tolerance + self.doubt)

    @property
    def unresolved(self) -> bool:
        """Whether no number of seeds would decide, since truths are not known well enough."""
        return self.doubt > 0 and abs(abs(self.estimate.mean) - self.tolerance) <= self.doubt


def contests_of(table: ErrorTable, estimator: str, rival: str, large: float = LARGE) -> list[Contest]:
    """A contest for each task with a pair of equal cell and seed of which one side did not fail, and one of all."""
    ours, theirs = table.of(estimator), table.of(rival)
    pairs = in_common(table, estimator, rival) & (np.isfinite(ours) | np.isfinite(theirs))
    contests = [
        _contest(table.only(pairs & (table.tasks == task)), estimator, rival, large)
        for task in dict.fromkeys(table.tasks[pairs].tolist())
    ]
    return [*contests, _together(contests)] if len(contests) > 1 else contests


def in_common(table: ErrorTable, estimator: str, rival: str) -> Rows:
    """Which cells and seeds both sides have."""
    return ~np.isnan(table.of(estimator)) & ~np.isnan(table.of(rival))


def contests_by_truth(
    table: ErrorTable, moved: Sequence[ErrorTable], estimator: str, rival: str, large: float
) -> list[Contest]:
    """The contests of a table, each with how far its mean lies from those of tables with other truths."""
    met = contests_of(table, estimator, rival, large)
    others = [contests_of(other, estimator, rival, large) for other in moved]
    means = [[contest.estimate.mean for contest in side] for side in zip(met, *others, strict=True)]
    return [
        replace(contest, doubt=max(abs(mean - here) for mean in (here, *elsewhere)))
        for contest, (here, *elsewhere) in zip(met, means, strict=True)
    ]


def judge_contests(contests: Sequence[Contest]) -> list[Judgement]:
    """Verdicts on all contests together, with p-values adjusted for their number."""
    tested = [index for index, contest in enumerate(contests) if contest.testable]
    pvalues = holm([contests[index].pvalue for index in tested])
    adjusted = dict(zip(tested, pvalues, strict=True))
    return [_judge(contest, adjusted.get(index, math.nan), len(tested)) for index, contest in enumerate(contests)]


def _contest(table: ErrorTable, estimator: str, rival: str, large: float) -> Contest:
    ours, theirs = table.of(estimator), table.of(rival)
    close = np.isclose(ours, theirs, rtol=ROUNDING, atol=0)
    finite = np.isfinite(ours) & np.isfinite(theirs)
    cells, both = table.cells[finite], (ours[finite], theirs[finite])
    values = _log_ratio(*both, cells) if table.distances else both[0] - both[1]
    values, cells = _of_trials(values, table.trial_cells[finite], table.seeds[finite])
    size = float(np.abs(both[1]).mean()) if finite.any() else 0.0
    return Contest(
        task=str(table.tasks[0]),
        estimate=mean_over_cells(values, cells) if finite.any() else Estimate(math.nan, math.nan, 0),
        tolerance=math.log1p(large) if table.distances else large * size,
        wins=int(((ours < theirs) & ~close).sum()),
        ties=int(close.sum()),
        losses=int(((ours > theirs) & ~close).sum()),
        failed=table.count_trials(np.isinf(ours) & np.isfinite(theirs)),
        rival_failed=table.count_trials(np.isfinite(ours) & np.isinf(theirs)),
        cells=len(np.unique(cells)),
        seeds=len(np.unique(table.seeds[finite])),
    )


def _log_ratio(ours: Array, theirs: Array, cells: Integers) -> Array:
    """The logarithm of the ratio of errors; errors that are next to nothing in their cell are raised to a floor."""
    _, numbers, counts = np.unique(cells, return_inverse=True, return_counts=True)
    mean_square = np.bincount(numbers, ours**2 + theirs**2) / (2 * counts)
    floor = np.maximum(SMALLEST * np.sqrt(mean_square), np.finfo(float).tiny)[numbers]
    return np.log(np.maximum(ours, floor)) - np.log(np.maximum(theirs, floor))


def _of_trials(values: Array, cells: Integers, seeds: Integers) -> tuple[Array, Integers]:
    """The mean over the levels that one pair of trials measured, which are no evidence of their own, and its cell."""
    trials = cells * (seeds.max(initial=0) + 1) + seeds
    _, first, numbers, counts = np.unique(trials, return_index=True, return_inverse=True, return_counts=True)
    return np.bincount(numbers, values, len(counts)) / counts, cells[first]


def _together(contests: Sequence[Contest]) -> Contest:
    """All tasks; those without a pair of which neither trial failed have a part in nothing but the counts."""
    measured = [contest for contest in contests if contest.cells]
    ahead = sum(contest.estimate.mean < 0 for contest in measured)
    return Contest(
        task=ALL_TASKS,
        estimate=mean_over_tasks([contest.estimate for contest in measured]) if measured else contests[0].estimate,
        tolerance=float(np.mean([contest.tolerance for contest in measured or contests])),
        **{
            name: sum(getattr(contest, name) for contest in contests)
            for name in ("wins", "ties", "losses", "failed", "rival_failed", "cells")
        },
        seeds=min((contest.seeds for contest in measured), default=0),
        note=f"ahead in {ahead} of {pluralise(len(measured), 'task')}",
    )


def _judge(contest: Contest, pvalue: float, tested: int) -> Judgement:
    estimate, tolerance = contest.estimate, contest.tolerance
    notes = [contest.note]
    if contest.rival_failed:
        notes.append(f"{pluralise(contest.rival_failed, 'trial')} of the rival failed")
    if contest.failed:
        reason = f"{pluralise(contest.failed, 'trial')} failed that did not with the rival"
        return Judgement("worse", together(reason, *notes), pvalue)
    if pvalue < ALPHA:
        return Judgement("worse" if estimate.mean > 0 else "better", together(*notes), pvalue)
    if not contest.cells:
        return Judgement("inconclusive", together("no pair without a failure", *notes), pvalue)
    same = contest.wins + contest.losses == 0 and contest.ties > 0
    tolerated = abs(estimate.mean) + estimate.half_width() + contest.doubt <= tolerance
    if same or (tolerated and contest.seeds >= FEWEST_SEEDS):
        return Judgement("match", together(*notes), pvalue)
    if contest.seeds < FEWEST_SEEDS:
        missing = pluralise(FEWEST_SEEDS - contest.seeds, "more seed")
        return Judgement("inconclusive", together(f"at least {missing} needed", *notes), pvalue)
    return Judgement("inconclusive", together(_more_seeds(contest, tested), *notes), pvalue)


def _more_seeds(contest: Contest, tested: int) -> str:
    """How many more seeds would decide, if the effect and its standard deviation stay as they are."""
    if contest.unresolved:
        return UNRESOLVED
    margin = abs(contest.estimate.mean) - contest.tolerance
    margin -= math.copysign(contest.doubt, margin)
    share = ALPHA / tested if margin > 0 else ALPHA
    times = contest.estimate.times_needed(abs(margin), 1 - share, share if margin > 0 else 1.0)
    if times is None:
        by_width = contest.estimate.times_needed(abs(margin), 1 - share)
        return TOO_FEW_AGREE if by_width else "too close to the edge of the tolerance for any number of seeds"
    return f"about {pluralise(max(1, math.ceil((times - 1) * contest.seeds)), 'more seed')} needed"
