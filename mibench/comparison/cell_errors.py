"""The error of every estimator in every cell, for pictures and pages over many tasks."""

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ErrorTable
from mibench.comparison.statistics import Array, Integers
from mibench.outcome import NO_TRUTH

COLUMNS = ("estimator", "place", "error", "relative", "seeds", "failed")


def cell_errors(table: ErrorTable) -> pd.DataFrame:
    """A row for each cell that an estimator was run in.

    Returns:
        `COLUMNS` and those of `table.places`. `error` is the root mean square over seeds, infinite where a trial
        failed; `relative` is that error divided by the size of the truth, NaN where the truth is 0 or there is none;
        `seeds` counts trials, and `failed` those that failed.
    """
    places, numbers = np.unique(table.cells, return_inverse=True)
    rows = pd.concat([_of_estimator(table, name, places, numbers) for name in table.estimators], ignore_index=True)
    rows = rows.merge(table.places, left_on="place", right_index=True)
    size = rows["truth"].abs()
    return rows.assign(relative=(rows["error"] / size.where(size > NO_TRUTH)) if table.distances else np.nan)


def profile(errors: Array, thresholds: Array) -> Array:
    """The share of errors that are at most each threshold; errors may be infinite."""
    return np.searchsorted(np.sort(errors), thresholds, side="right") / len(errors)


def _of_estimator(table: ErrorTable, name: str, places: Integers, numbers: Integers) -> pd.DataFrame:
    errors = table.of(name)
    there = ~np.isnan(errors)
    seeds, failed, squares = (
        np.bincount(numbers[there], weights[there], len(places))
        for weights in (np.ones(len(errors)), np.isinf(errors).astype(float), np.nan_to_num(errors**2, posinf=0))
    )
    met = seeds > 0
    error = np.sqrt(np.divide(squares, seeds, out=np.zeros_like(squares), where=met))
    columns = {"place": places, "error": np.where(failed > 0, np.inf, error), "seeds": seeds, "failed": failed}
    return pd.DataFrame(columns)[met].assign(estimator=name).astype({"seeds": int, "failed": int})
