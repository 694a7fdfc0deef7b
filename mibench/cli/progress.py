"""What a run shows while it runs: a live line on a terminal, plain lines elsewhere; always on stderr."""

import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mibench.files import progress
from mibench.plan.selectors import spell_cell
from mibench.store.record import Record


class RunProgress:
    """Counts records and what trials under way have done, names failures as they come, and says how long it will take.

    Args:
        keys: the trials that will be run.
        checkpoints: the folder where those under way say how far they are.
    """

    def __init__(self, keys: Collection[str], checkpoints: Path) -> None:
        self.total = len(keys)
        self._keys = set(keys)
        self._checkpoints = checkpoints
        self.done = 0
        self.failed = 0
        self._known: set[str] = set()
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._started = time.perf_counter()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]}/{task.total:.0f} trials{task.fields[under_way]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._bar = self._progress.add_task("running", total=self.total, done=0, under_way="")
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
        """Takes note of a record."""
        self.done += 1
        if record.outcome.status.failed:
            self.failed += 1
            self._say_once(record)

    def _watch(self) -> None:
        """Shows how far the run is, until it ends."""
        began, said = self._work(), ""
        while not self._ended.wait(1.0 if self._live else 5.0):
            work = self._work()
            shares = self._shares()
            under_way = f" ({', '.join(f'{share:.0%}' for share in shares)} of those under way)" if shares else ""
            description = f"running ({self.failed} not ok)" if self.failed else "running"
            self._progress.update(
                self._bar, completed=work, done=self.done, under_way=under_way, description=description
            )
            if not self._live and work > began:
                pace = (time.perf_counter() - self._started) / (work - began)
                left = duration(pace * (self.total - work))
                line = f"{self.done}/{self.total} trials{under_way}, {self.failed} not ok"
                if line != said:
                    self._say(f"{line}, about {left} left")
                said = line

    def _work(self) -> float:
        """Trials done, with the shares of those under way."""
        return min(self.total, self.done + sum(self._shares()))

    def _shares(self) -> list[float]:
        """What of each trial under way is done."""
        return sorted(share for key, share in progress(self._checkpoints) if key in self._keys)

    def _say_once(self, record: Record) -> None:
        """Names the first trial of each way to fail; the summary counts them."""
        kind = failure(record)
        if kind not in self._known:
            self._known.add(kind)
            trial = record.trial
            self._say(f"{kind} (on {trial.task}[{spell_cell(trial.cell)}], seed {trial.seed})")

    def _say(self, line: str) -> None:
        if self._live:
            self._console.print(line, markup=False, highlight=False)
        else:
            click.echo(line, file=sys.stderr)


def failure(record: Record) -> str:
    """What happened to which estimator, in one line."""
    status, error = record.outcome.status, record.outcome.error
    if error is None:
        return f"{status}: {record.trial.spelled}"
    kind = "" if error.type.lower() == status else f"{error.type}: "
    return " ".join(f"{status}: {record.trial.spelled}: {kind}{error.message}".split())


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
