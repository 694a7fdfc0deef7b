"""Tidy frames as CSV and Parquet files that read back with the types that they had."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pandas as pd

from mibench.errors import StoreError, UsageError
from mibench.files import read_bounded, write_named
from mibench.plan.request import AnyPath
from mibench.plan.trial import EDITED, RESERVED, TAKEN, TRUTH_ERROR, TUNED, WIDE
from mibench.separated import misread
from mibench.text import printable, shortened

LEADING, TRAILING = RESERVED[:1], RESERVED[1:]
_NUMBERS = re.compile(r"[-+\d.eE±\[\], ]+|[-+]?(inf|nan)")
_OPTIONAL = frozenset({"epoch", "data", "task_plugin", "estimator_plugin", "estimator_version", "task_version"})
"""The columns that frames of an older mibench may lack."""
_FURTHER = frozenset({*WIDE, TRUTH_ERROR, TUNED, EDITED})
"""What mibench itself writes behind these columns, beside names with a dot."""
_KINDS = {"Int64": "whole number", "float64": "number"}
_WHOLE = frozenset({"seed", "epoch", "estimator_version", "task_version"})
_LARGEST_WHOLE = 2**63
_MEASURED = ("value", "truth", "seconds", TRUTH_ERROR)


def cell_columns(frame: pd.DataFrame) -> list[str]:
    """The columns of a tidy frame that hold parameters of cells. They stand between `task` and `estimator`."""
    return list(frame.columns[1 : frame.columns.get_loc("estimator")])


def without_absent(frame: pd.DataFrame) -> pd.DataFrame:
    """A tidy frame without the columns that no row has, but for those of every frame."""
    optional = (name for name in frame.columns if name not in {*LEADING, *TRAILING})
    return frame.drop(columns=[name for name in optional if frame[name].isna().all()])


def with_parameters_first(frame: pd.DataFrame) -> pd.DataFrame:
    """A tidy frame whose parameters of cells stand between `task` and `estimator`.

    `pandas.concat` puts behind all others what the first of its frames lacks. A column there that some rows have, and
    that is the same in all rows of a trial, is taken for a parameter.

    Args:
        frame: a tidy frame, or several in one.
    """
    behind = [name for name in frame.columns if name not in {*LEADING, *cell_columns(frame), *TRAILING, *_FURTHER}]
    partial = [name for name in behind if "." not in name and frame[name].isna().any()]
    values = frame.groupby("key")[partial].nunique(dropna=False).max() if partial and len(frame) else {}
    moved = [name for name in partial if values[name] == 1]
    rest = [name for name in frame.columns if name not in {*LEADING, *moved}]
    place = rest.index("estimator")
    return frame[[*LEADING, *rest[:place], *moved, *rest[place:]]] if moved else frame


def column_type(column: "pd.Series[Any]") -> str:
    """The type of a tidy frame's column, from its name or else from the objects in it."""
    if column.name in _MEASURED:
        return "float64"
    if column.name in _WHOLE:
        return "Int64"
    kinds = {type(value) for value in column.dropna()}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64" if all(-(2**63) <= value < 2**63 for value in column.dropna()) else "string"
    return "float64" if kinds and kinds <= {int, float} else "string"


def write(frame: pd.DataFrame, path: AnyPath) -> None:
    """Writes a tidy frame to a file, atomically. `read` returns the same frame.

    Args:
        frame: a tidy frame; floats keep all of their digits.
        path: ends in `.csv`, or in `.parquet` where pyarrow is installed.

    Raises:
        UsageError: the path ends otherwise, or pyarrow is missing.
        StoreError: the file cannot be written.
    """
    path = Path(path)
    ending = _ending(path)
    try:
        if ending == ".csv":
            text = to_csv(frame).encode()
            write_named(path, lambda file: file.write(text))
        else:
            write_named(path, lambda file: frame.to_parquet(file, index=False))
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def read(path: AnyPath) -> pd.DataFrame:
    """Reads a tidy frame from a CSV or Parquet file, with the types that it had.

    Args:
        path: as written by `write` or by `mibench show --tidy --format csv`; `epoch`, `data`, the plugins and the
            versions may be missing.

    Raises:
        UsageError: the path ends otherwise, or pyarrow is missing.
        StoreError: the file cannot be read or holds no tidy frame. What is no number where one has to be is named with
            its column and its row, from 1 below the header.
    """
    path = Path(path)
    is_text = _ending(path) == ".csv"
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False) if is_text else pd.read_parquet(path)
        _refuse_strange(frame)
        cell = cell_columns(frame)
        extra = [name for name in frame.columns if name not in {*LEADING, *cell, *TRAILING}]
        typed = frozenset() if is_text else {*frame.columns}
        frame = frame.reindex(columns=[*LEADING, *cell, *TRAILING, *extra], fill_value="")
        columns = {name: (_measured if name in typed else _typed)(frame[name]) for name in frame.columns}
        return _with_whole_seeds(pd.DataFrame(columns))
    except (OSError, ValueError) as error:
        reason = (is_text and _misread(path)) or error
        raise StoreError(f"cannot read {path} as a frame of mibench: {reason}") from error


