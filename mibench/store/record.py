"""What a record holds, how it is written, and how those of an older mibench are read.

Two numbers are raised for two reasons, and neither follows from the other:

* `SCHEMA` numbers the layout of a record's file. When it changes, an upgrade from the number before goes into
  `UPGRADES`: it takes a record as it is on disk and returns it as the next layout has it. Keys stay, so what was
  measured is found again, and its file is left as it is.
* `mibench.plan.trial.KEY` numbers the way in which keys are made. Raised, it gives every trial another key, so that
  everything is measured again.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mibench.errors import StoreError
from mibench.files import read_bounded
from mibench.outcome import LARGEST_NUMBER, ErrorInfo, Measurement, Outcome, Status
from mibench.plan.trial import KEYED, Trial, key_of
from mibench.store.values import Reader, is_whole
from mibench.text import printable, shortened

SCHEMA = 1
LARGEST = 2**26
"""Bytes of a record's file: a hundred thousand measurements are a sixth of that."""
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
_TRIAL = [it.name for it in fields(Trial) if it.name != "skip"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One trial, what came of it, and what ran it.

    Attributes:
        trial: what was run.
        key: the trial's, under which the record is kept.
        outcome: how it ended, and what it measured.
        seconds: what it took, in all processes that trained it, imports not counted; of a lost worker, what passed from
            the start of the batch there, or from its submission where that is not known, to its loss. `None` where
            nothing was run.
        together: how many trials ran in one batch with it, itself among them, and share its seconds evenly.
        started: when, in UTC.
        environment: the software and hardware that ran it.
        sources: for `estimator` and `task`, a digest of the file that defines it.
        candidate: whether a tuning tried these parameters. Those of the default, which it compares with, are none.
        found: whether it was there when its trial was to be run, since another run had measured it; no file says so.
    """

    trial: Trial
    key: str
    outcome: Outcome
    seconds: float | None = None
    together: int = 1
    started: str = ""
    environment: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    candidate: bool = False
    found: bool = field(default=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The record as it is written: plain values, and `None` for a number that is not finite."""
        error = self.outcome.error
        return {
            "schema": SCHEMA,
            "key": self.key,
            **{name: getattr(self.trial, name) for name in _TRIAL},
            "status": self.outcome.status.value,
            "seconds": self.seconds,
            "together": self.together,
            "started": self.started,
            "measurements": [_measurement_to_json(measurement) for measurement in self.outcome.measurements],
            "error": None if error is None else vars(error),
            "environment": dict(self.environment),
            "sources": dict(self.sources),
            **({"candidate": True} if self.candidate else {}),
        }

    @classmethod
    def from_json(cls, entries: Mapping[str, Any]) -> "Record":
        """The record that plain values of the present layout stand for.

        Raises:
            KeyError: a value is missing.
            TypeError: a value has another type.
            ValueError: a field cannot have its value.
        """
        read = Reader(entries)
        measurements = tuple(_measurement_from_json(item) for item in read.list("measurements"))
        seconds = read.size("seconds")
        return cls(
            trial=_trial_from_json(read),
            key=read.text("key"),
            outcome=Outcome(Status(read.text("status")), measurements, _error_from_json(entries.get("error"))),
            seconds=None if math.isnan(seconds) else seconds,
            together=max(1, read.whole("together", 1)),
            started=read.text("started", ""),
            environment=read.flat("environment"),
            sources={name: str(digest) for name, digest in read.flat("sources").items()},
            candidate=entries.get("candidate") is True,
        )


@dataclass(frozen=True)
class InvalidRecord:
    """A file among the records that is not one; it is left where it is.

    Attributes:
        path: the file.
        reason: why it is no record.
        newer: whether it is a record of a newer mibench.
        unread: whether what it holds is not known: it may not be read now, or is no regular file.
        place: of a whole record that lies elsewhere: where it belongs, below the folder of records.
    """

    path: Path
    reason: str
    newer: bool = False
    unread: bool = False
    place: str = ""


class UnreadableError(StoreError):
    """A record that would not be read again. It is not written."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the record of a trial could not be read again, and is not written: it {reason}")


def upgrade(record: dict[str, Any]) -> dict[str, Any]:
    """A record's plain values in the present layout.

    Raises:
        KeyError: nothing leads from its layout to the present one.
    """
    for schema in range(record["schema"], SCHEMA):
        record = {**UPGRADES[schema](record), "schema": schema + 1}
    return record


def read_record(path: Path) -> Record | InvalidRecord:
    """The record in a file, in the present layout whatever mibench wrote it; or why there is none."""
    try:
        contents = read_bounded(path, LARGEST)
    except OSError as error:
        return InvalidRecord(path, f"cannot be read: {error.strerror or error}", unread=True)
    return _interpret(path, contents)


def encode(record: Record, path: Path) -> bytes:
    """The contents of a record's file, which `read_record` reads.

    Raises:
        UnreadableError: it would refuse them; the message says why.
    """
    try:
        contents = json.dumps(record.to_json(), allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"cannot be written: {error}") from error
    read = _interpret(path, contents)
    if isinstance(read, InvalidRecord):
        raise UnreadableError(read.reason)
    if len(contents) > LARGEST:
        raise UnreadableError(f"would take {len(contents):,} bytes, and may take {LARGEST:,}")
    return contents


def _interpret(path: Path, contents: bytes) -> Record | InvalidRecord:
    """The record that a file's contents are; or why they are none."""
    try:
        entries = json.loads(contents)
    except (ValueError, RecursionError) as error:
        return InvalidRecord(path, f"cannot be read: {error}")
    schema = entries.get("schema") if isinstance(entries, dict) else None
    if is_whole(schema) and schema > SCHEMA:
        reason = f"was written by a newer mibench (schema {schema}, this one knows {SCHEMA}) and is left alone"
        return InvalidRecord(path, reason, newer=True)
    try:
        record = _parse(entries)
    except (ValueError, RecursionError) as error:
        return InvalidRecord(path, shortened(printable(str(error)), 300))
    return _in_place(path, record, entries)


def _in_place(path: Path, record: Record, entries: dict[str, Any]) -> Record | InvalidRecord:
    """A record, if it is of the trial that its key says and lies where that trial's is looked for.

    The key of an older layout, or of a record that lacks a field, may have been made of other fields: it is believed.
    """
    comparable = entries["schema"] == SCHEMA and entries.keys() >= KEYED
    if comparable and key_of(entries) != record.key:
        return InvalidRecord(path, "holds another trial than its key says")
    place = (record.trial.task, record.trial.estimator, f"{record.key}.json")
    if path.parts[-3:] == place:
        return record
    belongs = "/".join(place)
    return InvalidRecord(path, f"lies in the wrong place: it belongs at records/{belongs}", place=belongs)


def _parse(entries: Any) -> Record:
    """The record that a file's JSON stands for.

    Raises:
        ValueError: it is none; the message says why.
    """
    schema = entries.get("schema") if isinstance(entries, dict) else None
    if not is_whole(schema):
        raise ValueError("is not a record of mibench")
    if schema < 1:
        raise ValueError(f"is not a record of mibench: no mibench wrote schema {schema}, they count from 1")
    try:
        present = upgrade(entries)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"cannot be upgraded from schema {schema}: {error}") from error
    try:
        return Record.from_json(present)
    except KeyError as error:
        raise ValueError(f"is not a record of mibench: it lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"is not a record of mibench: {error}") from error


def _trial_from_json(read: Reader) -> Trial:
    return Trial(
        estimator=read.text("estimator"),
        spelled=read.text("spelled"),
        estimator_plugin=read.text("estimator_plugin", ""),
        estimator_version=read.whole("estimator_version", 1),
        parameters=read.parameters(),
        task=read.text("task"),
        task_plugin=read.text("task_plugin", ""),
        task_version=read.whole("task_version", 1),
        cell=read.cell(),
        seed=read.whole("seed"),
        device=read.text("device"),
        dtype=read.text("dtype", ""),
        data=read.text("data", ""),
    )


def _error_from_json(entries: Any) -> ErrorInfo | None:
    if entries is None:
        return None
    read = Reader(entries)
    return ErrorInfo(
        shortened(read.text("type"), 200),
        shortened(read.text("message"), 20_000),
        shortened(read.text("traceback", ""), 200_000),
    )


def _measurement_to_json(measurement: Measurement) -> dict[str, Any]:
    truth, error = measurement.truth, measurement.truth_error
    return {
        "name": measurement.name,
        "value": _finite(measurement.value),
        "truth": None if truth is None else _finite(truth),
        "unit": measurement.unit,
        "epoch": measurement.epoch,
        **({} if error is None else {"truth_error": _finite(error)}),
    }


def _measurement_from_json(entries: Any) -> Measurement:
    read = Reader(entries)
    error = read.size("truth_error") if "truth_error" in entries else math.nan
    return Measurement(
        name=read.text("name"),
        value=read.number("value"),
        truth=_unless_nan(read.number("truth")),
        unit=read.text("unit"),
        epoch=None if entries.get("epoch") is None else read.whole("epoch"),
        truth_error=_unless_nan(error),
    )


def _unless_nan(number: float) -> float | None:
    return None if math.isnan(number) else number


def _finite(number: float) -> float | None:
    """JSON knows neither NaN nor infinities, and squares of larger numbers are infinite."""
    return number if abs(number) <= LARGEST_NUMBER else None
