"""Estimators against each other on the same data: is one better than another, by how much, and how sure is that?

Both sides saw the same cells and data seeds, so errors are compared pair by pair. Where errors are distances from the
truth, the effect is the ratio of the two errors (the geometric mean over pairs); elsewhere it is their difference. The
effect of a task is the mean over its cells, which count alike; that of all tasks is the mean over tasks. Cells and
tasks are taken as they are: the interval says what other seeds would give, not what other tasks would.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.contests import LARGE, Contest, contests_by_truth, in_common, judge_contests
from mibench.comparison.error_table import (
    NO_TRUTH,
    ORACLE,
    ErrorTable,
    error_tables_by_truth,
    lacks_truths,
    not_known,
    quantities_of,
)
from mibench.comparison.samples import TRUTH_ERRORS
from mibench.comparison.selection import refuse_unmeasured
from mibench.comparison.soundness import LEFT_OUT, sound
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.text import either, listed, pluralise, suggestion

RATIOS = "ratios"
"""The attribute of the compared frame that names the quantities whose effects are ratios, not differences."""
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
        if estimator not in table.estimators:
            continue
        for rival in [rival for rival in rivals if rival in table.estimators]:
            if tasks := _lost_on_both(table, estimator, rival):
                lost.add(rival)
                what = f"{table.quantity}: nothing of {estimator} and {rival} in {listed(tasks)}"
                left_out.append(f"{what} is judged: all trials of equal cell and seed failed")
            met = contests_by_truth(table, moved, estimator, rival, large)
            rows += [_row(contest, table, estimator, rival) for contest in met]
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


def _lost_on_both(table: ErrorTable, estimator: str, rival: str) -> list[str]:
    """The tasks in which both sides failed in every run that they have in common."""
    shared = in_common(table, estimator, rival)
    failed = shared & np.isinf(table.of(estimator)) & np.isinf(table.of(rival))
    return sorted({*table.tasks[failed].tolist()} - {*table.tasks[shared & ~failed].tolist()})


def _row(contest: Contest, table: ErrorTable, estimator: str, rival: str) -> dict[str, Any]:
    """All columns but those of the verdict."""
    mean, width = contest.estimate.mean, contest.estimate.half_width()
    ends = [mean, mean - width, mean + width] if math.isfinite(width) else [mean, math.nan, math.nan]
    sides = {"measurement": table.quantity, "estimator": estimator, "rival": rival}
    names = ("task", "wins", "ties", "losses", "failed", "rival_failed", "cells", "seeds")
    effect = dict(zip(("effect", "low", "high"), np.exp(ends) if table.distances else ends, strict=True))
    return sides | {name: getattr(contest, name) for name in names} | effect
