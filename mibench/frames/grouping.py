"""The groups of a frame's rows, in time that hardly depends on how many columns are absent in most of the rows."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mibench.frames.coded import plain_frame
from mibench.frames.files import cell_columns

Integers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
_MOST_CODES = 2**62


def group_numbers(frame: pd.DataFrame, columns: Sequence[str]) -> Integers:
    """The number of each row's group, in the order of what the groups have in common; an absent value comes last."""
    return np.asarray(pd.factorize(_codes(frame, columns, ordered=True), sort=True)[0], dtype=np.int64)


def distinct(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[Integers, Integers]:
    """The number of each row's group, in the order in which groups first occur, and where each first occurs.

    Absent values are equal.
    """
    numbers = np.asarray(pd.factorize(_codes(frame, columns, ordered=False))[0], dtype=np.int64)
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


def cell_numbers(frame: pd.DataFrame) -> Integers:
    """The number of each row's cell, in the order of tasks and of what a cell's rows have in common; -1 without a task.

    No two tasks share one.
    """
    numbers = np.full(len(frame), -1)
    for rows, part in _tasks(frame):
        numbers[rows] = group_numbers(part, cell_columns(part)) + numbers.max() + 1
    return numbers


def by_task(frame: pd.DataFrame, *, coded: bool = False) -> Iterator[pd.DataFrame]:
    """The rows of each task, by name, without the parameters that it has not.

    Args:
        frame: a tidy frame.
        coded: whether parameters that are coded stay so.
    """
    return (part if coded else plain_frame(part) for _, part in _tasks(frame))


def _tasks(frame: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Which rows are of each task, and what they hold without the parameters that it has not.

    Nothing is copied where a task's rows follow each other, as in every tidy frame.
    """
    cells, arrays = {*cell_columns(frame)}, {name: frame[name].array for name in frame.columns}
    numbers, tasks = pd.factorize(frame["task"], sort=True)
    for number in range(len(tasks)):
        of_task = np.flatnonzero(numbers == number)
        first, end = int(of_task[0]), int(of_task[-1]) + 1
        rows = slice(first, end) if end - first == len(of_task) else of_task
        parts = {name: array[rows] for name, array in arrays.items()}
        columns = {name: part for name, part in parts.items() if name not in cells or not part.isna().all()}
        yield rows, pd.DataFrame(columns, index=frame.index[rows], copy=False)


def _codes(frame: pd.DataFrame, columns: Sequence[str], *, ordered: bool) -> Integers:
    """A number for what each row has in these columns; if `ordered`, they compare as what they stand for."""
    codes, most = np.zeros(len(frame), dtype=np.int64), 1
    for name in columns:
        places, count = _places(frame[name], ordered=ordered)
        if most * (count + 1) > _MOST_CODES:
            codes, different = pd.factorize(codes, sort=ordered)
            most = len(different)
        codes *= count + 1
        codes += places
        most *= count + 1
    return codes


def _places(column: "pd.Series[Any]", *, ordered: bool) -> tuple[Integers, int]:
    """For each entry of a column which of its values it is, absent ones last, and how many values there may be."""
    values = column.array
    if isinstance(values, pd.Categorical):
        places, count = values.codes.astype(np.int64), len(values.categories)  # in order, if `coded` made them
    else:
        places, different = pd.factorize(column, sort=ordered)
        count = len(different)
    places[places < 0] = count
    return places, count
