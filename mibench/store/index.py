"""The index of a results folder: its records as columns in one file, from which they are read in a second.

The records stay the truth. A record is taken from the index only if its file has the size, the inode and the times of
change that it had when it was indexed; every other file is read. So what was rewritten, added, removed or edited by
hand is noticed, and an index that is deleted, damaged or of another mibench costs time alone. Where no index can be
written, as in a folder that is read-only, records are read without one.
"""

import functools
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mibench.discovery.fingerprint import file_fingerprint
from mibench.files import read_bounded, write_whole
from mibench.store import Store
from mibench.store.columns import Columns, Numbers, joined, pack, packed, unpack, unpacked
from mibench.store.listing import STATE, Listing
from mibench.store.reading import read_files
from mibench.store.record import InvalidRecord

FEWEST = 1_000
"""So many records are read as fast as an index is written: fewer new ones do not change it."""
SETTLED = 2 * 10**9
"""Nanoseconds after which a change of a file changes its times too, whatever the file system's resolution."""
_LARGEST = 2**34
"""Bytes of an index: a quarter of a million records with five measurements each take a two-hundredth of that."""
_MADE_BY = "made_by"


@dataclass(frozen=True)
class _Index:
    """Records as columns, with the file that each was read from: its path below the folder, and its state."""

    columns: Columns
    files: Sequence[str]
    states: Numbers

    def take(self, rows: Numbers) -> "_Index":
        if np.array_equal(rows, np.arange(len(self.files))):
            return self
        return _Index(self.columns.take(rows), [self.files[int(row)] for row in rows], self.states[rows])


def read_columns(store: Store, listed: Callable[[], Listing] | None = None) -> tuple[Columns, list[InvalidRecord]]:
    """All records of a folder as columns, and the files that are none; writes or renews the index where that helps.

    Args:
        store: the folder.
        listed: waits for the listing of its files, if it was begun before.

    Raises:
        StoreError: the folder cannot be read.
    """
    old = _load(store.index)
    listing = (listed or store.listed)()
    files, states = listing.files, np.frombuffer(listing.states, dtype=np.int64).reshape(-1, STATE)
    places = _places(old, files, states)
    missing = np.flatnonzero(places < 0)
    read = read_files([f"{store.records}/{files[number]}" for number in missing.tolist()])
    fresh = missing[read.places]
    new = _Index(read.columns, [files[number] for number in fresh.tolist()], states[fresh])
    index = _joined(old.take(places[places >= 0]), new) if old else new
    settled = np.flatnonzero((abs(index.states[:, 1:3] - listing.begun) > SETTLED).all(axis=1))
    if len(fresh) >= FEWEST and len(settled) > len(index.files) - len(fresh):
        _save(index if len(settled) == len(index.files) else index.take(settled), store.index)
    return index.columns, [*store.hidden(listing), *read.invalid]


def _places(index: _Index | None, files: Sequence[str], states: Numbers) -> Numbers:
    """For each file its row of the index; -1 where that has none with this state."""
    if index is None:
        return np.full(len(files), -1)
    if files == index.files:
        places = np.arange(len(files))
    else:
        known = {file: row for row, file in enumerate(index.files)}
        places = np.array([known.get(file, -1) for file in files], dtype=np.int64)
    same = (places >= 0) & (states[:, 0] >= 0)
    same[same] = (index.states[places[same]] == states[same]).all(axis=1)
    return np.where(same, places, -1)


def _joined(old: _Index, new: _Index) -> _Index:
    if not new.files:
        return old
    states = np.concatenate([old.states, new.states])
    return _Index(joined([old.columns, new.columns]), [*old.files, *new.files], states)


@functools.cache
def _maker() -> str:
    """What an index must have been written by: a digest of the code that reads records and makes columns of them."""
    modules = (
        *(f"mibench.store.{name}" for name in ("record", "columns", "listing", "reading", "index")),
        "mibench.outcome",
        "mibench.text",
    )
    return " ".join(file_fingerprint(f"{module}:") for module in modules)


def _save(index: _Index, path: Path) -> None:
    """Writes an index, whole or not at all; where the file system refuses, there is none."""
    stored: dict[str, Any] = {_MADE_BY: pack([_maker()]), "files": pack(index.files), "states": index.states}
    contents = io.BytesIO()
    np.savez(contents, allow_pickle=False, **stored, **packed(index.columns))
    try:
        write_whole(path, lambda file: file.write(contents.getbuffer()))
    except OSError:
        return  # the folder is read-only or full; records are read all the same


def _load(path: Path) -> _Index | None:
    """The index in a file; `None` if there is none, or one that is damaged or was written by other code."""
    try:
        with np.load(io.BytesIO(read_bounded(path, _LARGEST)), allow_pickle=False) as stored:
            if unpack(stored[_MADE_BY]) != [_maker()]:
                return None
            index = _Index(unpacked(stored), unpack(stored["files"]), stored["states"])
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    return index if len(index.files) == len(index.states) == len(index.columns) else None
