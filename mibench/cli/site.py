"""`mibench site`: writes a small static site of rankings."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import loading, options, outputs, reading, rows, streams
from mibench.text import fixed

if TYPE_CHECKING:
    from mibench.comparison.tuned import Parameters


@click.command("site", short_help="Write a static site of rankings.")
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@click.option(
    "--output",
    "-o",
    type=outputs.Output(folder=True),
    default=Path("site"),
    show_default=True,
    help="The site's folder.",
)
@options.tasks
@options.estimators
@options.beside
@options.parameters
@options.plugins
def command(
    results: Path,
    output: Path,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    beside: str | None,
    parameters: "Parameters | None",
    plugins: tuple[str, ...],
) -> None:
    """Write a site of RESULTS (a folder, a CSV file of mibench, or `shipped` for what mibench ships).

    Its first page ranks estimators, with filters; each estimator and each family has a page. It opens from a disk.
    """
    from mibench.comparison.tuned import keep_apart, marked
    from mibench.reporting.commands import rerun_options
    from mibench.reporting.site import build
    from mibench.reporting.site.folder import refuse_foreign, write
    from mibench.reporting.site.standings import Standings

    refuse_foreign(output)
    registry = loading.open_registry(plugins)
    whole = reading.read_frame(results)
    of_tasks, frame = rows.chosen("nothing to rank in", whole, registry, results, tasks, estimators)
    frame = rows.put_beside(frame, beside, estimators)
    frame = marked(keep_apart(frame, parameters, named=bool(estimators)))
    with rows.refusing_with_unfound(whole, of_tasks, tasks, () if beside else estimators):
        standings = Standings(frame, registry)
    streams.say_each(sentence for _, sentence in standings.left_out)
    size = write(build(standings, options=rerun_options(plugins, results)), output)
    streams.say(f"mibench: {fixed(size / 1e6, 1)} MB; open {output / 'index.html'}")
    streams.echo(output / "index.html")
