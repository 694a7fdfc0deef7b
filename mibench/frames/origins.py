"""Cells that were measured on several data: a file may change under its name, and each trial says what it read."""

from collections.abc import Sequence
from typing import Any, cast

import pandas as pd

from mibench.frames.coded import plain_frame
from mibench.frames.files import cell_columns
from mibench.frames.grouping import distinct
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import ON_DATA


def apart(frame: pd.DataFrame) -> pd.DataFrame:
    """A tidy frame in which cells that were measured on several data are as many cells.

    These have the data as the parameter `ON_DATA`; the others have none, and so have rows that do not say what they
    were measured on.
    """
    return apart_together(frame)[0]


def apart_together(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """Tidy frames of the same tasks in which cells that were measured on several data, in any of them, are apart."""
    frames = tuple(frame.drop(columns=ON_DATA) if ON_DATA in frame.columns else frame for frame in frames)
    if len({data for frame in frames for data in frame.get("data", pd.Series(dtype="string")).dropna().unique()}) < 2:
        return list(frames)  # nearly always
    several = _several([frame[["task"]].assign(data=_said(frame)) for frame in frames], "task")
    if not several:
        return list(frames)
    cells = [_with_cells(frame, several) for frame in frames]
    mixed = _several(cells, "cell")
    if not mixed:
        return list(frames)
    return [
        _marked(frame, rows["data"].where(rows["cell"].isin(mixed))) for frame, rows in zip(frames, cells, strict=True)
    ]


def of_each_data(part: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of one task on each of its data, where cells are apart, and what those are; else all of its rows.

    What is made of several cells, such as a curve, is then made of cells on the same data.
    """
    if ON_DATA not in part.columns:
        return [("", part)]
    rows = part.drop(columns=ON_DATA)
    return [(str(data), own) for data, own in rows.groupby(_said(part).fillna(""), sort=True)]


def on_data(frame: pd.DataFrame, data: str) -> pd.DataFrame:
    """A frame whose cells are all apart, as those on this data."""
    return _marked(frame, pd.Series(data or pd.NA, index=frame.index, dtype="string"))


def _said(frame: pd.DataFrame) -> "pd.Series[Any]":
    """What each row was measured on, where it says so."""
    if "data" not in frame.columns:
        return pd.Series(pd.NA, index=frame.index, dtype="string")
    data = frame["data"].astype("string")
    return data.mask(data == "")


def _with_cells(frame: pd.DataFrame, tasks: set[str]) -> pd.DataFrame:
    """The `cell` of each row, as text, and its `data`; absent where the task is none of these."""
    rows = pd.DataFrame({"cell": pd.Series(pd.NA, index=frame.index, dtype="string"), "data": _said(frame)})
    there = (frame["task"].isin(tasks) & rows["data"].notna()).to_numpy(bool)
    names = ["task", *cell_columns(frame)]
    part = frame.loc[there, names]
    numbers, first = distinct(part, names)
    different = cast("list[dict[str, Any]]", plain_frame(part.iloc[first]).to_dict("records"))
    spelled = [spell_cell(cell) for cell in different]
    rows.loc[there, "cell"] = pd.array(spelled, dtype="string").take(numbers)
    return rows


def _several(parts: Sequence[pd.DataFrame], name: str) -> set[str]:
    """Which entries of a column have several data."""
    known = pd.concat([part[[name, "data"]].dropna().drop_duplicates() for part in parts]).drop_duplicates()
    return {str(entry) for entry, count in known[name].value_counts().items() if count > 1}


def _marked(frame: pd.DataFrame, data: "pd.Series[Any]") -> pd.DataFrame:
    """A tidy frame with the parameter `ON_DATA` behind the others."""
    place = list(frame.columns).index("estimator")
    return pd.concat([frame.iloc[:, :place], data.rename(ON_DATA), frame.iloc[:, place:]], axis=1)
