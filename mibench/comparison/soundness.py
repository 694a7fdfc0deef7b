"""What a frame holds that cannot be compared: it is left out, and said so with counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mibench.errors import UsageError
from mibench.frames.files import cell_columns
from mibench.frames.grouping import Integers, Rows, distinct, distinct_in_tasks
from mibench.frames.origins import apart
from mibench.outcome import LARGEST_NUMBER, TIMES, Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import EDITED, ON_DATA, TRUTH_ERROR, edited_after
from mibench.text import pluralise

LEFT_OUT = "left_out"
"""In the `attrs` of a comparison: sentences about what was left out."""
_VERSIONS: Mapping[str, Sequence[str]] = {"task_version": (), "estimator_version": ("estimator",)}
"""Columns of versions, and what beside a cell has one: pairs of equal seed are equal only in one version of a task."""
_MOST_NAMED = 3


def sound(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a tidy frame that can be compared, and a sentence for each kind of row that is left out.

    Left out are values and truths that are text or not finite, statuses that this mibench does not know, in a cell all
    trials of older versions, of trials that were measured on several devices those on the less frequent one,
    measurements in a less frequent unit, repeated rows, and rows about one thing that contradict each other. A cell
    that no newer version measured is kept: one more sentence says where cells of several versions are side by side.
    Trials after which an estimator or a task was edited are kept too, and counted.

    Args:
        frame: a tidy frame, perhaps edited by hand.

    Returns:
        A tidy frame in which cells on several data are apart (`mibench.frames.origins`), and the sentences.
    """
    frame, strange, sentences = _strange_values(apart(frame))
    kept = np.flatnonzero(~strange)
    for choose in (_newest, _in_one_unit, _once):
        kept, reasons = choose(frame, kept)
        sentences += reasons
    sentences = [f"left out: {sentence}" for sentence in sentences]
    return frame.iloc[kept] if sentences else frame, [*sentences, *_side_by_side(frame, kept), *_edited(frame, kept)]


def fit_to_compare(frame: pd.DataFrame, whose: str) -> tuple[pd.DataFrame, list[str]]:
    """What `sound` keeps, and its sentences.

    Args:
        frame: a tidy frame.
        whose: what it holds, for the message.

    Raises:
        UsageError: it has rows, and none is left.
    """
    kept, sentences = sound(frame)
    if kept.empty and sentences:
        raise UsageError(f"nothing of {whose} can be compared: {'; '.join(sentences)}")
    return kept, sentences


