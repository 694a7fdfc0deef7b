"""`mibench report`: writes measurements as one HTML file."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import options, streams
from mibench.errors import UsageError

if TYPE_CHECKING:
    from mibench.store.record import Record


@click.command("report", short_help="Write measurements as one HTML file.")
@click.argument("task", default="")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), default=Path("report.html"))
@options.estimators
@click.option("--title", default="mibench report", show_default=True, help="The report's heading.")
@options.results
@options.beside
@options.plugins
def command(
    task: str,
    output: Path,
    estimators: tuple[str, ...],
    title: str,
    results: Path,
    beside: str | None,
    plugins: tuple[str, ...],
) -> None:
    """Write the measurements of TASK (a selector), or of all tasks, as one HTML file that opens offline."""
    from mibench.comparison import compare
    from mibench.comparison.references import load_references
    from mibench.frames import tidy
    from mibench.reporting.page import render

    registry = options.open_registry(plugins)
    records = _narrow(options.read_records(results), task, estimators)
    if not records:
        raise UsageError(f"no such records under {results}; `mibench show` says what there is")
    given = [
        ("--estimators", ",".join(estimators)),
        ("--title", title),
        ("--results", str(results)),
        ("--with", beside or ""),
        ("--output", str(output)),
    ]
    given += [("-p", plugin) for plugin in plugins]
    words = ["mibench", "report", *filter(None, [task]), *(word for pair in given if pair[1] for word in pair)]
    frame = tidy(records)
    verdicts = compare(frame, load_references(registry), registry)
    frame = options.put_beside(frame, beside, estimators)
    page = render(records, registry, frame=frame, verdicts=verdicts, command=shlex.join(words), title=title)
    options.save_page(page, output)
    streams.echo(output)


def _narrow(records: "list[Record]", task: str, estimators: tuple[str, ...]) -> "list[Record]":
    """The records of the trials that selectors name."""
    from mibench.frames import narrow, tidy

    if not (task or estimators):
        return records
    keys = {*narrow(tidy(records), task, estimators)["key"]}
    return [record for record in records if record.key in keys]
