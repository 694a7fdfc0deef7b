"""A frame's columns as numbers: which columns are meant, what is text, and what is missing."""

import csv
import fnmatch
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from mibench.errors import UsageError
from mibench.text import pluralise, shortened

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Codes = Literal["one-hot", "ordinal"]

LARGEST_EXACT = 2**53
"""Floats tell all whole numbers up to this apart, and not all beyond it."""
MOST_LEVELS = 50
"""A column of text with more different values than this, or than half of the rows, is an identifier or a mistake."""


_NUMBER_AS_TEXT = re.compile(r"[+-]?[^\w.,+-]*[+-]?\.?\d[\d.,' ]*([eE][+-]?\d+)?[^\w.,+-]*")
"""A number that its file did not give as one, e.g. `12%`, `$1,200`, `1,5`, or `5e-3` beside text."""
_FEWEST_NUMBERS = 3
"""Levels; two may be names."""


def split_patterns(given: str, names: Collection[str]) -> list[str]:
    """The patterns in a text: the name of a column as it is, else a list as in a row of CSV.

    Args:
        given: e.g. `age,bmi`, `gene_*`, or `"a,b",age`.
        names: of all columns.

    Raises:
        UsageError: a double quote is not closed.
    """
    if given in names:
        return [given]
    try:
        (row,) = csv.reader([given], skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise UsageError(f'{given!r} is no list of columns: {error}; write a name with a comma as "a,b"') from error
    return [part.strip() for part in row if part.strip()]


def listed(names: Iterable[object]) -> str:
    """Names of columns in a message, each in quotes, since it may hold commas and blanks."""
    return shortened(", ".join(repr(str(name)) for name in names), 200)


def choose(frame: pd.DataFrame, patterns: Sequence[str], side: str) -> pd.DataFrame:
    """The columns that patterns name, in the frame's order.

    Args:
        frame: all columns.
        patterns: names, or globs such as `gene_*`; a name that exists is taken as it is.
        side: `x` or `y`, for the error message.

    Raises:
        UsageError: a pattern names no column.
    """
    names = [str(name) for name in frame.columns]
    chosen: set[str] = set()
    for pattern in patterns:
        fits = {pattern} if pattern in names else {name for name in names if fnmatch.fnmatchcase(name, pattern)}
        if not fits:
            raise UsageError(f"{side}: no column is called {pattern!r}; there are {listed(names)}")
        chosen |= fits
    return frame.loc[:, [name in chosen for name in names]]


def numbers(frame: pd.DataFrame, side: str, codes: Codes) -> "tuple[Array, list[str], list[str], Counter[str]]":
    """The columns of a block as numbers; what is missing is NaN.

    Args:
        frame: one block, whose index counts rows from 0.
        side: `x` or `y`, for messages.
        codes: how text becomes numbers: `one-hot` gives a column for each level but the first, `ordinal` the place of
            each level in their order.

    Returns:
        The numbers `(n, d)`, the name of each column, a sentence for each column that was text, or that lost its least
        number because floats do not tell all of its numbers apart, and how many cells of each column are missing.

    Raises:
        UsageError: a column holds neither numbers nor a few levels, nothing finite, or whole numbers that no float
            tells apart.
    """
    arrays: list[Array] = []
    names: list[str] = []
    notes: list[str] = []
    for name, column in frame.items():
        where = f"column {str(name)!r} of {side}"
        if column.isna().all():
            raise UsageError(f"{where} is empty: leave it out")
        if _is_number(column) or is_whole(column):
            values, least = _floats(column, where)
            if not np.isfinite(values).any():
                raise UsageError(f"{where} holds no finite number: leave it out")
            arrays.append(values[:, None])
            names.append(str(name))
            if least is not None:
                notes.append(f"{where} holds whole numbers that floats round: its least, {least}, was taken from all")
            continue
        coded, levels = _coded(column, where, codes)
        shown = levels[1:] if codes == "one-hot" else [codes]
        arrays.append(coded)
        names += [f"{name}={level}" for level in shown]
        became = f"{where} has {pluralise(len(levels), 'level')} and became {_described(len(shown), codes)}"
        notes.append(became + _doubt(levels))
    gaps = [int(np.isnan(array[:, 0]).sum()) for array in arrays]  # a missing level is so in all of its columns
    absent = Counter({str(name): count for name, count in zip(frame.columns, gaps, strict=True) if count})
    return np.concatenate(arrays, axis=1), names, notes, absent


def _doubt(levels: Sequence[str]) -> str:
    """What to add to a note on levels most of which read as numbers; empty for others."""
    strays = [level for level in levels if not _NUMBER_AS_TEXT.fullmatch(level)]
    if len(levels) - len(strays) < max(_FEWEST_NUMBERS, len(strays) + 1):
        return ""
    if not strays:
        return f"; text such as {levels[-1]!r} may stand for numbers: if so, write these as numbers"
    names = listed(strays)
    return (
        f"; all levels but {names} are numbers, and {names} may stand for missing ones: if so, leave these cells empty"
    )


def _described(count: int, codes: Codes) -> str:
    return pluralise(count, "column") + " of 0 and 1" if codes == "one-hot" else "the places of its levels in order"


def is_whole(column: "pd.Series[Any]") -> bool:
    """Whether all that is there are whole numbers, or in a column of objects truth values, of Python's own."""
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in {"integer", "boolean"}
    return pd.api.types.is_integer_dtype(column.dtype)


def _floats(column: "pd.Series[Any]", where: str) -> "tuple[Array, int | None]":
    """A column of numbers as floats, and what was subtracted from whole ones so that floats tell them apart."""
    if column.dtype != object:
        floats: Array = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not is_whole(column) or not (np.abs(floats) >= LARGEST_EXACT).any():
            return floats, None
    present = column.notna().to_numpy()
    whole = [int(number) for number in column[present]]  # of Python, which rounds none
    least = min(whole) if max(map(abs, whole)) > LARGEST_EXACT else None
    floats = np.full(len(column), np.nan)
    try:
        floats[present] = [float(number - (least or 0)) for number in whole]
    except OverflowError as error:
        raise UsageError(f"{where} holds whole numbers too large for floats: rescale it") from error
    count, told = len(set(whole)), len(np.unique(floats[present]))
    if told < count:
        raise UsageError(
            f"{where} holds {count:,} different whole numbers, of which floats tell {told:,} apart: subtract what they "
            "have in common, or leave it out"
        )
    return floats, least


def _is_number(column: "pd.Series[Any]") -> bool:
    kind = column.dtype
    return pd.api.types.is_bool_dtype(kind) or (
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_complex_dtype(kind)
    )


def _is_text(column: "pd.Series[Any]") -> bool:
    """Whether all that is there is text; a column of objects may hold anything."""
    if column.dtype == object:
        return all(isinstance(value, str) for value in column.dropna())
    return pd.api.types.is_string_dtype(column.dtype)


def _coded(column: "pd.Series[Any]", where: str, codes: Codes) -> tuple[Array, list[str]]:
    """The numbers of a column of levels `(n, d)`, and its levels in order."""
    if not (isinstance(column.dtype, pd.CategoricalDtype) or _is_text(column)):
        _refuse_strays(column, where)
        raise UsageError(f"{where} holds {_kind(column)}: leave it out, or write it as numbers or text")
    categories = column.astype("category").cat.remove_unused_categories()
    levels = [str(level) for level in categories.cat.categories]
    if len(levels) > min(MOST_LEVELS, len(column) / 2):
        _refuse_strays(column, where)
        example = shortened(repr(levels[0]), 30)
        raise UsageError(
            f"{where} is text with {len(levels):,} different values, e.g. {example}; at most {MOST_LEVELS}, and half "
            "of the rows, are levels: leave it out, or write it as numbers"
        )
    if len(levels) < 2:
        raise UsageError(f"{where} never changes: leave it out")
    place: Array = categories.cat.codes.to_numpy().astype(np.float64)
    place[place < 0] = np.nan
    if codes == "ordinal":
        return place[:, None], levels
    hot = (place[:, None] == np.arange(1, len(levels))).astype(np.float64)
    hot[np.isnan(place)] = np.nan
    return hot, levels


def _refuse_strays(column: "pd.Series[Any]", where: str) -> None:
    """Refuses a column of numbers some of whose cells, fewer than half, hold something else; its index counts rows."""
    texts = column.dropna().astype(str)
    strays = texts[[_NUMBER_AS_TEXT.fullmatch(text) is None for text in texts]]
    if not 0 < len(strays) < len(texts) / 2:
        return
    verb = "is no number," if len(strays) == 1 else "are no numbers, the first"
    first = f"{shortened(repr(strays.iloc[0]), 30)} in row {strays.index[0] + 1:,}"
    raise UsageError(
        f"{where}: {len(strays):,} of {len(texts):,} values {verb} {first}: write numbers, or leave such cells empty "
        "and say --missing drop, or leave the column out"
    )


def _kind(column: "pd.Series[Any]") -> str:
    if column.dtype != object:
        return f"values of type {column.dtype}"
    kinds = sorted({type(value).__name__ for value in column.dropna()})
    return f"Python objects ({', '.join(kinds)})"
