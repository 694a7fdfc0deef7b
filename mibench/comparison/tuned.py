"""Default and tuned rows: no table mixes them unasked, since a default that is compared had no search behind it.

A row is tuned if a tuning in the same folder tried its parameters; the default that a tuning compares with is not.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ORACLE
from mibench.errors import UsageError
from mibench.plan.trial import TUNED
from mibench.text import pluralise

Parameters: TypeAlias = Literal["default", "tuned", "all"]


def keep_apart(frame: pd.DataFrame, parameters: Parameters | None, *, named: bool) -> pd.DataFrame:
    """The rows whose parameters are the default ones, the tuned ones, or all. The oracle joins either.

    Args:
        frame: a tidy frame.
        parameters: which; `None` for all, if they are of one kind.
        named: whether estimators were named, so that whoever asks knows what stands beside what.

    Raises:
        UsageError: there are none at all, none of the kind, or both kinds and nobody said which.
    """
    if frame.empty:
        raise UsageError("there are no such results; `mibench show`, or `mibench.load`, says what there is")
    tuned, oracle = is_tuned(frame), (frame["estimator"] == ORACLE).to_numpy(bool)
    if parameters is None and not named and tuned.any() and not (tuned | oracle).all():
        names = sorted(set(frame.loc[tuned, "estimator"]))
        more = f" and {pluralise(len(names) - 1, 'other')}" if len(names) > 1 else ""
        raise UsageError(
            f"default and tuned rows ({names[0]}{more}) do not compare; choose the parameters: default, tuned, or all "
            "for both side by side, e.g. --parameters default"
        )
    if parameters == "tuned" and not tuned.any():
        raise UsageError("no row here is tuned: `mibench tune` finds parameters, and `mibench run` runs them")
    kept = {"default": ~tuned, "tuned": tuned | oracle}.get(parameters or "all", np.ones(len(frame), dtype=bool))
    if not kept.any():
        raise UsageError("every row here is tuned; say --parameters tuned")
    return frame if kept.all() else frame[kept]


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """A tidy frame in which tuned estimators are spelled e.g. `mine[learning_rate=0.003] (tuned)`."""
    tuned = is_tuned(frame)
    if not tuned.any():
        return frame.drop(columns=TUNED, errors="ignore")
    name = frame["estimator"]
    return frame.assign(estimator=name.where(~tuned, name + " (tuned)")).drop(columns=TUNED, errors="ignore")


def is_tuned(frame: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which rows are tuned."""
    if TUNED not in frame.columns:
        return np.zeros(len(frame), dtype=bool)
    return frame[TUNED].fillna(value=False).to_numpy(bool)
