"""Files of records as columns. Many files are read by as many processes as there are cores."""

import gc
import io
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mibench.store.columns import Columns, Gathering, Numbers, joined, pack, packed, unpack, unpacked
from mibench.store.record import InvalidRecord, read_record

FEWEST = 4_000
"""So many files are read in the time that a process takes to start."""
_PROGRAM = """
import json, sys
request = json.load(sys.stdin)
sys.path[:] = request["path"]
from mibench.store.reading import answer
answer(request["files"])
"""
"""What such a process runs. It looks for modules where its parent does, and imports none of the parent's own."""


@dataclass(frozen=True)
class Read:
    """What files hold.

    Attributes:
        columns: their records, in the order of files.
        places: which of the files are records.
        invalid: the others.
    """

    columns: Columns
    places: Numbers
    invalid: list[InvalidRecord]


def read_files(paths: Sequence[str]) -> Read:
    """The records in files."""
    workers = min(_cores(), len(paths) // FEWEST)
    if workers < 2:
        return _read(paths)
    cuts = np.linspace(0, len(paths), workers + 1).astype(int).tolist()
    with ThreadPoolExecutor(workers) as pool:  # each thread waits for its process
        parts = list(pool.map(_read_apart, [paths[start:end] for start, end in itertools.pairwise(cuts)]))
    places = np.concatenate([part.places + start for part, start in zip(parts, cuts[:-1], strict=True)])
    return Read(joined([part.columns for part in parts]), places, [file for part in parts for file in part.invalid])


def answer(paths: Sequence[str]) -> None:
    """Writes what files hold to standard output, for the process that asked."""
    gc.disable()  # nothing that reading makes refers to itself, and looking for it takes a fifth of the time
    read = _read(paths)
    invalid = [[str(file.path), file.reason, file.newer, file.unread, file.place] for file in read.invalid]
    contents = io.BytesIO()
    np.savez(
        contents, allow_pickle=False, places=read.places, invalid=pack([json.dumps(invalid)]), **packed(read.columns)
    )
    sys.stdout.buffer.write(contents.getbuffer())


def _read(paths: Sequence[str]) -> Read:
    gathering, places, invalid = Gathering(), list[int](), list[InvalidRecord]()
    for place, path in enumerate(paths):
        record = read_record(Path(path))
        if isinstance(record, InvalidRecord):
            invalid.append(record)
        else:
            gathering.add(record)
            places.append(place)
    return Read(gathering.columns(), np.array(places, dtype=np.int64), invalid)


def _read_apart(paths: Sequence[str]) -> Read:
    """What files hold, as another process reads it; where none can be started, this one reads."""
    command = [sys.executable, "-I", "-c", _PROGRAM]
    request = json.dumps({"path": sys.path, "files": list(paths)}).encode()
    try:
        done = subprocess.run(command, input=request, capture_output=True, check=True)  # noqa: S603 - this Python
    except (OSError, subprocess.CalledProcessError):
        return _read(paths)
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as stored:
        invalid = [InvalidRecord(Path(path), *rest) for path, *rest in json.loads(unpack(stored["invalid"])[0])]
        return Read(unpacked(stored), stored["places"], invalid)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
