"""Estimators against each other on the same data: is one better than another, by how much, and how sure is that?

Both sides saw the same cells and data seeds, so errors are compared pair by pair. Where errors are distances from the
truth, the effect is the ratio of the two errors (the geometric mean over pairs); elsewhere it is their difference. The
effect of a task is the mean over its cells, which count alike; that of all tasks is the mean over tasks. Cells and
tasks are taken as they are: the interval says what other seeds would give, not what other tasks would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.error_table import (
    NO_TRUTH,
    ORACLE,
    ErrorTable,
    error_tables_by_truth,
    lacks_truths,
    not_known,
    quantities_of,
)
from mibench.comparison.estimates import Estimate, mean_over_cells, mean_over_tasks
from mibench.comparison.meetings import ROUNDING
from mibench.comparison.samples import TRUTH_ERRORS
from mibench.comparison.selection import refuse_unmeasured
from mibench.comparison.soundness import LEFT_OUT, sound
from mibench.comparison.statistics import Array, Integers, holm
from mibench.comparison.verdicts import ALPHA, FEWEST_SEEDS, UNRESOLVED, Judgement, together
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames.grouping import Rows
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.text import either, listed, pluralise, suggestion

ALL_TASKS = "all"
RATIOS = "ratios"
"""The attribute of the compared frame that names the quantities whose effects are ratios, not differences."""
LARGE = 0.05
"""The share by which an error must differ from the rival's to count."""
SMALLEST = 1e-6
"""Errors below this share of the root mean square error of both sides in a cell are equal to it."""
COLUMNS = (
    "measurement",
    "task",
    "estimator",
    "rival",
    "verdict",
    "effect",
    "low",
    "high",
    "p",
    "wins",
    "ties",
    "losses",
    "failed",
    "rival_failed",
    "cells",
    "seeds",
    "reason",
)
"""The columns of the frame that `compare_estimators` returns.

`effect` is the estimator's error divided by the rival's (below 1 is better), or minus the rival's where errors are not
distances from a truth (below 0 is better); its 95 % interval runs from `low` to `high`. `p` is the p-value adjusted for
the number of rows. `wins`, `ties` and `losses` count pairs of equal cell and seed, at each level of a quantity that has
several; a trial that failed loses against one that did not, and a pair of which both failed is no tie. `failed` and
`rival_failed` count trials that failed where the other side did not; they have no error and no part in the effect.
`cells` and `seeds` are those of the pairs that have one.
"""


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


def compare_estimators(
    frame: pd.DataFrame,
    estimator: str,
    registry: Registry,
    *,
    rivals: Sequence[str] = (),
    measurements: Sequence[str] = (),
    large: float = LARGE,
) -> pd.DataFrame:
    """Compares an estimator with others on the cells and seeds that both have, by task and over all tasks.

    Args:
        frame: a tidy frame.
        estimator: as the frame spells it.
        registry: the tasks' specs, for their directions.
        rivals: as the frame spells them, maybe the estimator itself; all others but the oracle if there are none.
        measurements: quantities; empty for `mi` and `mi_gradient`, or for all of a task that has neither.
        large: the share by which an error must differ from the rival's to count.

    Returns:
        A frame of `COLUMNS`. `attrs["left_out"]` says what was left out, and `attrs["ratios"]` of which measurements
        the effects are ratios.

    Raises:
        UsageError: the frame does not hold an estimator, or none of the measurements.
    """
    frame, left_out = sound(frame)
    refuse_unmeasured(measurements, quantities_of(frame, registry))
    names = sorted(frame["estimator"].unique())
    for name in (estimator, *rivals):
        if name not in names:
            raise UsageError(f"there is no estimator {name!r} in these results; {suggestion(name, names)}")
    rivals = rivals or [name for name in names if name not in {estimator, ORACLE}]
    rows: list[dict[str, Any]] = []
    contests: list[Contest] = []
    lost: set[str] = set()
    exact = TRUTH_ERROR not in frame.columns or not (frame[TRUTH_ERROR] > 0).any()
    moves = [0.0] if exact else [0.0, -TRUTH_ERRORS, TRUTH_ERRORS]
    tables, *elsewhere = error_tables_by_truth(frame, registry, measurements, moves)
    for table, *moved in zip(tables, *elsewhere, strict=True):
        left_out += [*_alone(table, estimator, rivals), *not_known(table, {estimator, *rivals}, done="compared")]
        for rival in rivals if estimator in table.estimators else ():
            met = _met(table, moved, estimator, rival, large) if rival in table.estimators else []
            if rival in table.estimators and (tasks := _lost_on_both(table, estimator, rival)):
                lost.add(rival)
                what = f"{table.quantity}: nothing of {estimator} and {rival} in {listed(tasks)}"
                left_out.append(f"{what} is judged: all trials of equal cell and seed failed")
            common = {"measurement": table.quantity, "estimator": estimator, "rival": rival}
            rows += [common | _columns(contest, ratio=table.distances) for contest in met]
            contests += met
    for row, judgement in zip(rows, judge_contests(contests), strict=True):
        row |= {"verdict": judgement.verdict, "reason": judgement.reason, "p": judgement.pvalue}
    compared = pd.DataFrame(rows, columns=list(COLUMNS))
    unmet = [name for name in rivals if name not in {*compared["rival"], *lost}]
    compared.attrs[LEFT_OUT] = [*left_out, *_unmet(frame, registry, tables, measurements, estimator, unmet)]
    compared.attrs[RATIOS] = [table.quantity for table in tables if table.distances]
    return compared.astype(dict.fromkeys(("effect", "low", "high", "p"), "float64"))


