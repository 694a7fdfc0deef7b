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

from mibench.outcome import ErrorInfo, Measurement, Outcome, Status
from mibench.plan.trial import Trial
from mibench.specs import Scalar

SCHEMA = 1
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
_TRIAL = [it.name for it in fields(Trial) if it.name != "skip"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One trial, what came of it, and what ran it.

    Attributes:
        trial: what was run.
        key: the trial's, under which the record is kept.
        outcome: how it ended, and what it measured.
        seconds: what it took, imports not counted; `None` where nothing was run or the worker was lost.
        started: when, in UTC.
        environment: the software and hardware that ran it.
        sources: for `estimator` and `task`, a digest of the file that defines it.
    """

    trial: Trial
    key: str
    outcome: Outcome
    seconds: float | None = None
    started: str = ""
    environment: Mapping[str, str | int] = field(default_factory=dict[str, str | int])
    sources: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_json(self) -> dict[str, Any]:
        """The record as it is written: plain values, and `None` for a number that is not finite."""
        error = self.outcome.error
        return {
            "schema": SCHEMA,
            "key": self.key,
            **{name: getattr(self.trial, name) for name in _TRIAL},
            "status": self.outcome.status.value,
            "seconds": self.seconds,
            "started": self.started,
            "measurements": [_measurement_to_json(measurement) for measurement in self.outcome.measurements],
            "error": None if error is None else vars(error),
            "environment": dict(self.environment),
            "sources": dict(self.sources),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Record":
        """The record that plain values of the present layout stand for.

        Raises:
            KeyError: a value is missing.
            TypeError: a value has another type.
            ValueError: a value is none that it can be.
        """
        error = data.get("error")
        outcome = Outcome(
            Status(data["status"]),
            tuple(_measurement_from_json(measurement) for measurement in data["measurements"]),
            None if error is None else ErrorInfo(error["type"], error["message"], error.get("traceback", "")),
        )
        return cls(
            trial=_trial_from_json(data),
            key=data["key"],
            outcome=outcome,
            seconds=data["seconds"],
            started=data.get("started", ""),
            environment=data.get("environment", {}),
            sources=data.get("sources", {}),
        )


@dataclass(frozen=True)
class InvalidRecord:
    """A file among the records that is not one; it is left where it is.

    Attributes:
        path: the file.
        reason: why it is no record.
        newer: whether it is a record of a newer mibench.
    """

    path: Path
    reason: str
    newer: bool = False


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
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return InvalidRecord(path, f"cannot be read: {error}")
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        reason = f"was written by a newer mibench (schema {schema}, this one knows {SCHEMA})"
        return InvalidRecord(path, reason, newer=True)
    try:
        record = _parse(data)
    except ValueError as error:
        return InvalidRecord(path, str(error))
    return record if record.key == path.stem else InvalidRecord(path, "does not match its file name")


def _parse(data: Any) -> Record:
    """The record that a file's JSON stands for.

    Raises:
        ValueError: it is none; the message says why.
    """
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int):
        raise ValueError("is not a record of mibench")  # noqa: TRY004 - callers ask for one kind of error
    try:
        present = upgrade(data)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"cannot be upgraded from schema {schema}: {error}") from error
    try:
        return Record.from_json(present)
    except KeyError as error:
        raise ValueError(f"is not a record of mibench: it lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"is not a record of mibench: {error}") from error


def _trial_from_json(data: Mapping[str, Any]) -> Trial:
    return Trial(
        estimator=data["estimator"],
        spelled=data["spelled"],
        estimator_plugin=data.get("estimator_plugin", ""),
        estimator_version=data.get("estimator_version", 1),
        parameters=_scalars(data.get("parameters", {})),
        task=data["task"],
        task_plugin=data.get("task_plugin", ""),
        task_version=data.get("task_version", 1),
        cell=_scalars(data["cell"]),
        seed=data["seed"],
        device=data["device"],
        dtype=data.get("dtype", ""),
        data=data.get("data", ""),
    )


def _scalars(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Parameters by name; a list is the tuple that it was before it became JSON."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _measurement_to_json(measurement: Measurement) -> dict[str, Any]:
    truth = measurement.truth
    return {
        "name": measurement.name,
        "value": _finite(measurement.value),
        "truth": None if truth is None else _finite(truth),
        "unit": measurement.unit,
        "epoch": measurement.epoch,
    }


def _measurement_from_json(data: Mapping[str, Any]) -> Measurement:
    value = math.nan if data["value"] is None else data["value"]
    return Measurement(data["name"], value, data["truth"], data["unit"], data.get("epoch"))


def _finite(number: float) -> float | None:
    """JSON knows neither NaN nor infinities."""
    return number if math.isfinite(number) else None
