"""`mibench merge`: copies the records of several results folders into one."""

from pathlib import Path

import click

from mibench.cli import options, streams
from mibench.errors import UsageError


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
    help="Where records differ, take the record of FOLDER (theirs) or keep the one that is there (ours).",
)
def command(sources: tuple[Path, ...], into: Path, prefer: str | None) -> None:
    """Copy the records of every FOLDER that another folder lacks into it.

    A record that is there with the same numbers stays. A failed record gives way to a finished one. If numbers differ,
    the records are named and nothing is copied, unless --prefer says which to take.
    """
    from mibench.store import Store
    from mibench.store.merge import carry_out, plan_merge, replaced

    target = Store(into)
    merge = plan_merge([Store(source) for source in sources], target)
    options.warn_invalid(merge.invalid)
    for source in merge.empty:
        options.refuse_empty(source, 0, [file for file in merge.invalid if source in file.path.parents])
    for conflict in merge.conflicts:
        streams.say(f"mibench: {conflict.source} and {conflict.target}: {conflict.difference}")
    if merge.conflicts and not prefer:
        raise UsageError(
            f"{len(merge.conflicts)} records differ and nothing was copied; say --prefer theirs or --prefer ours, "
            "or remove one of each pair"
        )
    target.prepare()
    if prefer == "theirs":
        merge.copied |= replaced(merge.conflicts, target)
    carry_out(merge)
    streams.say(f"mibench: {len(merge.copied)} records copied into {into}, {merge.same} were there")
