"""`mibench estimate`: how much information do your data hold, and whom to trust?"""

import importlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mibench.cli import completion, loading, options, outputs, streams, tables
from mibench.outcome import Status
from mibench.text import number

if TYPE_CHECKING:
    from mibench.estimation.answer import Estimation
    from mibench.estimation.stages import EstimateRequest
    from mibench.store.record import Record


@click.command("estimate", short_help="Estimate the information that your own data hold.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--x", "x", multiple=True, metavar="COLUMNS", help='Columns of x, e.g. "age,bmi". Repeatable.')
@click.option("--y", "y", multiple=True, metavar="COLUMNS", help='Columns of y, e.g. "gene_*". Repeatable.')
@click.option("--missing", type=click.Choice(["refuse", "drop"]), default="refuse", show_default=True)
@click.option("--codes", type=click.Choice(["one-hot", "ordinal"]), default="one-hot", show_default=True)
@click.option(
    "--estimators",
    "-e",
    multiple=True,
    metavar="SELECTORS",
    help="Which estimators. Repeatable.  [default: a quick handful]",
    shell_complete=completion.estimators,
)
@click.option("--rows", type=click.IntRange(min=20), default=1000, show_default=True, help="Rows drawn, at most.")
@click.option(
    "--shuffles",
    type=click.IntRange(min=1),
    default=19,
    show_default=True,
    help="Shuffles for the p-value; fewer than 19 tell nothing at the 5 % level.",
)
@click.option(
    "--twins",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Draws of the twin; one ranks nothing. 0: none.",
)
@options.results
@click.option("--executor", default="process", show_default=True, shell_complete=completion.executors)
@click.option("--workers", type=click.IntRange(min=1), help="Trials at once.  [default: one a core]")
@click.option("--output", "-o", type=outputs.Output(*outputs.PAGE), help="Write a page here too.")
@options.form
@options.plugins
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    x: tuple[str, ...],
    y: tuple[str, ...],
    missing: Literal["refuse", "drop"],
    codes: Literal["one-hot", "ordinal"],
    estimators: tuple[str, ...],
    rows: int,
    shuffles: int,
    twins: int,
    results: Path,
    executor: str,
    workers: int | None,
    output: Path | None,
    form: tables.Format,
    plugins: tuple[str, ...],
) -> None:
    """Estimate I(X;Y) of the pairs in FILE, in nats and bits, and say which estimate to report.

    FILE is a .npz with arrays x and y, two .npy files, or a .csv, .tsv or .parquet whose columns --x and --y name.
    The same command resumes after an interruption.
    """
    if sys.stderr.isatty():
        streams.say("mibench: starting")  # what follows imports for seconds
    from mibench.estimation.stages import EstimateRequest
    from mibench.pairs import Reading, column_names
    from mibench.pairs.columns import split_patterns

    # the names of columns matter where a text may be a list of them, or is no name as it stands
    plain = all(given == given.strip() and not {",", '"'} & set(given) for given in (*x, *y))
    names = [] if plain else column_names(files)
    chosen = [tuple(part for given in side for part in split_patterns(given, names)) for side in (x, y)]
    request = EstimateRequest(
        files=files,
        reading=Reading(x=chosen[0], y=chosen[1], missing=missing, codes=codes),
        estimators=estimators,
        rows=rows,
        shuffles=shuffles,
        twins=twins,
        results=results,
        executor=executor,
        workers=workers,
        plugins=plugins,
    )
    request.pairs()
    _estimate(ctx, request, form, output)


def _estimate(ctx: click.Context, request: "EstimateRequest", form: tables.Format, output: Path | None) -> None:
    from mibench import runner
    from mibench.estimation.answer import answer
    from mibench.estimation.stages import plan, run_request
    from mibench.executors import submitted

    registry = loading.open_registry(ctx.params["plugins"])
    with runner.make_executor(registry, run_request(request)) as executor:
        if executor.plans:
            submitted(executor, int)  # starts the workers, which load torch while this process plans
        importlib.import_module("mibench.estimation.answer")
        from mibench.cli.progress import carry_out

        job = plan(request, registry)
        carry_out(ctx, job, executor, _first_number)
    estimation = answer(job, request)
    _show(estimation, form)
    if output:
        from mibench.estimation.page import render

        page = render(estimation, request, shlex.join(["mibench", *sys.argv[1:]]))
        outputs.save(output, lambda file: file.write(page.encode()))
        streams.say(f"mibench: {output} is written")
    if estimation.estimates["nats"].isna().all():
        ctx.exit(1)


def _first_number(record: "Record") -> str:
    """What to say of an estimate as soon as it is there; its interval needs more trials of estimators that train."""
    cell = record.trial.cell
    if cell["change"] != "none" or cell["flows"] or cell["split"] or cell.get("twin"):
        return ""
    if record.outcome.status != Status.OK:
        return ""
    values = {measurement.name: measurement.value for measurement in record.outcome.measurements}
    value = values.get("mi_corrected", values.get("mi"))
    return "" if value is None else f"{record.trial.spelled}: {number(value)} nats at first"


def _show(estimation: "Estimation", form: tables.Format) -> None:
    if form == "json":
        streams.write(estimation.to_json())
        return
    if form == "csv":
        streams.write(tables.render(estimation.estimates, "csv"))
        streams.say(f"mibench: {estimation.recommendation}")
        streams.say_each(estimation.notes, "  ")
        return
    from mibench.estimation.page import to_read

    shown = (to_read(estimation.estimates), estimation.twin, estimation.stability, estimation.flows)
    streams.write("\n".join(tables.render(frame, form) for frame in shown if len(frame)))
    streams.echo(f"\n{estimation.recommendation}")
    for note in estimation.notes:
        streams.echo(f"- {note}")
