"""The real command, and the processes that it starts and leaves."""

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "MIBENCH_TESTS_FOLDER"
"""The variable of the environment by which processes that a test started are known."""
COMMAND = str(Path(sys.executable).with_name("mibench"))
Install = Callable[..., None]


def session(leader: int) -> set[int]:
    """The processes that are left of a session; workers lead process groups of their own in it."""
    return {int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _session_of(folder) == leader}


def started_in(folder: Path) -> set[int]:
    """The processes that commands of `start` in a test's folder have started, in whatever session, and the commands."""
    mark = f"{MARK}={folder}".encode()
    pids: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            pids |= {int(process.name)} if mark in (process / "environ").read_bytes().split(b"\0") else set()
    return pids


def parent_of(pid: int) -> int:
    """The parent of a process that runs."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def runs(pid: int) -> bool:
    """Whether a process has not ended."""
    return _session_of(Path(f"/proc/{pid}")) is not None


def _session_of(folder: Path) -> int | None:
    """The session of a process, unless it has ended."""
    try:
        state, _, _, number, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(number)


def wait_until(true: Callable[[], Any], what: str, seconds: float = 280) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)