def _unmet(
    frame: pd.DataFrame,
    registry: Registry,
    tables: Sequence[ErrorTable],
    measurements: Sequence[str],
    estimator: str,
    rivals: Sequence[str],
) -> list[str]:
    """Why each of these rivals has no row."""
    comparable = {name for table in tables for name in table.estimators}
    named = comparable.union(*(table.unknown for table in tables))
    lacking = [name for name in (estimator, *rivals) if rivals and name not in named]
    return [_why_lacking(frame, registry, measurements, name) for name in dict.fromkeys(lacking)] + [
        _why_apart(tables, estimator, name) for name in rivals if {name, estimator} <= comparable
    ]


def _why_apart(tables: Sequence[ErrorTable], estimator: str, rival: str) -> str:
    """Why two estimators have no row that both have errors in."""
    ours, theirs = ([table.quantity for table in tables if name in table.estimators] for name in (estimator, rival))
    if {*ours} & {*theirs}:
        return f"no cell and seed of {rival} is one of {estimator}"
    return f"{rival} has no measurement in common with {estimator}: {listed(theirs)}, not {either(ours)}"


def _why_lacking(frame: pd.DataFrame, registry: Registry, measurements: Sequence[str], name: str) -> str:
    """Why an estimator has no error in any of these measurements, or in any at all."""
    own = frame[frame["estimator"] == name]
    measured = quantities_of(own, registry)
    if not measured.intersection(measurements or measured):
        return f"{f'no {either(measurements)}' if measurements else 'nothing'} was measured of {name}"
    if not (own["status"] == Status.OK.value).any():
        return f"all trials of {name} failed, and no other has what they measured"
    if lacks_truths(own, registry):
        return f"{NO_TRUTH} of what was measured of {name}"
    return f"no task says which way is good of what was measured of {name}"


def _alone(table: ErrorTable, estimator: str, rivals: Sequence[str]) -> list[str]:
    """A sentence with the numbers of runs that have no partner though both sides have met, if there are any."""
    runs = {name: ~np.isnan(table.of(name)) for name in (estimator, *rivals) if name in table.estimators}
    ours = runs.pop(estimator, np.zeros(len(table.errors), dtype=bool))
    met = [theirs for theirs in runs.values() if (ours & theirs).any()]
    here = [table.count_trials(ours & ~theirs) for theirs in met if (ours & ~theirs).any()]
    there = [table.count_trials(theirs & ~ours) for theirs in met if (theirs & ~ours).any()]
    parts = [f"{pluralise(sum(here), 'run')} of {estimator} beside {pluralise(len(here), 'rival')}"] if here else []
    parts += [f"{pluralise(sum(there), 'run')} of {pluralise(len(there), 'rival')}"] if there else []
    return [f"{table.quantity}: without a partner of equal cell and seed: {', '.join(parts)}"] if parts else []


