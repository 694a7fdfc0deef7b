"""Ranks of estimators over tasks, with intervals for what other tasks and other seeds would give.

A rival is ahead of an estimator in the share of runs in which its error is smaller, ties counting half. Runs are pairs
of a cell and a seed that both have; the share is averaged over the seeds of a cell, the cells of a task, the rivals,
and tasks. With K estimators the mean rank is 1 + (K - 1) times that. It does not depend on how errors are scaled.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mibench.comparison.eligible import eligible, too_few
from mibench.comparison.error_table import ORACLE, ErrorTable, error_tables, not_known, why_unranked
from mibench.comparison.shares import ranks_of
from mibench.comparison.soundness import LEFT_OUT, sound
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import ADVERSARIAL
from mibench.frames.grouping import cell_numbers, distinct, distinct_in_tasks
from mibench.outcome import Status
from mibench.text import listed, pluralise

RESAMPLES = 1000
COLUMNS = (
    "measurement",
    "estimator",
    "rank",
    "rank_low",
    "rank_high",
    "near",
    "near_low",
    "near_high",
    "tasks",
    "cells",
    "seeds",
    "failed",
    "diverged",
    "skipped",
    "missing",
    "seconds",
    "samples",
)
"""The columns of the frame that `rank` returns.

`rank` is the mean rank and `near` the share of cells in which the root mean square error is at most twice the oracle's
on the same seeds, tasks counting alike, each with its 95 % interval; NaN of an estimator that has too few cells to be
ranked (`mibench.comparison.eligible`).
Adversarial cells, in which the oracle itself is wrong, do not count for `near`, which is NaN where there are no others.
`tasks`, `cells` and `seeds` count what was measured. Trials that `failed` (crashed and overdue ones too) or `diverged`
count as last; those that were `skipped`, because the estimator does not fit, and those that are `missing`, though a
rival has them, are left out. `seconds` is the mean time of a trial that ended well (`mean_seconds`), and `samples` the
mean number of pairs that a trial has seen, where the task counts them.
"""


def rank(
    frame: pd.DataFrame,
    registry: Registry,
    *,
    measurements: Sequence[str] = (),
    resamples: int = RESAMPLES,
    generator: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Ranks the estimators of a frame by their errors, for each quantity that was measured.

    The estimator `oracle`, which knows the answer, is not ranked.

    Args:
        frame: a tidy frame.
        registry: the tasks' specs, for their directions.
        measurements: quantities; empty for `mi` and `mi_gradient`, or of a task that has neither for all that have no
            `/` in their name.
        resamples: how many resamples the intervals are made of.
        generator: draws the resamples; `None` for the same ones each time.

    Returns:
        A frame of `COLUMNS`, the best first; estimators of equal rank in alphabetical order, and then those that have
        too few cells to be ranked. `attrs["left_out"]` says what was left out, and who is not ranked.

    Raises:
        UsageError: there are not two estimators to rank.
    """
    generator = generator or np.random.default_rng(0)
    frame, unsound = sound(frame)
    trials, samples = _trials(frame), frame.loc[frame["measurement"] == "samples", ["task", "estimator", "value"]]
    parts: list[pd.DataFrame] = []
    left_out: list[str] = []
    for table in error_tables(frame, registry, measurements):
        ranked, few = eligible(table)
        left_out += [too_few(table, few)] if few else []
        left_out += not_known(table)
        if len({*ranked.estimators} - {ORACLE}) > 1:
            left_out += [*_strangers(ranked), *far_oracle(ranked)]
            others = pd.DataFrame({"measurement": table.quantity, "estimator": few})
            ranks = pd.concat([ranks_of(ranked, resamples, generator), others], ignore_index=True)
            parts.append(ranks.merge(_counts(table, trials, samples), on="estimator"))
    if not parts:
        raise UsageError(
            f"there is nothing to rank: {'; '.join([*unsound, *(left_out or [why_unranked(frame, registry)])])}"
        )
    ranks = pd.concat(parts, ignore_index=True)[list(COLUMNS)]
    ranks = ranks.sort_values(["measurement", "rank", "estimator"], kind="stable", ignore_index=True)
    ranks.attrs[LEFT_OUT] = [*unsound, *left_out]
    return ranks


