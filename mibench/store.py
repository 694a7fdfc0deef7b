"""Where measured numbers live: one JSON file a trial, written whole or not at all, never deleted by mibench."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mibench.artifacts import Artifacts
from mibench.checkpoints import Checkpoint
from mibench.errors import StoreError
from mibench.files import write_whole
from mibench.plan import Trial
from mibench.schema import SCHEMA, upgrade

Record = dict[str, Any]
DONE = frozenset({"ok", "skipped", "diverged"})
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
class Foreign:
    """A file among the records that is not one, and why; it is left where it is.

    Attributes:
        newer: whether it is a record of a newer mibench.
    """

    path: Path
    reason: str
    newer: bool = False


class Store:
    """The records under one folder.

    Raises:
        StoreError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.records = self.folder / "records"
        self.checkpoints = self.folder / "checkpoints"
        self.scratch = self.folder / "scratch"

    def prepare(self) -> None:
        """Makes the folder, and makes sure that it can be written to before anything is measured."""
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.records):
                pass
        except OSError as error:
            raise StoreError(f"cannot write results to {self.folder}: {error.strerror}; choose --results") from error

    def path(self, trial: Trial) -> Path:
        """Where a trial's record is kept."""
        return self.records / trial.task / trial.estimator / f"{trial.key}.json"

    def checkpoint(self, trial: Trial) -> Checkpoint:
        """What a trial keeps while it runs."""
        return Checkpoint(self.checkpoints / trial.key)

    def artifacts(self, trial: Trial) -> Artifacts:
        """What a trial leaves behind beside its record."""
        return Artifacts(self.folder / "artifacts" / trial.key)

    def write(self, trial: Trial, record: Record) -> None:
        """Writes a record so that a reader sees all of it or nothing, whatever dies meanwhile.

        A file in its place that is no record is kept beside it, under another name.

        Raises:
            StoreError: the file system refuses.
        """
        path = self.path(trial)
        try:
            if self.foreign(trial):
                path.replace(path.with_suffix(f".{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.foreign"))
            text = json.dumps(record, allow_nan=False).encode()
            write_whole(path, lambda file: file.write(text))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}; nothing measured before is lost") from error

    def find(self, trial: Trial) -> Record | None:
        """The record of a trial, if there is a readable one."""
        found = self._look(trial)
        return None if isinstance(found, Foreign) else found

    def stamp(self, trial: Trial) -> str:
        """What tells the file in the place of a trial's record from any other; empty if there is none."""
        try:
            return hashlib.sha256(self.path(trial).read_bytes()).hexdigest()
        except OSError:
            return ""

    def foreign(self, trial: Trial) -> Foreign | None:
        """The file in the place of a trial's record, if it is something else."""
        found = self._look(trial)
        return found if isinstance(found, Foreign) else None

    def _look(self, trial: Trial) -> Record | Foreign | None:
        path = self.path(trial)
        return read_record(path) if path.exists() else None

    def read(self) -> tuple[list[Record], list[Foreign]]:
        """All records by key, and the files that are none."""
        found = [one for _, one in self.files()]
        records = [one for one in found if not isinstance(one, Foreign)]
        return sorted(records, key=lambda record: record["key"]), [one for one in found if isinstance(one, Foreign)]

    def files(self) -> Iterator[tuple[Path, Record | Foreign]]:
        """Every file in the place of a record, and what it is."""
        for path in sorted(self.records.glob("*/*/*.json"), key=str):  # text compares faster than paths
            if not path.name.startswith("."):
                yield path, read_record(path)


def read_record(path: Path) -> Record | Foreign:
    """The record in a file, in the present layout whatever mibench wrote it; or why there is none."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        return Foreign(path, f"cannot be read: {error}")
    if not (isinstance(record, dict) and isinstance(record.get("schema"), int)):
        return Foreign(path, "is not a record of mibench")
    if record["schema"] > SCHEMA:
        reason = f"was written by a newer mibench (schema {record['schema']}, this one knows {SCHEMA})"
        return Foreign(path, reason, newer=True)
    try:
        record = upgrade(record)
    except (KeyError, TypeError, ValueError) as error:
        return Foreign(path, f"cannot be upgraded from schema {record['schema']}: {error}")
    if not record.keys() >= _FIELDS:
        return Foreign(path, "is not a record of mibench")
    return record if record["key"] == path.stem else Foreign(path, "does not match its file name")
