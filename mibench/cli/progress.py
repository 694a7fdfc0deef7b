"""What a run shows while it runs: a live line on a terminal, plain lines elsewhere; always on stderr."""

import sys
import time
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mibench.runner import FAILED
from mibench.store import Record

_EVERY = 5.0


class RunProgress:
    """Counts records, names failures as they come, and says how long the rest will take."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.failed = 0
        self._known: set[str] = set()
        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._started = self._shown = time.perf_counter()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not self._live,
        )
        self._bar = self._progress.add_task("running", total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, record: Record) -> None:
        """Takes note of a record."""
        self.done += 1
        if record["status"] in FAILED:
            self.failed += 1
            self._say_once(record)
        description = f"running ({self.failed} not ok)" if self.failed else "running"
        self._progress.update(self._bar, advance=1, description=description)
        if not self._live and time.perf_counter() - self._shown > _EVERY:
            self._shown = time.perf_counter()
            self._say(f"{self.done}/{self.total} trials, {self.failed} not ok, about {self._left()} left")

    def _say_once(self, record: Record) -> None:
        """Names the first trial of each way to fail; the summary counts them."""
        kind = failure(record)
        if kind not in self._known:
            self._known.add(kind)
            cell = ",".join(f"{name}={value}" for name, value in record["cell"].items())
            self._say(f"{kind} (on {record['task']}[{cell}], seed {record['seed']})")

    def _say(self, line: str) -> None:
        if self._live:
            self._console.print(line, markup=False, highlight=False)
        else:
            click.echo(line, file=sys.stderr)

    def _left(self) -> str:
        return duration((time.perf_counter() - self._started) / self.done * (self.total - self.done))


def failure(record: Record) -> str:
    """What happened to which estimator, in one line."""
    error = record["error"]
    return " ".join(f"{record['status']}: {record['spelled']}: {error['type']}: {error['message']}".split())


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
