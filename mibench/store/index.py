"""The index of a results folder: its records as columns in one file, from which they are read in a second.

The records stay the truth. A record is taken from the index only if its file has the size, the inode and the times of
change that it had when it was indexed; every other file is read. So what was rewritten, added, removed or edited by
hand is noticed, and an index that is deleted, damaged or of another mibench costs time alone. Where no index can be
written, as in a folder that is read-only, records are read without one.
"""

import functools
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mibench.discovery.fingerprint import file_fingerprint
from mibench.files import DAMAGED, open_regular, write_whole
from mibench.store import Store
from mibench.store.columns import Columns, Numbers, joined, pack, packed, unpack, unpacked
from mibench.store.listing import STATE, Listing, files_of, paths_of
from mibench.store.reading import read_files
from mibench.store.record import InvalidRecord

FEWEST = 1_000
"""So many records are read as fast as an index is written: fewer new ones do not change it."""
SETTLED = 2 * 10**9
"""Nanoseconds after which a change of a file changes its times too, whatever the file system's resolution."""
_MADE_BY = "made_by"
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Index:
    """Records as columns, with the file that each was read from: its path below the folder, and its state."""

    columns: Columns
    paths: bytes
    states: Numbers

    def take(self, rows: Numbers) -> "_Index":
        if np.array_equal(rows, np.arange(len(self.states))):
            return self
        files = files_of(self.paths)
        return _Index(self.columns.take(rows), paths_of(files[row] for row in rows.tolist()), self.states[rows])


def read_made(
    store: Store, make: Callable[[Columns], Made], listed: Callable[[], Listing] | None = None
) -> tuple[Made, list[InvalidRecord]]:
    """What is made of all records of a folder, and the files that are none.

    It is made of the index's records while another process lists the files, and again if that shows that the index is
    out of date. The index is written or renewed where that helps.

    Args:
        store: the folder.
        make: makes it of the records as columns.
        listed: waits for the listing of the files, if it was begun before.

    Raises:
        StoreError: the folder cannot be read.
    """
    listed = listed or store.begin_listing()
    old = _load(store.index)
    early = [make(old.columns)] if old else []
    index, invalid = _renewed(store, old, listed())
    if index is old:
        return early[0], invalid
    early.clear()  # two of them take twice the memory
    return make(index.columns), invalid


def _renewed(store: Store, old: _Index | None, listing: Listing) -> tuple[_Index, list[InvalidRecord]]:
    """The index of all records, and the files that are none. It is the old one itself if that is up to date."""
    states = np.frombuffer(listing.states, dtype=np.int64).reshape(-1, STATE)
    places = _places(old, listing.paths, states)
    missing = np.flatnonzero(places < 0)
    files = listing.files if len(missing) else []
    read = read_files([f"{store.records}/{files[number]}" for number in missing.tolist()])
    fresh = missing[read.places]
    new = _Index(read.columns, paths_of(files[number] for number in fresh.tolist()), states[fresh])
    index = _joined(old.take(places[places >= 0]), new) if old else new
    settled = np.flatnonzero((abs(index.states[:, 1:3] - listing.begun) > SETTLED).all(axis=1))
    if len(fresh) >= FEWEST and len(settled) > len(index.states) - len(fresh):
        _save(index.take(settled), store.index)
    return index, [*store.hidden(listing), *read.invalid]


def _places(index: _Index | None, paths: bytes, states: Numbers) -> Numbers:
    """For each file its row of the index; -1 where that has none with this state."""
    if index is None:
        return np.full(len(states), -1)
    if paths == index.paths:
        places = np.arange(len(states))
    else:
        known = {file: row for row, file in enumerate(files_of(index.paths))}
        places = np.array([known.get(file, -1) for file in files_of(paths)], dtype=np.int64)
    same = (places >= 0) & (states[:, 0] >= 0)
    same[same] = (index.states[places[same]] == states[same]).all(axis=1)
    return np.where(same, places, -1)


def _joined(old: _Index, new: _Index) -> _Index:
    if not new.paths:
        return old
    states = np.concatenate([old.states, new.states])
    return _Index(joined([old.columns, new.columns]), old.paths + new.paths, states)


@functools.cache
def _maker() -> str:
    """What an index must have been written by: a digest of the code that reads records and makes columns of them."""
    modules = (
        *(f"mibench.store.{name}" for name in ("record", "values", "columns", "listing", "reading", "index")),
        "mibench.outcome",
        "mibench.plan.trial",
        "mibench.text",
    )
    return " ".join(file_fingerprint(f"{module}:") for module in modules)


def _save(index: _Index, path: Path) -> None:
    """Writes an index, whole or not at all; where the file system refuses, there is none."""
    paths = np.frombuffer(index.paths, dtype=np.uint8)
    stored: dict[str, Any] = {_MADE_BY: pack([_maker()]), "paths": paths, "states": index.states}
    contents = io.BytesIO()
    np.savez(contents, allow_pickle=False, **stored, **packed(index.columns))
    try:
        write_whole(path, lambda file: file.write(contents.getbuffer()))
    except OSError:
        return  # the folder is read-only or full; records are read all the same


def _load(path: Path) -> _Index | None:
    """The index in a file; `None` if there is none, or one that is damaged or was written by other code."""
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as stored:
            if unpack(stored[_MADE_BY]) != [_maker()]:
                return None
            index = _Index(unpacked(stored), stored["paths"].tobytes(), stored["states"])
    except DAMAGED:
        return None
    return index if index.paths.count(b"\0") == len(index.states) == len(index.columns) else None
