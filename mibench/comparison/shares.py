"""The share of rivals ahead of an estimator, and that of cells in which it is near the oracle."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mibench.comparison.bootstrap import Statistic, interval, weights_of
from mibench.comparison.error_table import ORACLE, ErrorTable
from mibench.comparison.meetings import ROUNDING, groups, mean_of, points_of
from mibench.comparison.statistics import Array

NEAR = 2.0
"""How many times the oracle's error is near to it."""


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
        drawn = weights_of(len(errors), resamples, generator)  # of one cell at a time: those of all fill gigabytes
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


def _is_near(errors: Array, oracle: Array, weights: Array) -> Array:
    """1 where the error of the seeds with these weights is near the oracle's, 0 where not; weights x estimators."""
    both = ~np.isnan(errors) & np.isfinite(oracle)[:, None]
    failed = weights @ (np.isinf(errors) & both) > 0
    ours = weights @ np.where(both & np.isfinite(errors), errors, 0) ** 2
    theirs = weights @ np.where(both, oracle[:, None], 0) ** 2
    near = ~failed & (ours <= NEAR**2 * theirs * (1 + ROUNDING))
    return np.where(weights @ both > 0, near, np.nan)
