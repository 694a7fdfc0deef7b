"""The progress of a run, on stderr: a live line on a terminal, plain lines elsewhere."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mibench.cli import interruption, streams
from mibench.cli.time_left import TimeLeft
from mibench.executors import Executor
from mibench.files import checkpointed, progress
from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import Batch
from mibench.runner import Job, execute
from mibench.store import Store
from mibench.store.forecast import forecast
from mibench.store.record import Record
from mibench.text import duration, percent, pluralise


class RunProgress:
    """Shows how many trials are done, which failed, and how long the rest will take.

    Args:
        batches: what will run.
        store: what has been measured, and where running trials report their progress.
        workers: how many batches run at once.
    """

    def __init__(self, batches: Sequence[Batch], store: Store, workers: int) -> None:
        self._keys = {trial.key for batch in batches for trial in batch.trials}  # of those that have not ended
        self.total = len(self._keys)
        self._batches, self._store, self._workers = batches, store, workers
        self._ended_trials = deque[tuple[str, float | None]]()
        self.done = 0
        self.measured = 0  # by this run: others may be at the same trials
        self.failed = 0
        self._known: set[str] = set()
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._started = time.perf_counter()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}/{task.total:.0f} trials{task.fields[running]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._bar = self._progress.add_task("running", total=self.total, done=0, running="", left="")
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._watcher.join()
        self._progress.stop()

    def note(self, record: Record) -> None:
        """Counts a record, and names the first failure of each kind."""
        self.done += 1
        self.measured += not record.found
        self._keys.discard(record.key)
        seconds = record.seconds if record.outcome.status is Status.OK else None
        self._ended_trials.append((record.key, seconds))
        if record.outcome.status.failed:
            self.failed += 1
            self._print_once(record)

    def say_waiting(self, trials: int, pid: int | None) -> None:
        """Says that nothing is left to run but trials that another run is at."""
        process = "" if pid is None else f" (pid {pid})"
        self.say(f"mibench: waiting for {pluralise(trials, 'trial')} that another run{process} measures")

    @property
    def kept(self) -> str:
        """What an interrupted run keeps: trials that are done, and what others have trained so far."""
        begun = len(checkpointed(self._store.checkpoints) & self._keys)
        trained = f" and what {begun:,} more {'has' if begun == 1 else 'have'} trained so far" if begun else ""
        return f"{self.done} of {pluralise(self.total, 'trial')} kept{trained}"

    def _watch(self) -> None:
        """Updates the display until the run ends."""
        resumed = self._fractions()
        expected = forecast(self._batches, self._store).trials  # not sooner: it reads all records
        rest = TimeLeft(expected, self._workers, resumed)
        said, left, since = "", None, self._started
        while not self._ended.wait(1.0 if self._live else 5.0):
            while self._ended_trials:
                rest.note(*self._ended_trials.popleft())
            fractions = self._fractions()
            if (now_left := rest.seconds(fractions, time.perf_counter() - self._started)) != left:
                untouched = left is None and not self.done and not fractions  # the estimate is of the whole run
                left, since = now_left, since if untouched else time.perf_counter()
            remaining = _remaining(left, time.perf_counter() - since, rest.uncounted if self.done else [])
            shown = ", ".join(percent(fraction) for fraction in sorted(fractions.values()))
            running = f" ({shown} of those running)" if shown else ""
            if self._live:
                description = f"running ({self.failed} not ok)" if self.failed else "running"
                completed = self.done + sum(fractions.values())
                self._progress.update(self._bar, completed=completed, description=description)
                self._progress.update(self._bar, done=self.done, running=running, left=remaining)
            elif (line := f"{self.done}/{self.total} trials{running}, {self.failed} not ok") != said:
                self.say(", ".join(filter(None, [line, remaining])))
                said = line

    def _fractions(self) -> Mapping[str, float]:
        """The fractions done of the running trials."""
        return {key: fraction for key, fraction in progress(self._store.checkpoints) if key in self._keys}

    def _print_once(self, record: Record) -> None:
        """Prints the first trial of each kind of failure; the summary counts them."""
        kind = failure(record, record.trial.spelled)
        if kind not in self._known:
            self._known.add(kind)
            trial = record.trial
            self.say(f"{kind} (on {trial.task}[{spell_cell(trial.cell)}], seed {trial.seed})")

    def say(self, line: str) -> None:
        """Prints a line above the display."""
        if self._live:
            self._console.print(line, markup=False, highlight=False)
        else:
            streams.say(line)


def carry_out(
    ctx: click.Context,
    job: Job,
    executor: Executor,
    told: Callable[[Record], str] = lambda record: "",  # noqa: ARG005
) -> int:
    """Runs what is missing, with progress; nothing if nothing is. Returns how many trials were measured.

    Args:
        ctx: the command's, which ends where it is interrupted.
        job: what to run.
        executor: where.
        told: what to say of a record as soon as it is there; nothing if it is empty.
    """
    shown = RunProgress(job.batches, job.store, executor.workers)
    try:
        with shown if job.batches else nullcontext():
            for record in execute(job, executor, shown.say_waiting):
                shown.note(record)
                if line := told(record):
                    shown.say(line)
    except KeyboardInterrupt as error:
        interruption.end(ctx, error, f"{shown.kept}, the same command goes on")
    return shown.measured


def _remaining(seconds: float | None, since: float, uncounted: Sequence[str] = ()) -> str:
    """What to say of the time that is left, so many seconds after it was estimated; empty if it is not known."""
    if seconds is None:
        return ""
    untimed = ", ".join(uncounted) if len(uncounted) <= 2 else pluralise(len(uncounted), "estimator")
    beside = f", not counting {untimed}" if uncounted else ""
    return f"about {duration(seconds - since)} left{beside}" if since < seconds else "longer than forecast"


def say_reasons(records: Iterable[Record], *, spelled: bool = True) -> None:
    """Says why trials are not ok, and how often, in one line a reason.

    Args:
        records: those of trials that are not ok, among others.
        spelled: whether parameters tell estimators apart.
    """
    names = ((record, record.trial.spelled if spelled else record.trial.estimator) for record in records)
    reasons = Counter(failure(record, name) for record, name in names if record.outcome.error)
    streams.say_each((f"{count} x {line}" for line, count in reasons.items()), "  ")


def failure(record: Record, name: str) -> str:
    """A record's status, estimator and error in one line."""
    status, error = record.outcome.status, record.outcome.error
    if error is None:
        return f"{status}: {name}"
    kind = "" if error.type.lower() == status else f"{error.type}: "
    return " ".join(f"{status}: {name}: {kind}{error.message}".split())
