"""Ranks of estimators over tasks, with intervals for what other tasks and other seeds would give.

A rival is ahead of an estimator in the share of runs in which its error is smaller, ties counting half. Runs are pairs
of a cell and a seed that both have; the share is averaged over the seeds of a cell, the cells of a task, the rivals,
and tasks. With K estimators the mean rank is 1 + (K - 1) times that. It does not depend on how errors are scaled.

Intervals are those of a bootstrap over tasks (Davison & Hinkley 1997, section 3.8): tasks are drawn with replacement,
each with its cells and seeds, the same for all estimators, so that what is drawn varies by both. With a single task the
seeds of every cell are drawn, and the interval is about them alone. The bootstrap's standard deviation is multiplied by
Student's quantile, since tasks are few. What was never seen may still happen: the variance is at least that of four
that did not take place, two of them won and two lost (Agresti & Coull 1998). With a single task these are four runs,
since seeds are all that is drawn, also where the share is one of cells. With several tasks they are of what the share
is of.

Ends lie as far off as that on a scale on which a share near 0 or 1 is closer to normal. With a single task it is the
arcsine of the square root, on which a share of runs has the same variance wherever it is. With several it is the logit,
on which the intervals of 0 and 1 are wider by much: another task may be unlike all of these. A cell is near the oracle
or it is not, so that resamples of a share near 0 lie above it: an interval is around the middle between the share and
their mean.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mibench.comparison.eligible import eligible, too_few
from mibench.comparison.error_table import ORACLE, ErrorTable, error_tables, not_known, why_unranked
from mibench.comparison.estimates import MOST_DF
from mibench.comparison.meetings import ROUNDING, groups, mean_of, points_of
from mibench.comparison.soundness import LEFT_OUT, sound
from mibench.comparison.statistics import Array, Integers, t_quantile
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import ADVERSARIAL
from mibench.frames.grouping import cell_numbers, distinct, distinct_in_tasks
from mibench.outcome import Status
from mibench.text import listed, pluralise

NEAR = 2.0
"""How many times the oracle's error is near to it."""
RESAMPLES = 1000
LEVEL = 0.95
_FAR = 700.0
"""A logit beyond which a share is 0 or 1."""
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

