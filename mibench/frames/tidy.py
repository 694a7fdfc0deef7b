"""Tidy frames made of records: one row a measurement, sorted, with the same columns and types whatever was run.

Every text and every cell is looked at once, however many records hold it; the rest is done with whole columns.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mibench.frames.coded import coded, plain_frame
from mibench.frames.files import LEADING, TRAILING, column_type
from mibench.plan.selectors import spell_value
from mibench.plan.trial import EDITED, TRUTH_ERROR, TUNED, TUNING_SEEDS, WIDE
from mibench.store.columns import NO_EPOCH, Columns, Numbers, Texts, columns_of
from mibench.store.record import Record
from mibench.text import printable


def tidy(records: Iterable[Record], *, wide: bool = False, tunings: bool = True) -> pd.DataFrame:
    """A frame of one row per measurement; a trial without measurements (skipped, failed) has one row without a value.

    Args:
        records: records of a store.
        wide: adds the estimator's parameters as `estimator.NAME`, the error and the environment.
        tunings: whether the trials of tunings themselves are among the rows.

    Returns:
        Columns `task`, each cell parameter under its own name, then `estimator` (the selector as text), `seed`,
        `measurement`, `epoch` (absent for a final measurement), `value`, `truth`, `unit`, `status`, `seconds`,
        `device`, `data` (the files that the task read, if any), `key`, and the plugins that brought the task and the
        estimator, and their versions: `task_plugin`, `estimator_plugin`, `estimator_version`, `task_version`. Where two
        plugins brought one name, `task` or `estimator` say `plugin:name`, so that no two of them share a group. Where a
        truth is not exact there is a column `truth_error`, and where a tuning tried the parameters of a row a column
        `tuned`, which says of each row whether one did. Where newer trials of an estimator or a task are of other code
        in the same version, a column `edited` names it in the rows of the older ones.
        Sorted, so that it does not depend on the order in which trials ran.
    """
    return tidy_columns(columns_of(records), wide=wide, tunings=tunings)


def tidy_columns(columns: Columns, *, wide: bool = False, tunings: bool = False) -> pd.DataFrame:
    """The tidy frame of records that were read as columns.

    Args:
        columns: the records.
        wide: as for `tidy`.
        tunings: whether the trials of tunings themselves are among the rows.
    """
    return plain_frame(coded_columns(columns, wide=wide, tunings=tunings))


def coded_columns(columns: Columns, *, wide: bool = False, tunings: bool = False) -> pd.DataFrame:
    """`tidy_columns`, but for parameters, which are coded (`mibench.frames.coded`) and take an eighth of the memory."""
    columns = columns.take(np.lexsort((columns.texts["key"].codes, columns.texts["task"].codes)))
    tuned, edited = _tuned(columns), _edited(columns)
    if not tunings:
        kept = np.flatnonzero(columns.numbers["seed"] < TUNING_SEEDS)
        columns, tuned, edited = columns.take(kept), tuned[kept], edited[kept]
    task, estimator = _clear(columns, "task", "task"), _clear(columns, "estimator", "spelled")
    cells = _objects(columns.texts["cell"])
    trials, measured = _rows(columns.numbers["count"])
    runs = _dense(task.codes, cells.ranks()[cells.rows], estimator.codes, columns.numbers["seed"])
    order = _order(columns, runs[trials], measured)
    trials, measured = trials[order], measured[order]
    made = {"task": _strings(task, trials), **cells.take(trials), "estimator": _strings(estimator, trials)}
    made |= _measured(columns, measured)
    made |= _of_trials(columns, [name for name in TRAILING if name not in made], trials)
    frame = {name: made[name] for name in (*LEADING, *cells.columns, *TRAILING)}
    if wide and len(columns):
        frame |= _further(columns, trials)
    if not np.isnan(columns.numbers[TRUTH_ERROR]).all():
        frame[TRUTH_ERROR] = _taken(columns.numbers[TRUTH_ERROR], measured, np.nan)
    if tuned.any():
        frame[TUNED] = pd.array(tuned[trials], dtype="boolean")
    if any(edited.texts):
        frame[EDITED] = _strings(edited, trials)
    return pd.DataFrame(frame, copy=False)


def _tuned(columns: Columns) -> Numbers:
    """Whether a tuning tried the parameters of each trial."""
    parts = ("estimator_plugin", "estimator", "parameters")
    places = _dense(*(columns.texts[name].codes for name in parts))
    return np.isin(places, places[columns.numbers["candidate"] != 0])


def _edited(columns: Columns) -> Texts:
    """The names of the estimator and the task of each trial that newer trials have in other code, joined by commas."""
    named = [
        np.where(_outdated(columns, kind), columns.texts[kind].codes.astype(np.int64), -1)
        for kind in ("estimator", "task")
    ]
    pairs, rows = np.unique(np.stack(named, axis=1), axis=0, return_inverse=True)
    names = [columns.texts[kind].texts for kind in ("estimator", "task")]
    texts = [",".join(known[int(code)] for known, code in zip(names, pair, strict=True) if code >= 0) for pair in pairs]
    return Texts.of(rows.reshape(-1), texts)


def _outdated(columns: Columns, kind: str) -> Numbers:
    """Whether newer code of the same version has measured trials of each one's estimator, or task."""
    parts = columns.texts[f"{kind}_plugin"].codes, columns.texts[kind].codes, columns.numbers[f"{kind}_version"]
    owners, source = _dense(*parts), columns.texts[f"{kind}_source"]
    known = np.array([bool(digest) for digest in source.texts], dtype=bool)[source.codes]
    dated = np.lexsort((columns.texts["started"].codes, known))[np.count_nonzero(~known) :]
    newest = np.full(owners.max(initial=-1) + 1, -1)
    newest[owners[dated]] = source.codes[dated]  # of several the last counts
    return known & (source.codes != newest[owners])


