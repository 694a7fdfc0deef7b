"""A run in parts: what was asked for, planned; the executor that carries it out; and the records as they come."""

import functools
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mibench.environment import memory as machine_memory
from mibench.errors import UsageError
from mibench.executors import Executor, Limits, OverdueError, WorkerLostError
from mibench.plan import Batch, Plan, make_plan
from mibench.plugins import load_plugins
from mibench.registry import Registry, load_target
from mibench.runner import Rerun, pending, run_batches
from mibench.specs import ExecutorSpec
from mibench.store import Foreign, Record, Store

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for, what of it is still to run, and where results go."""

    registry: Registry
    plan: Plan
    store: Store
    batches: list[Batch]

    @property
    def records(self) -> list[Record]:
        """The records of the plan's trials that exist."""
        found = (self.store.find(trial) for trial in self.plan.trials)
        return [record for record in found if record is not None]

    @property
    def foreign(self) -> list[Foreign]:
        """The files in the place of records that are still to be made."""
        found = (self.store.foreign(trial) for batch in self.batches for trial in batch.trials)
        return [file for file in found if file is not None]


def prepare(
    estimators: str | Sequence[str],
    task: str,
    *,
    seeds: int | None = None,
    profile: str = "quick",
    results: str | os.PathLike[str] = "results",
    device: Device = "auto",
    batch: int = 1,
    rerun: Rerun = "missing",
    plugins: Sequence[str] = (),
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    executor: Executor | None = None,
) -> Job:
    """Plans a run without starting it; parameters as in `mibench.run`, and an executor whose workers do the planning.

    Planning imports estimators and tasks, and with them torch: where a worker has loaded it, this process need not.

    Raises:
        UsageError: something that was asked for does not exist or does not fit.
    """
    registry = Registry(load_plugins(plugins))
    data_dir = data_dir or os.environ.get("MIBENCH_DATA") or None
    asked = {
        "profile": profile,
        "seeds": seeds,
        "device": resolve_device(device),
        "batch_size": batch,
        "data_dir": None if data_dir is None else Path(data_dir).expanduser().resolve(),
        "download": download,
    }
    work = functools.partial(plan_run, list(plugins), estimators, task, **asked)
    try:
        plan = work() if executor is None else executor.submit(work).result()
    except (OverdueError, WorkerLostError) as error:
        raise UsageError(f"planning failed: {error}; raise --timeout or --memory") from error
    store = Store(results)
    return Job(registry=registry, plan=plan, store=store, batches=pending(plan, store, rerun))


def plan_run(plugins: Sequence[str], estimators: str | Sequence[str], task: str, **asked: Any) -> Plan:
    """Plans a run in whatever process this is called in; keywords as of `mibench.plan.make_plan`."""
    return make_plan(Registry(load_plugins(plugins)), estimators, task, **asked)


def execute(job: Job, executor: Executor) -> Iterator[Record]:
    """Runs a job's batches, yielding records; an interruption ends the workers at once and keeps what was measured."""
    finished = False
    try:
        job.store.prepare()
        yield from run_batches(job.batches, job.store, executor)
        finished = True
    finally:
        executor.shutdown(cancel_futures=not finished)


def make_executor(registry: Registry, name: str, limits: Limits) -> Executor:
    """The executor called `name`."""
    entry = registry.find(ExecutorSpec, name)
    return load_target(entry.spec.target, f"executor {entry.name!r} of plugin {entry.plugin.name!r}")(limits)


def choose_limits(
    device: str, *, workers: int | None = None, timeout: float | None = None, memory: float | None = None
) -> Limits:
    """Fills in what the user left open.

    Args:
        device: `cpu` or `cuda`.
        workers: how many; `None` for one a core, or one for a GPU.
        timeout: seconds.
        memory: GiB a worker; `None` for an equal share of the machine, or no limit for a GPU, whose driver reserves
            address space that it never uses.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"at least one worker is needed, not {workers}")
    workers = workers or (1 if device == "cuda" else os.cpu_count() or 1)
    share = None if device == "cuda" else (machine_memory() or 0) // workers or None
    return Limits(workers=workers, timeout=timeout, memory=share if memory is None else int(memory * 2**30))


def resolve_device(device: Device) -> str:
    """`cpu` or `cuda`.

    Raises:
        UsageError: a GPU was asked for and torch finds none.
    """
    if device == "cpu" or (device == "auto" and _no_gpu()):
        return "cpu"
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("torch finds no CUDA device; use --device cpu")
    return "cuda" if available else "cpu"


def _no_gpu() -> bool:
    """Whether the system says without torch that there is no GPU: on Linux, no driver's device file."""
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
    return sys.platform == "linux" and not any(Path(driver).exists() for driver in drivers)