`rank` is the mean rank and `near` the share of cells in which the root mean square error is at most twice the oracle's,
each with its 95 % interval; NaN of an estimator that has too few cells to be ranked (`mibench.comparison.eligible`).
Adversarial cells, in which the oracle itself is wrong, do not count for `near`, which is NaN where there are no others.
`tasks`, `cells` and `seeds` count what was measured. Trials that `failed` (crashed and
overdue ones too) or `diverged` count as last; those that were `skipped`, because the estimator does not fit, and those
that are `missing`, though a rival has them, are left out. `seconds` is the mean time of a trial that ended well
(`mean_seconds`), and `samples` the mean number of pairs that a trial has seen, where the task counts them.
"""


@dataclass(frozen=True)
class Statistic:
    """A share of runs, or of cells, by estimator.

    Attributes:
        tasks: tasks x estimators: the share in each task; NaN where a task says nothing about an estimator.
        noise: resamples x estimators: how far the share moves with other seeds, if there is only one task.
        df: the degrees of freedom that each estimator's seeds have.
        counts: how many runs of each estimator, or cells of several tasks, it is a share of.
    """

    tasks: Array
    noise: Array
    df: Integers
    counts: Integers


@dataclass(frozen=True)
class Interval:
    """A mean over tasks for each estimator, and the ends of its 95 % interval."""

    mean: Array
    low: Array
    high: Array


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


def interval(statistic: Statistic, generator: np.random.Generator) -> Interval:
    """The mean over tasks, and its interval for other tasks and other seeds.

    Args:
        statistic: by task.
        generator: draws the tasks.
    """
    there = ~np.isnan(statistic.tasks)
    tasks, mean = there.sum(axis=0), mean_of(statistic.tasks, axis=0)
    drawn = _weights(len(there), len(statistic.noise), generator)
    moves = drawn @ np.where(there, statistic.tasks - mean, 0) / np.maximum(drawn @ there, 1)
    several = tasks > 1
    variance = np.where(several, moves.var(axis=0) * tasks / np.maximum(tasks - 1, 1), statistic.noise.var(axis=0))
    deviation = np.sqrt(np.maximum(variance, _unseen(mean, statistic.counts) ** 2))
    width = deviation * [_quantile(int(df)) for df in np.where(several, tasks - 1, statistic.df)]
    middle = mean + statistic.noise.mean(axis=0) / 2
    centre = (middle * statistic.counts + 0.5) / (statistic.counts + 1)  # so that no slope is 0 or infinite
    low, high = (
        np.where(several, _moved_on_logits(centre, side * width), _moved_on_arcsines(centre, side * width))
        for side in (-1, 1)
    )
    return Interval(mean, np.minimum(low, mean), np.maximum(high, mean))


def _moved_on_logits(share: Array, by: Array) -> Array:
    logit, slope = np.log(share / (1 - share)), share * (1 - share)
    return 1 / (1 + np.exp(-np.clip(logit + by / slope, -_FAR, _FAR)))


def _moved_on_arcsines(share: Array, by: Array) -> Array:
    angle, slope = np.arcsin(np.sqrt(share)), 2 * np.sqrt(share * (1 - share))
    return np.sin(np.clip(angle + by / slope, 0, np.pi / 2)) ** 2


def _unseen(share: Array, counts: Integers) -> Array:
    """The standard deviation that two won and two lost, which did not take place, add to a share of so many."""
    centre = (share * counts + 2) / (counts + 4)
    return np.sqrt(2 * (centre**2 + (1 - centre) ** 2)) / (counts + 4)


def _quantile(df: int) -> float:
    """Student's quantile; NaN where a single seed leaves no degree of freedom."""
    return t_quantile(LEVEL, min(df, MOST_DF)) if df > 0 else np.nan


def ranks_of(table: ErrorTable, resamples: int, generator: np.random.Generator) -> pd.DataFrame:
    """The mean rank and the share of cells near the oracle in one quantity, each with its interval."""
    names = [name for name in table.estimators if name != ORACLE]
    ahead, near = (interval(statistic, generator) for statistic in _statistics(table, names, resamples, generator))
    columns = {"rank": ahead.mean, "rank_low": ahead.low, "rank_high": ahead.high}
    columns = {name: 1 + (len(names) - 1) * np.clip(share, 0, 1) for name, share in columns.items()}
    shares = {"near": near.mean, "near_low": near.low, "near_high": near.high}
    columns |= {name: np.clip(share, 0, 1) for name, share in shares.items()}
    return pd.DataFrame({"measurement": table.quantity, "estimator": names, **columns})


def _statistics(
    table: ErrorTable, names: Sequence[str], resamples: int, generator: np.random.Generator
) -> tuple[Statistic, Statistic]:
    """The share of rivals ahead, and that of cells near the oracle."""
    errors = np.column_stack([table.of(name) for name in names])
    known = ORACLE in table.estimators and table.distances
    oracle = np.where(table.adversarial, np.nan, table.of(ORACLE)) if known else np.full(len(errors), np.nan)
    tasks = [
        [(errors[rows[places]], oracle[rows[places]]) for places in groups(table.cells[rows])]
        for rows in groups(table.tasks)
    ]
    shares = np.stack([_shares(cells) for cells in tasks])  # tasks x statistics x estimators
    there = ~np.isnan(shares)
    one_task = there.sum(axis=0) == 1  # statistics x estimators
    alone = there & one_task
    noise = np.zeros((2, resamples, len(names)))
    for cells, only in zip(tasks, alone, strict=True):
        if only.any():  # other seeds are of no use where tasks are drawn
            noise += np.where(only[:, None], _noise(cells, resamples, generator), 0)
    met = ~np.isnan(errors) & np.stack([np.ones(len(errors), dtype=bool), np.isfinite(oracle)])[:, :, None]
    runs = met.sum(axis=1)  # statistics x estimators
    measured = np.array([[len(np.unique(table.cells[rows])) for rows in of.T] for of in met])
    counts = runs[0], np.where(one_task[1], runs[1], measured[1])
    ahead, near = (
        Statistic(*parts) for parts in zip(shares.swapaxes(0, 1), noise, runs - measured, counts, strict=True)
    )
    return ahead, near


