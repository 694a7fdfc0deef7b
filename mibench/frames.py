"""Tidy frames: one row per measurement, with the same columns and types whatever was run."""

import importlib.util
import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from mibench.discovery.registry import Entry, Registry
from mibench.errors import StoreError, UsageError
from mibench.files import write_whole
from mibench.outcome import Measurement
from mibench.plan.selectors import parse_selector, spell_value, split_selectors
from mibench.plan.trial import RESERVED, Trial
from mibench.specs import TaskSpec
from mibench.store.record import Record
from mibench.text import either

LEADING, TRAILING = RESERVED[:1], RESERVED[1:]
_OPTIONAL = frozenset({"epoch", "data", "task_plugin", "estimator_plugin"})
"""The columns that frames of an older mibench may lack."""


def tidy(records: Iterable[Record], *, wide: bool = False) -> pd.DataFrame:
    """A frame of one row per measurement; a trial without measurements (skipped, failed) has one row without a value.

    Args:
        records: records of a store.
        wide: adds the estimator's parameters as `estimator.NAME`, the versions, the error and the environment.

    Returns:
        Columns `task`, each cell parameter under its own name, then `estimator` (the selector as text), `seed`,
        `measurement`, `epoch` (absent for a final measurement), `value`, `truth`, `unit`, `status`, `seconds`,
        `device`, `data` (the files that the task read, if any), `key`, and the plugins that brought the task and the
        estimator: `task_plugin`, `estimator_plugin`. Where two plugins brought one name, `task` or `estimator` say
        `plugin:name`, so that no two of them share a group. Sorted, so that it does not depend on the order in which
        trials ran.
    """
    records = _with_clear_names(sorted(records, key=lambda record: (record.trial.task, record.key)))
    rows = [row for record in records for row in _rows(record, wide)]
    cell = list(dict.fromkeys(name for record in records for name in record.trial.cell))
    extra = [] if not rows else [name for name in _names(rows) if name not in {*LEADING, *cell, *TRAILING}]
    frame = pd.DataFrame(rows, columns=[*LEADING, *cell, *TRAILING, *extra], dtype=object)
    frame = frame.astype({name: _dtype(frame[name]) for name in frame.columns})
    return frame.sort_values(
        [*LEADING, *cell, "estimator", "seed", "measurement", "epoch"], kind="stable", ignore_index=True
    )


def write(frame: pd.DataFrame, path: Path) -> None:
    """Writes a tidy frame to a file, atomically. `read` returns the same frame.

    Args:
        frame: a tidy frame; floats keep all of their digits.
        path: ends in `.csv`, or in `.parquet` where pyarrow is installed.

    Raises:
        UsageError: the path ends otherwise, or pyarrow is missing.
        StoreError: the file cannot be written.
    """
    ending = _ending(path)
    try:
        if ending == ".csv":
            text = frame.to_csv(index=False).encode()
            write_whole(path, lambda file: file.write(text))
        else:
            write_whole(path, lambda file: frame.to_parquet(file, index=False))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> pd.DataFrame:
    """Reads a tidy frame from a CSV or Parquet file, with the types that it had.

    Args:
        path: as written by `write` or by `mibench show --tidy --format csv`; `epoch`, `data` and the
            plugins may be missing.

    Raises:
        UsageError: the path ends otherwise, or pyarrow is missing.
        StoreError: the file cannot be read or holds no tidy frame.
    """
    ending = _ending(path)
    try:
        is_text = ending == ".csv"
        frame = pd.read_csv(path, dtype=str, keep_default_na=False) if is_text else pd.read_parquet(path)
        _refuse_strange(frame)
        cell = list(frame.columns[1 : frame.columns.get_loc("estimator")])
        extra = [name for name in frame.columns if name not in {*LEADING, *cell, *TRAILING}]
        frame = frame.reindex(columns=[*LEADING, *cell, *TRAILING, *extra], fill_value="")
        return pd.DataFrame({name: _typed(frame[name]) for name in frame.columns}) if is_text else frame
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path} as a frame of mibench: {error}") from error


