"""Isolated local processes: a trial that dies, hangs or fills the memory costs that trial and no other.

pebble's pool replaces a worker that was lost, where `concurrent.futures` would break the whole pool.
"""

import concurrent.futures
import functools
import importlib
import itertools
import math
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pebble

from mibench.errors import MibenchError, UsageError
from mibench.executors import (
    IN_WORKER,
    LIMITS,
    TAINTED,
    Executor,
    Limits,
    OverdueError,
    TaintedWorkerError,
    WorkerLostError,
    translated,
)
from mibench.executors.hosted import (
    EXITED_WITH_ZERO,
    NOT_GUARDED,
    WorkerContext,
    deadline,
    end_children,
    refuse_nested_start,
)
from mibench.process.standard import lose_what_cannot_be_written
from mibench.text import either, fixed, number

_ALARM = getattr(signal, "SIGALRM", 0)
_GRACE = 10.0
"""Seconds after its time limit at which a worker dies by itself, unless the pool has ended it before."""
_ROOM = 3 * 2**26
"""Bytes that a worker needs beside what torch holds, for what plugins and tasks import."""
_FAULTS: list[str] = []
"""Why this worker can run nothing."""

_CALLS = itertools.count()
"""How many calls this worker has begun."""
_FAILURES: list[Exception] = []
"""What came out of a call that lets nothing out: code of others has damaged this worker."""


class ProcessExecutor(Executor):
    """Runs batches in `limits.workers` spawned processes, each with its share of the processor's threads."""

    plans = True
    keeps = LIMITS

    def __init__(self, limits: Limits, params: Any = None) -> None:
        refuse_nested_start()
        super().__init__(limits.on_this_machine(), params)
        self.workers = self.limits.workers or 1
        self.slots = 2 * self.workers
        self._context = WorkerContext()
        self._pool = pebble.ProcessPool(
            max_workers=self.workers,
            initializer=prepare_worker,
            initargs=(self.limits.threads, self.limits.memory),
            context=self._context,
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Runs a call in a worker; the future raises `WorkerLostError` or `OverdueError` if the worker is lost."""
        timeout = self.limits.timeout
        own_limit = None if timeout is None else timeout + _GRACE
        call = functools.partial(fn, *args, **kwargs)
        try:
            inner = self._pool.schedule(run_in_worker, args=[own_limit, call], timeout=timeout)
        except RuntimeError as error:
            raise self._lost_workers() from error
        return translated(inner, functools.partial(self._translate, since=_noting_start(inner)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers when they are idle, or with `cancel_futures` at once."""
        self._pool.stop() if cancel_futures else self._pool.close()
        if wait:
            self._pool.join()

    def _translate(self, error: BaseException, since: Callable[[], float]) -> BaseException:
        if isinstance(error, pebble.ProcessExpired) and error.exitcode == TAINTED:
            return TaintedWorkerError("the worker's process was damaged by an earlier trial")
        if isinstance(error, pebble.ProcessExpired) and error.exitcode != -_ALARM:
            return WorkerLostError(_how(error.exitcode), since())
        if isinstance(error, TimeoutError | pebble.ProcessExpired):
            limit = self.limits.timeout or math.nan
            return OverdueError(f"stopped after {number(limit, 6)} s", max(since(), limit))
        return self._lost_workers() if isinstance(error, BrokenProcessPool) else error

    def _lost_workers(self) -> MibenchError:
        """Why no worker could run anything."""
        codes = {worker.exitcode for worker in self._context.workers if not worker.is_alive()}
        if NOT_GUARDED in codes:
            return UsageError(
                "workers import the program that starts them, and this one would start a run again: put its call of "
                'mibench under `if __name__ == "__main__":`, or say executor="serial"'
            )
        ways = either(sorted({_how(code) for code in codes})) if codes else "they could not be started"
        return MibenchError(f"workers died with no trial to blame ({ways}); the same command goes on")


def _noting_start(future: concurrent.futures.Future[Any]) -> Callable[[], float]:
    """Notes when pebble says that a worker has begun a call; what it returns tells the seconds since then."""
    begun, tell = [time.monotonic()], future.set_running_or_notify_cancel

    def note() -> bool:
        begun.append(time.monotonic())
        return tell()

    future.set_running_or_notify_cancel = note  # type: ignore[method-assign]
    return lambda: time.monotonic() - begun[-1]


def prepare_worker(threads: int, memory: int | None) -> None:
    """Sets a worker's limits before it imports torch, and leaves Ctrl-C to the coordinator."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lose_what_cannot_be_written()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    try:
        importlib.import_module("torch")  # so that no trial's seconds, time limit or lack of memory include it
    except BaseException as error:  # noqa: BLE001 - every batch that is sent here says it
        _FAULTS.append(f"workers cannot import torch: {type(error).__name__}: {error}")
    if memory is not None:
        needed = held_memory() + _ROOM
        if memory < needed:
            _FAULTS.append(
                f"a worker may use {_gib(memory)} GiB, and needs {_gib(needed)} to import what it runs; raise "
                "--memory, or take fewer --workers"
            )
            return  # with so little, some libraries wait for memory for ever
        import resource  # absent on Windows, where no limit is set

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def held_memory() -> int:
    """The bytes of data that this process holds; 0 where the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii", errors="replace").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 2**10 for line in lines if line.startswith("VmData:")), 0)


def _gib(memory: int) -> str:
    return fixed(memory / 2**30, 2)


def run_in_worker(limit: float | None, call: Callable[[], Any]) -> Any:
    """Runs a call in a worker, which dies after `limit` seconds; processes that the call leaves behind are killed.

    A batch lets no exception out. If one comes, code of others has changed what mibench itself uses, perhaps in an
    earlier call. A worker that had another call ends, so that this one is made again in a new worker; if it fails there
    too, the failure is its own.

    Raises:
        MibenchError: the worker cannot run anything.
    """
    if _FAULTS:
        raise MibenchError(_FAULTS[0])
    if _FAILURES:
        os._exit(TAINTED)
    first = next(_CALLS) == 0
    try:
        with deadline(limit), end_children():
            return call()
    except MibenchError:
        raise
    except Exception as error:
        if not first:
            os._exit(TAINTED)
        _FAILURES.append(error)
        error.add_note(IN_WORKER)
        raise


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"the worker was killed by {signal.Signals(-exitcode).name}"
    return f"the worker ended with exit code {0 if exitcode == EXITED_WITH_ZERO else exitcode}"
