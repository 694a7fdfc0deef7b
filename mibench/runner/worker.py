"""Runs a batch of trials where the executor put it, and writes records there: a dead coordinator loses nothing."""

import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mibench.discovery import load_file
from mibench.discovery.fingerprint import loaded_fingerprint
from mibench.discovery.registry import load_class
from mibench.executors import IN_WORKER
from mibench.files import Checkpoint
from mibench.outcome import Outcome
from mibench.plan.selectors import combinations
from mibench.plan.trial import Batch, Judge, Trial
from mibench.process.interrupts import noting_interrupts
from mibench.process.randomness import seed_globally
from mibench.runner.answers import blaming, collect, outcome_of, refuse_lost_bound
from mibench.runner.state import contained, known_state, refuse_if_damaged
from mibench.store import Store
from mibench.store.record import Record, UnreadableError


@dataclass(frozen=True)
class Attempt:
    """What came of a batch that was run.

    Attributes:
        outcomes: one a trial, in order.
        seconds: what a trial took, imports not counted, in all processes that trained it.
        raised: whether an exception ended the whole batch, so that nothing is known of each trial by itself.
    """

    outcomes: Sequence[Outcome]
    seconds: float
    raised: bool = False


def run_batch(batch: Batch, results: str, digests: Sequence[str] = ()) -> list[Record]:
    """Runs a batch and records every trial of it; a failure becomes records, not an exception.

    Args:
        batch: what to run.
        results: the results folder.
        digests: `Store.digest` of each trial when the run was planned. A trial is not run if it has been done since, by
            another run or by a worker that was lost before it could answer.

    Returns:
        The records of the trials, in their order.
    """
    try:
        return _run_batch(batch, results, digests)
    except Exception as error:
        error.add_note(IN_WORKER)
        raise


def _run_batch(batch: Batch, results: str, digests: Sequence[str] = ()) -> list[Record]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    store = Store(results)
    since = [_done_since(trial, digest, store) for trial, digest in zip(batch.trials, digests, strict=False)]
    done = {record.key: record for record in since if record is not None}
    if done:
        left = tuple(trial for trial in batch.trials if trial.key not in done)
        rest = _run_batch(replace(batch, trials=left), results) if left else []
        records = done | {record.key: record for record in rest}
        return [records[trial.key] for trial in batch.trials]
    attempt = _attempt(batch, store)
    if attempt.raised and len(batch.trials) > 1:
        return [record for single in batch.split() for record in _run_batch(single, results)]
    records = write_records(batch, attempt.outcomes, store, seconds=attempt.seconds, started=started)
    for record in records:
        if record.outcome.status.done:
            store.checkpoint(record.trial).clear()
    return records


def _done_since(trial: Trial, digest: str, store: Store) -> Record | None:
    record = store.find(trial)
    is_new = record is not None and record.outcome.status.done and store.digest(trial) != digest
    return replace(record, found=True) if record and is_new else None


def write_records(
    batch: Batch, outcomes: Sequence[Outcome], store: Store, *, seconds: float | None = None, started: str = ""
) -> list[Record]:
    """Records what came of each trial of a batch, and returns the records in the order of the trials."""
    sources = {
        "estimator": loaded_fingerprint(batch.estimator.target, batch.estimator.files),
        "task": loaded_fingerprint(batch.task.target),
    }
    records = [
        replace(
            make_record(trial, outcome, seconds=seconds, started=started),
            together=len(outcomes),
            sources=sources,
            candidate=batch.candidate,
        )
        for trial, outcome in zip(batch.trials, outcomes, strict=True)
    ]
    return [_written(record, store) for record in records]


def _written(record: Record, store: Store) -> Record:
    """A record as it was written: that of a failure, where what was measured could not be read again.

    Raises:
        StoreError: what tells the trial itself could not be read either, or the file system refuses.
    """
    try:
        store.write(record)
    except UnreadableError as error:
        record = replace(record, outcome=outcome_of(error))
        store.write(record)
    return record


def make_record(trial: Trial, outcome: Outcome, *, seconds: float | None = None, started: str = "") -> Record:
    """A trial's record: what was run, what came of it, and the machine that ran it."""
    from mibench.executors.machine import environment  # needs torch

    return Record(
        trial=trial,
        key=trial.key,
        outcome=outcome,
        seconds=seconds,
        started=started or datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment(trial.device),
    )


