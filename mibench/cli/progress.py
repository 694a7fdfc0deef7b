"""The progress of a run, on stderr: a live line on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mibench.cli import streams
from mibench.files import progress
from mibench.plan.selectors import spell_cell
from mibench.store.record import Record


class RunProgress:
    """Shows how many trials are done, which failed, and how long the rest will take.

    Args:
        keys: the keys of the trials that will run.
        checkpoints: the folder in which running trials report their progress.
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
            TextColumn("{task.fields[done]}/{task.total:.0f} trials{task.fields[running]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._bar = self._progress.add_task("running", total=self.total, done=0, running="")
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
        if record.outcome.status.failed:
            self.failed += 1
            self._print_once(record)

    def _watch(self) -> None:
        """Updates the display until the run ends."""
        began, said = self._work(), ""
        while not self._ended.wait(1.0 if self._live else 5.0):
            work = self._work()
            fractions = self._fractions()
            running = (
                f" ({', '.join(f'{fraction:.0%}' for fraction in fractions)} of those running)" if fractions else ""
            )
            description = f"running ({self.failed} not ok)" if self.failed else "running"
            self._progress.update(self._bar, completed=work, done=self.done, running=running, description=description)
            if not self._live and work > began:
                pace = (time.perf_counter() - self._started) / (work - began)
                left = duration(pace * (self.total - work))
                line = f"{self.done}/{self.total} trials{running}, {self.failed} not ok"
                if line != said:
                    self._print(f"{line}, about {left} left")
                said = line

    def _work(self) -> float:
        """The number of trials done, a running trial counting by its fraction done."""
        return min(self.total, self.done + sum(self._fractions()))

    def _fractions(self) -> list[float]:
        """The fractions done of the running trials."""
        return sorted(fraction for key, fraction in progress(self._checkpoints) if key in self._keys)

    def _print_once(self, record: Record) -> None:
        """Prints the first trial of each kind of failure; the summary counts them."""
        kind = failure(record)
        if kind not in self._known:
            self._known.add(kind)
            trial = record.trial
            self._print(f"{kind} (on {trial.task}[{spell_cell(trial.cell)}], seed {trial.seed})")

    def _print(self, line: str) -> None:
        if self._live:
            self._console.print(line, markup=False, highlight=False)
        else:
            streams.say(line)


def failure(record: Record) -> str:
    """A record's status, estimator and error in one line."""
    status, error = record.outcome.status, record.outcome.error
    if error is None:
        return f"{status}: {record.trial.spelled}"
    kind = "" if error.type.lower() == status else f"{error.type}: "
    return " ".join(f"{status}: {record.trial.spelled}: {kind}{error.message}".split())


def duration(seconds: float) -> str:
    """A duration for reading, e.g. `90 s`, `12 min` or `2.5 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
