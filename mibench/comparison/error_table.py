"""The errors of several estimators on the same data, side by side, for rankings and pairwise comparisons."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.samples import MEAN, direction
from mibench.comparison.statistics import Array, Integers
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns, task_entry
from mibench.outcome import Status
from mibench.specs import Better

ORACLE = "oracle"
"""The estimator that knows the answer, and errs because it sees finitely many samples."""

HEADLINES = frozenset({"mi", "mi_gradient"})
"""The quantities that estimators are for; where a task measures one, its other quantities are asked for by name."""


@dataclass(frozen=True, kw_only=True)
class ErrorTable:
    """The errors of every estimator in one quantity; a row is a seed of a cell.

    A task may measure a quantity at several levels, as `mi/1.386` and `mi/2.773`; each level is then a cell of its own.

    Attributes:
        quantity: what the measurements are called before any `/`, e.g. `mi_gradient`.
        estimators: in alphabetical order.
        tasks: the task of each row.
        cells: the number of the cell of each row; no two tasks share one.
        seeds: the seed of each row.
        errors: rows x estimators; less is better. The distance from the truth, an error rate, or an accuracy with its
            sign turned. Infinite where the trial failed, NaN where there is none.
        places: by the number of the cell its `task`, `measurement`, `truth` (NaN where there is none) and parameters.
        distances: whether the errors are distances from the truth, so that their ratios mean something.
    """

    quantity: str
    estimators: tuple[str, ...]
    tasks: np.ndarray[Any, Any]
    cells: Integers
    seeds: Integers
    errors: Array
    places: pd.DataFrame
    distances: bool

    def of(self, estimator: str) -> Array:
        """The errors of one estimator."""
        return self.errors[:, self.estimators.index(estimator)]

    def only(self, rows: "np.ndarray[Any, np.dtype[np.bool_]]") -> "ErrorTable":
        """The table of some rows."""
        return replace(
            self, tasks=self.tasks[rows], cells=self.cells[rows], seeds=self.seeds[rows], errors=self.errors[rows]
        )


def error_tables(frame: pd.DataFrame, registry: Registry, quantities: Collection[str] = ()) -> list[ErrorTable]:
    """One table for each quantity whose tasks declare which way is good. Learning curves are left out.

    Args:
        frame: a tidy frame without repeated rows, as `mibench.comparison.soundness.sound` leaves it.
        registry: the tasks' specs, for their directions.
        quantities: which; empty for `HEADLINES`, or for all where a task has neither.
    """
    parts = [_directed(part, registry, quantities) for _, part in frame.groupby("task", sort=True)]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if rows.empty:
        return []
    cells = pd.concat([_cells(part) for _, part in frame.groupby("task", sort=True)], ignore_index=True)
    rows = _without_guesses(rows, set(frame.loc[frame["value"].notna(), "estimator"]))
    return [_table(str(quantity), part, cells) for quantity, part in rows.groupby("quantity", sort=True)]


def _directed(part: pd.DataFrame, registry: Registry, quantities: Collection[str]) -> pd.DataFrame:
    """The errors of one task's trials, with the cell's number and the direction of each measurement."""
    part = part.assign(
        cell=_cell_numbers(part),
        quantity=part["measurement"].str.partition("/")[0],
        way=part["measurement"].map(_ways(part, registry)),
    )
    measured = part[(part["status"] == Status.OK.value) & part["epoch"].isna() & part["value"].notna()]
    measured = measured[measured["way"].notna() & ((measured["way"] != "truth") | measured["truth"].notna())]
    if quantities:
        measured = measured[measured["quantity"].isin(list(quantities))]
    elif measured["quantity"].isin(HEADLINES).any():
        measured = measured[measured["quantity"].isin(HEADLINES)]
    trial = ["cell", "seed", "estimator"]
    failed = part.loc[part["status"].isin(Status.failures()), trial].drop_duplicates()
    place = ["task", "cell", "quantity", "measurement", "way"]
    lost = measured[place].drop_duplicates().merge(failed, on="cell")
    rows = pd.concat([measured.assign(error=_error(measured)), lost.assign(error=np.inf)], ignore_index=True)
    return rows[[*place, "seed", "estimator", "error", "truth"]].drop_duplicates(["measurement", *trial])


def _cell_numbers(part: pd.DataFrame) -> Any:
    """The number of each row's cell among those of its task."""
    names = [name for name in cell_columns(part) if part[name].notna().any()]
    return part.groupby(names, dropna=False).ngroup() if names else 0


def _cells(part: pd.DataFrame) -> pd.DataFrame:
    """The parameters of each cell of one task, by its number."""
    return part[["task", *cell_columns(part)]].assign(cell=_cell_numbers(part)).drop_duplicates("cell")


def _without_guesses(rows: pd.DataFrame, measured: Collection[str]) -> pd.DataFrame:
    """Without failures in quantities that an estimator never gave, though it has measured others: it gives none."""
    columns = ["estimator", "quantity"]
    given = pd.MultiIndex.from_frame(rows.loc[np.isfinite(rows["error"]), columns].drop_duplicates())
    return rows[pd.MultiIndex.from_frame(rows[columns]).isin(given) | ~rows["estimator"].isin(list(measured))]


def _ways(part: pd.DataFrame, registry: Registry) -> dict[str, Better | None]:
    entry = task_entry(part, registry)
    return {name: direction(entry.spec if entry else None, name, MEAN) for name in part["measurement"].unique()}


def _error(rows: pd.DataFrame) -> "pd.Series[float]":
    way = cast("pd.Series[str]", rows["way"])
    value = rows["value"].where(way != "higher", -rows["value"])
    return value.where(way != "truth", (rows["value"] - rows["truth"]).abs())


def _table(quantity: str, rows: pd.DataFrame, cells: pd.DataFrame) -> ErrorTable:
    place = rows.groupby(["task", "cell", "measurement"], sort=True).ngroup()
    places = rows.assign(place=place).groupby(["place", "task", "cell", "measurement"])["truth"].mean().reset_index()
    wide = rows.assign(place=place).pivot(index=["task", "place", "seed"], columns="estimator", values="error")
    index = wide.sort_index().index
    return ErrorTable(
        quantity=quantity,
        estimators=tuple(wide.columns),
        tasks=index.get_level_values("task").to_numpy(str),
        cells=index.get_level_values("place").to_numpy(np.int64),
        seeds=index.get_level_values("seed").to_numpy(np.int64),
        errors=wide.sort_index().to_numpy(float),
        places=places.merge(cells, on=["task", "cell"], how="left").set_index("place").drop(columns="cell"),
        distances=bool((rows["way"] == "truth").all()),
    )
