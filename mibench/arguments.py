"""What the functions of `mibench` are given from Python, and what of it is refused in one line."""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import pandas as pd

from mibench.comparison.tuned import Parameters
from mibench.errors import UsageError
from mibench.frames import LEADING, TRAILING, cell_columns
from mibench.refusal import refuse_other, refuse_unless

_NEEDED = ("task", "estimator", "seed", "measurement", "epoch", "value", "truth", "status")
"""The columns without which no frame can be judged or shown."""


def texts(name: str, given: Any) -> list[str]:
    """Names or selectors, given as one text or several, without empty ones.

    Raises:
        UsageError: they are something else.
    """
    parts: list[Any] = [given] if isinstance(given, str | bytes) or not isinstance(given, Iterable) else [*given]
    refuse_unless(all(isinstance(part, str) for part in parts), name, "text or a list of it", given)
    return [part for part in parts if part]


def refuse_parameters(parameters: Any) -> None:
    """Refuses what is no choice of parameters.

    Raises:
        UsageError: in one line, with what there is.
    """
    if parameters is not None:
        refuse_other("parameters", parameters, get_args(Parameters))


def refuse_untidy(frame: pd.DataFrame, name: str, needed: Sequence[str]) -> None:
    """Refuses a frame that no run could have given.

    Args:
        frame: what was given.
        name: the argument's.
        needed: columns that it must have beside those that every frame needs.

    Raises:
        UsageError: it lacks columns, has some twice, or has them in another order.
    """
    if lacking := [column for column in (*_NEEDED, *needed) if column not in frame.columns]:
        raise UsageError(
            f"`{name}` is no tidy frame of mibench: it lacks {', '.join(lacking)}; `mibench.load` gives one"
        )
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise UsageError(f"`{name}` has two columns {str(twice)!r}; rename or drop one")
    if [*frame.columns[:1]] != [*LEADING] or {*cell_columns(frame)} & {*TRAILING}:
        raise UsageError(
            f"`{name}` has its columns in another order than `mibench.load` gives them: task, the parameters of its "
            "cells, estimator and the others"
        )
