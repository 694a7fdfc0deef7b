"""Where measured numbers live: one JSON file a trial, written whole or not at all, never deleted by mibench."""

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from mibench.errors import StoreError
from mibench.files import Artifacts, Checkpoint, read_bounded, write_whole
from mibench.plan.trial import Trial
from mibench.store.record import LARGEST, InvalidRecord, Record, read_record


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

    def write(self, record: Record) -> None:
        """Writes a record so that a reader sees all of it or nothing, whatever dies meanwhile.

        A file in its place that is no record is kept beside it, under another name.

        Raises:
            StoreError: the file system refuses.
        """
        path = self.path(record.trial)
        try:
            if self.invalid(record.trial):
                path.replace(path.with_suffix(f".{uuid.uuid4().hex[:8]}.invalid"))
            text = json.dumps(record.to_json(), allow_nan=False).encode()
            write_whole(path, lambda file: file.write(text))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}; nothing measured before is lost") from error

    def find(self, trial: Trial) -> Record | None:
        """The record of a trial, if there is a readable one."""
        record = self._look(trial)
        return None if isinstance(record, InvalidRecord) else record

    def digest(self, trial: Trial) -> str:
        """What tells the file in the place of a trial's record from any other; empty if there is none."""
        try:
            return hashlib.sha256(read_bounded(self.path(trial), LARGEST)).hexdigest()
        except OSError:
            return ""

    def invalid(self, trial: Trial) -> InvalidRecord | None:
        """The file in the place of a trial's record, if it is something else."""
        record = self._look(trial)
        return record if isinstance(record, InvalidRecord) else None

    def _look(self, trial: Trial) -> Record | InvalidRecord | None:
        path = self.path(trial)
        return read_record(path) if os.path.lexists(path) else None

    def read(self) -> tuple[list[Record], list[InvalidRecord]]:
        """All records by key, and the files that are none."""
        records: list[Record] = []
        invalid: list[InvalidRecord] = []
        for _, record in self.files():
            if isinstance(record, InvalidRecord):
                invalid.append(record)
            else:
                records.append(record)
        return sorted(records, key=lambda record: record.key), invalid

    def files(self) -> Iterator[tuple[Path, Record | InvalidRecord]]:
        """Every file in the place of a record, and what it is."""
        paths, hidden = self.listed()
        for folder in hidden:
            yield folder.path, folder
        for path in map(Path, paths):
            yield path, read_record(path)

    def listed(self) -> tuple[list[str], list[InvalidRecord]]:
        """The paths of all files in the place of a record, sorted, and the folders that cannot be listed.

        Raises:
            StoreError: the folder itself cannot be.
        """
        try:
            paths, hidden = _below(str(self.records), 3) if self.records.is_dir() else ([], [])
        except OSError as error:
            raise StoreError(f"cannot read {self.records}: {error.strerror}") from error
        return sorted(paths), hidden


def _below(folder: str, depth: int) -> tuple[list[str], list[InvalidRecord]]:
    """The JSON files so many levels below a folder, and the folders on the way that cannot be listed."""
    paths: list[str] = []
    hidden: list[InvalidRecord] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if depth == 1 and entry.name.endswith(".json") and not entry.name.startswith("."):
                paths.append(entry.path)
            elif depth > 1 and entry.is_dir():
                try:
                    more, deeper = _below(entry.path, depth - 1)
                except OSError as error:
                    hidden.append(InvalidRecord(Path(entry.path), f"cannot be read: {error.strerror}", unread=True))
                    continue
                paths += more
                hidden += deeper
    return paths, hidden
