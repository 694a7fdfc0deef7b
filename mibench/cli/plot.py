"""`mibench plot`: draws the figures of a task, or of all tasks together."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.cli import completion, loading, options, outputs, reading, rows, streams
from mibench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mibench.comparison.tuned import Parameters

FORMS = ("svg", "png", "pdf")


@click.command("plot", short_help="Draw figures.")
@options.task
@click.option(
    "--figure",
    "names",
    multiple=True,
    help="Which figures.  [default: all]  Repeatable.",
    shell_complete=completion.figures,
)
@options.estimators
@click.option("--output", "-o", type=outputs.Output(folder=True), default=Path("figures"))
@click.option("--format", "forms", multiple=True, type=click.Choice(FORMS), default=["svg", "png"])
@options.measured
@options.beside
@options.parameters
@options.plugins
def command(
    task: str,
    names: tuple[str, ...],
    estimators: tuple[str, ...],
    output: Path,
    forms: tuple[str, ...],
    results: Path,
    beside: str | None,
    parameters: "Parameters | None",
    plugins: tuple[str, ...],
) -> None:
    """Draw the figures of TASK (a selector, e.g. "gaussian[d=5|20]") from the records, as SVG and PNG.

    Without TASK, or with several tasks or a suite, the figures compare estimators over all tasks: the share of cells
    with an error below x, error against seconds and against n, who is ahead of whom, and estimates against the truth.
    """
    from mibench.comparison.tuned import keep_apart, marked
    from mibench.figures import draw_asked

    if (form := output.suffix.removeprefix(".").lower()) in FORMS and not output.exists():
        raise UsageError(f"--output is a folder, and {output} names a file; say --output FOLDER --format {form}")
    registry = loading.open_registry(plugins)
    whole = reading.read_frame(results)
    of_tasks, frame = rows.chosen("no such records under", whole, registry, results, task, estimators)
    frame = rows.put_beside(frame, beside, estimators)
    frame = marked(rows.keep_sound(keep_apart(frame, parameters, named=bool(estimators))))
    figures = draw_asked(frame, registry, task, names, _say_left_out)
    rows.say_unfound(whole, of_tasks, task, () if beside else estimators)
    for name, figure in figures.items():
        for form in forms:
            path = _inside(output, f"{name}.{form}")
            _save(figure, path)
            streams.echo(path)


def _say_left_out(sentence: str) -> None:
    streams.say(f"mibench: {sentence.removesuffix('.')}")


def _inside(folder: Path, name: str) -> Path:
    """A file in a folder. Names of figures hold names of parameters, which a record may bring from anywhere."""
    path = folder / name
    if path.parent != folder:
        raise UsageError(f"a figure called {name!r} would lie outside of {folder}; its task should rename it")
    return path


def _save(figure: "Figure", path: Path) -> None:
    """Saves a figure so that equal figures are equal files: the style fixes the salt of SVG's identifiers."""
    import matplotlib as mpl

    from mibench.style import STYLE

    form = path.suffix.removeprefix(".")
    metadata = {"Date": None} if form == "svg" else None
    with mpl.rc_context(STYLE):
        outputs.save(path, lambda file: figure.savefig(file, format=form, metadata=metadata))
