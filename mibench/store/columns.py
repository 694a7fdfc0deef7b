"""Records as columns of numbers and texts: what frames are made of, and what the index of a results folder keeps.

A text is kept once, however many records hold it, and so are the parameters of a cell, of an estimator and the
environment, as JSON.
"""

import json
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from mibench.store.record import Record

Numbers: TypeAlias = np.ndarray[Any, np.dtype[Any]]
NO_EPOCH = -(2**63)
"""What stands for the epoch of a measurement that is of no learning curve; no record holds it."""
_OF_TRIAL = ("task", "task_plugin", "estimator", "estimator_plugin", "spelled", "device", "dtype", "data")
_SOURCES = ("estimator_source", "task_source")
_TEXTS = (*_OF_TRIAL, "key", "status", "started", "error", "cell", "parameters", "environment", *_SOURCES)
_NUMBERS = {"estimator_version": "q", "task_version": "q", "seed": "q", "seconds": "d", "count": "q", "candidate": "b"}
_MEASURED_TEXTS = ("measurement", "unit")
_MEASURED_NUMBERS = {"epoch": "q", "value": "d", "truth": "d", "truth_error": "d"}
_MOST_KNOWN = 10_000
_MEASURED = frozenset({*_MEASURED_TEXTS, *_MEASURED_NUMBERS})


@dataclass(frozen=True)
class Texts:
    """A column of texts.

    Attributes:
        codes: for each row the place of its text among `texts`.
        texts: the different ones, in order, so that codes compare as texts do.
    """

    codes: Numbers
    texts: Sequence[str]

    @classmethod
    def of(cls, codes: Numbers, texts: Sequence[str]) -> "Texts":
        """The column that has these texts at these places; they may be in any order, and several may be equal."""
        different = sorted(set(texts))
        places = {text: place for place, text in enumerate(different)}
        kind = np.min_scalar_type(len(different))
        return cls(np.array([places[text] for text in texts], dtype=kind)[codes], different)

    def __getitem__(self, rows: Any) -> "Texts":
        return Texts(self.codes[rows], self.texts)


@dataclass(frozen=True)
class Columns:
    """Records as columns.

    Most have a row for each record: the fields of its trial, its `status`, `started`, `seconds` and `error` (type and
    message), the `environment`, the digests `estimator_source` and `task_source` of the code that measured it (empty
    where the record has none), how many measurements it has, the `count`, and whether it is a `candidate`. These have a
    row for each measurement, in the order of records: `measurement` (its name), `unit`, `epoch`, `value`, `truth` and
    `truth_error`, which is NaN where the truth is exact.

    Attributes:
        texts: by name.
        numbers: by name.
    """

    texts: Mapping[str, Texts]
    numbers: Mapping[str, Numbers]

    def __len__(self) -> int:
        return len(self.numbers["count"])

    def take(self, rows: Numbers) -> "Columns":
        """The columns of some records, by their places; nothing is copied if these are all, in order."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
        counts = self.numbers["count"]
        starts, taken = np.cumsum(counts) - counts, counts[rows]
        first = np.repeat(starts[rows] - (np.cumsum(taken) - taken), taken)
        measured = first + np.arange(len(first))
        return Columns(
            {name: column[measured if name in _MEASURED else rows] for name, column in self.texts.items()},
            {name: column[measured if name in _MEASURED else rows] for name, column in self.numbers.items()},
        )


class Gathering:
    """Columns as they are filled, record by record: no record needs to stay in memory."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, int]] = {name: {} for name in (*_TEXTS, *_MEASURED_TEXTS)}
        self._codes = {name: array("i") for name in self._known}
        self._numbers = {name: array(kind) for name, kind in {**_NUMBERS, **_MEASURED_NUMBERS}.items()}
        self._objects: dict[int, tuple[Mapping[str, Any], str]] = {}

    def add(self, record: Record) -> None:
        """Adds a record as the last row."""
        trial, outcome = record.trial, record.outcome
        error = outcome.error
        texts = [getattr(trial, name) for name in _OF_TRIAL]
        texts += [record.key, outcome.status.value, record.started, f"{error.type}: {error.message}" if error else ""]
        texts += [self._json(given) for given in (trial.cell, trial.parameters, record.environment)]
        texts += [record.sources.get(name.removesuffix("_source"), "") for name in _SOURCES]
        self._append(_TEXTS, texts)
        numbers = (trial.estimator_version, trial.task_version, trial.seed, _or_nan(record.seconds))
        numbers = (*numbers, len(outcome.measurements), record.candidate)
        for name, number in zip(_NUMBERS, numbers, strict=True):
            self._numbers[name].append(number)
        for m in outcome.measurements:
            self._append(_MEASURED_TEXTS, (m.name, m.unit))
            numbers = (NO_EPOCH if m.epoch is None else m.epoch, m.value, _or_nan(m.truth), _or_nan(m.truth_error))
            for name, number in zip(_MEASURED_NUMBERS, numbers, strict=True):
                self._numbers[name].append(number)

    def columns(self) -> Columns:
        """All that was added."""
        texts = {name: Texts.of(np.array(codes), list(self._known[name])) for name, codes in self._codes.items()}
        return Columns(texts, {name: np.array(kept) for name, kept in self._numbers.items()})

    def _append(self, names: Iterable[str], texts: Iterable[str]) -> None:
        for name, text in zip(names, texts, strict=True):
            known = self._known[name]
            self._codes[name].append(known.setdefault(text, len(known)))

    def _json(self, given: Mapping[str, Any]) -> str:
        """An object as JSON; records that were read one after another share theirs, so that most are known."""
        if id(given) not in self._objects:
            if len(self._objects) >= _MOST_KNOWN:
                self._objects.clear()
            self._objects[id(given)] = given, json.dumps(dict(given))  # kept, so that no other gets its identity
        return self._objects[id(given)][1]


