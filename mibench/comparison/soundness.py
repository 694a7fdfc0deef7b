"""What a frame holds that cannot be compared: it is left out, and said so with counts."""

import numpy as np
import pandas as pd

from mibench.frames import cell_columns
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.text import pluralise

LEFT_OUT = "left_out"
"""In the `attrs` of a comparison: sentences about what was left out."""
_VERSIONS = ("estimator_version", "task_version")


def sound(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a tidy frame that can be compared, and a sentence for each kind of row that is left out.

    Left out are values and truths that are text or infinite, statuses that this mibench does not know, repeated rows,
    and of trials that were measured several times those of older versions and of the less frequent device.

    Args:
        frame: a tidy frame, perhaps edited by hand.
    """
    frame, sentences = _without_strange_values(frame)
    for column in (*_VERSIONS, "device"):
        if column in frame.columns:
            frame, count = _without_rivals(frame, column)
            what = "of another device" if column == "device" else f"of an older {column.replace('_', ' ')}"
            sentences += [f"{pluralise(count, 'row')} {what}"] if count else []
    repeated = frame.duplicated(_identity(frame))
    if repeated.any():
        sentences.append(f"{pluralise(int(repeated.sum()), 'row')} that repeat another")
    return _without(frame, repeated), [f"left out: {sentence}" for sentence in sentences]


def _without_strange_values(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    names = [name for name in ("value", "truth", TRUTH_ERROR) if name in frame.columns]
    numbers = {name: pd.to_numeric(frame[name], errors="coerce").astype("float64") for name in names}
    sentences: list[str] = []
    strange = frame[["task", "estimator"]].isin([None, ""]).any(axis=1)
    if strange.any():
        sentences.append(f"{pluralise(int(strange.sum()), 'row')} without the name of a task or an estimator")
    unknown = ~strange & ~frame["status"].isin([status.value for status in Status])
    if unknown.any():
        names = ", ".join(sorted(set(frame.loc[unknown, "status"].astype(str))))
        sentences.append(f"{pluralise(int(unknown.sum()), 'row')} with an unknown status ({names})")
    strange |= unknown
    for name, column in numbers.items():
        bad = ~strange & ((column.isna() & frame[name].notna()) | np.isinf(column))
        if bad.any():
            sentences.append(f"{pluralise(int(bad.sum()), 'row')} whose {name} is not a finite number")
            strange |= bad
    return _without(frame.assign(**numbers), strange), sentences


def _without(frame: pd.DataFrame, rows: "pd.Series[bool]") -> pd.DataFrame:
    """A frame without some rows; it is not copied if there are none."""
    return frame[~rows] if rows.any() else frame


def _identity(frame: pd.DataFrame) -> list[str]:
    """The columns that say what a row is about."""
    return ["task", *cell_columns(frame), "estimator", "seed", "measurement", "epoch"]


def _without_rivals(frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, int]:
    """Where rows about the same thing differ in a column: only the newest version, or the most frequent device."""
    repeated = frame.duplicated(_identity(frame), keep=False)
    if not repeated.any() or frame.loc[repeated, column].nunique() < 2:
        return frame, 0
    preference = frame[column] if column in _VERSIONS else frame[column].map(frame[column].value_counts())
    best = preference.groupby([frame[name] for name in _identity(frame)], dropna=False).transform("max")
    keep = ~repeated | (preference == best)
    return frame[keep], int((~keep).sum())
