"""The groups of a frame's rows, in time that hardly depends on how many columns are absent in most of the rows."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mibench.frames.files import cell_columns

Integers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
_MOST_CODES = 2**62


def group_numbers(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    """The number of each row's group, in the order of what the groups have in common; an absent value comes last."""
    numbers, first = distinct(frame, columns)
    groups = frame[list(columns)].iloc[first].groupby(list(columns), sort=True, dropna=False)
    return np.asarray(groups.ngroup(), dtype=np.int64)[numbers]


def distinct(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[Integers, Integers]:
    """The number of each row's group, in the order in which groups first occur, and where each first occurs.

    Absent values are equal.
    """
    codes, most = np.zeros(len(frame), dtype=np.int64), 1
    for name in columns:
        places, values = pd.factorize(frame[name].array)  # -1 is the place of an absent value
        if most * (len(values) + 1) > _MOST_CODES:
            codes = np.asarray(pd.factorize(codes)[0], dtype=np.int64)
            most = len(codes) + 1
        codes, most = codes * (len(values) + 1) + places + 1, most * (len(values) + 1)
    numbers = np.asarray(pd.factorize(codes)[0], dtype=np.int64)
    first = np.empty(numbers.max(initial=-1) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several rows the last assignment counts
    return numbers, first


def by_task(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of each task, by name, without the parameters that it has not.

    They are most of a frame of many tasks, so they are never copied; nor is the rest where a task's rows follow each
    other, as in every tidy frame.
    """
    cells = {name: frame[name].notna().to_numpy(bool) for name in cell_columns(frame)}
    for _, numbers in sorted(frame.groupby("task").indices.items()):
        first, end = int(numbers[0]), int(numbers[-1]) + 1
        rows = slice(first, end) if end - first == len(numbers) else numbers
        names = [name for name in frame.columns if name not in cells or cells[name][rows].any()]
        columns = {name: frame[name].array[rows] for name in names}
        yield pd.DataFrame(columns, index=frame.index[rows], copy=False)