def columns_of(records: Iterable[Record]) -> Columns:
    """Records as columns, in their order."""
    gathering = Gathering()
    for record in records:
        gathering.add(record)
    return gathering.columns()


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns of several, in their order."""
    return Columns(
        {name: _joined([part.texts[name] for part in parts]) for name in parts[0].texts},
        {name: np.concatenate([part.numbers[name] for part in parts]) for name in parts[0].numbers},
    )


def packed(columns: Columns) -> dict[str, Numbers]:
    """Columns as arrays by name, of which numpy makes a file; `unpacked` makes columns of them."""
    return {
        **{f"numbers.{name}": numbers for name, numbers in columns.numbers.items()},
        **{f"codes.{name}": texts.codes for name, texts in columns.texts.items()},
        **{f"texts.{name}": pack(texts.texts) for name, texts in columns.texts.items()},
    }


def unpacked(stored: Mapping[str, Numbers]) -> Columns:
    """The columns that arrays stand for, among which others may be.

    Raises:
        KeyError: an array is missing.
        ValueError: one holds something else.
    """
    names: dict[str, list[str]] = {"numbers": [], "codes": []}
    for kind, _, name in (key.partition(".") for key in stored):
        names.setdefault(kind, []).append(name)
    texts = {name: Texts(stored[f"codes.{name}"], unpack(stored[f"texts.{name}"])) for name in names["codes"]}
    return Columns(texts, {name: stored[f"numbers.{name}"] for name in names["numbers"]})


def pack(texts: Sequence[str]) -> Numbers:
    """Texts as an array of bytes."""
    return np.frombuffer(json.dumps(list(texts)).encode(), dtype=np.uint8)


def unpack(stored: Numbers) -> list[str]:
    """The texts that an array of bytes stands for."""
    return json.loads(stored.tobytes())


def _joined(parts: Sequence[Texts]) -> Texts:
    starts = np.cumsum([0, *(len(part.texts) for part in parts)])
    codes = [part.codes + start for part, start in zip(parts, starts[:-1], strict=True)]
    return Texts.of(np.concatenate(codes), [text for part in parts for text in part.texts])


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number
