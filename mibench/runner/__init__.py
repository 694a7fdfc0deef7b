"""A run in parts: what was asked for, planned; the executor that carries it out; and the records as they come."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mibench.discovery import load_file
from mibench.discovery.fingerprint import file_fingerprint, fingerprint
from mibench.discovery.registry import Registry, load_registry, params_of
from mibench.errors import MibenchError, PluginError, StoreError, UsageError
from mibench.executors import (
    Executor,
    Limits,
    OverdueError,
    TaintedWorkerError,
    WorkerLostError,
    check_executor,
    submitted,
)
from mibench.executors.machine import has_gpu
from mibench.plan import Plan, make_plan
from mibench.plan.request import Device, RunRequest
from mibench.plan.selectors import combinations
from mibench.plan.trial import Batch
from mibench.runner.loop import Waits, pending, run_batches
from mibench.specs import ExecutorSpec
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record
from mibench.targets import load_target
from mibench.text import lacks_memory, message_of


@dataclass(frozen=True, kw_only=True)
class Job:
    """What was asked for, what of it is still to run, and where results go.

    Attributes:
        registry: what the plugins brought.
        plan: everything that was asked for.
        store: the results folder.
        batches: what is still to run.
        restart: whether interrupted trials start again; otherwise they go on from their checkpoints.
        expected: the keys of the trials whose records are there when all batches have been run.
        digests: by key, `Store.digest` of each record file when the run was planned; none of a trial without a file.
    """

    registry: Registry
    plan: Plan
    store: Store
    batches: list[Batch]
    restart: bool = False
    expected: frozenset[str] = frozenset()
    digests: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def records(self) -> list[Record]:
        """The records of the plan's trials that exist."""
        records = (self.store.find(trial) for trial in self.plan.trials)
        return [record for record in records if record is not None]

    def newer(self, records: Iterable[Record]) -> list[InvalidRecord]:
        """What a newer mibench has recorded of the trials that are not among the records; it is left alone."""
        known = {record.key for record in records}
        files = (self.store.invalid(trial) for trial in self.plan.trials if trial.key not in known)
        return [file for file in files if file is not None and file.newer]

    def missing(self, records: Iterable[Record], newer: Iterable[InvalidRecord]) -> int:
        """How many trials are in no record, of `newer` neither, although they were run, or had been when planned."""
        known = {record.key for record in records} | {file.path.stem for file in newer}
        return len(self.expected - known)

    def refuse_newer(self) -> None:
        """Refuses trials that a newer mibench has recorded, for what needs the records of all.

        Raises:
            StoreError: there is one.
        """
        for file in self.newer(self.records):
            raise StoreError(f"{file.path} {file.reason}; choose another --results")

    @property
    def edited(self) -> dict[str, int]:
        """How many trials stay as they were measured although a file was edited since, by estimator and by task."""
        pending = {trial.key for batch in self.batches for trial in batch.trials}
        code = {(batch.estimator.target, tuple(batch.estimator.files)) for batch in self.plan.batches}
        code |= {(batch.task.target, ()) for batch in self.plan.batches}
        now = {spec: {"", fingerprint(*spec), file_fingerprint(spec[0])} for spec in code}  # each is read once
        edited = Counter[str]()
        for batch in self.plan.batches:
            estimator = batch.estimator.target, tuple(batch.estimator.files)
            kinds = {"estimator": now[estimator], "task": now[batch.task.target, ()]}
            for trial in batch.trials:
                record = None if trial.key in pending else self.store.find(trial)
                then = record.sources if record else {}
                edited.update(getattr(trial, kind) for kind, digest in then.items() if digest not in kinds[kind])
        return edited

    @property
    def invalid(self) -> list[InvalidRecord]:
        """The files in the place of records that are still to be made."""
        files = (self.store.invalid(trial) for batch in self.batches for trial in batch.trials)
        return [file for file in files if file is not None]


