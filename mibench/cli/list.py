"""`mibench list`: lists what plugins bring."""

from typing import Any

import click

from mibench.cli import options
from mibench.specs import (
    DatasetSpec,
    EstimatorSpec,
    ExecutorSpec,
    FamilySpec,
    ReferenceSpec,
    Spec,
    SuiteSpec,
    TaskSpec,
)
from mibench.text import pluralise

_KINDS: dict[str, type[Any]] = {
    "estimators": EstimatorSpec,
    "tasks": TaskSpec,
    "families": FamilySpec,
    "suites": SuiteSpec,
    "datasets": DatasetSpec,
    "references": ReferenceSpec,
    "executors": ExecutorSpec,
}


@click.command("list", short_help="List estimators, tasks, families, suites, data sets, ...")
@click.argument("kind", type=click.Choice(list(_KINDS)))
@options.plugins
def command(kind: str, plugins: tuple[str, ...]) -> None:
    """List the estimators, tasks, families, suites, data sets, references or executors that plugins bring."""
    entries = options.open_registry(plugins).entries(_KINDS[kind])
    rows = [(entry.name, _properties(entry.spec), entry.plugin.name, entry.spec.summary) for entry in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False) if width]
        click.echo("  ".join([*cells, row[3]]).rstrip())


def _properties(spec: Spec) -> str:
    if isinstance(spec, EstimatorSpec):
        if spec.baseline_of:
            return f"baseline of {spec.baseline_of}"
        bound = f"{spec.bound} bound" if spec.bound else ""
        return ", ".join(filter(None, [" and ".join(sorted(spec.estimates, reverse=True)), bound]))
    if isinstance(spec, FamilySpec):
        return ", ".join(spec.grid)
    if isinstance(spec, SuiteSpec):
        return pluralise(len(spec.tasks), "selector")
    return ", ".join(spec.profiles) if isinstance(spec, TaskSpec) else ""
