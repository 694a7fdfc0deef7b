"""Options that several commands share, and what they make of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.store import Store
from mibench.store.record import InvalidRecord

if TYPE_CHECKING:
    import pandas as pd

results = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder of the records.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MIBENCH_DATA",
    show_envvar=True,
    help="The folder of data sets.",
)
plugins = click.option(
    "-p",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    help="A plugin to load (./file.py or a module), or no:NAME to block one. Repeatable.",
)


def open_registry(plugins: tuple[str, ...]) -> Registry:
    """Loads the plugins and says on stderr which are broken, in one line each.

    Raises:
        UsageError: one of those that the user named is broken.
    """
    registry = Registry(load_plugins(plugins))
    for plugin in registry.plugins:
        if plugin.asked and plugin.error:
            raise UsageError(f"cannot load {plugin.origin}: {plugin.error}")
    warn_broken(registry.plugins)
    return registry


def warn_broken(plugins: list[Plugin]) -> None:
    """One line on stderr for each broken plugin."""
    for plugin in plugins:
        if plugin.error:
            click.echo(f"mibench: plugin {plugin.name!r} ({plugin.origin}) is broken: {plugin.error}", err=True)


def warn_invalid(files: Iterable[InvalidRecord]) -> None:
    """One line on stderr for each file among the records that is none."""
    for file in files:
        click.echo(f"mibench: skipped {file.path}: {file.reason}", err=True)


def read_frame(results: Path, *, wide: bool = True) -> "pd.DataFrame":
    """A results folder (by default with all that is known of its trials), or a CSV or Parquet file made of one.

    Raises:
        UsageError: there is neither.
    """
    from mibench import frames

    if results.is_file():
        return frames.read(results)
    if not results.is_dir():
        raise UsageError(f"there are no results in {results}: no such folder or file")
    records, invalid = Store(results).read()
    warn_invalid(invalid)
    return frames.tidy(records, wide=wide)
