"""Runs a batch of trials where the executor put it, and writes records there: a dead coordinator loses nothing."""

import math
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mibench.discovery import load_file
from mibench.discovery.fingerprint import loaded_fingerprint
from mibench.errors import DivergedError, UnfitError
from mibench.outcome import ErrorInfo, Measurement, Outcome, Status
from mibench.plan.selectors import combinations
from mibench.plan.trial import Batch, Trial
from mibench.specs import EstimatorSpec, TaskSpec, load_target
from mibench.store import Store
from mibench.store.record import Record


@dataclass(frozen=True)
class Attempt:
    """What came of a batch that was run.

    Attributes:
        outcomes: one a trial, in order.
        seconds: what a trial took, imports not counted.
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
        digests: `Store.digest` of each trial when the batch was submitted. Nothing is run if every trial has been done
            since, by another run or by a worker that was lost before it could answer.

    Returns:
        The records that were written, in the order of the trials.
    """
    started = datetime.now(UTC).isoformat(timespec="seconds")
    store = Store(results)
    since = [_done_since(trial, digest, store) for trial, digest in zip(batch.trials, digests, strict=False)]
    records = [record for record in since if record is not None]
    if len(records) == len(batch.trials):
        return records
    attempt = _attempt(batch, store)
    if attempt.raised and len(batch.trials) > 1:
        return [record for single in batch.split() for record in run_batch(single, results)]
    records = write_records(batch, attempt.outcomes, store, seconds=attempt.seconds, started=started)
    for record in records:
        if record.outcome.status is not Status.FAILED:
            store.checkpoint(record.trial).clear()
    return records


def _done_since(trial: Trial, digest: str, store: Store) -> Record | None:
    record = store.find(trial)
    return record if record and record.outcome.status.done and store.digest(trial) != digest else None


def write_records(
    batch: Batch, outcomes: Sequence[Outcome], store: Store, *, seconds: float | None = None, started: str = ""
) -> list[Record]:
    """Records what came of each trial of a batch, and returns the records in the order of the trials."""
    sources = {kind: loaded_fingerprint(getattr(batch, kind).target) for kind in ("estimator", "task")}
    records = [
        replace(make_record(trial, outcome, seconds=seconds, started=started), sources=sources)
        for trial, outcome in zip(batch.trials, outcomes, strict=True)
    ]
    for record in records:
        store.write(record)
    return records


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
    """Runs a batch; whatever a plugin raises becomes the outcome of its trials."""
    clock, raised = time.perf_counter(), False
    try:
        task, cells, context = _set_up(batch, store)
        clock = time.perf_counter()
        outcomes = [_judge(measurements) for _, measurements in zip(cells, task.run(cells, context), strict=True)]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises belongs in its record
        outcomes, raised = [_outcome_of(error)] * len(batch.trials), True
    return Attempt(outcomes, (time.perf_counter() - clock) / len(batch.trials), raised)


def _outcome_of(error: BaseException) -> Outcome:
    """The outcome of a trial that raised an exception."""
    if isinstance(error, UnfitError):
        return skipped(str(error))
    if isinstance(error, DivergedError):
        measurements = _judge(error.measurements).measurements
        return Outcome(Status.DIVERGED, measurements, ErrorInfo("Diverged", str(error)))
    message = str(error) or "(no message)"
    if isinstance(error, MemoryError) or "can't allocate memory" in message:
        message = f"out of memory: {message}"
    return Outcome(Status.FAILED, error=ErrorInfo(type(error).__name__, message, traceback.format_exc()))


def skipped(reason: str) -> Outcome:
    """The outcome of a trial whose estimator does not fit its task or its cell."""
    return Outcome(Status.SKIPPED, error=ErrorInfo("Skipped", reason))


def _set_up(batch: Batch, store: Store) -> tuple[Any, list[Any], Any]:
    """The task, a cell for each trial, and the context that makes the estimator."""
    import torch  # loaded after the executor has set the number of threads

    from mibench.contracts import Context, Problem
    from mibench.plan.seeds import data_generator, init_generator
    from mibench.runner.checks import checked

    for file in batch.files:
        load_file(Path(file))
    estimator, task, trials = checked(_load(batch.estimator)), _load(batch.task), batch.trials
    parameters = _instance(estimator.Params, trials[0].parameters)

    def build(problem: Problem) -> Any:
        return estimator(parameters, problem)

    context = Context(
        spec=batch.estimator,
        build=build,
        data=tuple(data_generator(t.task, dict(t.cell), t.seed) for t in trials),
        init=tuple(init_generator(t.estimator, dict(t.parameters), t.task, dict(t.cell), t.seed) for t in trials),
        device=torch.device(trials[0].device),
        dtype=getattr(torch, trials[0].dtype),
        folder=batch.folder,
        checkpoints=tuple(store.checkpoint(trial) for trial in trials),
        artifacts=tuple(store.artifacts(trial) for trial in trials),
    )
    return task(), [_instance(task.Params, trial.cell) for trial in trials], context


def _load(spec: EstimatorSpec | TaskSpec) -> Any:
    from mibench.curves import load_task  # takes torch

    target = load_task(spec, spec.name) if isinstance(spec, TaskSpec) else load_target(spec.target, spec.name)
    loaded_fingerprint(spec.target)  # now: the file may be edited before the trial ends
    return target


def _instance(params: type[Any], values: Any) -> Any:
    (instance,) = combinations(params, {name: [value] for name, value in values.items()}, params.__qualname__)
    return instance


def _judge(measurements: Iterable[Any]) -> Outcome:
    """`ok`, or `diverged` with the names of what is not finite."""
    finite = [_finite(measurement) for measurement in measurements]
    lost = [measurement.name for measurement in finite if math.isnan(measurement.value)]
    if not lost:
        return Outcome(Status.OK, finite)
    return Outcome(Status.DIVERGED, finite, ErrorInfo("Diverged", f"not finite: {', '.join(lost)}"))


def _finite(measurement: Measurement) -> Measurement:
    """A measurement as a record holds it: a value that is not finite is NaN, such a truth is unknown."""
    value, truth = measurement.value, measurement.truth
    return replace(
        measurement,
        value=float(value) if math.isfinite(value) else math.nan,
        truth=float(truth) if truth is not None and math.isfinite(truth) else None,
    )
