"""`mibench gc`: removes the files that nothing needs from a results folder."""

from pathlib import Path

import click

from mibench.cli import loading, options, streams
from mibench.text import pluralise


@click.command("gc", short_help="Remove what nothing needs any more.")
@click.argument("results", type=click.Path(file_okay=False, exists=True, path_type=Path), default=Path("results"))
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@options.plugins
def command(results: Path, dry_run: bool, plugins: tuple[str, ...]) -> None:
    """Remove the files that nothing needs any more from the folder RESULTS, and say why for each file.

    These are records of outdated versions with the artifacts of their trials, files that are not records, temporary
    files of dead processes, and checkpoints that were damaged, or of trials that are done or untouched for a week. A
    record in the wrong place is kept if it is the only one of its trial.
    """
    from mibench.store import Store
    from mibench.store.gc import orphans, remove

    store = Store(results)
    needless, astray = orphans(store, loading.open_registry(plugins))
    for orphan in needless if dry_run else remove(needless):
        streams.echo(f"{orphan.path}: {orphan.reason}")
    for file in astray:
        place = store.records / file.place
        streams.say(
            f"mibench: kept {file.path}: the only copy of a measurement, which counts again if moved to {place}"
        )
    streams.say(f"mibench: {pluralise(len(needless), 'file')} {'would be ' if dry_run else ''}removed")
