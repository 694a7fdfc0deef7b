"""The parts of a report, each from records or frames to HTML."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from mibench.frames import cell_columns
from mibench.outcome import ErrorInfo
from mibench.plan.selectors import spell_cell
from mibench.reporting.charts.figure import figure
from mibench.reporting.charts.panels import learning_curves, settings
from mibench.reporting.commands import run_commands
from mibench.reporting.markup import Markup, element, join
from mibench.reporting.tables import leaderboard, table
from mibench.reporting.verdicts import verdict_table
from mibench.specs import TaskSpec
from mibench.store.record import Record
from mibench.tables import without_constants

MOST_FAILURES = 50
"""Ways to fail that are shown with their tracebacks; those beyond are counted."""
_LETTERS = "ABCDEFGH"
_MOST_CURVES = 2
_LONGEST_TRACEBACK = 6000
_LONGEST_MESSAGE = 1000


def overview(records: Sequence[Record], verdicts: pd.DataFrame) -> Markup:
    """How much there is, and what came of it."""
    statuses = Counter(record.outcome.status.value for record in records)
    judged = Counter(str(verdict) for verdict in verdicts.get("verdict", ()))
    tiles = [
        ("trials", str(len(records)), ", ".join(f"{n} {status}" for status, n in sorted(statuses.items()))),
        ("estimators", str(len({record.trial.spelled for record in records})), ""),
        ("tasks", str(len({record.trial.task for record in records})), ""),
        ("verdicts", str(judged.total()), ", ".join(f"{n} {verdict}" for verdict, n in sorted(judged.items()))),
    ]
    shown = [
        element("div", element("dt", name), element("dd", value, element("small", detail) if detail else ""))
        for name, value, detail in tiles
        if name != "verdicts" or judged
    ]
    return element("dl", shown, class_="tiles")


class TaskSection:
    """What was measured on one task.

    Args:
        frame: its rows of the tidy frame.
        spec: what it declares, if its plugin is there.
        summary: the table that a run shows.
        verdicts: its rows of `mibench.comparison`.
        looks: a number for each estimator.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        spec: TaskSpec | None,
        summary: pd.DataFrame,
        verdicts: pd.DataFrame,
        looks: dict[str, int],
    ) -> None:
        self.name = str(frame["task"].iloc[0])
        self._frame, self._spec, self._summary, self._verdicts, self._looks = frame, spec, summary, verdicts, looks

    def html(self, identity: str) -> Markup:
        """The section; `identity` is what links lead to."""
        spec = self._spec
        about = [spec.summary, spec.reference] if spec else ["the plugin that brought this task is not installed"]
        return element(
            "section",
            element("h2", self.name),
            element("p", ". ".join(part[:1].upper() + part[1:] for part in about if part), class_="about"),
            self._leaderboard(),
            self._judgements(),
            [figure(self._frame, chart, self._looks) for chart in (spec.charts if spec else ())],
            self._learning_curves(),
            self._commands(),
            id=identity,
        )

    def _leaderboard(self) -> Markup:
        best = self._spec.best if self._spec else {}
        constant = [name for name in cell_columns(self._frame) if name in self._summary.columns]
        summary = without_constants(self._summary, constant)
        shown = leaderboard(summary, f"Leaderboard of {self.name}", settings(self._frame), best)
        note = " ".join(str(self._summary.attrs.get("note", "")).split())
        return join([element("h3", "Leaderboard"), shown, element("p", note, class_="note") if note else ""])

    def _judgements(self) -> Markup:
        if self._verdicts.empty:
            return Markup()
        return join([element("h3", "Verdicts"), verdict_table(self._verdicts, f"Verdicts on {self.name}")])

    def _learning_curves(self) -> Markup:
        """Folded where there are many."""
        charts = learning_curves(self._frame)
        if not charts:
            return Markup()
        drawn = join([element("h3", "Learning curves"), *(figure(self._frame, chart, self._looks) for chart in charts)])
        if len(charts) <= _MOST_CURVES:
            return drawn
        names = ", ".join(chart.title for chart in charts)
        return element("details", element("summary", f"Learning curves: {names}"), drawn)

    def _commands(self) -> Markup:
        commands = run_commands(self._frame)
        if not commands:
            return Markup()
        lines = element("pre", element("code", "\n".join(commands)), tabindex=0)
        return element("details", element("summary", "Commands that measure this again"), lines)


def failures(records: Sequence[Record]) -> Markup:
    """Every way to fail, most frequent first, with its traceback; then the reasons of what was skipped."""
    ways = Counter(_way(record) for record in records if record.outcome.status.failed)
    first = {_way(record): record for record in reversed(records)}
    shown = [_failure(first[way], times) for way, times in ways.most_common(MOST_FAILURES)]
    left = len(ways) - len(shown)
    more = element("p", f"{left} more ways to fail are not shown; narrow the report to see them.", class_="note")
    skips = Counter(_way(record) for record in records if record.outcome.status == "skipped")
    reasons = [f"{way[1]} on {way[0]}: {way[4]} ({_times(n)})" for way, n in skips.most_common(MOST_FAILURES)]
    if len(skips) > MOST_FAILURES:
        reasons.append(f"{len(skips) - MOST_FAILURES} more are not shown")
    return join(
        [
            shown or element("p", "None: every trial that was run ended well."),
            more if left else "",
            [element("h3", "Skipped"), element("ul", [element("li", reason) for reason in reasons])] if reasons else "",
        ]
    )


def environments(records: Iterable[Record]) -> Markup:
    """What ran the trials: a column for every environment, a row for every fact."""
    found = Counter(tuple((str(k), str(v)) for k, v in record.environment.items()) for record in records)
    columns = {
        f"{_times(n)} ({letter})": dict(facts)
        for letter, (facts, n) in zip(_LETTERS, found.most_common(len(_LETTERS)), strict=False)
    }
    names = list(dict.fromkeys(name for facts in columns.values() for name in facts))
    frame = pd.DataFrame(
        {"what": names} | {title: [facts.get(name, "") for name in names] for title, facts in columns.items()}
    )
    left = len(found) - len(columns)
    more = element("p", f"{left} more environments are not shown.", class_="note") if left else ""
    return join([table(frame, "Environment", plain=True), more])


def _way(record: Record) -> tuple[str, str, str, str, str, str]:
    error = record.outcome.error or ErrorInfo("", "")
    trial = record.trial
    return trial.task, trial.spelled, record.outcome.status.value, error.type, error.message, error.traceback


def _failure(record: Record, times: int) -> Markup:
    task, estimator, status, kind, message, trace = _way(record)
    cell = spell_cell(record.trial.cell)
    title = element(
        "summary",
        element("span", status, class_="verdict worse"),
        element("strong", f" {estimator}"),
        f" on {task}: {kind}: {' '.join(message.split())[:_LONGEST_MESSAGE]} ({_times(times)})",
    )
    trial = record.trial
    where = element("p", f"First: {cell or 'no parameters'}, seed {trial.seed}, {trial.device}", class_="note")
    kept = trace[-_LONGEST_TRACEBACK:]
    start = "[...]\n" if len(kept) < len(trace) else ""
    body = element("pre", start + kept, tabindex=0) if trace else element("p", "No traceback was recorded.")
    return element("details", title, where, body, class_="failure")


def _times(times: int) -> str:
    return f"{times} trial{'s' * (times != 1)}"
