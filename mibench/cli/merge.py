"""`mibench merge`: copies the records of several results folders into one, and what their trials left behind."""

from pathlib import Path

import click

from mibench.cli import reading, streams
from mibench.errors import UsageError
from mibench.text import pluralise


@click.command("merge", short_help="Copy the records of several folders into one.")
@click.argument(
    "sources",
    nargs=-1,
    required=True,
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    metavar="FOLDER...",
)
@click.option(
    "--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder to copy into."
)
@click.option(
    "--prefer",
    type=click.Choice(["theirs", "ours"]),
    help="Where files differ, take the trial of FOLDER (theirs) or keep the one that is there (ours).",
)
def command(sources: tuple[Path, ...], into: Path, prefer: str | None) -> None:
    """Copy the records of every FOLDER that another folder lacks into it, with the artifacts that their trials left.

    A record that is there with the same numbers stays. A failed record gives way to a finished one, with its artifacts.
    If numbers or artifacts differ, the files are named and nothing is copied, unless --prefer says which to take.
    """
    from mibench.store import Store
    from mibench.store.merge import carry_out, plan_merge

    for source in sources:
        _refuse_nested(source, into)
    target = Store(into)
    merge = plan_merge([Store(source) for source in sources], target)
    reading.warn_invalid(merge.invalid)
    for source in merge.empty:
        reading.refuse_empty(source, 0, [file for file in merge.invalid if source in file.path.parents])
    for conflict in merge.conflicts:
        streams.say(f"mibench: {conflict.source} and {conflict.target}: {conflict.difference}")
    if merge.conflicts and not prefer:
        differ = "1 trial differs" if len(merge.conflicts) == 1 else f"{len(merge.conflicts)} trials differ"
        raise UsageError(
            f"{differ} and nothing was copied; say --prefer theirs or --prefer ours, or remove one of each pair"
        )
    target.prepare()
    if prefer == "theirs":
        merge.prefer_theirs()
    carry_out(merge)
    artifacts = f"; artifacts: {merge.artifacts} copied, {merge.same_artifacts} were there"
    streams.say(
        f"mibench: {pluralise(merge.records, 'record')} copied into {into}, {merge.same} were there"
        + (artifacts if merge.artifacts or merge.same_artifacts else "")
    )


def _refuse_nested(source: Path, into: Path) -> None:
    """Refuses a folder that lies where the other keeps what is its own; parts in folders beside its records may stay.

    Raises:
        UsageError: in one line.
    """
    from mibench.store import Store

    for outer, inner in ((source, into), (into, source)):
        store = Store(outer.resolve())
        if any(inner.resolve().is_relative_to(own) for own in (store.records, store.artifacts_folder)):
            raise UsageError(f"{inner} lies within what {outer} holds; name folders of results, not parts of one")
