"""The layout of records, and how those of an older mibench are read.

`SCHEMA` is the layout's number. When it changes, an upgrade from the number before goes into `UPGRADES`: it sees a
record as it is on disk, and returns it as the next layout has it. Keys stay, so what was measured is found again and
its file is left as it is. (`mibench.plan.KEY` is another number: raising that one asks for everything to be measured
anew.)
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Record = dict[str, Any]
_FIELDS = {
    "schema",
    "key",
    "estimator",
    "spelled",
    "task",
    "cell",
    "seed",
    "device",
    "status",
    "seconds",
    "measurements",
}


@dataclass(frozen=True)
class InvalidRecord:
    """A file among the records that is not one, and why; it is left where it is.

    Attributes:
        newer: whether it is a record of a newer mibench.
    """

    path: Path
    reason: str
    newer: bool = False


SCHEMA = 1
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def upgrade(record: dict[str, Any]) -> dict[str, Any]:
    """A record in the present layout.

    Raises:
        KeyError: nothing leads from its layout to the present one.
    """
    for schema in range(record["schema"], SCHEMA):
        record = {**UPGRADES[schema](record), "schema": schema + 1}
    return record


def read_record(path: Path) -> Record | InvalidRecord:
    """The record in a file, in the present layout whatever mibench wrote it; or why there is none."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return InvalidRecord(path, f"cannot be read: {error}")
    if not (isinstance(record, dict) and isinstance(record.get("schema"), int)):
        return InvalidRecord(path, "is not a record of mibench")
    if record["schema"] > SCHEMA:
        reason = f"was written by a newer mibench (schema {record['schema']}, this one knows {SCHEMA})"
        return InvalidRecord(path, reason, newer=True)
    try:
        record = upgrade(record)
    except (KeyError, TypeError, ValueError) as error:
        return InvalidRecord(path, f"cannot be upgraded from schema {record['schema']}: {error}")
    if not record.keys() >= _FIELDS:
        return InvalidRecord(path, "is not a record of mibench")
    return record if record["key"] == path.stem else InvalidRecord(path, "does not match its file name")
