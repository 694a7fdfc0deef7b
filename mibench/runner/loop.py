"""Runs what is missing from a plan: missing trials -> executor -> records."""

import concurrent.futures
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mibench.executors import Executor, OverdueError, TaintedWorkerError, WorkerLostError
from mibench.outcome import Outcome, Status
from mibench.plan import Plan
from mibench.plan.request import Rerun
from mibench.plan.trial import Batch, Trial
from mibench.runner.answers import error_info, skipped
from mibench.runner.claims import Claims
from mibench.runner.worker import run_batch, write_records
from mibench.store import Store
from mibench.store.record import Record


def pending(plan: Plan, store: Store, rerun: Rerun = "missing") -> list[Batch]:
    """The batches that are still to run, each reduced to the trials that are.

    Args:
        plan: what was asked for.
        store: what has been measured.
        rerun: `missing` for what has no record or did not finish, `failed` for what has failed or diverged and
            nothing else, `all` for everything.
    """
    reduced = [replace(batch, trials=tuple(_wanted(batch.trials, store, rerun))) for batch in plan.batches]
    return [batch for batch in reduced if batch.trials]


def run_batches(batches: Iterable[Batch], store: Store, executor: Executor) -> Iterator[Record]:
    """Runs batches and yields each record as it comes; a lost worker becomes a record like any other.

    Of a batch of several that is lost, every trial is run again by itself, so that one of them costs no other.

    Args:
        batches: as returned by `pending`.
        store: where workers write; it must be prepared.
        executor: where workers run.

    Raises:
        StoreError: results cannot be written any more; what was measured before is kept.
    """
    batches = list(batches)
    for batch in batches:
        if batch.trials[0].skip:
            yield from _write_alike(batch, store, skipped(batch.trials[0].skip))
    waiting = deque(batch for batch in batches if not batch.trials[0].skip)
    with Claims(store.folder) as claims:
        yield from _run(waiting, store, executor, claims)


def _run(waiting: deque[Batch], store: Store, executor: Executor, claims: Claims) -> Iterator[Record]:
    """Runs batches; those that another run is at come last, when most of them have been done there."""
    digests = {trial.key: store.digest(trial) for batch in waiting for trial in batch.trials}
    deferred: deque[Batch] = deque()
    running: dict[concurrent.futures.Future[list[Record]], Batch] = {}
    while waiting or deferred or running:
        while (waiting or deferred) and len(running) < executor.slots:
            again = not waiting
            batch = deferred.popleft() if again else waiting.popleft()
            if not claims.take(batch) and not again:
                deferred.append(batch)
                continue
            before = [digests[trial.key] for trial in batch.trials]
            running[executor.submit(run_batch, batch, str(store.folder.resolve()), before)] = batch
        done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in done:
            batch = running.pop(future)
            claims.release(batch)
            try:
                yield from future.result()
            except (WorkerLostError, OverdueError) as error:
                if len(batch.trials) > 1 or isinstance(error, TaintedWorkerError):
                    waiting.extend(batch.split())
                else:
                    yield from _lost(batch, store, error)


def _wanted(trials: Iterable[Trial], store: Store, rerun: Rerun) -> Iterator[Trial]:
    for trial in trials:
        record = None if rerun == "all" else store.find(trial)
        if record is None:
            wanted = rerun != "failed"
        else:
            status = record.outcome.status
            wanted = status.failed if rerun == "failed" else not status.done
        if wanted:
            yield trial


def _lost(batch: Batch, store: Store, error: WorkerLostError | OverdueError) -> list[Record]:
    status = Status.TIMEOUT if isinstance(error, OverdueError) else Status.CRASHED
    cause = error_info(type(error).__name__.removesuffix("Error"), str(error))
    return _write_alike(batch, store, Outcome(status, error=cause))


def _write_alike(batch: Batch, store: Store, outcome: Outcome) -> list[Record]:
    return write_records(batch, [outcome] * len(batch.trials), store)