def contests_of(table: ErrorTable, estimator: str, rival: str, large: float = LARGE) -> list[Contest]:
    """A contest for each task with a pair of equal cell and seed of which one side did not fail, and one of all."""
    ours, theirs = table.of(estimator), table.of(rival)
    pairs = _shared(table, estimator, rival) & (np.isfinite(ours) | np.isfinite(theirs))
    contests = [
        _contest(table.only(pairs & (table.tasks == task)), estimator, rival, large)
        for task in dict.fromkeys(table.tasks[pairs].tolist())
    ]
    return [*contests, _together(contests)] if len(contests) > 1 else contests


def _lost_on_both(table: ErrorTable, estimator: str, rival: str) -> list[str]:
    """The tasks in which both sides failed in every run that they have in common."""
    shared = _shared(table, estimator, rival)
    failed = shared & np.isinf(table.of(estimator)) & np.isinf(table.of(rival))
    return sorted({*table.tasks[failed].tolist()} - {*table.tasks[shared & ~failed].tolist()})


def _shared(table: ErrorTable, estimator: str, rival: str) -> Rows:
    """Which cells and seeds both sides have."""
    return ~np.isnan(table.of(estimator)) & ~np.isnan(table.of(rival))


def _met(table: ErrorTable, moved: Sequence[ErrorTable], estimator: str, rival: str, large: float) -> list[Contest]:
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
        cells=len(np.unique(table.trial_cells[finite])),
        seeds=len(np.unique(table.seeds[finite])),
    )


def _log_ratio(ours: Array, theirs: Array, cells: Integers) -> Array:
    """The logarithm of the ratio of errors; errors that are next to nothing in their cell are raised to a floor."""
    _, numbers, counts = np.unique(cells, return_inverse=True, return_counts=True)
    mean_square = np.bincount(numbers, ours**2 + theirs**2) / (2 * counts)
    floor = np.maximum(SMALLEST * np.sqrt(mean_square), np.finfo(float).tiny)[numbers]
    return np.log(np.maximum(ours, floor)) - np.log(np.maximum(theirs, floor))


def _together(contests: Sequence[Contest]) -> Contest:
    measured = [contest for contest in contests if not math.isnan(contest.estimate.mean)]
    better = sum(contest.estimate.mean < 0 for contest in measured)
    return Contest(
        task=ALL_TASKS,
        estimate=mean_over_tasks([contest.estimate for contest in measured]) if measured else contests[0].estimate,
        tolerance=float(np.mean([contest.tolerance for contest in contests])),
        **{
            name: sum(getattr(contest, name) for contest in contests)
            for name in ("wins", "ties", "losses", "failed", "rival_failed", "cells")
        },
        seeds=min(contest.seeds for contest in contests),
        note=f"ahead in {better} of {pluralise(len(measured), 'task')}",
    )


def _columns(contest: Contest, *, ratio: bool) -> dict[str, Any]:
    mean, width = contest.estimate.mean, contest.estimate.half_width()
    ends = [mean, mean - width, mean + width] if math.isfinite(width) else [mean, math.nan, math.nan]
    names = ("task", "wins", "ties", "losses", "failed", "rival_failed", "cells", "seeds")
    effect = dict(zip(("effect", "low", "high"), np.exp(ends) if ratio else ends, strict=True))
    return {name: getattr(contest, name) for name in names} | effect


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
    same = contest.wins + contest.losses == 0 and contest.ties > 0
    if same or abs(estimate.mean) + estimate.half_width() + contest.doubt <= tolerance:
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
    times = contest.estimate.times_needed(abs(margin), 1 - ALPHA / tested if margin > 0 else 1 - ALPHA)
    if times is None:
        return "too close to the edge of the tolerance for any number of seeds"
    return f"about {pluralise(max(1, math.ceil((times - 1) * contest.seeds)), 'more seed')} needed"
