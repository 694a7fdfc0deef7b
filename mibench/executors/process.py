"""Isolated local processes: a trial that dies, hangs or fills the memory costs that trial and no other.

pebble's pool replaces a worker that was lost, where `concurrent.futures` would break the whole pool.
"""

import concurrent.futures
import importlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pebble

from mibench.errors import MibenchError
from mibench.executors import TAINTED, Executor, Limits, OverdueError, TaintedWorkerError, WorkerLostError, translated


class ProcessExecutor(Executor):
    """Runs batches in `limits.workers` spawned processes, each with its share of the processor's threads."""

    plans = True

    def __init__(self, limits: Limits, params: Any = None) -> None:
        super().__init__(limits.on_this_machine(), params)
        workers = self.limits.workers or 1
        self.slots = 2 * workers
        self._pool = pebble.ProcessPool(
            max_workers=workers,
            initializer=prepare_worker,
            initargs=(self.limits.threads, self.limits.memory),
            context=multiprocessing.get_context("spawn"),
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Runs a call in a worker; the future raises `WorkerLostError` or `OverdueError` if the worker is lost."""
        inner = self._pool.schedule(fn, args=list(args), kwargs=kwargs, timeout=self.limits.timeout)
        return translated(inner, self._translate)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the workers when they are idle, or with `cancel_futures` at once."""
        self._pool.stop() if cancel_futures else self._pool.close()
        if wait:
            self._pool.join()

    def _translate(self, error: BaseException) -> BaseException:
        if isinstance(error, pebble.ProcessExpired) and error.exitcode == TAINTED:
            return TaintedWorkerError("the worker's process was damaged by an earlier trial")
        if isinstance(error, pebble.ProcessExpired):
            return WorkerLostError(_how(error.exitcode))
        if isinstance(error, BrokenProcessPool):
            return MibenchError(f"workers died with no trial to blame ({error}); the same command goes on")
        if isinstance(error, TimeoutError):
            return OverdueError(f"stopped after {self.limits.timeout:g} s")
        return error


def prepare_worker(threads: int, memory: int | None) -> None:
    """Sets a worker's limits before it imports torch, and leaves Ctrl-C to the coordinator."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    importlib.import_module("torch")  # so that no trial's seconds, time limit or lack of memory include it
    if memory is not None:
        import resource  # absent on Windows, where no limit is set

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"the worker was killed by {signal.Signals(-exitcode).name}"
    return f"the worker ended with exit code {exitcode}"
