"""Options that several commands share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mibench.cli import completion, tables
from mibench.errors import UsageError
from mibench.specs import SHIPPED


def _no_file(ctx: click.Context, param: click.Parameter, task: str) -> str:  # noqa: ARG001
    """Refuses results in place of a task, which other commands take first."""
    if task.lower().endswith((".csv", ".parquet")):
        raise UsageError(f"{task} is a file, and a task comes here; say --results {task}")
    return task


task = click.argument("task", default="", shell_complete=completion.tasks, callback=_no_file)

results = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder of the records.",
)
measured = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder of the records, or an exported file.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MIBENCH_DATA",
    show_envvar=True,
    help="The folder of data sets.",
)
download = click.option("--download", is_flag=True, help="Fetch data sets that are missing.")
profile = click.option(
    "--profile",
    default="quick",
    show_default=True,
    help="How large a run: smoke, quick or paper.",
    shell_complete=completion.profiles,
)
form = click.option("--format", "form", type=click.Choice(tables.FORMATS), default="table", show_default=True)
plugins = click.option(
    "-p",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    help="A plugin to load (./file.py or a module), or no:NAME to block one. Repeatable.",
)


estimators = click.option(
    "--estimators",
    "-e",
    multiple=True,
    metavar="SELECTORS",
    help="Which estimators. Repeatable.  [default: all]",
    shell_complete=completion.estimators,
)
tasks = click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    metavar="SELECTORS",
    help="Which tasks and cells. Repeatable.  [default: all]",
    shell_complete=completion.tasks,
)
measurements = click.option(
    "--measurements", multiple=True, metavar="NAMES", help="Which measurements. Repeatable.  [default: all]"
)


parameters = click.option(
    "--parameters",
    type=click.Choice(["default", "tuned", "all"]),
    help="Which rows, where some are tuned.  [default: all, if they are of one kind or named]",
)
beside = click.option(
    "--with",
    "beside",
    type=click.Choice([SHIPPED]),
    help="Put what mibench ships for the same cells beside the results.",
)


def _executor(ctx: click.Context, param: click.Parameter, given: str | None) -> str:  # noqa: ARG001
    return ("dask" if ctx.params["scheduler"] else "process") if given is None else given


_workforce = (
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--executor",
        callback=_executor,
        help='E.g. serial, or "slurm[partition=gpu]".  [default: process]',
        shell_complete=completion.executors,
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", is_eager=True, help='Short for --executor "dask[scheduler=ADDRESS]".'
    ),
    click.option(
        "--workers", type=click.IntRange(min=1), help="Batches at once.  [default: one a core, one for a GPU]"
    ),
    click.option(
        "--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Trials of one shape at once."
    ),
    click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds a batch may take."),
    click.option(
        "--memory", type=click.FloatRange(min=0, min_open=True), help="GiB a worker may use.  [default: a share]"
    ),
)


def workforce(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where trials run, and what they may use."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_workforce), command)
