"""Arrays, tensors, lists and frames that a user has in Python, as frames."""

import sys
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from mibench.errors import UsageError
from mibench.pairs.checks import refuse_wide
from mibench.pairs.columns import LARGEST_EXACT, is_whole
from mibench.text import shortened

_WITH_GAPS: dict[str, Any] = {"b": "boolean", "i": "Int64", "u": "UInt64", "U": "string", "S": "string"}
"""What pandas calls an array's kind in which values may be missing; floats have NaN."""


def refuse_unaligned(x: Any, y: Any, where: str) -> None:
    """Refuses frames whose indexes differ and share labels, which pandas itself would pair by label.

    Raises:
        UsageError: the labels are the same in another order, or some of them are.
    """
    if not all(isinstance(block, pd.DataFrame | pd.Series) for block in (x, y)) or x.index.equals(y.index):
        return
    left, right = Counter(x.index), Counter(y.index)
    if not left.keys() & right.keys():
        return
    held, align = "share some labels", "x.loc[both] and y.loc[both] with both = x.index.intersection(y.index)"
    if left == right:
        held, align = "hold the same labels in another order", "y.loc[x.index]"
    raise UsageError(
        f"{where}: the indexes of x and y {held}: align them, as in {align}, "
        "or drop both with reset_index(drop=True), so that row i of y belongs to row i of x"
    )


def framed(block: Any, side: str, where: str) -> pd.DataFrame:
    """A block as a frame, with its columns named after the side where they have no name.

    Raises:
        UsageError: it is no array of `(n,)` or `(n, d)`, or holds neither numbers nor text.
    """
    if isinstance(block, pd.Series):
        block = block.to_frame(block.name or side)
    if isinstance(block, pd.DataFrame):
        _refuse_empty(block.shape[1], side, where)
        return block
    array = _array_of(block, side, where)
    if array.ndim not in {1, 2}:
        raise UsageError(f"{where}: {side} has the shape {array.shape}; make it (rows,) or (rows, columns)")
    kind, values = array.dtype.kind, np.ma.getdata(array)
    if kind not in "biufUS" and not (kind == "O" and is_whole(pd.Series(values.ravel()))):
        raise UsageError(f"{where}: {side} holds {array.dtype} values; make it an array of numbers or text")
    table = values[:, None] if values.ndim == 1 else values
    _refuse_empty(table.shape[1], side, where)
    refuse_wide(table.shape[1], where)
    if kind == "S":
        table = np.char.decode(table, "utf-8", "replace")
    named = pd.DataFrame(table, columns=[f"{side}{index}" for index in range(table.shape[1])])
    if kind in "US":
        named = named.astype("string")
    if np.ma.is_masked(array):
        return named.astype(_WITH_GAPS.get(kind, table.dtype)).mask(np.ma.getmaskarray(array).reshape(table.shape))
    return _with_whole_numbers(named, block)


def _array_of(block: Any, side: str, where: str) -> Any:
    """A block as an array of numpy, masked where it is."""
    torch = sys.modules.get("torch")
    try:
        if torch and isinstance(block, torch.Tensor):
            block = block.detach().cpu()
            return np.asarray(block.double() if block.is_floating_point() else block)  # numpy lacks bfloat16
        if isinstance(block, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in block):
            return np.ma.array(block)
        return block if isinstance(block, np.ma.MaskedArray) else np.asarray(block)
    except ValueError as error:
        raise UsageError(f"{where}: {side} is ragged; its rows must have one length") from error
    except (TypeError, RuntimeError) as error:
        reason = shortened(" ".join(str(error).split()), 100)
        raise UsageError(f"{where}: {side} cannot be made an array of numbers or text: {reason}") from error


def _with_whole_numbers(named: pd.DataFrame, block: Any) -> pd.DataFrame:
    """A frame with the whole numbers of a list as they were, where numpy has made rounded floats of them."""
    if not isinstance(block, list | tuple) or not (named.dtypes == np.float64).all():
        return named
    if not (named.abs() >= LARGEST_EXACT).any(axis=None):
        return named
    exact = pd.DataFrame(np.asarray(block, dtype=object).reshape(named.shape), columns=named.columns)
    return named.assign(**{str(name): column for name, column in exact.items() if is_whole(column)})


def _refuse_empty(columns: int, side: str, where: str) -> None:
    if not columns:
        raise UsageError(f"{where}: {side} has no columns")
