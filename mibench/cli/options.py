"""Options that several commands share, and helpers that read them."""

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
    """Loads the plugins, and names each broken plugin in one line on stderr.

    Raises:
        UsageError: a plugin that the user named with `-p` is broken.
    """
    registry = Registry(load_plugins(plugins))
    for plugin in registry.plugins:
        if plugin.asked and plugin.error:
            raise UsageError(f"cannot load {plugin.origin}: {plugin.error}")
    warn_broken(registry.plugins)
    return registry


def warn_broken(plugins: list[Plugin]) -> None:
    """Names each broken plugin in one line on stderr."""
    for plugin in plugins:
        if plugin.error:
            click.echo(f"mibench: plugin {plugin.name!r} ({plugin.origin}) is broken: {plugin.error}", err=True)


def warn_invalid(files: Iterable[InvalidRecord]) -> None:
    """Names each file that is no valid record in one line on stderr."""
    for file in files:
        click.echo(f"mibench: skipped {file.path}: {file.reason}", err=True)


def read_frame(results: Path, *, wide: bool = True) -> "pd.DataFrame":
    """A tidy frame of a results folder, or of a CSV or Parquet file that was exported from it.

    Args:
        results: the folder or file.
        wide: whether a folder's frame gets the parameters, versions, errors and environment too.

    Raises:
        UsageError: there is no such folder or file.
    """
    from mibench import frames

    if results.is_file():
        return frames.read(results)
    if not results.is_dir():
        raise UsageError(f"there are no results in {results}: no such folder or file")
    records, invalid = Store(results).read()
    warn_invalid(invalid)
    return frames.tidy(records, wide=wide)