def prepare(
    request: RunRequest, registry: Registry | None = None, executor: Executor | None = None, *, first_seed: int = 0
) -> Job:
    """Plans a run without starting it.

    Args:
        request: what is wanted.
        registry: what the plugins brought; `None` loads those that the request names.
        executor: its workers do the planning. That imports estimators and tasks, and with them torch, so that this
            process need not; `None` plans here.
        first_seed: where seeds are counted from; a tuning's are `mibench.plan.trial.TUNING_SEEDS` and those after.

    Raises:
        UsageError: something that was asked for does not exist or does not fit.
        PluginError: what was asked for cannot be imported.
    """
    registry = load_registry(request.plugin_options) if registry is None else registry
    device = resolve_device(request.device)
    if executor is None:
        plan = make_plan(registry, request, device)
    else:
        try:
            plan = submitted(executor, plan_in_worker, registry, request, device).result()
        except TaintedWorkerError:  # planning raised what it should not
            plan = make_plan(registry, request, device)
        except (OverdueError, WorkerLostError) as error:
            raise UsageError(f"planning failed: {error}; raise --timeout or --memory") from error
    plan = plan.with_seeds_from(first_seed) if first_seed else plan
    store = Store(request.results_folder)
    digests = {trial.key: store.digest(trial) for trial in plan.trials}  # before their records are looked for
    batches = pending(plan, store, request.rerun)
    expected = {trial.key for batch in batches for trial in batch.trials}
    if request.rerun != "failed":  # which leaves alone what has no record
        expected |= {trial.key for trial in plan.trials}
    restart = request.rerun == "all"
    return Job(
        registry=registry,
        plan=plan,
        store=store,
        batches=batches,
        restart=restart,
        expected=frozenset(expected),
        digests=digests,
    )


def plan_in_worker(registry: Registry, request: RunRequest, device: str) -> Plan:
    """Plans a run in a process that has loaded no plugins; an import finds the installed ones, but not single files.

    Raises:
        UsageError: as `prepare`, or the memory that a worker may use is too little to import what was asked for.
        PluginError: what was asked for cannot be imported.
    """
    for plugin in registry.plugins:
        if plugin.specs and plugin.origin.endswith(".py"):
            load_file(Path(plugin.origin))
    try:
        plan = make_plan(registry, request, device)
        for sentence in plan.left_out:
            if lacks_memory(error := PluginError(sentence)):
                raise error
    except MibenchError as error:
        if lacks_memory(error):
            raise UsageError(f"planning failed, out of memory: {error}; raise --memory") from error
        raise
    return plan


def execute(job: Job, executor: Executor, waits: Waits | None = None) -> Iterator[Record]:
    """Runs a job's batches, yielding records; where there are none nothing is written, and the folder may be read-only.

    Args:
        job: as `prepare` returns it.
        executor: where workers run.
        waits: is told once if nothing is left to run but trials that another run is at: how many, and its process.
    """
    if not job.batches:
        return
    job.store.prepare()
    if job.restart:
        for batch in job.batches:
            for trial in batch.trials:
                job.store.checkpoint(trial).clear()
    yield from run_batches(job.batches, job.store, executor, job.digests, waits)


def make_executor(registry: Registry, request: RunRequest) -> Executor:
    """The executor that a request names, e.g. `process` or `slurm[partition=gpu]`, with the request's limits.

    Raises:
        UsageError: there is no such executor or option, or it does not fit.
        PluginError: its class cannot be imported or made, or could run nothing.
    """
    selector = request.executor_selector
    scheduler = {"scheduler": [request.scheduler]} if request.scheduler else {}
    entry = registry.find(ExecutorSpec, selector.name)
    owner = entry.owner
    kind = load_target(entry.spec.target, owner)
    if not (isinstance(kind, type) and issubclass(kind, Executor)):
        raise PluginError(f"{owner}: {entry.spec.target} is no subclass of mibench.executors.Executor")
    params, *more = combinations(
        params_of(kind, entry.spec.target, owner), {**selector.sweep, **scheduler}, f"executor {entry.name}"
    )
    if more:
        raise UsageError(f"executor {entry.name} takes one value an option, not {request.executor!r}")
    limits = make_limits(request)
    for limit in limits.asked - kind.keeps:
        raise UsageError(f"the {entry.name} executor keeps no {limit}: leave it out, or use --executor process")
    try:
        executor = kind(limits, params)
    except MibenchError:
        raise
    except Exception as error:
        raise PluginError(f"{owner}: {type(error).__name__}: {message_of(error)}") from error
    executor.owner = owner
    check_executor(executor)
    return executor


def make_limits(request: RunRequest) -> Limits:
    """What a request allows its workers."""
    return Limits(
        workers=request.workers,
        timeout=request.timeout,
        memory=None if request.memory is None else int(request.memory * 2**30),
        device=resolve_device(request.device),
        scratch=Store(request.results_folder).scratch.resolve(),
    )


def resolve_device(device: Device) -> str:
    """`cpu` or `cuda`; `auto` takes a GPU if there is one here."""
    if device == "auto":
        return "cuda" if has_gpu() else "cpu"
    return device
