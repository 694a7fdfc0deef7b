"""The files below the folder of records, each with the state by which a change of it is noticed.

To list a quarter of a million files takes most of a second, in which another process can import pandas and load an
index. So this module is a program too, and imports nothing of mibench.
"""

import json
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

DEPTH = 2
"""How many folders deep records lie; files that lie less deep are listed too, so that they are named."""
STATE = 4
"""How many numbers a state has: the size, the times of the last change of contents and entry, and the inode."""
_GONE = (-1,) * STATE


class Listing(NamedTuple):
    """What there is.

    Attributes:
        begun: when the listing began, in nanoseconds since 1970; what changes later may have another state.
        paths: those of the files below the folder, level by level; as bytes (`paths_of`) they are compared in no time.
        states: those of the files, one after another; -1 throughout for a file that cannot be looked at.
        hidden: the path below the folder of each folder that cannot be listed, and why.
    """

    begun: int
    paths: bytes
    states: "array[int]"
    hidden: list[tuple[str, str]]

    @property
    def files(self) -> list[str]:
        """The path of each file below the folder."""
        return files_of(self.paths)


def paths_of(files: Iterable[str]) -> bytes:
    """Paths as bytes, each with a zero behind it, which no path holds."""
    return os.fsencode("".join([f"{file}\0" for file in files]))


def files_of(paths: bytes) -> list[str]:
    """The paths that bytes stand for."""
    return os.fsdecode(paths).split("\0")[:-1]


def nothing() -> Listing:
    """The listing of a folder that does not exist."""
    return Listing(time.time_ns(), b"", array("q"), [])


def list_files(folder: str) -> Listing:
    """Lists the files `TASK/ESTIMATOR/NAME.json` below a folder, and those that lie less deep.

    Raises:
        OSError: the folder itself cannot be listed.
    """
    begun, hidden = time.time_ns(), list[tuple[str, str]]()
    files, states, folders = list[str](), array("q"), [""]
    for depth in range(DEPTH + 1):
        above, folders = sorted(folders), []
        for below in above:
            try:
                there = sorted(_files(folder, below))
                folders += _folders(folder, below) if depth < DEPTH else []
            except OSError as error:
                if not below:
                    raise
                hidden.append((below, str(error.strerror)))
                continue
            files += [below + name for name, _ in there]
            for _, state in there:
                states.extend(state)
    return Listing(begun, paths_of(files), states, hidden)


def begin(folder: str) -> Callable[[], Listing | None]:
    """Begins to list in another process.

    Returns:
        What waits for the listing; `None` if no process could make it.
    """
    command = [sys.executable, "-I", "-S", __file__, folder]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - this Python
    except OSError:
        return lambda: None

    def answer() -> Listing | None:
        told = process.communicate()[0]
        if process.returncode:
            return None
        start = told.index(b"\n") + 1
        begun, size, hidden = json.loads(told[:start])
        states = array("q")
        states.frombytes(memoryview(told)[start + size :])
        return Listing(begun, told[start : start + size], states, [(name, reason) for name, reason in hidden])

    return answer


def _folders(folder: str, below: str) -> list[str]:
    """The folders in one that lies below the folder of records; the path of each ends in a slash."""
    with os.scandir(os.path.join(folder, below)) as entries:  # noqa: PTH118 - a Path for each takes longer
        return [f"{below}{entry.name}/" for entry in entries if entry.is_dir()]


def _files(folder: str, below: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    with os.scandir(os.path.join(folder, below)) as entries:  # noqa: PTH118 - as above
        for entry in entries:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                yield entry.name, _state(entry)


def _state(entry: "os.DirEntry[str]") -> tuple[int, ...]:
    try:
        status = entry.stat()
    except OSError:
        return _GONE
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino % 2**63


if __name__ == "__main__":
    listed = list_files(sys.argv[1])
    head = json.dumps([listed.begun, len(listed.paths), listed.hidden]).encode()
    sys.stdout.buffer.writelines([head, b"\n", listed.paths, listed.states])
