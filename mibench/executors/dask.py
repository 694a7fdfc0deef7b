"""Runs batches on a running dask cluster, or without `scheduler` on a new one on this machine.

Every dask worker runs trials in child processes, so that a trial that dies, hangs or fills the memory costs that trial
and not the worker. If a worker itself is lost, dask gives its batches to another worker; a batch is given up only when
several workers in a row were lost with it.
"""

import concurrent.futures
import contextlib
import functools
import logging
import multiprocessing
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

from mibench.errors import MibenchError, UsageError
from mibench.executors import LIMITS, Executor, Limits, WorkerLostError, translated
from mibench.executors.process import ProcessExecutor

try:
    from distributed import Client, LocalCluster, Worker, WorkerPlugin, get_worker
    from distributed.scheduler import KilledWorker
except ModuleNotFoundError as error:
    raise UsageError("the dask executor needs distributed; install mibench[dask]") from error

_PATIENCE = 30.0
"""Seconds to wait for a scheduler, and for the first of its workers."""


@dataclass(frozen=True, kw_only=True)
class DaskParams:
    """The options of `dask[...]`.

    Attributes:
        scheduler: the address of a running cluster, e.g. `tcp://host:8786`; empty starts a cluster on this machine.
    """

    scheduler: str = ""


class DaskExecutor(Executor):
    """Runs batches on a dask cluster; with `--device cuda`, one batch for each `GPU` resource of a worker.

    Raises:
        UsageError: no scheduler answers, or no worker offers what is needed.
    """

    Params = DaskParams
    keeps = LIMITS

    def __init__(self, limits: Limits, params: DaskParams | None = None) -> None:
        super().__init__(limits, params)
        gpu, self._remote = limits.device == "cuda", bool(self.params.scheduler)
        self._host = f"mibench-{uuid.uuid4().hex}"
        with contextlib.ExitStack() as stack:
            if self._remote:
                self._client = stack.enter_context(_connect(self.params.scheduler))
                self.workers = limits.workers or _capacity(self._client, gpu)
                self.slots = limits.workers or 2 * self.workers
                host = Host(replace(limits, workers=None))
            else:
                here = limits.on_this_machine()
                self._client = stack.enter_context(_connect(stack.enter_context(_local_cluster(here))))
                self.workers = here.workers or 1
                self.slots = 2 * self.workers
                host = Host(replace(here, workers=1))
            self._client.register_plugin(host, name=self._host)
            self._ending = stack.pop_all()
        self._executor = self._client.get_executor(pure=False, **({"resources": {"GPU": 1}} if gpu else {}))

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Runs a call on a free worker; its future raises the errors of `ProcessExecutor`."""
        call = functools.partial(fn, *args, **kwargs)
        return translated(self._executor.submit(run_hosted, self._host, call), _translate)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the child processes, and the cluster if this executor started it."""
        self._executor.shutdown(wait=wait and not cancel_futures)
        if self._remote and self._client.status == "running":
            self._client.unregister_worker_plugin(self._host)
        self._ending.close()


class Host(WorkerPlugin):
    """Gives a dask worker the child processes in which trials run.

    Args:
        limits: what a child process may use; without `workers` there is one process for each dask thread or GPU.
    """

    pool: ProcessExecutor

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def setup(self, worker: Worker) -> None:
        """Prepares the child processes, which start with the first batch."""
        multiprocessing.current_process().daemon = False  # dask's daemonic workers could have no children
        threads = self.limits.threads or int(os.environ.get("OMP_NUM_THREADS", "1"))
        gpus = worker.state.total_resources.get("GPU", 1)
        at_once = self.limits.workers or int(gpus if self.limits.device == "cuda" else worker.state.nthreads)
        self.pool = ProcessExecutor(replace(self.limits, workers=at_once, threads=threads))

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002
        """Ends the child processes at once."""
        self.pool.shutdown(cancel_futures=True)


def run_hosted(host: str, call: Callable[[], Any]) -> Any:
    """Runs a call in a child process of the dask worker that runs this function, and waits for the result."""
    plugin = cast("Host", get_worker().plugins[host])
    return plugin.pool.submit(call).result()


def _local_cluster(limits: Limits) -> LocalCluster:
    return LocalCluster(
        n_workers=limits.workers,
        threads_per_worker=2,  # one waits with the next batch, so that the child process need not
        memory_limit=None,  # the limit of the child processes holds
        resources={"GPU": 1} if limits.device == "cuda" else {},
        dashboard_address=cast("str", None),  # no dashboard; the annotation forgets `None`
        silence_logs=logging.CRITICAL,
    )


def _connect(where: Any) -> Client:
    try:
        if isinstance(where, str):  # dask's client would retry for long, and log every attempt
            address = urlsplit(where)
            socket.create_connection((address.hostname or "", address.port or 0), timeout=_PATIENCE).close()
        return Client(where, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise UsageError(f"no dask scheduler answers at {where}: {error}") from error


def _capacity(client: Client, gpu: bool) -> int:
    """The number of batches that the cluster runs at once."""
    try:
        client.wait_for_workers(1, timeout=_PATIENCE)
    except TimeoutError as error:
        raise UsageError("the dask cluster has no worker; start some with `dask worker ADDRESS`") from error
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    count = sum(int(worker["resources"].get("GPU", 0)) if gpu else worker["nthreads"] for worker in workers)
    if count == 0:
        raise UsageError('no dask worker offers a GPU; start them with `dask worker ADDRESS --resources "GPU=1"`')
    return count


def _translate(error: BaseException) -> BaseException:
    if isinstance(error, KilledWorker):
        return WorkerLostError(f"{error.allowed_failures + 1} of dask's workers in a row were lost with it")
    if isinstance(error, concurrent.futures.CancelledError):
        return MibenchError("the dask cluster is gone; the same command goes on with another")
    return error