def fit_to_show(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """What `sound` keeps, without the columns on data, which no parameter of records is, and its sentences.

    Raises:
        UsageError: no row is left.
    """
    frame, sentences = sound(frame)
    if frame.empty:
        raise UsageError(f"nothing is left to show: {'; '.join(sentences)}")
    return frame.drop(columns=ON_DATA, errors="ignore"), sentences


def units(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The unit of each measurement of each task, by their names; the most frequent one, where rows say several."""
    return _usual(_units_said(frame)[1])


def in_other_unit(frame: pd.DataFrame, expected: Mapping[tuple[str, str], str] | None = None) -> Rows:
    """Which rows say another unit than is expected of their task's measurement; rows that say none do not.

    Args:
        frame: a tidy frame.
        expected: units by task and measurement; `None` for the most frequent ones in the frame.
    """
    numbers, said = _units_said(frame)
    expected = _usual(said) if expected is None else expected
    names = zip(said["task"], said["measurement"], said["unit"], strict=True)
    other = [unit not in {"", expected.get((task, name), unit)} for task, name, unit in names]
    return np.array(other, dtype=bool)[numbers]


def _units_said(frame: pd.DataFrame) -> tuple[Integers, pd.DataFrame]:
    """For each row which of the units of measurements it says; these, and how many rows say each."""
    names = ["task", "measurement", "unit"]
    frame = frame if "unit" in frame.columns else frame[names[:2]].assign(unit="")
    numbers, first = distinct(frame, names)
    different = frame[names].iloc[first].astype("string").fillna("")
    return numbers, different.assign(count=np.bincount(numbers, minlength=len(first)))


def _usual(said: pd.DataFrame) -> dict[tuple[str, str], str]:
    said = said[(said["unit"] != "") & (said["measurement"] != "")].sort_values("count", kind="stable")
    names = zip(said["task"], said["measurement"], said["unit"], strict=True)
    return {(task, name): unit for task, name, unit in names}  # of several the last counts


def _newest(frame: pd.DataFrame, kept: Integers) -> tuple[Integers, list[str]]:
    """Without what older versions measured in cells that a newer one measured too, and why.

    Whatever the seed, since a mean over seeds is one of one version. Rows that say no version are kept.
    """
    sentences: list[str] = []
    for column, beside in _VERSIONS.items():
        if _has_several(frame, kept, column):
            versions, cells = frame[column].iloc[kept], distinct_in_tasks(frame, beside)[kept]
            older = (versions < versions.groupby(cells).transform("max")).fillna(value=False).to_numpy(bool)
            kept = kept[~older]
            count = f"{pluralise(int(older.sum()), 'row')} of an older {column.replace('_', ' ')}"
            sentences += [count] if older.any() else []
    return kept, sentences


def _side_by_side(frame: pd.DataFrame, kept: Integers) -> list[str]:
    """A sentence for each kind of version, if cells of a task, or of an estimator on it, are of several."""
    sentences: list[str] = []
    for column, beside in _VERSIONS.items():
        if _has_several(frame, kept, column):
            names = ["task", *beside]
            rows = frame[[*names, column]].iloc[kept].assign(cell=distinct_in_tasks(frame, beside)[kept])
            cells = rows.iloc[distinct(rows, ["cell", column])[1]]
            cells = cells[cells.groupby(names)[column].transform("nunique") > 1]
            named = [
                f"{' on '.join(map(str, reversed(who)))} ({_by_version(versions)})"
                for who, versions in cells.groupby(names)[column]
            ]
            more = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
            listing = "; ".join([*named[:_MOST_NAMED], *more])
            sentences += [f"cells of several {column.replace('_', ' ')}s side by side: {listing}"] if named else []
    return sentences


def _edited(frame: pd.DataFrame, kept: Integers) -> list[str]:
    """A sentence for each estimator and task that was edited after trials of the same version."""
    if EDITED not in frame.columns:
        return []
    trials = frame[["key", EDITED]].iloc[kept].drop_duplicates()
    counts = trials[EDITED].fillna("").str.split(",").explode().value_counts().sort_index()
    todo = "if its numbers change, raise `version` in its spec or run them again with --rerun all"
    return [f"{edited_after(str(name), count)}; {todo}" for name, count in counts.items() if name]


def _by_version(versions: "pd.Series[Any]") -> str:
    """How many cells are of which version."""
    counts = versions.value_counts().sort_index()
    return ", ".join(f"version {version} in {pluralise(int(count), 'cell')}" for version, count in counts.items())


def _has_several(frame: pd.DataFrame, kept: Integers, column: str) -> bool:
    """Whether a task, or an estimator on it, has several versions."""
    if column not in frame.columns:
        return False
    names = ["task", *_VERSIONS[column]]
    rows = frame[[*names, column]].iloc[kept]
    rows = rows[rows[column].notna()]
    return len(distinct(rows, [*names, column])[1]) > len(distinct(rows, names)[1])


def _in_one_unit(frame: pd.DataFrame, kept: Integers) -> tuple[Integers, list[str]]:
    """Of each measurement the rows in its most frequent unit, and why the others are left out."""
    rows = frame.iloc[kept] if len(kept) < len(frame) else frame
    other = in_other_unit(rows)
    if not other.any():
        return kept, []
    usual = units(rows)
    sentences = [
        f"{pluralise(len(part), 'row')} in {unit}: {name} of {task} is in {usual[str(task), str(name)]} elsewhere here"
        for (task, name, unit), part in rows[other].groupby(["task", "measurement", "unit"], sort=True)
    ]
    return kept[~other], sentences


def _once(frame: pd.DataFrame, kept: Integers) -> tuple[Integers, list[str]]:
    """Of the rows that are kept a single one about each thing, and why the others are left out."""
    about = distinct_in_tasks(frame, ["estimator", "seed", "measurement", "epoch"])
    if not pd.Series(about[kept]).duplicated().any():
        return kept, []
    sentences: list[str] = []
    if "device" in frame.columns:
        rarer = _on_rarer_device(frame["device"].iloc[kept], about[kept])
        kept = kept[~rarer]
        sentences += [f"{pluralise(int(rarer.sum()), 'row')} of another device"] if rarer.any() else []
    contrary = _contrary(frame.iloc[kept], about[kept])
    if contrary.any():
        sentences.append(_contradiction(frame.iloc[kept[contrary]], about[kept[contrary]]))
        kept = kept[~contrary]
    repeated = pd.Series(about[kept]).duplicated().to_numpy()
    if repeated.any():
        repeat = "repeats" if repeated.sum() == 1 else "repeat"
        sentences.append(f"{pluralise(int(repeated.sum()), 'row')} that {repeat} another")
    return kept[~repeated], sentences


def _contrary(rows: pd.DataFrame, about: Integers) -> Rows:
    """Which rows are about the same thing as another, of which they say another value or truth; times may differ."""
    contrary = np.zeros(len(rows), dtype=bool)
    repeated = pd.Series(about).duplicated(keep=False).to_numpy()
    for name in ("value", "truth"):
        values = rows.loc[repeated, name].fillna(np.inf)  # nothing contradicts a number; no number here is infinite
        groups = values.groupby(about[repeated])
        contrary[repeated] |= (groups.transform("min") != groups.transform("max")).to_numpy(bool)
    return contrary & ~rows["unit"].isin(TIMES).to_numpy(bool) if "unit" in rows.columns else contrary


def _contradiction(rows: pd.DataFrame, about: Integers) -> str:
    """What the sentence on rows that contradict each other says: how many, and both values of the first."""
    first = rows[about == about[0]]
    row = first.iloc[0]
    name = next(name for name in ("value", "truth") if first[name].nunique(dropna=False) > 1)
    cell = spell_cell({name: row[name] for name in cell_columns(rows) if not pd.isna(row[name])})
    place = f"{row['task']}[{cell}]" if cell else row["task"]
    values = " and ".join("nothing" if pd.isna(value) else repr(float(value)) for value in first[name].unique())
    epoch = "" if pd.isna(row["epoch"]) else f" in epoch {row['epoch']}"
    what = f"{row['measurement']}{epoch}" if name == "value" else f"the truth of {row['measurement']}{epoch}"
    example = f"{row['estimator']} on {place}, seed {row['seed']}, has {values} as {what}"
    return f"{pluralise(len(rows), 'row')} that contradict each other, e.g. {example}"


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


def _on_rarer_device(devices: "pd.Series[Any]", about: Integers) -> Rows:
    """Where rows about the same thing differ in their device: all but those of the most frequent one."""
    repeated = pd.Series(about).duplicated(keep=False).to_numpy()
    rarer = np.zeros(len(about), dtype=bool)
    rows = devices[repeated]
    if rows.nunique() < 2:
        return rarer
    frequency = rows.map(devices.value_counts())
    best = frequency.groupby(about[repeated]).transform("max")
    rarer[repeated] = best.notna() & (frequency != best).fillna(value=True)
    return rarer
