"""The rows of a tidy frame that selectors name, and what of the selectors names none."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mibench.errors import UsageError
from mibench.frames.coded import plain
from mibench.frames.files import cell_columns, without_absent
from mibench.outcome import Status
from mibench.plan.selectors import Selector, parse_selectors, split_names
from mibench.plan.suites import PREFIX
from mibench.plan.trial import TRUTH_ERROR
from mibench.specs import EVERY
from mibench.text import either, shortened, suggestion

ALIASES = {"data": "samples"}
"""What a parameter is called in selectors whose name a frame has for a column of its own."""


def narrow(
    frame: pd.DataFrame,
    task: str | Sequence[str] = "",
    estimators: str | Sequence[str] = "",
    measurements: str | Sequence[str] = "",
) -> pd.DataFrame:
    """The rows of a tidy frame that selectors name. An empty argument selects everything.

    Args:
        frame: a tidy frame.
        task: selectors, e.g. `gaussian[d=5|20]`: a parameter keeps the cells that have one of its values. The
            parameters of other tasks are dropped. Tasks and estimators may be named `plugin:name`.
        estimators: selectors as the frame spells them, comma-separated or one by one.
        measurements: names, comma-separated or one by one. A trial that has none of them because it did not end well
            keeps one row, without a measurement: to choose what is looked at hides no failure.

    Raises:
        UsageError: the frame has no such parameter, or holds what two plugins brought under one name.
    """
    if selectors := parse_selectors(task):
        rows = [cells_named(frame, selector) for selector in selectors]
        frame = without_absent(frame[np.logical_or.reduce(rows)])
    if names := _split(estimators):
        frame = frame[_named(frame, "estimator", names)]
    if names := _split(measurements):
        frame = _measured(frame, names)
    return frame


def unfound(
    frame: pd.DataFrame,
    of_tasks: pd.DataFrame,
    tasks: str | Sequence[str] = "",
    estimators: str | Sequence[str] = "",
    measurements: str | Sequence[str] = "",
    quantities: Collection[str] | None = None,
) -> list[str]:
    """A sentence for each part of what was asked for that selects nothing beside others that do.

    Args:
        frame: a tidy frame.
        of_tasks: its rows of these tasks, of any estimator.
        tasks: selectors of tasks, or of suites, of which parts need not have been measured.
        estimators: selectors as the frame spells them.
        measurements: names.
        quantities: which there are, if the names are those of quantities; `None` if they are the rows' own.
    """
    sentences: list[str] = []
    for selector in parse_selectors(tasks):
        if not selector.name.startswith(PREFIX):
            sentences += _unfound_cells(frame, selector)
    rows = frame if of_tasks.empty else of_tasks
    for name in _split(estimators):
        if not _named(rows, "estimator", [name]).any():
            sentences.append(_there_is_no("estimator", name, _names(rows["estimator"])))
    measured = _names(narrow(rows, estimators=estimators)["measurement"]) or _names(rows["measurement"])
    kind, known = ("measurement", measured) if quantities is None else ("quantity", quantities)
    names = _split(measurements) if known else ()  # else all trials failed, as rows say
    return sentences + [_there_is_no(kind, name, known) for name in names if name not in known]


def cells_named(frame: pd.DataFrame, selector: Selector) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which rows have a selector's task and one of the values of each of its parameters."""
    rows = _named(frame, "task", [selector.name]).to_numpy(bool)
    for given, values in selector.sweep.items():
        name = ALIASES.get(given, given)
        if name not in cell_columns(frame):
            raise UsageError(f"there is no parameter {name!r} in these records of {selector.name}")
        rows = rows & _among(pd.Series(plain(frame[name].array)), values).to_numpy(bool)
    return rows


def _unfound_cells(frame: pd.DataFrame, selector: Selector) -> list[str]:
    rows = frame[_named(frame, "task", [selector.name]).to_numpy(bool)]
    if rows.empty:
        return [_there_is_no("task", selector.name, _names(frame["task"]))]
    columns = {given: ALIASES.get(given, given) for given in selector.sweep}
    return [
        f"no record of {selector.name} here has {shortened(f'{given}={value}', 80)}"
        for given, name in columns.items()
        if name in cell_columns(rows)
        for value in selector.sweep[given]
        if not _among(pd.Series(plain(rows[name].array)), [value]).any()
    ]


def _there_is_no(kind: str, name: str, known: Collection[str]) -> str:
    hint = shortened(suggestion(name, sorted(known)), 300)
    return f"there is no {kind} {shortened(repr(name), 80)} here; {hint}"


def _names(column: "pd.Series[Any]") -> set[str]:
    return {str(text) for text in column.dropna().unique()} - {""}


def _split(names: str | Sequence[str]) -> list[str]:
    """Names without the word for all of them."""
    split = split_names(names)
    return [] if EVERY in split else split


def _measured(frame: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """The rows of these measurements, and one without a measurement for each failed or skipped trial without them."""
    rows = frame["measurement"].isin(names).to_numpy(bool)
    lost = (frame["status"] != Status.OK.value) & ~frame["key"].isin(frame.loc[rows, "key"])
    lost &= ~frame["key"].duplicated()
    if not lost.any():
        return frame[rows]
    absent = {
        name: frame[name].mask(lost) for name in ("epoch", "value", "truth", TRUTH_ERROR) if name in frame.columns
    }
    unnamed = {name: frame[name].mask(lost, "") for name in ("measurement", "unit") if name in frame.columns}
    return frame.assign(**absent, **unnamed)[rows | lost.to_numpy(bool)]


def _among(column: "pd.Series[Any]", values: Sequence[str]) -> "pd.Series[bool]":
    """Which values of a cell parameter are among those of a selector, read as the column's type; `none` is absent."""
    if column.dtype == "string":
        rows = column.isin(list(values))
    elif column.dtype == "boolean":
        rows = column.isin([value == "true" for value in values if value in {"true", "false"}])
    else:
        rows = column.isin([number for number in map(_number, values) if number is not None])
    return rows | column.isna() if "none" in values else rows


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _named(frame: pd.DataFrame, column: str, names: Collection[str]) -> "pd.Series[bool]":
    """Which rows have one of the names, bare or as `plugin:name`, in the column `task` or `estimator`.

    Raises:
        UsageError: a bare name stands for what two plugins brought.
    """
    spelled = frame[column]
    for name in names:
        namesakes = sorted({text for text in spelled.unique() if text.partition(":")[2] == name})
        if namesakes:
            raise UsageError(f"{column} {name!r} is ambiguous here; say {either(namesakes)}")
    rows = spelled.isin(list(names))
    if f"{column}_plugin" in frame.columns:
        rows |= (frame[f"{column}_plugin"].astype("string").fillna("") + ":" + spelled).isin(list(names))
    return rows
