"""The groups of a frame's rows, in time that hardly depends on how many columns are absent in most of the rows."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mibench.frames.coded import plain_frame
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
        places, count = _places(frame[name].array)
        if most * (count + 1) > _MOST_CODES:
            codes = np.array(pd.factorize(codes)[0], dtype=np.int64)
            most = len(codes) + 1
        codes *= count + 1
        codes += places
        codes += 1
        most *= count + 1
    numbers = np.asarray(pd.factorize(codes)[0], dtype=np.int64)
    first = np.empty(numbers.max(initial=-1) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]  # of several rows the last assignment counts
    return numbers, first


def distinct_in_tasks(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    """The number of each row's group, where groups differ in task, cell or one of these columns; -1 without a task.

    No parameter is looked at in rows whose task has not got it.
    """
    numbers, count = np.full(len(frame), -1), 0
    for rows, part in _tasks(frame):
        numbers[rows], first = distinct(part, [*cell_columns(part), *columns])
        numbers[rows] += count
        count += len(first)
    return numbers


def by_task(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows of each task, by name, without the parameters that it has not; those that are coded are plain again."""
    return (plain_frame(part) for _, part in _tasks(frame))


def _tasks(frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Which rows are of each task, and what they hold without the parameters that it has not.

    These are most of a frame of many tasks, so they are never copied; nor is the rest where a task's rows follow each
    other, as in every tidy frame.
    """
    cells = {name: frame[name].notna().to_numpy(bool) for name in cell_columns(frame)}
    for _, numbers in sorted(frame.groupby("task").indices.items()):
        first, end = int(numbers[0]), int(numbers[-1]) + 1
        rows = slice(first, end) if end - first == len(numbers) else numbers
        names = [name for name in frame.columns if name not in cells or cells[name][rows].any()]
        columns = {name: frame[name].array[rows] for name in names}
        yield rows, pd.DataFrame(columns, index=frame.index[rows], copy=False)


def _places(values: Any) -> tuple[Integers, int]:
    """For each entry of a column which of its values it is, -1 for an absent value; and how many there may be."""
    if isinstance(values, pd.Categorical):
        return values.codes, len(values.categories)
    places, different = pd.factorize(values)
    return places, len(different)
