"""The errors of several estimators on the same data, side by side, for rankings and pairwise comparisons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.samples import MEAN, direction
from mibench.comparison.statistics import Array, Integers
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns, task_entry
from mibench.frames.grouping import by_task, group_numbers
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR

ORACLE = "oracle"
"""The estimator that knows the answer, and errs because it sees finitely many samples."""

HEADLINES = frozenset({"mi", "mi_gradient"})
"""The quantities that estimators are for; where a task measures one, its other quantities are asked for by name."""

_NAMES = ("task", "task_plugin", "estimator", "seed", "measurement", "epoch", "status")
_READ = frozenset({*_NAMES, "value", "truth", TRUTH_ERROR})
"""The columns that errors are made of, beside the parameters of cells."""


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
    (tables,) = error_tables_by_truth(frame, registry, quantities, [0.0])
    return tables


def error_tables_by_truth(
    frame: pd.DataFrame, registry: Registry, quantities: Collection[str], moves: Sequence[float]
) -> list[list[ErrorTable]]:
    """The tables of `error_tables` for each of `moves`: by how many of its own errors every truth is moved."""
    parameters = cell_columns(frame)
    frame = frame[[name for name in frame.columns if name in {*parameters, *_READ}]]
    rows_of_tasks: list[pd.DataFrame] = []
    cells_of_tasks: list[pd.DataFrame] = []
    for part in map(_numbered, by_task(frame)):  # one after another, so that no copy of all rows stays in memory
        rows_of_tasks.append(_directed(part, registry, quantities))
        cells_of_tasks.append(part.drop_duplicates("cell"))
    rows = pd.concat(rows_of_tasks, ignore_index=True) if rows_of_tasks else frame
    if rows.empty:
        return [[] for _ in moves]
    cells = pd.concat(cells_of_tasks, ignore_index=True).reindex(columns=["task", *parameters, "cell"])
    rows = _without_guesses(rows, set(frame.loc[frame["value"].notna(), "estimator"].unique()))
    of_quantity = [(str(name), part) for name, part in rows.groupby("quantity", sort=True)]
    return [[_table(name, _with_truths_moved(part, move), cells) for name, part in of_quantity] for move in moves]


def _numbered(part: pd.DataFrame) -> pd.DataFrame:
    """The rows of one task with the number of each row's cell."""
    names = cell_columns(part)
    return part.assign(cell=group_numbers(part, names) if names else 0)


def _directed(part: pd.DataFrame, registry: Registry, quantities: Collection[str]) -> pd.DataFrame:
    """The errors of one task's trials, with the direction of each measurement."""
    entry = task_entry(part, registry)
    part = part[[name for name in part.columns if name in {*_READ, "cell"}]]
    places, names = pd.factorize(part["measurement"].array)  # few names, each of which is looked up once
    ways = [direction(entry.spec if entry else None, name, MEAN) for name in names]
    part = part.assign(
        quantity=np.array([name.partition("/")[0] for name in names], dtype=object)[places],
        way=np.array(ways, dtype=object)[places],
    )
    known = part["way"].notna() & ((part["way"] != "truth") | part["truth"].notna())
    is_measured = (part["status"] == Status.OK.value) & part["epoch"].isna() & part["value"].notna() & known
    headlines = set(part.loc[is_measured, "quantity"].unique()) & HEADLINES
    wanted = set(quantities) or headlines
    measured = part[is_measured & part["quantity"].isin(list(wanted))] if wanted else part[is_measured]
    trial = ["cell", "seed", "estimator"]
    failed = part.loc[part["status"].isin(Status.failures()), trial].drop_duplicates()
    place = ["task", "cell", "quantity", "measurement", "way"]
    lost = measured[place].drop_duplicates().merge(failed, on="cell")
    rows = pd.concat([measured.assign(error=_error(measured)), lost.assign(error=np.inf)], ignore_index=True)
    kept = [name for name in (*place, "seed", "estimator", "error", "value", "truth", TRUTH_ERROR) if name in rows]
    return rows[kept].drop_duplicates(["measurement", *trial])


def _with_truths_moved(rows: pd.DataFrame, move: float) -> pd.DataFrame:
    """The errors from truths that are so many of their own errors higher."""
    if not move or TRUTH_ERROR not in rows:
        return rows
    moved = rows.assign(truth=rows["truth"] + move * rows[TRUTH_ERROR].fillna(0))
    return moved.assign(error=_error(moved).where(np.isfinite(rows["error"]), np.inf))


def _without_guesses(rows: pd.DataFrame, measured: Collection[str]) -> pd.DataFrame:
    """Without failures in quantities that an estimator never gave, though it has measured others: it gives none."""
    columns = ["estimator", "quantity"]
    given = pd.MultiIndex.from_frame(rows.loc[np.isfinite(rows["error"]), columns].drop_duplicates())
    return rows[pd.MultiIndex.from_frame(rows[columns]).isin(given) | ~rows["estimator"].isin(list(measured))]


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
