"""One results folder out of several, without losing or overwriting a number or what a trial left behind."""

import filecmp
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

from mibench.errors import StoreError
from mibench.files import open_regular, write_whole
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record, read_record


@dataclass
class Copy:
    """What one trial gets from a source.

    Attributes:
        record: the file of its record; `None` where the one that is there stays.
        artifacts: by place, the files that the trial left behind.
    """

    record: Path | None = None
    artifacts: dict[Path, Path] = field(default_factory=dict[Path, Path])


@dataclass(frozen=True)
class Conflict:
    """Two files of one trial, records or artifacts, with different contents.

    Attributes:
        place: that of the trial's record.
        copy: what the trial gets if the source is preferred.
    """

    source: Path
    target: Path
    difference: str
    place: Path
    copy: Copy


@dataclass
class Merge:
    """What merging would do.

    Attributes:
        copied: by the place of its record, what a trial gets: one that is new, or done where it had not been, or whose
            artifacts were missing.
        same: how many records are there already, with the same numbers.
        same_artifacts: how many artifacts are there already, equal to the last byte.
        conflicts: what differs.
        empty: the sources that hold no record.
        invalid: files that are no records in their place: those among the sources, and those in the target's places
            that a newer mibench has written or that are of other trials. They stay where they are.
    """

    copied: dict[Path, Copy] = field(default_factory=dict[Path, Copy])
    same: int = 0
    same_artifacts: int = 0
    conflicts: list[Conflict] = field(default_factory=list[Conflict])
    empty: list[Path] = field(default_factory=list[Path])
    invalid: list[InvalidRecord] = field(default_factory=list[InvalidRecord])

    @property
    def records(self) -> int:
        """How many records are copied."""
        return sum(copy.record is not None for copy in self.copied.values())

    @property
    def artifacts(self) -> int:
        """How many artifacts are copied."""
        return sum(len(copy.artifacts) for copy in self.copied.values())

    def prefer_theirs(self) -> None:
        """Lets what differs take the place of what is there."""
        self.copied |= {conflict.place: conflict.copy for conflict in self.conflicts}


def plan_merge(sources: Sequence[Store], target: Store) -> Merge:
    """Compares every record of the sources, and its artifacts, with what the target has or would get before.

    Raises:
        StoreError: the file system refuses.
    """
    merge = Merge()
    for source in sources:
        holds_none = True
        for path, record in source.files():
            if isinstance(record, InvalidRecord):
                merge.invalid.append(record)
                continue
            holds_none = False
            place = target.records / path.relative_to(source.records)
            _place(merge, place, path, record, _artifacts(record, source, target))
        merge.empty += [source.folder] if holds_none else []
    return merge


def carry_out(merge: Merge) -> None:
    """Copies what was planned, each file whole or not at all; artifacts before their record, which vouches for them.

    Raises:
        StoreError: the file system refuses.
    """
    for place, copy in merge.copied.items():
        for file, source in copy.artifacts.items():
            _write(file, source)
        if copy.record is not None:
            _write(place, copy.record)


def _write(place: Path, source: Path) -> None:
    try:
        with open_regular(source) as opened:
            write_whole(place, lambda file: shutil.copyfileobj(opened, file))
    except OSError as error:
        raise StoreError(f"cannot write {place}: {error.strerror}; what was copied before is kept") from error


def _artifacts(record: Record, source: Store, target: Store) -> dict[Path, Path]:
    """By place in the target, the artifacts that a source has of a trial."""
    folder = target.artifacts(record.trial).folder
    return {folder / file.name: file for file in source.artifacts(record.trial).files()} if folder else {}


def _place(merge: Merge, place: Path, path: Path, record: Record, artifacts: dict[Path, Path]) -> None:
    there = merge.copied.get(place, Copy()).record or place
    known = read_record(there) if os.path.lexists(there) else None
    copy = Copy(path, artifacts)
    if known is None:
        _complete(merge, place, copy)
    elif isinstance(known, InvalidRecord) and (known.newer or known.place):
        merge.invalid.append(known)
    elif isinstance(known, InvalidRecord):
        merge.conflicts.append(Conflict(path, there, f"the file there {known.reason}", place, copy))
    elif not record.outcome.status.done:
        merge.same += 1
    elif _numbers(record) == _numbers(known):
        merge.same += 1
        _complete(merge, place, copy, known)
    elif not known.outcome.status.done:
        merge.copied[place] = copy
    else:
        merge.conflicts.append(Conflict(path, there, _difference(record, known), place, copy))


def _complete(merge: Merge, place: Path, copy: Copy, known: Record | None = None) -> None:
    """Copies what the target lacks of a trial: a record unless it is known, and artifacts."""
    planned = merge.copied.get(place, Copy())
    missing: dict[Path, Path] = {}
    for target, source in copy.artifacts.items():
        there = planned.artifacts.get(target, target)
        if not os.path.lexists(there):
            missing[target] = source
        elif not _equal(source, there):
            merge.conflicts.append(Conflict(source, there, "different contents", place, copy))
            return
        else:
            merge.same_artifacts += 1
    lacked = Copy(planned.record if known else copy.record, planned.artifacts | missing)
    if lacked.record or lacked.artifacts:
        merge.copied[place] = lacked


def _equal(source: Path, there: Path) -> bool:
    try:
        return filecmp.cmp(source, there, shallow=False)
    except OSError as error:
        raise StoreError(f"cannot compare {source} with {there}: {error.strerror}") from error


def _numbers(record: Record) -> tuple[str, dict[tuple[str, int | None], float | None]]:
    """What must be equal in two records of one trial; time, place and machine may differ."""
    measurements = [measurement for measurement in record.outcome.measurements if not measurement.is_time]
    return record.outcome.status, {(m.name, m.epoch): None if isnan(m.value) else m.value for m in measurements}


def _difference(record: Record, known: Record) -> str:
    (status, numbers), (known_status, known_numbers) = _numbers(record), _numbers(known)
    if status != known_status:
        return f"{status} here, {known_status} there"
    names = sorted({name for name, _ in dict(numbers.items() ^ known_numbers.items())})
    return f"different {', '.join(names)}"
