"""`mibench doctor`: is everything well before a run?"""

from pathlib import Path

import click

from mibench.cli import options
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import DatasetSpec

_MARKS = {"ok": "ok", "absent": "-", "wrong": "WRONG"}


@click.command("doctor", short_help="Say what is installed and whether it works.")
@options.data_dir
@options.plugins
def command(data_dir: Path | None, plugins: tuple[str, ...]) -> None:
    """Say what is installed, on which devices, which data sets are found, and whether plugins and arithmetic are well.

    The self-test holds estimators that need no training against closed forms, and takes about ten seconds. Exits with
    1 if something is wrong; what is absent and not needed (-) is not.
    """
    from mibench.testing.doctor import examine

    registry = Registry(load_plugins(plugins))
    specs = tuple(entry.spec for entry in registry.entries(DatasetSpec))
    wrong: list[str] = []
    part = ""
    for finding in examine(registry, DataFolder(root=data_dir, specs=specs)):
        if finding.part != part:
            part = finding.part
            click.echo(part)
        click.echo(f"  {_MARKS[finding.status]:5}  {finding.name:22}  {finding.detail}")
        wrong += [finding.name] * (finding.status == "wrong")
    click.echo(f"mibench: wrong: {', '.join(wrong)}" if wrong else "mibench: all is well")
    if wrong:
        raise SystemExit(1)