def cell_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of a tidy frame that hold parameters of cells. They stand between `task` and `estimator`."""
    return list(frame.columns[1 : frame.columns.get_loc("estimator")])


def task_entry(frame: pd.DataFrame, registry: Registry) -> Entry[TaskSpec] | None:
    """The task that a frame of one task was measured on; `None` if the plugin that brought it is not installed.

    Args:
        frame: a tidy frame of one task; where it does not say the plugin, any plugin's task of this name will do.
        registry: what the plugins brought.

    Raises:
        UsageError: the frame does not say the plugin, and two bring this task.
    """
    task = str(frame["task"].iloc[0])
    plugin = str(frame["task_plugin"].iloc[0]) if "task_plugin" in frame.columns else ""
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
            raise UsageError(
                f"these records differ in {name} ({', '.join(spelled)}), which this figure would average over; choose "
                f'one of them, e.g. "{frame["task"].iloc[0]}[{name}={spelled[0]}]"'
            )


def narrow(frame: pd.DataFrame, task: str = "", estimators: str = "", measurements: str = "") -> pd.DataFrame:
    """The rows of a tidy frame that selectors name. An empty argument selects everything.

    Args:
        frame: a tidy frame.
        task: a selector, e.g. `gaussian[d=5|20]`: a parameter keeps the cells that have one of its values. The
            parameters of other tasks are dropped. Tasks and estimators may be named `plugin:name`.
        estimators: selectors as the frame spells them, comma-separated.
        measurements: names, comma-separated.

    Raises:
        UsageError: the frame has no such parameter, or holds what two plugins brought under one name.
    """
    if task:
        selector = parse_selector(task)
        frame = frame[_named(frame, "task", [selector.name])]
        frame = frame.drop(
            columns=[name for name in frame.columns if name not in TRAILING and frame[name].isna().all()]
        )
        for name, values in selector.sweep.items():
            if name not in frame.columns:
                raise UsageError(f"there is no parameter {name!r} in these records of {selector.name}")
            frame = frame[frame[name].isin([_value(text) for text in values])]
    if estimators:
        frame = frame[_named(frame, "estimator", split_selectors(estimators))]
    if measurements:
        frame = frame[frame["measurement"].isin(split_selectors(measurements))]
    return frame


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
        rows |= (frame[f"{column}_plugin"] + ":" + spelled).isin(list(names))
    return rows


def _value(text: str) -> bool | float | str:
    """A value of a selector, as a frame holds it."""
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _with_clear_names(records: list[Record]) -> list[Record]:
    """Records whose task and estimator are spelled `plugin:name` where two plugins brought one name, bare elsewhere."""
    plugins: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        plugins["task", record.trial.task].add(record.trial.task_plugin)
        plugins["estimator", record.trial.estimator].add(record.trial.estimator_plugin)
    shared = {name for name, owners in plugins.items() if len(owners) > 1}
    return [replace(record, trial=_with_clear_name(record.trial, shared)) for record in records]


def _with_clear_name(trial: Trial, shared: Collection[tuple[str, str]]) -> Trial:
    """A trial whose names say the plugin where they are among the `shared` ones, and not elsewhere."""
    task, estimator = f"{trial.task_plugin}:", f"{trial.estimator_plugin}:"
    return replace(
        trial,
        task=(task if ("task", trial.task) in shared else "") + trial.task.removeprefix(task),
        spelled=(estimator if ("estimator", trial.estimator) in shared else "") + trial.spelled.removeprefix(estimator),
    )


def _rows(record: Record, wide: bool) -> list[dict[str, Any]]:
    trial = record.trial
    common = {
        "task": trial.task,
        **{name: _plain(value) for name, value in trial.cell.items()},
        "estimator": trial.spelled,
        "seed": trial.seed,
        "status": record.outcome.status.value,
        "seconds": record.seconds,
        "device": trial.device,
        "data": trial.data,
        "key": record.key,
        "task_plugin": trial.task_plugin,
        "estimator_plugin": trial.estimator_plugin,
        **(_wide(record) if wide else {}),
    }
    nothing = [Measurement("", math.nan, unit="")]
    return [
        {**common, "measurement": m.name, "epoch": m.epoch, "value": m.value, "truth": m.truth, "unit": m.unit}
        for m in record.outcome.measurements or nothing
    ]


def _wide(record: Record) -> dict[str, Any]:
    trial, error = record.trial, record.outcome.error
    parameters = {f"estimator.{name}": _plain(value) for name, value in trial.parameters.items()}
    names = ("estimator_version", "task_version", "dtype")
    origin = {name: getattr(trial, name) for name in names} | {"started": record.started}
    message = {"error": f"{error.type}: {error.message}" if error else ""}
    return {**parameters, **origin, **message, **{f"environment.{k}": v for k, v in record.environment.items()}}


def _plain(value: Any) -> Any:
    """A tuple as it is written in a selector; other values as they are."""
    return spell_value(value) if isinstance(value, tuple) else value


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _dtype(column: "pd.Series[Any]") -> str:
    if column.name in {"value", "truth", "seconds"}:
        return "float64"
    if column.name in {"seed", "epoch"}:
        return "Int64"
    kinds = {type(value) for value in column.dropna()}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    return "float64" if kinds and kinds <= {int, float} else "string"


def _typed(column: "pd.Series[str]") -> "pd.Series[Any]":
    """A column of text with the type that `tidy` gave it: the fixed type, or the type that all of the text fits."""
    if column.name in {*LEADING, *TRAILING}:
        kind = _dtype(column.iloc[:0])
        return pd.Series(column if kind == "string" else pd.to_numeric(column.mask(column == "")), dtype=kind)
    present = column.mask(column == "")
    words = present.dropna()
    if len(words) and words.isin(["True", "False"]).all():
        return present.map({"True": True, "False": False}).astype("boolean")
    try:
        numbers = pd.to_numeric(present)
    except ValueError:
        return present.astype("string")
    if not len(words):
        return present.astype("string")
    return numbers.astype("Int64" if words.str.fullmatch(r"-?\d+").all() else "float64")


def _ending(path: Path) -> str:
    if path.suffix not in {".csv", ".parquet"}:
        raise UsageError(f"{path} ends neither in .csv nor in .parquet")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow; install mibench[parquet], or use .csv")
    return path.suffix


def _refuse_strange(frame: pd.DataFrame) -> None:
    missing = [name for name in (*LEADING, *TRAILING) if name not in frame.columns and name not in _OPTIONAL]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
