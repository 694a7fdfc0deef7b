"""`mibench archive`: what belongs to the measurements that mibench ships."""

from pathlib import Path

import click

from mibench.cli import loading, options, outputs, reading, streams
from mibench.outcome import Status
from mibench.text import pluralise


@click.group("archive", short_help="Contribute to what mibench ships.")
def command() -> None:
    """Contribute to the measurements that mibench ships."""


@command.command("add")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--output",
    "-o",
    type=outputs.Output(".csv"),
    help="The frame to write.  [default: FOLDER.csv]",
)
@options.plugins
def add(folder: Path, output: Path | None, plugins: tuple[str, ...]) -> None:
    """Check the results in FOLDER, and write the CSV file that a pull request to `results/` would carry.

    Every estimator and task must be of the version and the code that is installed, seeds must count from 0, and no cell
    may be missing: a trial that failed or was skipped says so itself. Trials on data of your own cannot join. Exits
    with 1 if something is amiss.
    """
    from mibench.comparison.contribution import objections
    from mibench.frames import tidy, write

    output = output or folder.resolve().with_suffix(".csv")
    outputs.refuse_unwritable(output, output)
    registry = loading.open_registry(plugins)
    everything = reading.read_records(folder)
    frame = tidy(everything, tunings=False)
    reading.refuse_tunings_alone(frame, folder)
    keys = {*frame["key"]}
    records = [record for record in everything if record.key in keys]
    reasons = objections(records, registry)
    for reason in reasons:
        streams.echo(reason)
    if reasons:
        streams.say(f"mibench: {pluralise(len(reasons), 'objection')}; nothing was written")
        raise SystemExit(1)
    write(frame, output)
    lost = sum(record.outcome.status != Status.OK for record in records)
    streams.say(f"mibench: {pluralise(len(records), 'trial')}, {lost} of them not ok; {output} is ready")
    streams.echo(output)
