"""The statistics that charts show, from the rows of a tidy frame: means over seeds, errors against the truth."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import pandas as pd

from mibench.charts import Axis

Number: TypeAlias = "pd.Series[float]"
_NOTHING = float("nan")


def evaluate(rows: pd.DataFrame, by: Sequence[str], axis: Axis, pooled: str) -> pd.DataFrame:
    """An axis's statistic in every group of rows.

    Args:
        rows: rows of a tidy frame.
        by: the columns that groups have in common.
        axis: what is evaluated.
        pooled: a parameter whose cells are taken together; none if empty.

    Returns:
        The columns of `by`, `.value`, its standard `.deviation` over seeds (absent where there is none), the numbers of
        `.seeds` and of pooled `.cells`, and `.known`, the truth of a mean. No parameter can have a name with a dot.
    """
    by = list(by)
    rows = _with_errors(rows)
    if axis.statistic in {"bias", "std"}:
        cells = rows.groupby(list(dict.fromkeys([*by, pooled or "measurement"])), dropna=False)[".error"]
        squares = (cells.mean() if axis.statistic == "bias" else cells.std()) ** 2
        value = squares.groupby(by, dropna=False).mean() ** 0.5
        deviation = value * _NOTHING
    else:
        seeds = _of_seeds(rows, [*by, "seed"], axis)
        value = seeds.groupby(by, dropna=False).mean()
        deviation = seeds.groupby(by, dropna=False).std()
    grouped = rows.groupby(by, dropna=False)
    known = grouped[".known"].mean() * (1.0 if axis.statistic == "mean" else _NOTHING)
    counts = {".seeds": grouped["seed"].nunique(), ".cells": grouped[pooled].nunique() if pooled else 1}
    columns = {".value": value, ".deviation": deviation, **counts, ".known": known}
    return pd.DataFrame(columns).reset_index().dropna(subset=[".value"])


def by_seed(rows: pd.DataFrame, by: Sequence[str], axis: Axis) -> pd.DataFrame:
    """An axis's statistic in every group of rows and for every seed: the columns of `by`, `seed` and `.value`."""
    values = _of_seeds(_with_errors(rows), [*by, "seed"], axis)
    return pd.DataFrame({".value": values}).reset_index().dropna(subset=[".value"])


def _with_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """With the truth under a second name, which stays a column where groups have the truth in common."""
    return rows.assign(**{".error": rows["value"] - rows["truth"], ".known": rows["truth"]})


def _of_seeds(rows: pd.DataFrame, by: list[str], axis: Axis) -> Number:
    if axis.of == "seconds":
        return _mean(rows.drop_duplicates([*by, "key"]), "seconds", by)
    if axis.statistic == "mean":
        return _mean(rows, "value", by)
    errors = _rms(rows, ".error", by)
    return errors / _rms(rows, ".known", by) if axis.statistic == "relative_rmse" else errors


def _mean(rows: pd.DataFrame, column: str, by: list[str]) -> Number:
    return cast("Number", rows.groupby(by, dropna=False)[column].mean())


def _rms(rows: pd.DataFrame, column: str, by: list[str]) -> Number:
    return _mean(rows.assign(**{".square": rows[column] ** 2}), ".square", by) ** 0.5
