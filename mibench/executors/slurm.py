"""Runs batches as job arrays of a SLURM cluster, by submitit: a batch is a job.

A job that is preempted or runs out of time is queued again and resumes from its trials' checkpoints. In a job the batch
runs in a child process, so that the job's own process answers SLURM's signals. Each run has a folder below the results
for submitit's files (pickled calls, results, logs), which are removed as jobs succeed.
"""

import concurrent.futures
import contextlib
import functools
import signal
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pebble

from mibench.errors import MibenchError, UsageError
from mibench.executors import LIMITS, Executor, Limits, OverdueError, WorkerLostError
from mibench.executors.process import ProcessExecutor
from mibench.parameters import CheckedParams
from mibench.ranges import AtLeast

try:
    import submitit
    from submitit.core.utils import FailedJobError, UncompletedJobError
except ModuleNotFoundError as error:
    raise UsageError("the slurm executor needs submitit; install mibench[slurm]") from error

_PERIOD = 0.2
"""Seconds between two polls. Batches that arrive without such a pause between them are submitted as one array."""
_AT_ONCE = 1000
"""The number of queued jobs without `--workers`: SLURM allows arrays of 1001 by default."""

Future = concurrent.futures.Future[Any]


@dataclass(frozen=True, kw_only=True)
class SlurmParams(CheckedParams):
    """The options of `slurm[...]`, as `sbatch` has them.

    Attributes:
        partition, account, qos: where jobs run; empty for the cluster's default.
        time: the minutes that a job may take. A batch that needs more goes on in another job, up to three times.
        mem_gb: the GB that a job may use; `none` for the cluster's default. `sbatch` is told it in whole MB.
        cpus: the number of processors of a job.
        cluster: `local` runs jobs on this machine, to try things out.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    time: Annotated[int, AtLeast(1)] = 60
    mem_gb: Annotated[float | None, AtLeast(0.001)] = None
    cpus: Annotated[int, AtLeast(1)] = 1
    cluster: Literal["slurm", "local"] = "slurm"


class SlurmExecutor(Executor):
    """Runs each batch as a job, at most `limits.workers` at once; with `--device cuda` a job gets one GPU.

    Raises:
        UsageError: this machine belongs to no cluster.
    """

    Params = SlurmParams
    keeps = LIMITS

    def __init__(self, limits: Limits, params: SlurmParams | None = None) -> None:
        super().__init__(limits, params)
        local = self.params.cluster == "local"
        self.slots = self.workers = limits.workers or (limits.on_this_machine().workers or 1 if local else _AT_ONCE)
        self._job_limits = replace(limits, workers=1, threads=self.params.cpus)
        self._submitit = _submitit(self.params, limits)
        self._waiting: list[tuple[Future, Job]] = []
        self._running: list[tuple[Future, Job, Any]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Runs a call in a job; its future raises the errors of `ProcessExecutor`."""
        future = Future()
        begun = self._submitit.folder / f"{uuid.uuid4().hex}.begun"
        with self._lock:
            self._waiting.append((future, Job(self._job_limits, functools.partial(fn, *args, **kwargs), begun)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Waits for all jobs, or with `cancel_futures` cancels them; then removes the folder of this run."""
        with self._lock:
            futures = [future for future, *_ in (*self._waiting, *self._running)]
        if wait and not cancel_futures:
            concurrent.futures.wait(futures)
        self._ended.set()
        self._watcher.join()
        for *_, job in self._running if cancel_futures else []:
            job.cancel(check=False)
        for pattern in ("*.sh", "*.begun"):  # of a script SLURM has its own copy
            for file in self._submitit.folder.glob(pattern):
                file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: they hold a lost job's log or another run's folder
            self._submitit.folder.rmdir()
            self._submitit.folder.parent.rmdir()

    def _watch(self) -> None:
        seen = 0
        while not self._ended.wait(_PERIOD):
            with self._lock:
                if len(self._waiting) == seen:  # nothing was submitted since the last poll
                    self._send()
                seen = len(self._waiting)
                self._running = [running for running in self._running if not self._settled(*running)]

    def _send(self) -> None:
        """Submits the waiting jobs as one array."""
        futures, jobs = [future for future, _ in self._waiting], [job for _, job in self._waiting]
        self._waiting.clear()
        if not jobs:
            return
        try:
            self._running += zip(futures, jobs, self._submitit.submit_array(jobs), strict=True)
        except Exception as error:  # noqa: BLE001 - whatever the cluster raises goes to the waiting futures
            message = f"the cluster took no jobs: {' '.join(str(error).split())}"
            for future in futures:
                future.set_exception(MibenchError(message))

    def _settled(self, future: Future, ours: "Job", job: Any) -> bool:
        """Whether a job has ended; if so, passes its result on to its future."""
        try:
            if not job.done():
                return False
            result = job.result()
        except FailedJobError as error:
            future.set_exception(self._failure(error, ours, job))
        except UncompletedJobError:
            message = f"job {job.job_id} ended without an answer; see {job.paths.stderr}"
            future.set_exception(WorkerLostError(message, ours.seconds))
        except Exception as error:  # noqa: BLE001 - one job must not end the thread that polls all jobs
            future.set_exception(error)
        else:
            for path in (job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stdout, job.paths.stderr):
                path.unlink(missing_ok=True)
            future.set_exception(result) if isinstance(result, Exception) else future.set_result(result)
        return True

    def _failure(self, error: Exception, ours: "Job", job: Any) -> Exception:
        if "timed-out too many times" in str(error):
            message = f"its jobs' time ended too often; see {job.paths.stderr}"
            return OverdueError(message, max(60.0 * self.params.time, ours.seconds or 0.0))
        return MibenchError(f"job {job.job_id} failed; see {job.paths.stderr}")


@dataclass(frozen=True)
class Job:
    """What a job runs: a call in a child process with limits.

    Attributes:
        limits: those of the child process.
        call: what it runs.
        begun: a file that is made when the job begins for the first time.
    """

    limits: Limits
    call: Callable[[], Any]
    begun: Path

    def __call__(self) -> Any:
        """Returns the result, or the exception of a lost process, of which submitit would keep only the text."""
        with contextlib.suppress(FileExistsError):
            self.begun.touch(exist_ok=False)
        pebble.CONSTS.term_timeout = 0.1  # seconds until SIGKILL follows SIGTERM, which the child process ignores
        with ProcessExecutor(self.limits) as process:
            future = process.submit(ignore_job_signals, self.call)
            while not future.done():  # a signal does not interrupt a wait without a timeout
                concurrent.futures.wait([future], timeout=_PERIOD)
            try:
                return future.result()
            except Exception as error:  # noqa: BLE001 - of what a job raises submitit keeps only the text
                return error

    @property
    def seconds(self) -> float | None:
        """The seconds since the job began for the first time; `None` where it has not, as far as the files say."""
        try:
            return max(0.0, time.time() - self.begun.stat().st_mtime)
        except OSError:
            return None

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What SLURM queues again: the same job, because trials find their own checkpoints."""
        return submitit.helpers.DelayedSubmission(self)


def ignore_job_signals(call: Callable[[], Any]) -> Any:
    """Runs a call in a child process that ignores the job's signals, which SLURM sends to all of its processes."""
    for sent in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(sent, signal.SIG_IGN)
    return call()


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