def _trials(frame: pd.DataFrame) -> pd.DataFrame:
    """The task, estimator, status and seconds of each trial, and the numbers of its cell and of its run there."""
    rows = frame[["task", "estimator", "status", "seconds"]]
    rows = rows.assign(cell=cell_numbers(frame), run=distinct_in_tasks(frame, ["seed"]))
    return rows.iloc[distinct(rows, ["run", "estimator"])[1]]


def _counts(table: ErrorTable, trials: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """How many tasks, cells, seeds and trials each estimator has, by status, and what its trials took and have seen."""
    ended = trials[(trials["status"] == Status.OK.value) & trials["cell"].isin(np.unique(table.trial_cells))]
    took = mean_seconds(ended)
    trials, samples = (rows[rows["task"].isin(set(table.tasks))] for rows in (trials, samples))
    runs = trials.loc[trials["status"] != Status.SKIPPED.value, "run"].nunique()
    statuses = {str(name): Counter(rows) for name, rows in trials.groupby("estimator")["status"]}
    seen = samples.groupby("estimator")["value"].mean()
    labels = {"tasks": table.tasks, "cells": table.trial_cells, "seeds": table.seeds}
    numbers = {name: np.unique(column, return_inverse=True)[1] for name, column in labels.items()}
    present = ~np.isnan(table.errors)
    return pd.DataFrame(
        {"estimator": name}
        | {label: np.count_nonzero(np.bincount(column[there])) for label, column in numbers.items()}
        | _endings(statuses.get(name, Counter()), runs)
        | {"seconds": took.get(name, np.nan), "samples": seen.get(name, np.nan)}
        for name, there in zip(table.estimators, present.T, strict=True)
    )


def mean_seconds(trials: pd.DataFrame) -> "pd.Series[float]":
    """By estimator the mean over tasks of the mean time of a trial: tasks count alike, as they do in ranks.

    Args:
        trials: with `task`, `estimator` and `seconds`, which all ended well.
    """
    return trials.groupby(["task", "estimator"])["seconds"].mean().groupby("estimator").mean()


def _endings(counts: "Counter[str]", runs: int) -> dict[str, int]:
    """How the trials of one estimator ended, of the runs that any estimator has.

    Args:
        counts: how many of its trials ended in each way.
        runs: how many there are.
    """
    diverged = counts[Status.DIVERGED.value]
    return {
        "failed": sum(counts[status] for status in Status.failures()) - diverged,
        "diverged": diverged,
        "skipped": counts[Status.SKIPPED.value],
        "missing": max(0, runs - counts.total()),
    }


def far_oracle(table: ErrorTable) -> list[str]:
    """A sentence if there are adversarial cells, whose oracle it is no merit to be near."""
    cells = table.places.loc[np.unique(table.cells)]
    cells = cells[cells[ADVERSARIAL]]
    if cells.empty or ORACLE not in table.estimators:
        return []
    counts = listed(f"{pluralise(len(rows), 'cell')} of {task}" for task, rows in cells.groupby("task"))
    why = "where dI/dtheta does not pass through the samples"
    return [f"the share near the oracle in {table.quantity} leaves out {counts}, {why}"]


def _strangers(table: ErrorTable) -> list[str]:
    """A sentence if there are estimators that share no run, even by way of others: their ranks do not compare."""
    present = ~np.isnan(table.errors)
    circles: list[set[int]] = []
    for bits in np.unique(np.packbits(present, axis=1), axis=0):
        row = np.unpackbits(bits, count=len(table.estimators))
        met = set(np.flatnonzero(row).tolist())
        touching = [circle for circle in circles if circle & met]
        circles = [circle for circle in circles if not circle & met] + [met.union(*touching)]
    if len(circles) < 2:
        return []
    named = " | ".join(
        ", ".join(table.estimators[index] for index in sorted(circle)) for circle in sorted(circles, key=min)
    )
    return [f"ranks of {table.quantity} do not compare between groups that have no run in common: {named}"]
