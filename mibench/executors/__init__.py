"""What an executor is: the runner calls `submit`, waits for futures, and keeps `slots` of them submitted."""

import concurrent.futures
import os
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from mibench.errors import MibenchError, PluginError, UsageError
from mibench.executors.machine import has_gpu
from mibench.executors.machine import memory as machine_memory
from mibench.specs import NoParams
from mibench.text import described, message_of

LONGEST = 1e9
"""Seconds, about 30 years: a time limit above this is none, since no alarm can be set so far ahead."""
LIMITS = frozenset({"workers", "timeout", "memory"})
"""The limits that an executor may keep."""
IN_WORKER = "raised where a batch was run"
"""The note on an exception of a batch or of the worker that it has damaged: it is not the executor's."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a user allows an executor to use; `None` leaves a choice to the executor.

    Attributes:
        workers: the number of batches that run at once.
        threads: the number of threads of each worker.
        timeout: the seconds that a batch may take; `None` for no limit.
        memory: the bytes that a worker may use.
        device: `cpu` or `cuda`.
        scratch: a folder below the results for an executor's temporary files.

    Raises:
        UsageError: fewer than one worker.
    """

    workers: int | None = None
    threads: int | None = None
    timeout: float | None = None
    memory: int | None = None
    device: str = "cpu"
    scratch: Path = Path("scratch")

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"at least one worker is needed, not {self.workers}")

    @property
    def asked(self) -> AbstractSet[str]:
        """Which of `LIMITS` a user has set; every executor can do with one worker."""
        return {name for name in LIMITS if getattr(self, name) is not None} - (
            {"workers"} if self.workers == 1 else set()
        )

    def on_this_machine(self) -> "Limits":
        """Fills in what is `None`: one worker per core, or one for a GPU, each with its share of threads and memory.

        A time limit above `LONGEST` becomes none.

        On a GPU memory stays unlimited, because its driver reserves address space that it never uses.

        Raises:
            UsageError: a GPU was asked for and torch finds none.
        """
        if self.device == "cuda" and not has_gpu():
            raise UsageError("torch finds no CUDA device here; use --device cpu")
        gpu, cores = self.device == "cuda", os.cpu_count() or 1
        workers = self.workers or (1 if gpu else cores)
        share = None if gpu else (machine_memory() or 0) // workers or None
        return replace(
            self,
            workers=workers,
            threads=self.threads or max(1, cores // workers),
            memory=share if self.memory is None else self.memory,
            timeout=None if self.timeout is None or self.timeout > LONGEST else self.timeout,
        )


class Executor(concurrent.futures.Executor):
    """Runs batches. The future of a lost worker raises `WorkerLostError` or `OverdueError`.

    Of any other future comes what the call returned or raised; a run that gets something else ends.

    As a context manager it waits for all futures at its end; on an exception it ends the workers at once.

    Attributes:
        Params: its options, as in `--executor name[field=value]`: a dataclass like an estimator's.
        slots: the number of batches that the runner keeps submitted, running or waiting for a free worker.
        workers: the number of batches that it runs at once, by which the time that is left is estimated.
        plans: whether its workers are on this machine, so that they can plan the run, which takes torch.
        keeps: the limits that it keeps, of `workers`, `timeout` and `memory`; a run that asks for another is refused.
        owner: what messages call it; a run gives it its name and its plugin's.
    """

    Params: ClassVar[type[Any]] = NoParams
    slots: int = 1
    workers: int = 1
    plans: bool = False
    keeps: ClassVar[AbstractSet[str]] = frozenset({"workers"})
    owner: str = "the executor"

    def __init__(self, limits: Limits, params: Any = None) -> None:
        self.limits = limits
        self.params = self.Params() if params is None else params

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown(cancel_futures=kind is not None)


def check_executor(executor: Executor) -> None:
    """Refuses an executor that could run nothing.

    Raises:
        PluginError: it has no `submit`, or `slots` or `workers` is no whole number from 1.
    """
    if getattr(executor.submit, "__func__", None) is concurrent.futures.Executor.submit:
        raise PluginError(f"{executor.owner} has no `submit`, which runs a call and returns its future")
    for name in ("slots", "workers"):
        count = getattr(executor, name)
        if not (isinstance(count, int) and count >= 1):
            raise PluginError(f"{executor.owner}: `{name}` is a whole number from 1, not {described(count)}")


def submitted(executor: Executor, fn: Callable[..., Any], /, *args: Any) -> concurrent.futures.Future[Any]:
    """The future of a call.

    Raises:
        PluginError: the executor raises, or returns no future.
    """
    try:
        future: Any = executor.submit(fn, *args)
    except MibenchError:
        raise
    except Exception as error:
        raise PluginError(f"{executor.owner}: `submit` raised {type(error).__name__}: {message_of(error)}") from error
    if not isinstance(future, concurrent.futures.Future):
        raise PluginError(
            f"{executor.owner}: `submit` is to return a concurrent.futures.Future, not {described(future)}"
        )
    return future


class LostError(Exception):
    """A batch was lost with what ran it. The message says how.

    Args:
        message: how it was lost.
        seconds: what it had taken by then; `None` where its start is not known.
    """

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class WorkerLostError(LostError):
    """The process that ran a batch died."""


TAINTED = 86
"""The exit code of a worker that ends itself before it runs a batch, since an earlier one has damaged its process."""


class TaintedWorkerError(WorkerLostError):
    """A worker ended itself before it ran a batch, which is to be submitted again."""


class OverdueError(LostError):
    """A batch ran past its time limit and was stopped."""


def translated(
    inner: "concurrent.futures.Future[Any]", translate: Callable[[BaseException], BaseException]
) -> "concurrent.futures.Future[Any]":
    """A future with the result of `inner`, whose error or cancellation goes through `translate`."""
    outer: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def pass_on(done: "concurrent.futures.Future[Any]") -> None:
        error = concurrent.futures.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            outer.set_result(done.result())
        else:
            outer.set_exception(translate(error))

    inner.add_done_callback(pass_on)
    return outer
