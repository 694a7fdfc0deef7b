"""`mibench new`: the start of a plugin."""

from pathlib import Path
from typing import Any

import click

from mibench.errors import UsageError
from mibench.plugins import load_plugins
from mibench.registry import Registry
from mibench.scaffold import Kind, write_scaffold
from mibench.specs import EstimatorSpec, TaskSpec

_SPECS: dict[str, type[Any]] = {"estimator": EstimatorSpec, "task": TaskSpec}
_TRY: dict[Kind, tuple[str, ...]] = {
    "estimator": ("mibench check {name}", "mibench run --estimators {name},mige --task gaussian --profile smoke"),
    "task": ("mibench run --estimators infonce --task {name} --profile smoke",),
}


@click.command("new", short_help="Write a package that brings an estimator or a task.")
@click.argument("kind", type=click.Choice(list(_SPECS)))
@click.argument("name")
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where the new folder goes.  [default: here]",
)
def command(kind: Kind, name: str, directory: Path) -> None:
    """Write a package that brings an estimator or a task called NAME: small, typed, tested, and ready to install.

    What it computes works, and stands where yours will: the plug-in estimate of a Gaussian, a noisy channel.
    """
    registry = Registry(load_plugins())
    for entry in registry.entries(_SPECS[kind]):
        if name == entry.spec.name:
            raise UsageError(f"{kind} {name!r} exists already, in plugin {entry.plugin.name!r}; choose another name")
    written = write_scaffold(kind, name, directory)
    for path in written:
        click.echo(path)
    folder = min(written, key=lambda path: len(path.parts)).parent
    click.echo("\nNow:")
    for line in (f"pip install -e {folder}", f"python -m pytest {folder}", *_TRY[kind]):
        click.echo(f"  {line.format(name=name)}")
