"""Tidy frames: one row per measurement, with the same columns and types whatever was run."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mibench.discovery.registry import Entry, Registry
from mibench.errors import UsageError
from mibench.frames.coded import plain
from mibench.frames.files import LEADING, TRAILING, cell_columns, read, without_absent, write
from mibench.frames.tidy import coded_columns, tidy, tidy_columns
from mibench.outcome import Status
from mibench.plan.selectors import Selector, parse_selectors, spell_value, split_selectors
from mibench.plan.suites import PREFIX
from mibench.plan.trial import ON_DATA, TRUTH_ERROR
from mibench.specs import EVERY, TaskSpec
from mibench.text import either, shortened, suggestion

ALIASES = {"data": "samples"}
"""What a parameter is called in selectors whose name a frame has for a column of its own."""

PUBLISHED_AS = "published as"
"""The column of tables that holds the name that others gave a cell."""

ADVERSARIAL = "adversarial"
"""The column that says whether dI/dtheta does not pass through the samples of a cell."""

__all__ = [
    "ADVERSARIAL",
    "LEADING",
    "PUBLISHED_AS",
    "TRAILING",
    "cell_columns",
    "coded_columns",
    "narrow",
    "read",
    "refuse_mixed",
    "task_entry",
    "tidy",
    "tidy_columns",
    "unfound",
    "with_adversarial",
    "with_published",
    "write",
]


def task_entry(frame: pd.DataFrame, registry: Registry) -> Entry[TaskSpec] | None:
    """The task that a frame of one task was measured on; `None` if the plugin that brought it is not installed.

    Args:
        frame: a tidy frame of one task; where it does not say the plugin, any plugin's task of this name will do.
        registry: what the plugins brought.

    Raises:
        UsageError: the frame does not say the plugin, and two bring this task.
    """
    task = str(frame["task"].iloc[0])
    named = frame["task_plugin"].unique() if "task_plugin" in frame.columns else ()
    plugin = next((name for name in named if isinstance(name, str) and name), "")  # rows of older frames name none
    name = task.rpartition(":")[2]
    entries = [entry for entry in registry.entries(TaskSpec) if entry.spec.name == name]
    if plugin:
        entries = [entry for entry in entries if entry.plugin.name == plugin]
    return registry.find(TaskSpec, task) if len(entries) > 1 else next(iter(entries), None)


def refuse_mixed(frame: pd.DataFrame, separated: Collection[str]) -> None:
    """Makes sure that a figure averages over nothing but seeds.

    Args:
        frame: a tidy frame of one task.
        separated: the parameters of cells that the figure shows separately.

    Raises:
        UsageError: rows differ in another parameter.
    """
    for name in cell_columns(frame):
        values = frame[name].dropna().unique()
        if name not in separated and len(values) > 1:
            spelled = [spell_value(value) for value in values.tolist()]
            fault = f"these records differ in {name} ({', '.join(spelled)}), which this figure would average over"
            if name == ON_DATA:
                raise UsageError(f"{fault}; draw the results on each data from a folder of their own")
            raise UsageError(f'{fault}; choose one of them, e.g. "{frame["task"].iloc[0]}[{name}={spelled[0]}]"')


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
        rows = [_cells_named(frame, selector) for selector in selectors]
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


def with_published(frame: pd.DataFrame, named: Mapping[str, Selector]) -> pd.DataFrame:
    """A tidy frame of one task with a column `published as` before its parameters, if a row has such a name.

    Args:
        frame: a tidy frame.
        named: selectors of tasks by the names that they were published under. Of several that fit a row, that counts
            which says most of it.
    """
    names = pd.Series(pd.NA, index=frame.index, dtype="string")
    for name, selector in sorted(named.items(), key=lambda item: len(item[1].sweep)):
        if {ALIASES.get(given, given) for given in selector.sweep} <= {*cell_columns(frame)}:
            names[_cells_named(frame, selector)] = name
    if names.isna().all():
        return frame
    return pd.concat([frame.iloc[:, :1], names.rename(PUBLISHED_AS), frame.iloc[:, 1:]], axis=1)


def with_adversarial(frame: pd.DataFrame, spec: TaskSpec | None) -> pd.DataFrame:
    """A tidy frame of one task whose last column, `adversarial`, says what the task declares of each row's cell.

    Args:
        frame: a tidy frame.
        spec: the task; `None` if the plugin that brought it is not installed.
    """
    rows = np.zeros(len(frame), dtype=bool)
    for name, conditions in ((it.name, it.sweep) for it in parse_selectors(sorted(spec.adversarial if spec else ()))):
        selector = Selector(str(frame["task"].iloc[0]), {"theta": [name], **conditions})
        if selector.sweep.keys() <= {*cell_columns(frame)}:
            rows |= _cells_named(frame, selector)
    return frame.assign(**{ADVERSARIAL: rows})


def _split(names: str | Sequence[str]) -> list[str]:
    """Names without the word for all of them."""
    parts = [names] if isinstance(names, str) else names
    split = [name for part in parts for name in split_selectors(part)]
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


def _cells_named(frame: pd.DataFrame, selector: Selector) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which rows have a selector's task and one of the values of each of its parameters."""
    rows = _named(frame, "task", [selector.name]).to_numpy(bool)
    for given, values in selector.sweep.items():
        name = ALIASES.get(given, given)
        if name not in cell_columns(frame):
            raise UsageError(f"there is no parameter {name!r} in these records of {selector.name}")
        rows = rows & _among(pd.Series(plain(frame[name].array)), values).to_numpy(bool)
    return rows


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
