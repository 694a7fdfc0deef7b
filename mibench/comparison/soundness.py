"""What a frame holds that cannot be compared: it is left out, and said so with counts."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mibench.frames.grouping import Integers, distinct_in_tasks
from mibench.frames.origins import apart
from mibench.outcome import LARGEST_NUMBER, Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.text import pluralise

LEFT_OUT = "left_out"
"""In the `attrs` of a comparison: sentences about what was left out."""
Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"
_VERSIONS = ("estimator_version", "task_version")


def sound(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a tidy frame that can be compared, and a sentence for each kind of row that is left out.

    Left out are values and truths that are text or not finite, statuses that this mibench does not know, repeated rows,
    and of trials that were measured several times those of older versions and of the less frequent device.

    Args:
        frame: a tidy frame, perhaps edited by hand.

    Returns:
        A tidy frame in which cells on several data are apart (`mibench.frames.origins`), and the sentences.
    """
    frame, strange, sentences = _strange_values(apart(frame))
    kept = np.flatnonzero(~strange)
    about = distinct_in_tasks(frame, ["estimator", "seed", "measurement", "epoch"])
    if pd.Series(about[kept]).duplicated().any():
        kept, repeats = _once(frame, kept, about)
        sentences += repeats
    return frame.iloc[kept] if sentences else frame, [f"left out: {sentence}" for sentence in sentences]


def _once(frame: pd.DataFrame, kept: Integers, about: Integers) -> tuple[Integers, list[str]]:
    """Of the rows that are kept a single one about each thing, and why the others are left out."""
    sentences: list[str] = []
    for column in (*_VERSIONS, "device"):
        if column in frame.columns:
            rivals = _rivals(frame[column].iloc[kept], about[kept])
            kept = kept[~rivals]
            what = "of another device" if column == "device" else f"of an older {column.replace('_', ' ')}"
            sentences += [f"{pluralise(int(rivals.sum()), 'row')} {what}"] if rivals.any() else []
    repeated = pd.Series(about[kept]).duplicated().to_numpy()
    if repeated.any():
        repeat = "repeats" if repeated.sum() == 1 else "repeat"
        sentences.append(f"{pluralise(int(repeated.sum()), 'row')} that {repeat} another")
    return kept[~repeated], sentences


def _strange_values(frame: pd.DataFrame) -> tuple[pd.DataFrame, Rows, list[str]]:
    """A frame whose values are numbers, which of its rows cannot be compared, and why."""
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
        bad = ~strange & ((column.isna() & frame[name].notna()) | (column.abs() > LARGEST_NUMBER))
        if bad.any():
            sentences.append(f"{pluralise(int(bad.sum()), 'row')} whose {name} is not a finite number")
            strange |= bad
    return frame.assign(**numbers), strange.to_numpy(bool), sentences


def _rivals(column: "pd.Series[Any]", about: Integers) -> Rows:
    """Where rows about the same thing differ in a column: all but the newest version, or the most frequent device."""
    repeated = pd.Series(about).duplicated(keep=False).to_numpy()
    rivals = np.zeros(len(about), dtype=bool)
    rows = column[repeated]
    if rows.nunique() < 2:
        return rivals
    preference = rows if column.name in _VERSIONS else rows.map(column.value_counts())
    best = preference.groupby(about[repeated]).transform("max")
    rivals[repeated] = best.notna() & (preference != best).fillna(value=True)
    return rivals
