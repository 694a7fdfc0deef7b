"""A run in parts: what was asked for, planned; the executor that carries it out; and the records as they come."""

import functools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mibench.discovery import load_plugins
from mibench.discovery.fingerprint import fingerprint
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.executors import Executor, Limits, OverdueError, WorkerLostError
from mibench.executors.machine import has_gpu
from mibench.plan import Plan, make_plan
from mibench.plan.selectors import combinations, parse_selector
from mibench.plan.trial import Batch
from mibench.runner.loop import Rerun, pending, run_batches
from mibench.specs import ExecutorSpec, load_target
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for, what of it is still to run, and where results go.

    Attributes:
        registry: what the plugins brought.
        plan: everything that was asked for.
        store: the results folder.
        batches: what is still to run.
        anew: whether that is run from its start, where a trial that was interrupted would go on.
    """

    registry: Registry
    plan: Plan
    store: Store
    batches: list[Batch]
    anew: bool = False

    @property
    def records(self) -> list[Record]:
        """The records of the plan's trials that exist."""
        found = (self.store.find(trial) for trial in self.plan.trials)
        return [record for record in found if record is not None]

    @property
    def edited(self) -> dict[str, int]:
        """Of each estimator and task whose file is not what it was, how many trials stay as they were measured."""
        pending = {trial.key for batch in self.batches for trial in batch.trials}
        targets = {spec.target for batch in self.plan.batches for spec in (batch.estimator, batch.task)}
        now = {target: fingerprint(target) for target in targets}  # of each once: there may be thousands of batches
        found = Counter[str]()
        for batch in self.plan.batches:
            kinds = {"estimator": now[batch.estimator.target], "task": now[batch.task.target]}
            for trial in batch.trials:
                record = None if trial.key in pending else self.store.find(trial)
                then = record.sources if record else {}
                found.update(getattr(trial, kind) for kind, digest in then.items() if digest not in {"", kinds[kind]})
        return found

    @property
    def invalid(self) -> list[InvalidRecord]:
        """The files in the place of records that are still to be made."""
        found = (self.store.invalid(trial) for batch in self.batches for trial in batch.trials)
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
    registry: Registry | None = None,
    executor: Executor | None = None,
) -> Job:
    """Plans a run without starting it.

    Parameters are as in `mibench.run`, and two more: what the plugins brought, where they have been loaded already, and
    an executor whose workers do the planning. It imports estimators and tasks, and with them torch: where a worker has
    loaded it, this process need not.

    Raises:
        UsageError: something that was asked for does not exist or does not fit.
    """
    registry = registry or Registry(load_plugins(plugins))
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
    return Job(registry=registry, plan=plan, store=store, batches=pending(plan, store, rerun), anew=rerun == "all")


def plan_run(plugins: Sequence[str], estimators: str | Sequence[str], task: str, **asked: Any) -> Plan:
    """Plans a run in whatever process this is called in; keywords as of `mibench.plan.make_plan`."""
    return make_plan(Registry(load_plugins(plugins)), estimators, task, **asked)


def execute(job: Job, executor: Executor) -> Iterator[Record]:
    """Runs a job's batches, yielding records."""
    job.store.prepare()
    if job.anew:
        for batch in job.batches:
            for trial in batch.trials:
                job.store.checkpoint(trial).clear()
    yield from run_batches(job.batches, job.store, executor)


def make_executor(registry: Registry, selector: str, limits: Limits) -> Executor:
    """The executor that a selector names, e.g. `process` or `slurm[partition=gpu]`.

    Raises:
        UsageError: there is no such executor or option, or it does not fit.
    """
    asked = parse_selector(selector)
    entry = registry.find(ExecutorSpec, asked.name)
    kind = load_target(entry.spec.target, f"executor {entry.name!r} of plugin {entry.plugin.name!r}")
    params, *more = combinations(kind.Params, asked.sweep, f"executor {entry.name}")
    if more:
        raise UsageError(f"executor {entry.name} takes one value an option, not {selector!r}")
    return kind(limits, params)


def make_limits(
    results: str | os.PathLike[str],
    device: Device,
    *,
    workers: int | None = None,
    timeout: float | None = None,
    memory: float | None = None,
) -> Limits:
    """What a user allows.

    Args:
        results: the folder of the records.
        device: `auto`, `cpu` or `cuda`.
        workers: how many batches at once; `None` leaves it to the executor.
        timeout: seconds a batch.
        memory: GiB a worker; `None` leaves it to the executor.
    """
    return Limits(
        workers=workers,
        timeout=timeout,
        memory=None if memory is None else int(memory * 2**30),
        device=resolve_device(device),
        scratch=Store(results).scratch.resolve(),
    )


def resolve_device(device: Device) -> str:
    """`cpu` or `cuda`; `auto` takes a GPU if there is one here."""
    if device == "auto":
        return "cuda" if has_gpu() else "cpu"
    return device
