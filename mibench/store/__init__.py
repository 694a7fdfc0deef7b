"""Where measured numbers live: one JSON file a trial, written whole or not at all, never deleted by mibench."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mibench.errors import StoreError
from mibench.files import Artifacts, Checkpoint, read_bounded, set_aside, write_whole
from mibench.plan.trial import Trial
from mibench.store.listing import Listing, begin, list_files, nothing
from mibench.store.record import LARGEST, InvalidRecord, Record, encode, read_record


class Store:
    """The records under one folder.

    Raises:
        StoreError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.records = self.folder / "records"
        self.index = self.folder / "index.npz"
        self.checkpoints = self.folder / "checkpoints"
        self.artifacts_folder = self.folder / "artifacts"
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
        return Artifacts(self.artifacts_folder / trial.key)

    def write(self, record: Record) -> None:
        """Writes a record so that a reader sees all of it or nothing, whatever dies meanwhile.

        A file in its place that is no record is kept beside it, under another name. Where a record of a newer mibench
        is there, that stays, and nothing is written.

        Raises:
            UnreadableError: it could not be read again.
            StoreError: the file system refuses.
        """
        path = self.path(record.trial)
        contents = encode(record, path)
        try:
            if there := self.invalid(record.trial):
                if there.newer:
                    return
                set_aside(path)
            write_whole(path, lambda file: file.write(contents))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}; nothing measured before is lost") from error

    def find(self, trial: Trial) -> Record | None:
        """The record of a trial, if there is a readable one."""
        record = self.look(trial)
        return None if isinstance(record, InvalidRecord) else record

    def digest(self, trial: Trial) -> str:
        """What tells the file in the place of a trial's record from any other; empty if there is none."""
        try:
            return hashlib.sha256(read_bounded(self.path(trial), LARGEST)).hexdigest()
        except OSError:
            return ""

    def invalid(self, trial: Trial) -> InvalidRecord | None:
        """The file in the place of a trial's record, if it is something else."""
        record = self.look(trial)
        return record if isinstance(record, InvalidRecord) else None

    def look(self, trial: Trial) -> Record | InvalidRecord | None:
        """What is in the place of a trial's record."""
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
        """Every file that may be a record, and what it is."""
        listing = self.listed()
        for folder in self.hidden(listing):
            yield folder.path, folder
        for file in listing.files:
            path = self.records / file
            yield path, read_record(path)

    def listed(self) -> Listing:
        """All files that may be records.

        Raises:
            StoreError: the folder of records cannot be listed.
        """
        try:
            return list_files(str(self.records)) if self.records.is_dir() else nothing()
        except OSError as error:
            raise StoreError(f"cannot read {self.records}: {error.strerror}") from error

    def begin_listing(self) -> Callable[[], Listing]:
        """Lists all files that may be records in another process, if an index says that they are many.

        Returns:
            What waits for the listing, and raises what `listed` raises.
        """
        if not self.index.exists():
            return self.listed
        answer = begin(str(self.records))
        return lambda: answer() or self.listed()

    def hidden(self, listing: Listing) -> list[InvalidRecord]:
        """The folders that cannot be listed, in whose place records may be."""
        return [
            InvalidRecord(self.records / name, f"cannot be read: {reason}", unread=True)
            for name, reason in listing.hidden
        ]
