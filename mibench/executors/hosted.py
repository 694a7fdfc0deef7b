"""Child processes that end with their parent, whatever ends the parent, and that end their own children."""

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterable
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from mibench.errors import StoreError, UsageError
from mibench.executors.orphans import Watchdog, is_watchdog, marking_children
from mibench.process.children import KEPT

NOT_GUARDED = 79
"""The exit code of a worker whose import of the main program starts another run."""
EXITED_WITH_ZERO = 256
"""What stands for exit code 0 of a worker, which pebble takes for an end that was planned; no process has this code."""
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 5.0
"""Seconds to wait until killed processes are gone."""


class Worker(multiprocessing.context.SpawnProcess):
    """A process that leads a process group of its own. When it ends, in whatever way, the whole group is killed."""

    def run(self) -> None:
        """Runs in the child process."""
        if hasattr(os, "setpgid"):
            os.setpgid(0, 0)
        watchdog = Watchdog()
        _adopt_orphans()
        exit_with_parent()
        super().run()
        watchdog.dismiss()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        alive = super().is_alive()
        if not alive:
            self._kill_group()
        return alive

    def terminate(self) -> None:
        """Kills the process, its group and all processes below it."""
        below = _descendants(self.pid) if self.pid is not None else set[int]()
        self._kill_group()
        super().kill()
        _kill(below)

    @property
    def exitcode(self) -> int | None:
        """The exit code; 256 for 0, because no worker has a reason to exit by itself."""
        code = super().exitcode
        return EXITED_WITH_ZERO if code == 0 else code

    def _kill_group(self) -> None:
        if self.pid is not None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


class WorkerContext(multiprocessing.context.SpawnContext):
    """Starts workers, and remembers them and their locks.

    A worker that is born while its pool ends looks for the pool's locks by name; they are there as long as this is.

    Attributes:
        workers: all that were started.
    """

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[Worker] = []
        self._locks: list[Any] = []

    def RLock(self) -> Any:  # noqa: N802 - the name of multiprocessing
        """A lock that workers share.

        Raises:
            StoreError: the system does not make one.
        """
        try:
            lock = super().RLock()
        except OSError as error:
            raise StoreError(
                f"cannot write a lock of the workers into shared memory: {error.strerror}; nothing measured before is "
                "lost, and --executor serial needs no lock"
            ) from error
        self._locks.append(lock)
        return lock

    def Process(self, *args: Any, **kwargs: Any) -> Worker:  # type: ignore[override]  # noqa: N802 - the name of multiprocessing
        """A worker that is not started yet."""
        worker = Worker(*args, **kwargs)
        self.workers.append(worker)
        return worker


def exit_with_parent() -> None:
    """Ends this process, and its process group if it leads one, as soon as its parent has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True).start()


def refuse_nested_start() -> None:
    """Makes sure that this process can start workers.

    A worker that is just importing the main program ends here: the program has no `if __name__ == "__main__":`, and its
    parent says so.

    Raises:
        UsageError: this process may have no children, or its program is no file that workers can import.
    """
    end_unguarded_worker()
    foreign = multiprocessing.get_start_method() not in multiprocessing.get_all_start_methods()  # joblib's
    if multiprocessing.current_process().daemon or foreign:
        raise UsageError(
            "this process is itself a worker, e.g. of multiprocessing.Pool or joblib, and cannot start others; "
            'say executor="serial"'
        )
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if path and getattr(main, "__spec__", None) is None and not Path(path).exists():
        raise UsageError(
            f"workers import the program that starts them, and {path} is no file: save the program in a file, or say "
            'executor="serial"'
        )


def end_unguarded_worker() -> None:
    """Ends a worker that is just importing the main program, which would otherwise run all of it again."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(NOT_GUARDED)


@contextlib.contextmanager
def deadline(seconds: float | None) -> Generator[None]:
    """Kills this process by SIGALRM if the block takes longer, also where nobody is left who would."""
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextlib.contextmanager
def end_children() -> Generator[None]:
    """Kills the processes that the block has started and left running, with all of their children. Linux only."""
    _adopt_orphans()
    here = os.getpid()
    before = _descendants(here)
    try:
        with marking_children():
            yield
    finally:
        end = time.monotonic() + _PATIENCE
        tracker = getattr(resource_tracker._resource_tracker, "_pid", None)  # pyright: ignore[reportPrivateUsage]
        staying = before.union({tracker}, KEPT, *map(_descendants, KEPT))
        while (left := _descendants(here) - staying) and time.monotonic() < end:
            _kill(left)
            for pid in left:
                with contextlib.suppress(ChildProcessError):  # its parent has still to be gone
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.002)


def _adopt_orphans() -> None:
    """Makes this process the parent of descendants whose own parent ends, so that none is out of reach. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _descendants(pid: int) -> set[int]:
    """The processes below a process, as far as Linux's `/proc` says, without the watchdogs among them."""
    below, waiting = set[int](), [pid]
    while waiting:
        children = {child for child in _children(waiting.pop()) - below if not is_watchdog(child)}
        below |= children
        waiting += children
    return below


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> set[int]:
    children: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            children |= {int(child) for child in path.read_text(encoding="ascii").split()}
    return children


def _watch(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    _kill(_descendants(os.getpid()))
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