@dataclass(frozen=True)
class _Objects:
    """The entries of JSON objects: by name a column with a row for each different object, and the row of each trial."""

    columns: "Mapping[Any, pd.Series[Any]]"
    rows: Numbers

    def take(self, trials: Numbers) -> dict[str, Any]:
        """The columns of some trials, coded."""
        rows = self.rows[trials]
        return {name: coded(column, rows) for name, column in self.columns.items()}

    def ranks(self) -> Numbers:
        """The place of each different object in the order of its entries; an absent one comes last."""
        if not self.columns:
            return np.zeros(self.rows.max(initial=0) + 1, dtype=np.int64)
        return pd.DataFrame(self.columns).groupby(list(self.columns), dropna=False, sort=True).ngroup().to_numpy()


def _objects(texts: Texts, prefix: str = "") -> _Objects:
    """The entries of objects, whose names begin with a prefix, in the order in which they first occur."""
    places, first, rows = np.unique(texts.codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    objects: list[dict[str, Any]] = [json.loads(texts.texts[int(place)]) for place in places[order]]
    columns = {
        prefix + printable(name): pd.Series([_plain(entries.get(name)) for entries in objects], dtype=object)
        for name in dict.fromkeys(name for entries in objects for name in entries)
    }
    kinds: Any = {name: column_type(column) for name, column in columns.items()}
    return _Objects(dict(pd.DataFrame(columns).astype(kinds).items()), np.argsort(order)[rows])


def _plain(value: Any) -> Any:
    """A tuple, which JSON has as a list, as it is written in a selector; text that every file takes."""
    if isinstance(value, list):
        return spell_value(tuple(value))
    return printable(value) if isinstance(value, str) else value


def _clear(columns: Columns, name: str, spelled: str) -> Texts:
    """Names of tasks or estimators as they are spelled, `plugin:name` where two plugins brought one name."""
    parts = [columns.texts[name], columns.texts[f"{name}_plugin"], columns.texts[spelled]]
    triple = _dense(*(part.codes for part in parts))
    _, first = np.unique(triple, return_index=True)
    triples = [tuple(part.texts[int(part.codes[row])] for part in parts) for row in first]
    owners: dict[str, set[str]] = defaultdict(set)
    for bare, plugin, _ in triples:
        owners[bare].add(plugin)
    clear = [
        (f"{plugin}:" if len(owners[bare]) > 1 else "") + text.removeprefix(f"{plugin}:")
        for bare, plugin, text in triples
    ]
    return Texts.of(triple, clear)


def _rows(counts: Numbers) -> tuple[Numbers, Numbers]:
    """For each row of a frame its trial and its measurement; -1 for the one row of a trial that has none."""
    trials = np.repeat(np.arange(len(counts)), np.maximum(counts, 1))
    measured = np.full(len(trials), -1)
    measured[counts[trials] > 0] = np.arange(counts.sum())
    return trials, measured


def _order(columns: Columns, runs: Numbers, measured: Numbers) -> Numbers:
    """The order of rows: by run, measurement and epoch; what is of no learning curve comes last."""
    epochs = _taken(columns.numbers["epoch"], measured, NO_EPOCH)
    names = columns.texts["measurement"]
    places = runs * (len(names.texts) + 1) + _taken(names.codes.astype(np.int64), measured, -1) + 1
    return np.lexsort((epochs - 1, places))  # the least number, `NO_EPOCH`, becomes the largest


def _dense(*keys: Numbers) -> Numbers:
    """The place of each row in the order of several keys, the first first; equal rows share a place."""
    order = np.lexsort(keys[::-1])
    steps = np.zeros(len(order), dtype=bool)
    for key in keys:
        steps[1:] |= np.diff(key[order]) != 0
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.cumsum(steps)
    return places


def _measured(columns: Columns, measured: Numbers) -> dict[str, Any]:
    epochs = _taken(columns.numbers["epoch"], measured, NO_EPOCH)
    absent = epochs == NO_EPOCH
    return {
        **{name: _strings(columns.texts[name], measured) for name in ("measurement", "unit")},
        **{name: _taken(columns.numbers[name], measured, np.nan) for name in ("value", "truth")},
        "epoch": pd.arrays.IntegerArray(np.where(absent, 1, epochs), absent),
    }


def _of_trials(columns: Columns, names: Iterable[str], trials: Numbers) -> dict[str, Any]:
    """Columns that are the same in all rows of a trial."""
    made: dict[str, Any] = {}
    for name in names:
        if name in columns.texts:
            made[name] = _strings(columns.texts[name], trials)
        else:
            column = columns.numbers[name][trials]
            made[name] = column if column.dtype.kind == "f" else pd.array(column, dtype="Int64")
    return made


def _further(columns: Columns, trials: Numbers) -> dict[str, Any]:
    """The columns that only wide frames have."""
    parameters = _objects(columns.texts["parameters"], "estimator.").take(trials)
    environment = _objects(columns.texts["environment"], "environment.").take(trials)
    return parameters | _of_trials(columns, WIDE, trials) | environment


def _strings(texts: Texts, rows: Numbers) -> Any:
    """The texts of some rows, which every file and terminal takes; -1 stands for none, which is empty."""
    clean = "".join(texts.texts).isprintable()  # a quarter of a million keys at a glance
    known = [*(texts.texts if clean else map(printable, texts.texts)), ""]
    return pd.array(known, dtype="string").take(_taken(texts.codes, rows, len(known) - 1))


def _taken(values: Numbers, rows: Numbers, absent: Any) -> Numbers:
    """The values of some rows; -1 stands for none."""
    if not len(values):
        return np.full(len(rows), absent, dtype=values.dtype)
    taken = values[rows]
    taken[rows < 0] = absent
    return taken
