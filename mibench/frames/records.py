"""Records made of a tidy frame again, for what is told record by record: a report takes a frame as well as a folder."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pandas as pd

from mibench.frames.files import cell_columns
from mibench.plan.trial import TRUTH_ERROR
from mibench.store.record import SCHEMA, Record

_TEXTS = ("device", "data", "task_plugin", "estimator_plugin", "dtype", "started")
_VERSIONS = ("estimator_version", "task_version")


def records_of(frame: pd.DataFrame) -> list[Record]:
    """A record for each trial of a frame, with what the frame holds of it; a wide one holds nearly all.

    Args:
        frame: a tidy frame, wide or not.

    Raises:
        ValueError: a record cannot have one of the values, such as a status that this mibench does not know.
    """
    cells = cell_columns(frame)
    return [Record.from_json(_plain(rows, cells)) for rows in _trials(frame)]


def _trials(frame: pd.DataFrame) -> Iterator[list[dict[str, Any]]]:
    """The rows of each trial, in the order of tasks, estimators and keys."""
    names = ["task", "estimator", "key"]
    for _, part in frame.sort_values(names, kind="stable").groupby("task", sort=True):
        rows = cast("list[dict[str, Any]]", part.to_dict("records"))
        for _, trial in itertools.groupby(rows, key=lambda row: [row[name] for name in names]):
            yield list(trial)


def _plain(several: list[dict[str, Any]], cells: list[str]) -> dict[str, Any]:
    """What a record's file would hold."""
    first = several[0]
    message = str(first.get("error") or "")
    kind, _, text = message.partition(": ")
    return {
        "schema": SCHEMA,
        "key": first["key"],
        "task": first["task"],
        "estimator": first["estimator"],
        "spelled": first["estimator"],
        "seed": first["seed"],
        "cell": {name: _value(first[name]) for name in cells if not pd.isna(first[name])},
        "parameters": _below(first, "estimator."),
        "environment": _below(first, "environment."),
        "status": first["status"],
        "seconds": _value(first["seconds"]),
        "measurements": [_measurement(row) for row in several if row["measurement"]],
        "error": {"type": kind, "message": text} if message else None,
        **{name: str(first[name]) for name in _TEXTS if not pd.isna(first.get(name))},
        **{name: int(first[name]) for name in _VERSIONS if not pd.isna(first.get(name))},
    }


def _measurement(row: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: _value(row.get(name)) for name in ("epoch", "value", "truth", TRUTH_ERROR) if name in row}
    return {"name": row["measurement"], "unit": str(row["unit"]), **numbers}


def _below(row: Mapping[str, Any], start: str) -> dict[str, Any]:
    return {
        name.removeprefix(start): _value(value)
        for name, value in row.items()
        if name.startswith(start) and not pd.isna(value)
    }


def _value(value: Any) -> Any:
    """A value of a frame as JSON has it."""
    if value is None or pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
