"""`mibench export`: writes measurements to one file for other programs."""

from pathlib import Path

import click

from mibench.cli import loading, options, outputs, reading, rows, streams


@click.command("export", short_help="Write measurements as CSV or Parquet.")
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--output", "-o", type=outputs.Output(".csv", ".parquet"), required=True, help="NAME.csv or NAME.parquet")
@options.tasks
@options.estimators
@options.measurements
@click.option("--wide", is_flag=True, help="Add parameters, errors and the environment.")
@options.plugins
def command(
    results: Path,
    output: Path,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    measurements: tuple[str, ...],
    wide: bool,
    plugins: tuple[str, ...],
) -> None:
    """Write the measurements in RESULTS (a folder, or an exported file) to one file, one row per measurement.

    `mibench compare` takes the file in place of a folder.
    """
    registry = loading.open_registry(plugins)
    whole = reading.read_frame(results, wide=wide)
    from mibench.comparison.selection import select
    from mibench.frames import write

    of_tasks = select(whole, registry, tasks)
    asked = tasks, estimators, measurements
    frame = rows.of_measurements("nothing to export in", whole, of_tasks, results, *asked)
    write(frame, output)
    rows.say_unfound(whole, of_tasks, *asked)
    streams.say(f"mibench: {len(frame)} rows in {output}")
