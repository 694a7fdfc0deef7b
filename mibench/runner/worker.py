"""Runs a batch of trials where the executor put it, and writes records there: a dead coordinator loses nothing."""

import math
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mibench.discovery import load_file
from mibench.discovery.fingerprint import loaded_fingerprint
from mibench.errors import DivergedError, UnfitError
from mibench.plan.selectors import combinations
from mibench.plan.trial import Batch, Trial
from mibench.specs import EstimatorSpec, TaskSpec, load_target
from mibench.status import DONE
from mibench.store import Store
from mibench.store.record import SCHEMA, Record

Outcome = tuple[str, list[dict[str, Any]], dict[str, str] | None]


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
    found = [record for record in since if record is not None]
    if len(found) == len(batch.trials):
        return found
    outcomes, seconds = _attempt(batch, store)
    if len(batch.trials) > 1 and all(outcome is outcomes[0] for outcome in outcomes):
        return [record for alone in batch.apart() for record in run_batch(alone, results)]
    records = write_records(batch, outcomes, store, seconds=seconds, started=started)
    for trial, record in zip(batch.trials, records, strict=True):
        if record["status"] != "failed":
            store.checkpoint(trial).clear()
    return records


def _done_since(trial: Trial, digest: str, store: Store) -> Record | None:
    record = store.find(trial)
    return record if record and record["status"] in DONE and store.digest(trial) != digest else None


def write_records(
    batch: Batch, outcomes: Sequence[Outcome], store: Store, *, seconds: float | None = None, started: str = ""
) -> list[Record]:
    """Records what came of each trial of a batch, and returns the records in the order of the trials."""
    sources = {kind: loaded_fingerprint(getattr(batch, kind).target) for kind in ("estimator", "task")}
    records = [
        {**make_record(trial, outcome, seconds=seconds, started=started), "sources": sources}
        for trial, outcome in zip(batch.trials, outcomes, strict=True)
    ]
    for trial, record in zip(batch.trials, records, strict=True):
        store.write(trial, record)
    return records


def make_record(trial: Trial, outcome: Outcome, *, seconds: float | None = None, started: str = "") -> Record:
    """A trial's record: what it was, what came of it, and what ran it."""
    from mibench.executors.machine import environment  # needs torch

    status, measurements, error = outcome
    return {
        "schema": SCHEMA,
        "key": trial.key,
        **{name: value for name, value in asdict(trial).items() if name != "skip"},
        "status": status,
        "seconds": seconds,
        "started": started or datetime.now(UTC).isoformat(timespec="seconds"),
        "measurements": measurements,
        "error": error,
        "environment": environment(trial.device),
    }


def _attempt(batch: Batch, store: Store) -> tuple[list[Outcome], float]:
    """What came of each trial, and the seconds that one took, imports not counted."""
    clock = time.perf_counter()
    outcomes: list[Outcome] = []
    try:
        task, cells, context = _set_up(batch, store)
        clock = time.perf_counter()
        outcomes = [_judge(found) for _, found in zip(cells, task.run(cells, context), strict=True)]
    except UnfitError as error:
        outcomes = [skipped(str(error))] * len(batch.trials)
    except DivergedError as error:
        _, found, _ = _judge(error.measurements)
        outcomes = [("diverged", found, _error("Diverged", str(error)))] * len(batch.trials)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a plugin raises belongs in its record
        outcomes = [_failure(error)] * len(batch.trials)
    return outcomes, (time.perf_counter() - clock) / len(batch.trials)


def skipped(reason: str) -> Outcome:
    """The outcome of a trial whose estimator does not fit its task or its cell."""
    return "skipped", [], _error("Skipped", reason)


def _failure(error: BaseException) -> Outcome:
    message = str(error) or "(no message)"
    if isinstance(error, MemoryError) or "can't allocate memory" in message:
        message = f"out of memory: {message}"
    return "failed", [], {"type": type(error).__name__, "message": message, "traceback": traceback.format_exc()}


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
    found = load_target(spec.target, spec.name)
    loaded_fingerprint(spec.target)  # now: the file may be edited before the trial ends
    return found


def _instance(params: type[Any], values: Any) -> Any:
    (instance,) = combinations(params, {name: [value] for name, value in values.items()}, params.__qualname__)
    return instance


def _finite(number: Any) -> float | None:
    return float(number) if math.isfinite(number) else None


def _judge(measurements: Iterable[Any]) -> Outcome:
    """`ok`, or `diverged` with the names of what is not finite; JSON has no NaN, so that is kept as an absent value."""
    found = [asdict(measurement) for measurement in measurements]
    lost = [one["name"] for one in found if not math.isfinite(one["value"])]
    for one in found:
        one["value"] = _finite(one["value"])
        one["truth"] = None if one["truth"] is None else _finite(one["truth"])
    if not lost:
        return "ok", found, None
    message = f"not finite: {', '.join(lost)}"
    return "diverged", found, _error("Diverged", message)


def _error(kind: str, message: str) -> dict[str, str]:
    return {"type": kind, "message": message, "traceback": ""}
