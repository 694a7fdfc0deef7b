"""The measurements that mibench ships with, beside a user's own.

They are the frames of the folder `results/`. A wheel holds them in `mibench/shipped`.
"""

import functools
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pandas as pd

from mibench.comparison.error_table import ORACLE
from mibench.errors import UsageError
from mibench.frames import narrow
from mibench.frames.coded import plain_frame
from mibench.frames.files import LEADING, TRAILING, cell_columns, read, without_absent
from mibench.plan.selectors import spell_cell, spell_value
from mibench.specs import SHIPPED
from mibench.text import pluralise


@functools.cache
def read_shipped() -> pd.DataFrame:
    """A tidy frame of every trial that mibench ships.

    Raises:
        UsageError: this installation holds none.
    """
    here = Path(__file__).parents[1]
    folders = [here / SHIPPED, here.parent / "results"]  # of a wheel, of a checkout
    files = next((files for folder in folders if (files := sorted(folder.glob("*.csv")))), [])
    if not files:
        raise UsageError("this installation of mibench holds no measurements; install it from a wheel or a checkout")
    shipped = joined([read(file) for file in files])
    return shipped.drop_duplicates(["key", "measurement", "epoch"], ignore_index=True)


def beside(frame: pd.DataFrame, estimators: str | Sequence[str] = ()) -> tuple[pd.DataFrame, str]:
    """A frame, and the trials that mibench ships for the same cells of the same data.

    Args:
        frame: a tidy frame.
        estimators: selectors of those that are wanted; empty for all.

    Returns:
        A tidy frame in which shipped estimators are spelled e.g. `mine (shipped)`, but for the oracle; and a sentence
        that says how many trials these are, of which version, and in which parameter each task that has none differs.
        Of the oracle, trials that the frame holds itself are left out.
    """
    frame, shipped = plain_frame(frame), narrow(read_shipped(), estimators=estimators)
    shipped = shipped[shipped["task"].isin(frame["task"].unique())]
    pairs = {str(task): (ours, shipped[shipped["task"] == task]) for task, ours in frame.groupby("task")}
    agreeing = {task: _agreeing(*both) for task, both in pairs.items()}
    theirs = joined([frame.iloc[:0], *agreeing.values()])
    oracle = theirs["estimator"] == ORACLE  # the noise floor of a cell, whoever measured it
    theirs = theirs[~(oracle & theirs["key"].isin(frame["key"]))]
    name = theirs["estimator"]
    theirs = theirs.assign(estimator=name.where(name == ORACLE, name + f" ({SHIPPED})"))
    trials = theirs["key"].nunique()
    apart = [_apart(task, *pairs[task]) for task, rows in agreeing.items() if rows.empty]
    note = f"beside {pluralise(trials, 'trial')} that mibench {version('mibench')} ships for the same cells"
    note += f" ({'; '.join(apart)})" if apart else ""
    return (joined([frame, theirs]) if trials else frame), note


def _agreeing(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Their rows of one task in our cells, which are spelled to the last digit as ours are."""
    names, known = ([name for name in cell_columns(rows) if rows[name].notna().any()] for rows in (ours, theirs))
    ours, theirs = _without(ours, {*names} - {*known}), _without(theirs, {*known} - {*names})
    names, theirs = [name for name in names if name in known], theirs[theirs["data"].isin(ours["data"].unique())]
    if not names or theirs.empty:
        return theirs
    cells = dict(zip(*_cells(ours[names].drop_duplicates()), strict=True))
    different = theirs[names].drop_duplicates()
    rows = theirs.merge(different.assign(cell=_cells(different)[0]), on=names, how="left")
    rows = rows[rows["cell"].isin(cells)]
    values = {name: rows["cell"].map({text: cell[name] for text, cell in cells.items()}) for name in names}
    return rows.assign(**{name: column.astype(ours[name].dtype) for name, column in values.items()}).drop(
        columns="cell"
    )


def _without(frame: pd.DataFrame, parameters: set[str]) -> pd.DataFrame:
    """The rows of cells that have none of these parameters."""
    return frame[frame[sorted(parameters)].isna().all(axis=1)]


def _apart(task: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """Why no shipped trial of a task is in our cells."""
    if theirs.empty:
        return f"none of {task}"
    for name in cell_columns(ours):
        here, there = (_spelled(rows, name) for rows in (ours, theirs))
        if here and not here & there:
            return (
                f"those of {task} have {name}={'|'.join(sorted(there, key=lambda text: (len(text), text))) or 'none'}"
            )
    return f"those of {task} have other cells, or are on other data"


def _spelled(rows: pd.DataFrame, name: str) -> set[str]:
    """The values of a parameter as selectors spell them."""
    return {spell_value(value) for value in rows[name].dropna().unique().tolist()} if name in rows.columns else set()


def _cells(parameters: pd.DataFrame) -> tuple[list[str], list[dict[str, Any]]]:
    """Cells as they are spelled, and their parameters."""
    cells = cast("list[dict[str, Any]]", parameters.to_dict("records"))
    return [spell_cell(cell) for cell in cells], cells


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tidy frames as one, whose cells have the parameters of all."""
    cells = list(dict.fromkeys(name for frame in frames for name in cell_columns(frame)))
    extra = [name for frame in frames for name in frame.columns if name not in {*LEADING, *cells, *TRAILING}]
    parts = [without_absent(frame) for frame in frames if len(frame)]  # so that missing is one value
    joined = pd.concat(parts or list(frames[:1]), ignore_index=True)
    return joined.reindex(columns=[*LEADING, *cells, *TRAILING, *dict.fromkeys(extra)])
