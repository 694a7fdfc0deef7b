"""One results folder out of several, without losing or overwriting a number."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

from mibench.errors import StoreError
from mibench.files import read_bounded, write_whole
from mibench.store import Store
from mibench.store.record import LARGEST, InvalidRecord, Record, read_record


@dataclass(frozen=True)
class Conflict:
    """Two records of one trial with different numbers."""

    source: Path
    target: Path
    difference: str


@dataclass
class Merge:
    """What merging would do.

    Attributes:
        copied: by place, what is put there: new, or done where the trial had not been.
        same: how many records are there already, with the same numbers.
        conflicts: what differs.
        empty: the sources that hold no record.
        invalid: files that are no records in their place: those among the sources, and those in the target's places
            that a newer mibench has written or that are of other trials. They stay where they are.
    """

    copied: dict[Path, Path] = field(default_factory=dict[Path, Path])
    same: int = 0
    conflicts: list[Conflict] = field(default_factory=list[Conflict])
    empty: list[Path] = field(default_factory=list[Path])
    invalid: list[InvalidRecord] = field(default_factory=list[InvalidRecord])


def plan_merge(sources: Sequence[Store], target: Store) -> Merge:
    """Compares every record of the sources with what the target has, or would get from a source before."""
    merge = Merge()
    for source in sources:
        holds_none = True
        for path, record in source.files():
            if isinstance(record, InvalidRecord):
                merge.invalid.append(record)
                continue
            holds_none = False
            place = target.records / path.relative_to(source.records)
            there = merge.copied.get(place, place)
            known = read_record(there) if os.path.lexists(there) else None
            _place(merge, path, record, place, there, known)
        merge.empty += [source.folder] if holds_none else []
    return merge


def carry_out(merge: Merge) -> None:
    """Copies what was planned, each file whole or not at all.

    Raises:
        StoreError: the file system refuses.
    """
    for place, source in merge.copied.items():
        try:
            contents = read_bounded(source, LARGEST)
            write_whole(place, lambda file, contents=contents: file.write(contents))
        except OSError as error:
            raise StoreError(f"cannot write {place}: {error.strerror}; what was copied before is kept") from error


def replaced(conflicts: Iterable[Conflict], target: Store) -> dict[Path, Path]:
    """By place, the records of sources that take the place of what differs from them."""
    return {target.records / Path(*conflict.source.parts[-3:]): conflict.source for conflict in conflicts}


def _place(
    merge: Merge, path: Path, record: Record, place: Path, there: Path, known: Record | InvalidRecord | None
) -> None:
    if known is None:
        merge.copied[place] = path
    elif isinstance(known, InvalidRecord) and (known.newer or known.place):
        merge.invalid.append(known)
    elif isinstance(known, InvalidRecord):
        merge.conflicts.append(Conflict(path, there, f"the file there {known.reason}"))
    elif not record.outcome.status.done or _numbers(record) == _numbers(known):
        merge.same += 1
    elif not known.outcome.status.done:
        merge.copied[place] = path
    else:
        merge.conflicts.append(Conflict(path, there, _difference(record, known)))


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