def _shares(cells: Sequence[tuple[Array, Array]]) -> Array:
    """The mean over rivals of the share of runs in which they are ahead, and the share of cells near the oracle.

    Args:
        cells: of one task: the errors, seeds x estimators, and those of the oracle.
    """
    ahead = mean_of(np.stack([mean_of(points_of(errors), axis=0) for errors, _ in cells]), axis=0)
    near = np.concatenate([_is_near(errors, oracle, np.ones((1, len(errors)))) for errors, oracle in cells])
    return np.stack([mean_of(ahead, axis=1), mean_of(near, axis=0)])


def _noise(cells: Sequence[tuple[Array, Array]], resamples: int, generator: np.random.Generator) -> Array:
    """How far the shares of a task move with other seeds: statistics x resamples x estimators."""
    ahead, near = np.zeros((2, resamples, cells[0][0].shape[1]))
    present = np.zeros(cells[0][0].shape[1])
    for (errors, oracle), move in zip(cells, _moves([errors for errors, _ in cells]), strict=True):
        drawn = _weights(len(errors), resamples, generator)  # of one cell at a time: those of all fill gigabytes
        (all_seeds,) = _is_near(errors, oracle, np.ones((1, len(errors))))
        moved = np.nan_to_num(_is_near(errors, oracle, drawn) - all_seeds)
        ahead += drawn @ move
        near += moved * np.sqrt(len(errors) / max(len(errors) - 1, 1))
        present += ~np.isnan(all_seeds)
    return np.stack([ahead, near / np.maximum(present, 1)])


def _moves(cells: Sequence[Array]) -> list[Array]:
    """By how much each run of a cell moves the mean over rivals of the share of runs in which they are ahead.

    The share of runs is a ratio, since resampled seeds need not hold as many runs of a pair; what a run moves is its
    linear part.
    """
    shares = np.stack([mean_of(points_of(errors), axis=0) for errors in cells])  # cells x estimators x rivals
    met = (~np.isnan(shares)).sum(axis=0)
    rivals = np.maximum((met > 0).sum(axis=1), 1)
    moves: list[Array] = []
    for errors, share in zip(cells, shares, strict=True):
        points = points_of(errors)  # seeds x estimators x rivals, NaN where they did not meet
        runs = (~np.isnan(points)).sum(axis=0)
        scale = 1 / np.maximum(met * np.sqrt(runs * np.maximum(runs - 1, 1)), 1)
        moves.append((np.nan_to_num(points - share) * scale).sum(axis=2) / rivals)
    return moves


def _weights(count: int, resamples: int, generator: np.random.Generator) -> Array:
    """How often each of several seeds or tasks is drawn, if as many are drawn as there are: resamples x seeds."""
    drawn = generator.integers(count, size=(resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * count).reshape(resamples, count).astype(np.float64)


def _is_near(errors: Array, oracle: Array, weights: Array) -> Array:
    """1 where the error of the seeds with these weights is near the oracle's, 0 where not; weights x estimators."""
    both = ~np.isnan(errors) & np.isfinite(oracle)[:, None]
    failed = weights @ (np.isinf(errors) & both) > 0
    ours = weights @ np.where(both & np.isfinite(errors), errors, 0) ** 2
    theirs = weights @ np.where(both, oracle[:, None], 0) ** 2
    near = ~failed & (ours <= NEAR**2 * theirs * (1 + ROUNDING))
    return np.where(weights @ both > 0, near, np.nan)


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
