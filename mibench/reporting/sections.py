"""The parts of a report, each made of records or frames for the page's template."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from mibench.comparison.ranking import rank
from mibench.comparison.soundness import LEFT_OUT
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import cell_columns
from mibench.outcome import ErrorInfo
from mibench.plan.selectors import spell_cell
from mibench.reporting.charts.figure import PageFigure, figures
from mibench.reporting.charts.named import named_charts
from mibench.reporting.charts.panels import learning_curves, varied
from mibench.reporting.commands import run_commands
from mibench.reporting.overview import pictures
from mibench.reporting.ranks import about, readable
from mibench.reporting.tables import Table, good_ends, leaderboard, table
from mibench.reporting.verdicts import verdict_table
from mibench.specs import TaskSpec
from mibench.store.record import Record
from mibench.style import Looks
from mibench.tables import without_constants
from mibench.text import pluralise, printable, shortened

MOST_FAILURES = 50
"""Ways to fail that are shown with their tracebacks; those beyond are counted."""
_LETTERS = "ABCDEFGH"
_MOST_CURVES = 2
_LONGEST_TRACEBACK = 6000
_LONGEST_MESSAGE = 1000
_TOLD = re.compile(r"\[\.\.\. [\d,]+ characters in all \.\.\.\]")


@dataclass(frozen=True)
class Tile:
    """A number at the top of the page, and what it is made of."""

    name: str
    value: int
    detail: str = ""


@dataclass(frozen=True)
class TaskSection:
    """What was measured on one task.

    Attributes:
        name: the task.
        about: what it is, in a sentence.
        leaderboard: the table that a run shows, ranked.
        note: what the task says of that table.
        verdicts: the comparison with references, if there is one.
        charts: what the task declares, where it was measured.
        curves: what was measured along training and is in no declared chart.
        commands: the commands that measure the same again.
    """

    name: str
    about: str
    leaderboard: Table
    note: str
    verdicts: Table | None
    charts: Sequence[PageFigure]
    curves: Sequence[PageFigure]
    commands: Sequence[str]

    @property
    def curves_folded(self) -> bool:
        """Whether there are so many that they are shown on demand."""
        return len(self.curves) > _MOST_CURVES


@dataclass(frozen=True)
class Overview:
    """What all tasks say together.

    Attributes:
        ranking: the estimators by their errors; `None` where no two have enough cells.
        note: what its columns are; empty without a ranking.
        left_out: sentences on what could not be compared.
        charts: the pictures of all tasks.
    """

    ranking: Table | None
    note: str
    left_out: Sequence[str]
    charts: Sequence[PageFigure]


@dataclass(frozen=True)
class Failure:
    """A way to fail, and the first trial that did."""

    status: str
    estimator: str
    task: str
    message: str
    times: str
    first: str
    traceback: str


@dataclass(frozen=True)
class Failures:
    """Ways to fail, how many more there are, and why trials were skipped."""

    shown: Sequence[Failure]
    more: int
    skipped: Sequence[str]


@dataclass(frozen=True)
class Environments:
    """What ran the trials, and how many more environments there are."""

    table: Table
    more: int


def tiles(records: Sequence[Record], verdicts: pd.DataFrame) -> list[Tile]:
    """How much there is, and what came of it."""
    statuses = Counter(record.outcome.status.value for record in records)
    judged = Counter(str(verdict) for verdict in verdicts.get("verdict", ()))
    shown = [
        Tile("trials", len(records), _counts(statuses)),
        Tile("estimators", len({record.trial.spelled for record in records})),
        Tile("tasks", len({record.trial.task for record in records})),
    ]
    return [*shown, Tile("verdicts", judged.total(), _counts(judged))] if judged else shown


def task_section(
    frame: pd.DataFrame,
    spec: TaskSpec | None,
    summary: pd.DataFrame,
    verdicts: pd.DataFrame,
    looks: Looks,
    options: Sequence[str] = (),
) -> TaskSection:
    """Makes the section of a task.

    Args:
        frame: its rows of the tidy frame.
        spec: what it declares, if its plugin is there.
        summary: the table that a run shows.
        verdicts: its rows of `mibench.comparison`.
        looks: the numbers of series.
        options: of the commands, as `mibench.reporting.commands.rerun_options` returns them.
    """
    name = str(frame["task"].iloc[0])
    about = [spec.summary, spec.reference] if spec else ["the plugin that brought this task is not installed"]
    constant = [column for column in cell_columns(frame) if column in summary.columns]
    shown = without_constants(summary, constant)
    charts = spec.charts if spec else ()
    return TaskSection(
        name=name,
        about=". ".join(part[:1].upper() + part[1:] for part in about if part),
        leaderboard=leaderboard(shown, f"Leaderboard of {name}", varied(frame), good_ends(shown, spec)),
        note=" ".join(str(summary.attrs.get("note", "")).split()),
        verdicts=None if verdicts.empty else verdict_table(verdicts, f"Verdicts on {name}"),
        charts=figures(named_charts(frame, charts), looks, spec),
        curves=figures(named_charts(frame, learning_curves(frame, charts)), looks, spec),
        commands=run_commands(frame, options),
    )


def overview(frame: pd.DataFrame, registry: Registry, looks: Looks) -> Overview | None:
    """What all tasks say together; `None` where no task says which way is good of two estimators.

    Args:
        frame: a tidy frame.
        registry: what the plugins brought.
        looks: the numbers of series.
    """
    charts = pictures(frame, registry)
    if not charts:
        return None
    try:
        ranks = rank(frame, registry)
    except UsageError as error:  # charts compare what a ranking does not
        return Overview(None, "", [str(error)], figures(charts, looks))
    ranking = table(readable(ranks), "Ranking", facets=["measurement"])
    return Overview(ranking, about(ranks), ranks.attrs[LEFT_OUT], figures(charts, looks))


def failures(records: Sequence[Record]) -> Failures:
    """Every way to fail, most frequent first, with its traceback; then the reasons of what was skipped."""
    ways = Counter(_way(record) for record in records if record.outcome.status.failed)
    first = {_way(record): record for record in reversed(records)}
    shown = [_failure(first[way], times) for way, times in ways.most_common(MOST_FAILURES)]
    skips = Counter(_way(record) for record in records if record.outcome.status == "skipped")
    reasons = [f"{way[1]} on {way[0]}: {_line(way[4])} ({_times(n)})" for way, n in skips.most_common(MOST_FAILURES)]
    if len(skips) > MOST_FAILURES:
        reasons.append(f"{len(skips) - MOST_FAILURES} more are not shown")
    return Failures(shown, len(ways) - len(shown), reasons)


def environments(records: Iterable[Record]) -> Environments:
    """What ran the trials: a column for every environment, a row for every fact."""
    counts = Counter(
        tuple((printable(str(name)), printable(str(fact))) for name, fact in record.environment.items())
        for record in records
    )
    columns = {
        f"{_times(n)} ({letter})": dict(facts)
        for letter, (facts, n) in zip(_LETTERS, counts.most_common(len(_LETTERS)), strict=False)
    }
    names = list(dict.fromkeys(name for facts in columns.values() for name in facts))
    frame = pd.DataFrame(
        {"what": names} | {title: [facts.get(name, "") for name in names] for title, facts in columns.items()}
    )
    return Environments(table(frame, "Environment", plain=True), len(counts) - len(columns))


def _way(record: Record) -> tuple[str, str, str, str, str, str]:
    error = record.outcome.error or ErrorInfo("", "")
    trial = record.trial
    return trial.task, trial.spelled, record.outcome.status.value, error.type, error.message, error.traceback


def _failure(record: Record, times: int) -> Failure:
    task, estimator, status, kind, message, trace = _way(record)
    trial = record.trial
    end = trace[-_LONGEST_TRACEBACK:]
    return Failure(
        status=status,
        estimator=estimator,
        task=task,
        message=f"{kind}: {_line(message)}",
        times=_times(times),
        first=f"{spell_cell(trial.cell) or 'no parameters'}, seed {trial.seed}, {trial.device}",
        traceback=("[...]\n" if len(end) < len(trace) else "") + end,
    )


def _line(message: str) -> str:
    """A message on one line, shortened; one that its record holds in short keeps the length that it had."""
    line = " ".join(message.split())
    told = _TOLD.search(line)
    if told and len(line) > _LONGEST_MESSAGE:
        return f"{line[:_LONGEST_MESSAGE]} {told[0]}"
    return shortened(line, _LONGEST_MESSAGE)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{n} {name}" for name, n in sorted(counter.items()))


def _times(times: int) -> str:
    return pluralise(times, "trial")