def _attempt(batch: Batch, store: Store) -> Attempt:
    """Runs a batch; whatever a plugin raises becomes the outcome of its trials.

    Raises:
        KeyboardInterrupt: a signal has come to end this process; one that a plugin raises by itself is a failure.
    """
    from mibench.plan.seeds import global_seed  # needs torch, which an executor loads with its number of threads

    clock, raised, checkpoints = time.perf_counter(), False, tuple[Checkpoint, ...]()
    with noting_interrupts() as interrupted:
        try:
            refuse_if_damaged()
            estimator, task = _load(batch)
            context = _context(batch, estimator, task, store)
            checkpoints = context.checkpoints
            seeds = [global_seed(generator) for generator in context.init]
            with known_state(seeds[0]):
                cells = [_instance(task.Params, trial.cell) for trial in batch.trials]
                clock = time.perf_counter()
                answers = collect(task().run(cells, context), len(cells), lambda index: seed_globally(seeds[index]))
            outcomes = [refuse_lost_bound(outcome, batch.estimator.bound) for outcome in answers]
        except BaseException as error:
            if interrupted() and isinstance(error, KeyboardInterrupt):
                raise
            modules = (spec.target.partition(":")[0] for spec in (batch.task, batch.estimator))
            outcome = outcome_of(blaming(error, batch.task.name, *modules))
            outcomes, raised = [outcome] * len(batch.trials), True
        if interrupted():
            raise KeyboardInterrupt
    spent = time.perf_counter() - clock + sum(checkpoint.spent for checkpoint in checkpoints)
    return Attempt(outcomes, spent / len(batch.trials), raised)


def _load(batch: Batch) -> tuple[type[Any], type[Any]]:
    """The classes of the estimator and the task."""
    from mibench.runner.checks import checked  # needs torch

    modules = [*(Path(file).stem for file in batch.files), batch.estimator.target, batch.task.target]
    new = any(module.partition(":")[0] not in sys.modules for module in modules)
    with contained() if new else nullcontext():
        for file in batch.files:
            load_file(Path(file))
        estimator, task = (load_class(spec, spec.name) for spec in (batch.estimator, batch.task))
        loaded_fingerprint(batch.estimator.target, batch.estimator.files)  # now: files may be edited meanwhile
        loaded_fingerprint(batch.task.target)
    return checked(estimator), task


def _context(batch: Batch, estimator: type[Any], task: type[Any], store: Store) -> Any:
    """What the task is handed: generators, files, and how the estimator is made."""
    import torch

    from mibench.contracts import Context, Problem
    from mibench.plan.seeds import data_generator, derive_seed, init_generator
    from mibench.runner.checks import checked

    trials = batch.trials
    watching = {field.name for field in dataclasses.fields(task.Params) if field.metadata.get("watching")}
    cells = [{name: value for name, value in t.cell.items() if name not in watching} for t in trials]

    def maker(kind: type[Any], parameters: Any) -> Callable[[Problem], Any]:
        return functools.partial(kind, _instance(kind.Params, parameters))

    def judging(judge: Judge) -> Callable[[Problem], Any]:
        """Makes an estimator whose randomness is its own, so that it moves nothing of what it judges."""
        make = maker(checked(load_class(judge.spec, judge.spec.name)), judge.parameters)

        def made(problem: Problem) -> Any:
            seeds = [derive_seed("judge", judge.spec.name, stream.initial_seed()) for stream in problem.generators]
            return make(replace(problem, generators=tuple(torch.Generator().manual_seed(seed) for seed in seeds)))

        return made

    return Context(
        spec=batch.estimator,
        build=maker(estimator, trials[0].parameters),
        judges={judge.name: judging(judge) for judge in batch.judges},
        data=tuple(data_generator(t.task, cell, t.seed) for t, cell in zip(trials, cells, strict=True)),
        init=tuple(
            init_generator(t.estimator, t.parameters, t.task, cell, t.seed)
            for t, cell in zip(trials, cells, strict=True)
        ),
        seeds=tuple(trial.seed for trial in trials),
        device=torch.device(trials[0].device),
        dtype=getattr(torch, trials[0].dtype),
        folder=batch.folder,
        checkpoints=tuple(store.checkpoint(trial) for trial in trials),
        artifacts=tuple(store.artifacts(trial) for trial in trials),
    )


def _instance(params: type[Any], values: Any) -> Any:
    (instance,) = combinations(params, {name: [value] for name, value in values.items()}, params.__qualname__)
    return instance
