"""`mibench show`: shows measurements."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import loading, options, reading, rows, streams, tables

if TYPE_CHECKING:
    from mibench.comparison.tuned import Parameters


@click.command("show", short_help="Show measurements.")
@options.task
@options.estimators
@options.measurements
@options.form
@click.option("--tidy", is_flag=True, help="One row per measurement instead of the summary.")
@options.measured
@options.beside
@options.parameters
@options.plugins
def command(
    task: str,
    estimators: tuple[str, ...],
    measurements: tuple[str, ...],
    form: tables.Format,
    tidy: bool,
    results: Path,
    beside: str | None,
    parameters: "Parameters | None",
    plugins: tuple[str, ...],
) -> None:
    """Show the measurements of TASK (a selector), or of all tasks: a summary of each task, or every measurement."""
    registry = loading.open_registry(plugins)
    whole = reading.read_frame(results, coded=not tidy)
    from mibench.comparison.selection import select
    from mibench.comparison.tuned import keep_apart, marked
    from mibench.frames.files import to_csv
    from mibench.reporting.summary import summarise

    of_tasks = select(whole, registry, task)
    asked = task, estimators, measurements
    frame = rows.of_measurements("no such records under", whole, of_tasks, results, *asked)
    frame = rows.put_beside(frame, beside, estimators)
    frame = keep_apart(frame, parameters, named=bool(estimators))
    shown = frame if tidy else summarise(marked(rows.keep_sound(frame)), registry, task)
    rows.say_unfound(whole, of_tasks, task, () if beside else estimators, measurements)
    if not tidy:
        loading.say_unreadable(registry)
    if tidy and form == "csv":
        streams.write(to_csv(frame))
    else:
        tables.write(shown, form)
