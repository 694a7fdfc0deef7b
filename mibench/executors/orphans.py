"""What trials have started ends with the process that runs them, whatever ends that process. Linux only.

While trials run, an environment variable names the process that runs them, and their child processes inherit it. A
watchdog waits until that process has ended and then kills every process whose environment names it, also one that leads
a session of its own. Two kinds are out of its reach: a child that was forked without a program of its own and leads a
session, since the system shows its parent's first environment for it; and one that was given another environment.

This file is also the watchdog's program, so it imports little and nothing of mibench.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Generator

_NAME = "MIBENCH_TRIALS_OF"
_PATIENCE = 5.0
"""Seconds until a process that does not end by SIGKILL is given up."""
_WAIT = 'read -r line || exec "$0" -I -S "$1" "$2"'
"""A shell, which waits at little cost until its input ends; a line says that nobody has to be looked for."""


class Watchdog:
    """Waits for the end of this process in a process of its own.

    Attributes:
        pid: of the watchdog; `None` where there is none.
    """

    def __init__(self) -> None:
        self.pid: int | None = None
        self._input = -1
        if sys.platform == "linux":
            self._start()

    def _start(self) -> None:
        reading, self._input = os.pipe()
        os.register_at_fork(after_in_child=self._close)  # only this process is waited for
        environment = {name: value for name, value in os.environ.items() if name != _NAME}
        command = ["sh", "-c", _WAIT, sys.executable, __file__, str(os.getpid())]
        quiet = os.open(os.devnull, os.O_RDWR)
        files = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate((reading, quiet, quiet))]
        try:
            self.pid = os.posix_spawn("/bin/sh", command, environment, file_actions=files, setsid=True)
        except (OSError, NotImplementedError):
            self._close()  # this machine has no shell, or cannot start it in a session of its own
        os.close(reading)
        os.close(quiet)

    def dismiss(self) -> None:
        """Ends the watchdog, which then kills nothing."""
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.write(self._input, b"\n")
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self.pid = None
        self._close()

    def _close(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1


@contextlib.contextmanager
def marking_children() -> Generator[None]:
    """Names this process in the environment of the processes that the block starts."""
    before = os.environ.get(_NAME)
    os.environ[_NAME] = str(os.getpid())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_NAME, None)
        else:
            os.environ[_NAME] = before


def is_watchdog(pid: int) -> bool:
    """Whether a process is the watchdog of another."""
    return __file__.encode() in _words(f"/proc/{pid}/cmdline")


def end_marked(pid: int) -> None:
    """Kills the processes that trials of a process have started, and waits until they are gone."""
    end = time.monotonic() + _PATIENCE
    while (left := _marked(pid)) and time.monotonic() < end:
        for orphan in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(orphan, signal.SIGKILL)
        time.sleep(0.002)


def _marked(pid: int) -> list[int]:
    """The running processes whose environment names a process."""
    mark = f"{_NAME}={pid}".encode()
    numbers = [name for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib takes long to import
    return [int(number) for number in numbers if mark in _words(f"/proc/{number}/environ")]


def _words(file: str) -> list[bytes]:
    """What a file of a process lists; nothing if it has ended or is another user's."""
    try:
        with open(file, "rb") as opened:  # noqa: PTH123 - pathlib takes long to import
            return opened.read().split(b"\0")
    except OSError:
        return []


if __name__ == "__main__":
    end_marked(int(sys.argv[1]))
