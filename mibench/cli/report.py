"""`mibench report`: writes measurements as one HTML file."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import loading, options, outputs, reading, rows, streams
from mibench.specs import is_shipped

if TYPE_CHECKING:
    from mibench.comparison.tuned import Parameters
    from mibench.store.record import Record


@click.command("report", short_help="Write measurements as one HTML file.")
@options.task
@click.option("--output", "-o", type=outputs.Output(*outputs.PAGE), default=Path("report.html"))
@options.estimators
@click.option("--title", default="mibench report", show_default=True, help="The report's heading.")
@options.measured
@options.beside
@options.parameters
@options.plugins
def command(
    task: str,
    output: Path,
    estimators: tuple[str, ...],
    title: str,
    results: Path,
    beside: str | None,
    parameters: "Parameters | None",
    plugins: tuple[str, ...],
) -> None:
    """Write the measurements of TASK (a selector), or of all tasks, as one HTML file that opens offline."""
    from mibench.comparison import compare
    from mibench.comparison.references import load_references
    from mibench.comparison.tuned import keep_apart
    from mibench.frames import tidy_columns
    from mibench.frames.records import records_of
    from mibench.reporting.commands import rerun_options
    from mibench.reporting.page import render
    from mibench.store.columns import columns_of

    registry = loading.open_registry(plugins)
    records: list[Record] = []
    if is_shipped(results) or results.is_file():
        whole = reading.read_frame(results)
    else:
        records = reading.read_records(results)
        whole = tidy_columns(columns_of(records))
        reading.refuse_tunings_alone(whole, results)
    of_tasks, frame = rows.chosen("no such records under", whole, registry, results, task, estimators)
    given = [
        ("--estimators", ",".join(estimators)),
        ("--title", title),
        ("--results", str(results)),
        ("--with", beside or ""),
        ("--parameters", parameters or ""),
        ("--output", str(output)),
    ]
    given += [("-p", plugin) for plugin in plugins]
    words = ["mibench", "report", *filter(None, [task]), *(word for pair in given if pair[1] for word in pair)]
    shown = keep_apart(rows.put_beside(frame, beside, estimators), parameters, named=bool(estimators))
    shown = rows.keep_sound(shown)
    own = frame[frame["key"].isin(shown["key"])]
    keys = {*own["key"]}
    records = [record for record in records if record.key in keys] or records_of(own)
    verdicts = compare(own, load_references(registry), registry)
    page = render(
        records,
        registry,
        frame=shown,
        verdicts=verdicts,
        command=shlex.join(words),
        options=rerun_options(plugins, results),
        title=title,
    )
    rows.say_unfound(whole, of_tasks, task, () if beside else estimators)
    loading.say_unreadable(registry)
    outputs.save(output, lambda file: file.write(page.encode()))
    streams.echo(output)
