"""`mibench rank`: which estimator errs least, and how sure is that?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import loading, options, reading, rows, streams, tables
from mibench.text import pluralise

if TYPE_CHECKING:
    from mibench.comparison.tuned import Parameters


_CONTEXT = ("measurement", "tasks", "cells", "seeds", "failed", "diverged", "skipped", "missing", "samples")
"""Columns that stand in a line below a table to read where all rows say the same."""


@click.command("rank", short_help="Rank estimators by their errors.")
@click.argument("results", type=click.Path(path_type=Path), default=Path("results"))
@options.tasks
@options.estimators
@options.measurements
@options.form
@options.beside
@options.parameters
@options.plugins
def command(
    results: Path,
    tasks: tuple[str, ...],
    estimators: tuple[str, ...],
    measurements: tuple[str, ...],
    form: tables.Format,
    beside: str | None,
    parameters: "Parameters | None",
    plugins: tuple[str, ...],
) -> None:
    """Rank the estimators in RESULTS by their errors on the same data.

    RESULTS is a folder, a CSV file of mibench, or `shipped` for what mibench ships.

    The mean rank counts the rivals that are ahead. Beside it stands the share of cells in which the error is at most
    twice the oracle's. Both have a 95 % interval, for other tasks and other seeds; of one seed of one task there is
    none.
    """
    registry = loading.open_registry(plugins)
    whole = reading.read_frame(results, coded=True)
    from mibench.comparison.error_table import quantities_of
    from mibench.comparison.ranking import rank
    from mibench.comparison.selection import refuse_unmeasured
    from mibench.comparison.tuned import keep_apart, marked
    from mibench.plan.selectors import split_names
    from mibench.reporting.ranks import about_intervals, readable

    of_tasks, frame = rows.chosen("nothing to rank in", whole, registry, results, tasks, estimators)
    names, there = split_names(measurements), quantities_of(frame, registry)
    refuse_unmeasured(names, there)
    frame = rows.put_beside(frame, beside, estimators)
    frame = marked(keep_apart(frame, parameters, named=bool(estimators)))
    asked = tasks, () if beside else estimators, measurements
    with rows.refusing_with_unfound(whole, of_tasks, *asked, quantities=there):
        ranks = rank(frame, registry, measurements=names)
    tables.write(readable(ranks) if form in {"table", "md"} else ranks, form, below=_CONTEXT)
    streams.say(f"mibench: {pluralise(len(ranks), 'row')}; {about_intervals(ranks)}")
    streams.say_each(ranks.attrs["left_out"], "  ")
