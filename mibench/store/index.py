"""The index of a results folder: its records as columns in one file, from which they are read in a second.

The records stay the truth. A record is taken from the index only if its file has the size, the inode and the times of
change that it had when it was indexed; every other file is read. So what was rewritten, added, removed or edited by
hand is noticed, and an index that is deleted, damaged or of another mibench costs time alone. Where no index can be
written, as in a folder that is read-only, records are read without one.
"""

import functools
import io
import json
import os
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mibench.discovery.fingerprint import file_fingerprint
from mibench.files import read_bounded, write_whole
from mibench.store import Store
from mibench.store.columns import Columns, Gathering, Numbers, Texts, joined
from mibench.store.record import InvalidRecord, read_record

FEWEST = 1_000
"""So many records are read as fast as an index is written: fewer new ones do not change it."""
SETTLED = 2 * 10**9
"""Nanoseconds after which a change of a file changes its times too, whatever the file system's resolution."""
_LARGEST = 2**34
"""Bytes of an index: a quarter of a million records with five measurements each take a two-hundredth of that."""
_STATE = 4
_MADE_BY = "made_by"


@dataclass(frozen=True)
class _Index:
    """Records as columns, with the file that each was read from: its path below the folder, and its state."""

    columns: Columns
    files: Sequence[str]
    states: Numbers

    def take(self, rows: Numbers) -> "_Index":
        return _Index(self.columns.take(rows), [self.files[int(row)] for row in rows], self.states[rows])


def read_columns(store: Store) -> tuple[Columns, list[InvalidRecord]]:
    """All records of a folder as columns, and the files that are none; writes or renews the index where that helps.

    Raises:
        StoreError: the folder cannot be read.
    """
    paths, invalid = store.listed()
    files, now = [path[len(str(store.records)) :] for path in paths], time.time_ns()
    states = _states(paths)
    old = _load(store.folder / "index.npz")
    places = _places(old, files, states)
    fresh, gathering = list[int](), Gathering()
    for number in np.flatnonzero(places < 0).tolist():
        record = read_record(Path(paths[number]))
        if isinstance(record, InvalidRecord):
            invalid.append(record)
        else:
            gathering.add(record)
            fresh.append(number)
    new = _Index(gathering.columns(), [files[number] for number in fresh], states[fresh])
    index = _joined(old.take(places[places >= 0]), new) if old else new
    settled = np.flatnonzero((abs(index.states[:, 1:3] - now) > SETTLED).all(axis=1))
    if len(fresh) >= FEWEST and len(settled) > len(index.files) - len(fresh):
        _save(index if len(settled) == len(index.files) else index.take(settled), store.folder / "index.npz")
    return index.columns, invalid


def _states(paths: Iterable[str]) -> Numbers:
    """Of each file the size, the times of the last change of its contents and of its entry, and its inode."""
    states = [_state(path) for path in paths]
    return np.array(states, dtype=np.int64).reshape(-1, _STATE)


def _state(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116 - of a hundred thousand paths
    except OSError:
        return (-1,) * _STATE
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino % 2**63


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
    modules = (*(f"mibench.store.{name}" for name in ("record", "columns", "index")), "mibench.outcome", "mibench.text")
    return " ".join(file_fingerprint(f"{module}:") for module in modules)


def _save(index: _Index, path: Path) -> None:
    """Writes an index, whole or not at all; where the file system refuses, there is none."""
    columns = index.columns
    stored: dict[str, Any] = {_MADE_BY: _packed([_maker()]), "files": _packed(index.files), "states": index.states}
    stored |= {f"numbers.{name}": numbers for name, numbers in columns.numbers.items()}
    stored |= {f"codes.{name}": texts.codes for name, texts in columns.texts.items()}
    stored |= {f"texts.{name}": _packed(texts.texts) for name, texts in columns.texts.items()}
    contents = io.BytesIO()
    np.savez(contents, allow_pickle=False, **stored)
    try:
        write_whole(path, lambda file: file.write(contents.getbuffer()))
    except OSError:
        return  # the folder is read-only or full; records are read all the same


def _load(path: Path) -> _Index | None:
    """The index in a file; `None` if there is none, or one that is damaged or was written by other code."""
    try:
        with np.load(io.BytesIO(read_bounded(path, _LARGEST)), allow_pickle=False) as stored:
            if _unpacked(stored[_MADE_BY]) != [_maker()]:
                return None
            index = _Index(_columns(stored), _unpacked(stored["files"]), stored["states"])
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError):
        return None
    return index if len(index.files) == len(index.states) == len(index.columns) else None


def _columns(stored: Mapping[str, Numbers]) -> Columns:
    names: dict[str, list[str]] = {"numbers": [], "codes": []}
    for kind, _, name in (key.partition(".") for key in stored):
        names.setdefault(kind, []).append(name)
    texts = {name: Texts(stored[f"codes.{name}"], _unpacked(stored[f"texts.{name}"])) for name in names["codes"]}
    return Columns(texts, {name: stored[f"numbers.{name}"] for name in names["numbers"]})


def _packed(texts: Sequence[str]) -> Numbers:
    return np.frombuffer(json.dumps(list(texts)).encode(), dtype=np.uint8)


def _unpacked(packed: Numbers) -> list[str]:
    return json.loads(packed.tobytes())
