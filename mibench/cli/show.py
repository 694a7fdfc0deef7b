"""`mibench show`: shows measurements."""

from pathlib import Path

import click

from mibench.cli import completion, options, tables
from mibench.errors import UsageError


@click.command("show", short_help="Show measurements.")
@click.argument("task", default="", shell_complete=completion.tasks)
@click.option("--estimators", "-e", default="", metavar="SELECTORS", help="Which estimators to show.  [default: all]")
@click.option(
    "--measurements", default="", metavar="NAMES", help="Which measurements to show, comma-separated.  [default: all]"
)
@click.option("--format", "form", type=click.Choice(tables.FORMATS), default="table", show_default=True)
@click.option("--tidy", is_flag=True, help="One row per measurement instead of the summary.")
@options.results
@options.plugins
def command(
    task: str,
    estimators: str,
    measurements: str,
    form: tables.Format,
    tidy: bool,
    results: Path,
    plugins: tuple[str, ...],
) -> None:
    """Show the measurements of TASK (a selector), or of all tasks: a summary of each task, or every measurement."""
    from mibench import frames  # pandas
    from mibench.reporting.summary import summarise
    from mibench.store import Store

    registry = options.open_registry(plugins)
    records, invalid = Store(results).read()
    options.warn_invalid(invalid)
    if not records:
        click.echo(f"mibench: no records under {results}; `mibench run` makes some", err=True)
    frame = frames.narrow(frames.tidy(records), task, estimators, measurements)
    if records and frame.empty:
        raise UsageError(f"no such records under {results}; `mibench show` without arguments says what there is")
    shown = {"": frame} if tidy else summarise(frame, registry)
    click.echo("\n".join(tables.render(table, form) for table in shown.values()), nl=False)
