"""The page: one file with its style, script and data inside, that opens offline and fetches nothing."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.frames import task_entry, tidy
from mibench.reporting import sections, templates
from mibench.reporting.charts.series import OF_ESTIMATOR, short_names, with_defaults
from mibench.reporting.summary import summarise
from mibench.specs import TaskSpec
from mibench.store.record import Record
from mibench.style import Looks


def render(  # noqa: PLR0913 - what a page shows, and how it was made
    records: Sequence[Record],
    registry: Registry,
    *,
    frame: pd.DataFrame | None = None,
    verdicts: pd.DataFrame | None = None,
    command: str = "",
    options: Sequence[str] = (),
    title: str = "mibench report",
) -> str:
    """A whole report as HTML: the same text for the same records, in whatever order they come.

    Args:
        records: what was measured.
        registry: the plugins' specs, of which tasks say what their sections show.
        frame: `tidy(records)` and what stands beside it; `None` for the records alone.
        verdicts: the rows of `mibench.comparison`, if anything was compared.
        command: the command that made it.
        options: of the commands that measure again, as `mibench.reporting.commands.rerun_options` returns them.
        title: its heading.
    """
    records = sorted(records, key=lambda record: (record.trial.task, record.key))
    frame = _with_parameters(tidy(records) if frame is None else frame, records)
    verdicts = pd.DataFrame(columns=["task", "verdict"]) if verdicts is None else verdicts
    verdicts = verdicts[verdicts["task"].isin(frame["task"])]
    looks = Looks()
    tasks = list(_tasks(frame, registry, verdicts, looks, options))
    return templates.fill_page(
        "page.html",
        title=title,
        about=_about(records),
        tiles=sections.tiles(records, verdicts),
        overview=sections.overview(frame, registry, looks),
        tasks=tasks,
        failures=sections.failures(records),
        environments=sections.environments(records),
        command=command,
    )


def _tasks(
    frame: pd.DataFrame, registry: Registry, verdicts: pd.DataFrame, looks: Looks, options: Sequence[str]
) -> Iterator[sections.TaskSection]:
    """The section of each task; the estimators of all tasks have their looks before any chart is drawn."""
    specs = dict[str, TaskSpec | None]()
    summaries = summarise(frame, registry)
    for name in summaries:
        rows = frame[frame["task"] == name]
        entry = task_entry(rows, registry)
        specs[name] = entry.spec if entry else None
        looks.meet(short_names(rows, specs[name]).values())
    for name, summary in summaries.items():
        rows, judged = frame[frame["task"] == name], verdicts[verdicts["task"] == name]
        spec = specs[name]
        rows = with_defaults(rows, spec.charts, registry) if spec else rows
        yield sections.task_section(rows, spec, summary, judged, looks, options)


def _with_parameters(frame: pd.DataFrame, records: Sequence[Record]) -> pd.DataFrame:
    """A tidy frame with the parameters of estimators, as a wide one has them: a chart's x may be one of them."""
    parameters = {
        record.key: {f"{OF_ESTIMATOR}{name}": value for name, value in record.trial.parameters.items()}
        for record in records
    }
    columns = pd.DataFrame.from_dict(parameters, orient="index", dtype=object)
    return frame.drop(columns=columns.columns, errors="ignore").join(columns, on="key")


def _about(records: Sequence[Record]) -> str:
    """What made the page, and when the trials were run: nothing that differs from one page of the same to the next."""
    days = sorted({record.started[:10] for record in records if record.started})
    span = f", trials of {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""
    return f"mibench {version('mibench')}{span}"
