"""mibench from Python: `run` and `load` return tidy frames; the command line is made of the same parts."""

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mibench.environment import memory as machine_memory
from mibench.errors import UsageError
from mibench.executors import Executor, Limits
from mibench.frames import tidy
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


def run(
    estimators: str | Sequence[str],
    task: str,
    *,
    seeds: int | None = None,
    profile: str = "quick",
    results: str | os.PathLike[str] = "results",
    device: Device = "auto",
    executor: str = "serial",
    workers: int | None = None,
    timeout: float | None = None,
    batch: int = 1,
    rerun: Rerun = "missing",
    plugins: Sequence[str] = (),
) -> pd.DataFrame:
    """Runs what is missing of estimators x cells x seeds and returns all that was asked for.

    Args:
        estimators: selectors, e.g. `["mige[threshold=0.94|0.99]", "mine"]` or one comma-separated string.
        task: one selector, e.g. `gaussian[d=5|20]`.
        seeds: how many seeds, counted from 0; `None` for the profile's number.
        profile: `smoke`, `quick` or `paper`.
        results: the folder of the records; the same call resumes there.
        device: `auto` takes a GPU if there is one.
        executor: `serial` runs in this process; `process` isolates each trial, in a script under
            `if __name__ == "__main__":`.
        workers: processes; `None` for one a core, or one for a GPU.
        timeout: seconds a batch may take.
        batch: how many trials of one shape to train in one program; more is faster on a GPU and for small networks,
            and changes numbers by rounding alone.
        rerun: `missing`, `failed` or `all`.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        A tidy frame, one row a measurement; see `mibench.frames.tidy`.

    Raises:
        UsageError: something that was asked for does not exist or does not fit.
        StoreError: results cannot be written.
    """
    job = prepare(
        estimators,
        task,
        seeds=seeds,
        profile=profile,
        results=results,
        device=device,
        batch=batch,
        rerun=rerun,
        plugins=plugins,
    )
    for plugin in job.registry.plugins:
        if plugin.error:
            warnings.warn(f"plugin {plugin.name!r} ({plugin.origin}) is broken: {plugin.error}", stacklevel=2)
    limits = choose_limits(resolve_device(device), workers=workers, timeout=timeout)
    for _ in execute(job, make_executor(job.registry, executor, limits)):
        pass
    return tidy(job.records)


def load(results: str | os.PathLike[str] = "results", *, wide: bool = False) -> pd.DataFrame:
    """All that was measured under a results folder, as a tidy frame.

    Args:
        results: the folder.
        wide: adds the estimators' parameters, versions, errors and environment.
    """
    records, _ = Store(results).read()
    return tidy(records, wide=wide)


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
) -> Job:
    """Plans a run without starting it; parameters as in `run`."""
    registry = Registry(load_plugins(plugins))
    plan = make_plan(
        registry,
        estimators,
        task,
        profile=profile,
        seeds=seeds,
        device=resolve_device(device),
        batch_size=batch,
    )
    store = Store(results)
    return Job(registry=registry, plan=plan, store=store, batches=pending(plan, store, rerun))


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
    if device == "cpu":
        return "cpu"
    import torch  # `--device cpu` need not wait for it

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise UsageError("torch finds no CUDA device; use --device cpu")
    return "cuda" if available else "cpu"
