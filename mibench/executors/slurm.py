"""Job arrays of a SLURM cluster, by submitit: a batch is a job.

A job that is preempted, or whose time ends, is put into the queue again and goes on from its trials' checkpoints. In a
job the trial runs in a process of its own, which leaves signals to submitit's. What submitit keeps (functions, results,
logs) is in a folder of each run's own below the results, is of use to that run alone, and is removed as jobs succeed.
"""

import concurrent.futures
import contextlib
import functools
import signal
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pebble

from mibench.errors import MibenchError, UsageError
from mibench.executors import Executor, Limits, OverdueError, WorkerLostError
from mibench.executors.hosted import exit_with_parent
from mibench.executors.process import ProcessExecutor

try:
    import submitit
    from submitit.core.utils import FailedJobError, UncompletedJobError
except ModuleNotFoundError as error:
    raise UsageError("the slurm executor needs submitit; install mibench[slurm]") from error

_PERIOD = 0.2
"""Seconds between two looks at what is new; what comes without a pause is submitted as one array."""
_AT_ONCE = 1000
"""Jobs in the queue without `--workers`: SLURM allows arrays of 1001, if it was not told otherwise."""

Future = concurrent.futures.Future[Any]


@dataclass(frozen=True, kw_only=True)
class SlurmParams:
    """Options, as `sbatch` has them.

    Attributes:
        partition, account, qos: where jobs are put; empty for the cluster's default.
        time: minutes a job may take. A batch that needs more goes on in another, up to three times.
        mem_gb: GB a job may use; `none` for the cluster's default.
        cpus: processors a job gets.
        cluster: `local` runs jobs on this machine, to try things out.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    time: int = 60
    mem_gb: float | None = None
    cpus: int = 1
    cluster: Literal["slurm", "local"] = "slurm"


class SlurmExecutor(Executor):
    """Runs each batch as a job, `limits.workers` of them at once; on GPUs, one a job.

    Raises:
        UsageError: this is no machine of a cluster.
    """

    Params = SlurmParams

    def __init__(self, limits: Limits, params: SlurmParams | None = None) -> None:
        super().__init__(limits, params)
        local = self.params.cluster == "local"
        self.slots = limits.workers or (limits.on_this_machine().workers or 1 if local else _AT_ONCE)
        self._guest = replace(limits, workers=1, threads=self.params.cpus)
        self._submitit = _submitit(self.params, limits)
        self._waiting: list[tuple[Future, Job]] = []
        self._running: list[tuple[Future, Any]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Runs in a job; the future raises as that of `ProcessExecutor` does."""
        future = Future()
        with self._lock:
            self._waiting.append((future, Job(self._guest, functools.partial(fn, *args, **kwargs))))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Forgets what it knows; with `cancel_futures` it takes jobs out of the queue and ends those that run."""
        with self._lock:
            futures = [future for future, _ in [*self._waiting, *self._running]]
        if wait and not cancel_futures:
            concurrent.futures.wait(futures)
        self._ended.set()
        self._watcher.join()
        for _, job in self._running if cancel_futures else []:
            job.cancel(check=False)
        for script in self._submitit.folder.glob("*.sh"):  # of which SLURM has a copy
            script.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # they are not empty: a lost job's log is there, or another run's folder
            self._submitit.folder.rmdir()
            self._submitit.folder.parent.rmdir()

    def _watch(self) -> None:
        seen = 0
        while not self._ended.wait(_PERIOD):
            with self._lock:
                if len(self._waiting) == seen:  # nobody is about to submit more
                    self._send()
                seen = len(self._waiting)
                self._running = [(future, job) for future, job in self._running if not _settled(future, job)]

    def _send(self) -> None:
        """Submits what is waiting as one array."""
        futures, jobs = [future for future, _ in self._waiting], [job for _, job in self._waiting]
        self._waiting.clear()
        if not jobs:
            return
        try:
            self._running += zip(futures, self._submitit.submit_array(jobs), strict=True)
        except Exception as error:  # noqa: BLE001 - whatever the cluster refuses with belongs to those who wait
            message = f"the cluster took no jobs: {' '.join(str(error).split())}"
            for future in futures:
                future.set_exception(MibenchError(message))


@dataclass(frozen=True)
class Job:
    """What a job runs, the first time and again."""

    limits: Limits
    call: Callable[[], Any]

    def __call__(self) -> Any:
        """The function's result, or how its process was lost: submitit would keep an exception's text alone."""
        pebble.CONSTS.term_timeout = 0.1  # seconds until SIGKILL follows the SIGTERM to which the process is deaf
        with ProcessExecutor(self.limits) as process:
            future = process.submit(undisturbed, self.call)
            while not future.done():  # a signal that another thread takes does not wake one that waits without end
                concurrent.futures.wait([future], timeout=_PERIOD)
            try:
                return future.result()
            except (WorkerLostError, OverdueError, MibenchError) as error:
                return error

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What is put into the queue again: the same, since trials find their own checkpoints."""
        return submitit.helpers.DelayedSubmission(self)


def undisturbed(call: Callable[[], Any]) -> Any:
    """Runs although SLURM sends the job's signals to all of its processes; submitit's process answers them."""
    for number in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    return exit_with_parent(call)


def _submitit(params: SlurmParams, limits: Limits) -> submitit.AutoExecutor:
    folder = limits.scratch / f"submitit-{uuid.uuid4().hex[:8]}"
    try:
        executor = submitit.AutoExecutor(folder, cluster=params.cluster)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"cannot submit jobs: {error}") from error
    executor.update_parameters(
        name="mibench",
        timeout_min=params.time,
        mem_gb=params.mem_gb,
        cpus_per_task=params.cpus,
        gpus_per_node=1 if limits.device == "cuda" else None,
        slurm_partition=params.partition or None,
        slurm_account=params.account or None,
        slurm_qos=params.qos or None,
    )
    return executor


def _settled(future: Future, job: Any) -> bool:
    """Whether a job has ended; its future then knows how."""
    try:
        if not job.done():
            return False
        result = job.result()
    except FailedJobError as error:
        future.set_exception(_failure(error, job))
    except UncompletedJobError:
        future.set_exception(WorkerLostError(f"job {job.job_id} ended without an answer; see {job.paths.stderr}"))
    except Exception as error:  # noqa: BLE001 - the thread that looks after all jobs must not die of one
        future.set_exception(error)
    else:
        for path in (job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stdout, job.paths.stderr):
            path.unlink(missing_ok=True)
        future.set_exception(result) if isinstance(result, Exception) else future.set_result(result)
    return True


def _failure(error: Exception, job: Any) -> Exception:
    if "timed-out too many times" in str(error):
        return OverdueError(f"its jobs' time ended too often; see {job.paths.stderr}")
    return MibenchError(f"job {job.job_id} failed; see {job.paths.stderr}")
