"""Which trials other runs are at: two runs of one command share its work, and measure no trial twice.

A claim is a lock on one byte of a file, at a place that the trial's key says. The system lets go of a process's locks
when it ends, however it ends, so that a run that was killed claims nothing.

Two runs may still do the same work where no lock tells them apart: on Windows, on file systems without locks, in two
threads of one process, and while the workers of a killed run have still to end.
"""

import contextlib
import os
import struct
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from mibench.plan.trial import Batch

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    fcntl = None

_PRESENT = 1 << 62
"""The byte that all runs in a folder lock together, so that none removes the file under another; keys stay below it."""

_LOCK = "hhqqi4x"
"""How Linux lays out a lock: its kind, what its start counts from, start, length, and the process that holds it."""


class Claims:
    """What this run is at, as far as the file system can tell others.

    Args:
        folder: the results folder; the last run that is there removes the file.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "claims"
        self._file: int | None = None

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):  # then there are no claims
            self._file = _open(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if fcntl is None or self._file is None:
            return
        with contextlib.suppress(OSError):  # another run is there
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink()
        os.close(self._file)

    def take(self, batch: Batch) -> bool:
        """Claims all trials of a batch; or none, and returns `False`, if another run is at one of them."""
        if fcntl is None or self._file is None:
            return True
        try:
            for trial in batch.trials:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(trial.key))
        except (BlockingIOError, PermissionError):  # which of them is up to the system
            self.release(batch)
            return False
        except OSError:
            return True  # this file system has no locks
        return True

    def holder(self, batch: Batch) -> int | None:
        """The process that claims one of a batch's trials; `None` if there is none or the system does not say."""
        if fcntl is None or self._file is None or sys.platform != "linux":
            return None
        for trial in batch.trials:
            wanted = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, _place(trial.key), 1, 0)
            with contextlib.suppress(OSError):
                kind, *_, pid = struct.unpack(_LOCK, fcntl.fcntl(self._file, fcntl.F_GETLK, wanted))
                if kind != fcntl.F_UNLCK and pid > 0:  # a process of another machine has no number here
                    return pid
        return None

    def release(self, batch: Batch) -> None:
        """Lets go of a batch."""
        if fcntl is not None and self._file is not None:
            with contextlib.suppress(OSError):
                for trial in batch.trials:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _place(trial.key))


def _open(path: Path) -> int:
    """Opens the file of claims, which no other run removes until it is closed.

    Raises:
        OSError: the file system refuses, or has no locks.
    """
    while fcntl is not None:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(file, fcntl.LOCK_SH, 1, _PRESENT)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), path.stat()):
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # the last run has removed the file between its opening and its lock
    raise OSError("this system has no locks")


def _place(key: str) -> int:
    return int(key, 16) >> 2  # file systems count bytes by 63 bits
