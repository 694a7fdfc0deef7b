"""Runs what is missing from a plan: missing trials -> executor -> records."""

import concurrent.futures
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mibench.errors import MibenchError, PluginError
from mibench.executors import IN_WORKER, Executor, LostError, OverdueError, TaintedWorkerError, submitted
from mibench.outcome import Outcome, Status
from mibench.plan import Plan
from mibench.plan.request import Rerun
from mibench.plan.trial import Batch
from mibench.runner.answers import error_info, skipped
from mibench.runner.claims import Claims
from mibench.runner.worker import run_batch, write_records
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record
from mibench.text import described, message_of, traceback_of

_POLL = 0.1
"""Seconds until a batch that another run is at is asked for again, and a future that was cancelled is seen."""
_KEPT = "nothing measured before is lost"


def pending(plan: Plan, store: Store, rerun: Rerun = "missing") -> list[Batch]:
    """The batches that are still to run, each reduced to the trials that are.

    Args:
        plan: what was asked for.
        store: what has been measured.
        rerun: `missing` for what has no record or did not finish, `failed` for what has failed or diverged and
            nothing else, `all` for everything. What a newer mibench has recorded is never among them.
    """
    wanted = [tuple(it for it in batch.trials if _is_wanted(store.look(it), rerun)) for batch in plan.batches]
    return [replace(batch, trials=trials) for batch, trials in zip(plan.batches, wanted, strict=True) if trials]


Waits = Callable[[int, int | None], object]
"""Is told how many trials another run is at, and which process that is, if the system says."""


def run_batches(
    batches: Iterable[Batch], store: Store, executor: Executor, digests: Mapping[str, str], waits: Waits | None = None
) -> Iterator[Record]:
    """Runs batches and yields each record as it comes; a lost worker becomes a record like any other.

    When a batch of several is lost, every trial is run again by itself, so that one of them costs no other. A batch
    that another run is at waits until that run lets go of it; what that run has measured is not measured again.

    Args:
        batches: as returned by `pending`.
        store: where workers write; it must be prepared.
        executor: where workers run.
        digests: by key, `Store.digest` of the trials before `pending` looked for their records.
        waits: is called once, when nothing is left to run but what another run is at.

    Raises:
        StoreError: results cannot be written any more; what was measured before is kept.
        PluginError: the executor gives no records of a batch, and no error that says how a worker was lost.
    """
    batches = list(batches)
    for batch in batches:
        if batch.trials[0].skip:
            yield from write_records(batch, [skipped(batch.trials[0].skip)] * len(batch.trials), store)
    waiting = deque(batch for batch in batches if not batch.trials[0].skip)
    with Claims(store.folder) as claims:
        yield from _run(waiting, store, executor, claims, digests, waits)


def _run(
    waiting: deque[Batch],
    store: Store,
    executor: Executor,
    claims: Claims,
    digests: Mapping[str, str],
    waits: Waits | None,
) -> Iterator[Record]:
    """Runs batches; those that another run is at come last, when most of them have been done there."""
    running: dict[concurrent.futures.Future[list[Record]], tuple[Batch, float]] = {}
    while waiting or running:
        for batch in _claim(waiting, executor.slots - len(running), claims):
            before = [digests.get(trial.key, "") for trial in batch.trials]
            since = time.monotonic()
            running[submitted(executor, run_batch, batch, str(store.folder.resolve()), before)] = batch, since
        if waits and waiting and not running:
            waits(sum(len(batch.trials) for batch in waiting), claims.holder(waiting[0]))
            waits = None
        for future in _ended(running):
            batch, since = running.pop(future)
            try:
                yield from _records(future, batch, executor.owner)
            except MibenchError:
                raise  # it concerns all batches
            except Exception as error:  # noqa: BLE001 - a worker is lost, or plugins have damaged mibench itself there
                if len(batch.trials) > 1 or isinstance(error, TaintedWorkerError):
                    waiting.extend(batch.split())
                else:
                    yield from _lost(batch, store, error, time.monotonic() - since)
            finally:
                claims.release(batch)


def _claim(waiting: deque[Batch], slots: int, claims: Claims) -> Iterator[Batch]:
    """Takes so many batches that no other run is at; the others go to the end."""
    for _ in range(len(waiting)):
        if slots <= 0:
            return
        batch = waiting.popleft()
        if claims.take(batch):
            slots -= 1
            yield batch
        else:
            waiting.append(batch)


def _ended(
    running: Collection[concurrent.futures.Future[list[Record]]],
) -> set[concurrent.futures.Future[list[Record]]]:
    """The batches that have ended, after a moment at most: another run may let go of what waits for a free slot.

    A future that is only cancelled wakes nobody who waits.
    """
    if not running:
        time.sleep(_POLL)
    done = concurrent.futures.wait(running, _POLL, concurrent.futures.FIRST_COMPLETED).done
    return done | {future for future in running if future.cancelled()}


def _records(future: concurrent.futures.Future[list[Record]], batch: Batch, owner: str) -> list[Record]:
    """What has come of a batch.

    Raises:
        LostError: its worker was lost.
        PluginError: the executor gives neither records nor a reason that lies in the batch or its worker.
    """
    try:
        records: Any = future.result()
    except concurrent.futures.CancelledError as error:
        raise PluginError(f"{owner} cancelled a batch; {_KEPT}") from error
    except Exception as error:
        if isinstance(error, MibenchError | LostError) or IN_WORKER in getattr(error, "__notes__", ()):
            raise
        got = f"{type(error).__name__}: {message_of(error)}"
        raise PluginError(f"{owner} gave no records of a batch, but {got}; {_KEPT}") from error
    if not (isinstance(records, list) and [type(one) for one in records] == [Record] * len(batch.trials)):
        raise PluginError(f"{owner} gave no records of a batch, but {described(records)}; {_KEPT}")
    return records


def _is_wanted(there: Record | InvalidRecord | None, rerun: Rerun) -> bool:
    """Whether a trial is to be run, by what is in the place of its record."""
    if isinstance(there, InvalidRecord) and there.newer:
        return False
    if rerun == "all":
        return True
    if not isinstance(there, Record):
        return rerun != "failed"
    status = there.outcome.status
    return status.failed if rerun == "failed" else not status.done


def _lost(batch: Batch, store: Store, error: Exception, since_submission: float) -> list[Record]:
    """Records a batch that was lost; what it took is counted from its submission if its start is not known."""
    status = Status.TIMEOUT if isinstance(error, OverdueError) else Status.CRASHED
    message = message_of(error)
    if isinstance(error, LostError):
        cause = error_info(type(error).__name__.removesuffix("Error"), message)
    else:
        cause = error_info(type(error).__name__, f"mibench itself failed: {message}", traceback_of(error))
    known = error.seconds if isinstance(error, LostError) else None
    seconds = since_submission if known is None else known
    started = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
    return write_records(batch, [Outcome(status, error=cause)], store, seconds=seconds, started=started)