def _misread(path: Path) -> str:
    """What keeps a file from being CSV; empty if nothing is seen, as of a pipe, which cannot be read again."""
    try:
        return misread(read_bounded(path, path.stat().st_size), ",")
    except OSError:
        return ""  # the error that is being explained says so


def to_csv(frame: pd.DataFrame) -> str:
    """A tidy frame as CSV from which `read` makes the same frame; floats keep all of their digits.

    CSV has no types. Text of a cell that would be read as a number, a truth value or nothing is therefore marked by an
    apostrophe, as in a spreadsheet.
    """
    cells, written = cell_columns(frame), spreadsheet_safe(frame)
    for name in frame.columns:
        if name not in {*LEADING, *TRAILING} and frame[name].dtype == "string":
            written[name] = _marked(frame[name], written[name], name in cells)
    return written.to_csv(index=False)


def spreadsheet_safe(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose text no spreadsheet takes for a formula: an apostrophe goes before `=`, `+`, `-`, `@` and itself.

    Text that is a number, maybe with its deviation or interval, stays as it is.
    """
    safe = {
        name: pd.Series([_spreadsheet_cell(value) for value in frame[name]], index=frame.index, dtype=frame[name].dtype)
        for name in frame.columns
        if pd.api.types.is_string_dtype(frame[name].dtype)
    }
    return frame.assign(**safe)


def _marked(column: "pd.Series[str]", written: "pd.Series[str]", is_cell: bool) -> "pd.Series[str]":
    """Text with an apostrophe where it would be read as something else; nothing is a value in cells alone."""
    wanted = column if is_cell else column.mask(column == "")
    return written if _typed(written.fillna("")).equals(wanted) else "'" + wanted


def _spreadsheet_cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = printable(value)
    return f"'{value}" if value[:1] in {*"'=+-@"} and not _NUMBERS.fullmatch(value) else value


def _typed(column: "pd.Series[str]") -> "pd.Series[Any]":
    """A column of text with the type that `tidy` gave it: the fixed type, or the type that all of the text fits.

    A leading apostrophe marks text, and is not part of it.

    Raises:
        ValueError: a word stands in place of a number.
    """
    marked = column.str.startswith("'")
    text = column.str.removeprefix("'")
    if column.name in {*LEADING, *TRAILING, TRUTH_ERROR}:
        kind = column_type(column.iloc[:0])
        return text.astype("string") if kind == "string" else _numbers(text.mask(text == ""), kind)
    present = text.mask(column == "").astype("string")
    words = present.dropna()
    if not len(words) or marked.any():
        return present
    if words.isin(["True", "False"]).all():
        return present.map({"True": True, "False": False}).astype("boolean")
    try:
        return pd.to_numeric(present).astype("Int64" if words.str.fullmatch(r"-?\d+").all() else "float64")
    except (ValueError, TypeError, OverflowError):
        return present


def _measured(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """A column of a Parquet file, which has types; where numbers have to be, there are numbers."""
    return _numbers(column, "float64") if column.name in _MEASURED else column


def _numbers(column: "pd.Series[Any]", kind: str) -> "pd.Series[Any]":
    """A column as numbers of a kind.

    Raises:
        ValueError: an entry is none; the message names the column and the first such row, and says what to do.
    """
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    misfits = numbers.isna() & column.notna()
    if kind == "Int64":
        misfits |= (numbers % 1 != 0) & numbers.notna() | (numbers.abs() >= _LARGEST_WHOLE)
    if not misfits.any():
        return pd.Series(pd.to_numeric(column), dtype=kind)
    row = int(misfits.to_numpy(bool).argmax())
    entry = str(column.iloc[row])
    hint = "write a point before its decimals" if "," in entry else ""
    hint = hint or ("leave it empty where it is not known" if column.name != "seed" else "")
    fault = f"column {column.name}, row {row + 1}: {shortened(repr(entry), 60)} is no {_KINDS[kind]}"
    raise ValueError(f"{fault}; {hint}" if hint else fault)


def _ending(path: Path) -> str:
    ending = next((ending for ending in (".csv", ".parquet") if path.name.lower().endswith(ending)), "")
    if not ending:
        raise UsageError(f"{path} ends neither in .csv nor in .parquet")
    if ending == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError("Parquet needs pyarrow; install mibench[parquet], or use .csv")
    return ending


def _refuse_strange(frame: pd.DataFrame) -> None:
    missing = [name for name in (*LEADING, *TRAILING) if name not in frame.columns and name not in _OPTIONAL]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    misplaced = sorted(TAKEN & {*cell_columns(frame)})
    if misplaced or frame.columns[0] != "task":
        wrong = "task is not the first column" if frame.columns[0] != "task" else f"{', '.join(misplaced)} stands there"
        raise ValueError(f"between the columns task and estimator stand parameters of cells, and {wrong}")


def _with_whole_seeds(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame whose seeds are whole numbers, one in each row, whatever type its file gave them.

    Raises:
        ValueError: a row has none, or something else.
    """
    absent = frame["seed"].isna().to_numpy(bool)
    if absent.any():
        raise ValueError(f"column seed, row {int(absent.argmax()) + 1}: there is none")
    return frame.assign(seed=_numbers(frame["seed"], "Int64"))
