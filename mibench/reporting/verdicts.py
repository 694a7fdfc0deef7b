"""A task's verdicts as a table: what asks for attention first, and each number with what surrounds it."""

import pandas as pd

from mibench.comparison.verdicts import VERDICTS
from mibench.reporting.tables import Table, table
from mibench.text import interval, tolerated, without_shared

_ORIGIN = ("against", "provenance", "source", "note")
_FIRST = ("estimator", "cell", "verdict", "measured", "reference", "seeds", "difference", "measurement", "reason")


def verdict_table(verdicts: pd.DataFrame, name: str) -> Table:
    """The rows of a comparison.

    Args:
        verdicts: at least `estimator` and `verdict`, of one task; what else a comparison says is shown as well, but
            for the settings of the reference: the reason names those that differ.
        name: what assistive technology calls the table.
    """
    shown = readable(verdicts).drop(columns=["task", "settings"], errors="ignore").dropna(axis="columns", how="all")
    if {"measured", "reference"} <= {*shown.columns}:
        shown = shown.drop(columns="difference", errors="ignore")  # of the two, which stand side by side
    shown = _with_one_origin(shown)
    columns = [column for column in _FIRST if column in shown] + [column for column in shown if column not in _FIRST]
    facets = ("estimator", "cell", "verdict", "measurement")
    return table(shown[columns], name, facets=facets)


def _with_one_origin(rows: pd.DataFrame) -> pd.DataFrame:
    """With all that says where a reference comes from in one column."""
    names = [name for name in _ORIGIN if name in rows.columns]
    if not names:
        return rows
    parts = [[str(part) for part in row if not pd.isna(part) and part] for row in rows[names].to_numpy(object)]
    return rows.drop(columns=names).assign(**{"reference from": ["; ".join(part) for part in parts]})


def readable(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The rows of a comparison for reading, on a page and in a terminal alike.

    Returns:
        What is most urgent first; `measured` with its interval, `reference` with its tolerance, the statistic beside
        the measurement, and cells without what all of several share.
    """
    order = {verdict: place for place, verdict in enumerate(VERDICTS)}
    rows = verdicts.sort_values("verdict", key=lambda column: column.map(order), kind="stable")
    if {"mean", "low", "high"} <= {*rows.columns}:
        ends = zip(rows["mean"], rows["low"], rows["high"], strict=True)
        rows = rows.assign(measured=[interval(*bounds) for bounds in ends]).drop(columns=["mean", "low", "high"])
    rows = rows.rename(columns={"mean": "measured"})
    if {"reference", "tolerance"} <= {*rows.columns}:
        around = zip(rows["reference"], rows["tolerance"], strict=True)
        rows = rows.assign(reference=[tolerated(*pair) for pair in around]).drop(columns="tolerance")
    if {"measurement", "statistic"} <= {*rows.columns}:
        named = zip(rows["measurement"], rows["statistic"], strict=True)
        names = [of if statistic == "mean" else f"{statistic}({of})" for of, statistic in named]
        rows = rows.assign(measurement=names).drop(columns="statistic")
    if "cell" not in rows:
        return rows
    return rows.assign(cell=[cell.replace(",", ", ") for cell in without_shared(rows["cell"].astype(str).tolist())])
