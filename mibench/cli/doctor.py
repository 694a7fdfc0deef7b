"""`mibench doctor`: checks the installation before a run."""

from pathlib import Path

import click

from mibench.cli import options, streams
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import DatasetSpec

_MARKS = {"ok": "ok", "absent": "-", "wrong": "WRONG"}


@click.command("doctor", short_help="Show what is installed and whether it works.")
@options.data_dir
@options.plugins
def command(data_dir: Path | None, plugins: tuple[str, ...]) -> None:
    """Show versions, devices, data sets and plugins, and test the arithmetic.

    The self-test compares estimators that need no training with closed forms, and takes about ten seconds. Exits with 1
    if something is wrong. What is absent and optional (-) is not wrong.
    """
    from mibench.testing.doctor import examine

    registry = Registry(load_plugins(plugins))
    specs = tuple(entry.spec for entry in registry.entries(DatasetSpec))
    wrong: list[str] = []
    part = ""
    for finding in examine(registry, DataFolder(root=data_dir, specs=specs)):
        if finding.part != part:
            part = finding.part
            streams.echo(part)
        streams.echo(f"  {_MARKS[finding.status]:5}  {finding.name:22}  {finding.detail}")
        wrong += [finding.name] * (finding.status == "wrong")
    streams.echo(f"mibench: wrong: {', '.join(wrong)}" if wrong else "mibench: all is well")
    if wrong:
        raise SystemExit(1)
