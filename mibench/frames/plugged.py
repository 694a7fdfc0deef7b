"""What functions of plugins make of a task's frame: its table, its statistics, its figures."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from mibench.errors import MibenchError, PluginError
from mibench.frames.files import cell_columns
from mibench.targets import load_target
from mibench.text import message_of, shortened


def made_of(frame: pd.DataFrame, target: str, task: str, what: str, *more: Any) -> Any:
    """What a task's function makes of a frame.

    Args:
        frame: a tidy frame of the task.
        target: where the function is.
        task: the task's name.
        what: what it makes, for the message.
        more: its further arguments.

    Raises:
        PluginError: it cannot be imported, or fails on these rows.
    """
    function = load_target(target, f"task {task!r}")
    try:
        return function(frame, *more)
    except MibenchError:
        raise
    except Exception as error:
        fault = f"task {task!r}: {what} cannot be made of these rows: {type(error).__name__}: {message_of(error)}"
        raise PluginError("; ".join([shortened(" ".join(fault.split()), 400), *_odd(frame)])) from error


def _odd(frame: pd.DataFrame) -> Iterator[str]:
    """A sentence for each parameter that is a number in most records and a word in others, with one of these."""
    for name in cell_columns(frame):
        values = frame[name].dropna()
        words = values[pd.to_numeric(values.astype(str), errors="coerce").isna()]
        if 0 < len(words) < len(values) / 2:
            word, key = str(words.iloc[0]), frame["key"].loc[words.index].iloc[0]
            yield f"{name} is {shortened(repr(word), 60)} in record {key}, and a number in most: take that out"
