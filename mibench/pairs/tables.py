"""Tables of a user's own: CSV, TSV and Parquet as frames whose whole numbers stay what they are."""

import importlib.util
import io
import re
import warnings
from typing import Any

import pandas as pd

from mibench.errors import UsageError
from mibench.separated import misread
from mibench.text import shortened

TABLES = frozenset({".csv", ".tsv", ".parquet"})
"""How the names of tables end."""
_BACKEND = "numpy_nullable"
_UNREADABLE = (ValueError, OSError, MemoryError, pd.errors.ParserError, pd.errors.ParserWarning)
_WHOLE = re.compile(r"\s*[-+]?\d{1,300}\s*")


def read_table(contents: bytes, ending: str, where: str, rows: int | None = None) -> pd.DataFrame:
    """A table of a CSV, TSV or Parquet file, or the first rows of text; formulas are text like any other.

    Of text, an empty cell is missing, and so are `NA`, `None` and the like in a column of numbers; among words they are
    words. The types are those in which whole numbers stay what they are where others are missing.

    Args:
        contents: of the file.
        ending: of its name.
        where: the file, for messages.
        rows: how many rows of text are read; `None` for all.

    Raises:
        UsageError: it is no such table.
    """
    if ending not in TABLES:
        raise UsageError(f"{where} ends in none of .npz, .npy (two files), .csv, .tsv and .parquet")
    if ending != ".parquet":
        return _read_text(contents, "\t" if ending == ".tsv" else ",", ending[1:].upper(), where, rows)
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError(f"{where}: Parquet needs pyarrow; install mibench[parquet], or use .csv")
    try:
        return _with_index(pd.read_parquet(io.BytesIO(contents), dtype_backend=_BACKEND))
    except _UNREADABLE as error:
        raise _refused(where, "Parquet", _said(error)) from error


def _read_text(contents: bytes, separator: str, kind: str, where: str, rows: int | None) -> pd.DataFrame:
    def parsed(**how: Any) -> pd.DataFrame:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                return pd.read_csv(io.BytesIO(contents), sep=separator, **how)
        except _UNREADABLE as error:
            raise _refused(where, kind, misread(contents, separator) or _said(error)) from error

    names = parsed(header=None, nrows=1, dtype=str).iloc[0].dropna()
    if names.duplicated().any():  # the second would be read under another name
        raise UsageError(f"{where}: two columns are called {names[names.duplicated()].iloc[0]!r}; rename one")
    if len(names) == 1 and (reason := misread(contents, separator)):
        raise _refused(where, kind, reason)
    table = parsed(index_col=False, dtype_backend=_BACKEND, low_memory=False, nrows=rows)
    words: list[Any] = []
    for name, column in table.items():
        if _is_large(column):
            table[name] = pd.Series([pd.NA if pd.isna(text) else int(text) for text in column], dtype=object)
        elif pd.api.types.is_string_dtype(column.dtype):
            words.append(name)
    if words:
        as_written = parsed(index_col=False, dtype="string", keep_default_na=False, na_values=[""], nrows=rows)
        table[words] = as_written[words]
    return table


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose index, where it has names, is columns like any other."""
    return table.reset_index(level=[name for name in table.index.names if name is not None])


def _is_large(column: "pd.Series[Any]") -> bool:
    """Whether a column of a CSV became text only because none of pandas' types holds all of its whole numbers."""
    if not pd.api.types.is_string_dtype(column.dtype):
        return False
    texts = column.dropna()
    return bool(len(texts)) and all(_WHOLE.fullmatch(text) for text in texts)


def _refused(where: str, kind: str, reason: str) -> UsageError:
    return UsageError(f"{where} is no {kind} table that can be read: {reason}")


def _said(error: BaseException) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__, 200)
