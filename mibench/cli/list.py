"""`mibench list`: lists what plugins bring."""

import dataclasses
import json
from typing import Any, Literal

import click

from mibench.cli import options, streams
from mibench.discovery.registry import Entry
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
from mibench.text import pluralise, printable

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
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@options.plugins
def command(kind: str, form: Literal["table", "json"], plugins: tuple[str, ...]) -> None:
    """List the estimators, tasks, families, suites, data sets, references or executors that plugins bring."""
    entries = options.open_registry(plugins).entries(_KINDS[kind])
    if form == "json":
        streams.write(json.dumps([_facts(entry) for entry in entries], indent=1) + "\n")
        return
    rows = [(entry.name, _properties(entry.spec), entry.plugin.name, entry.spec.summary) for entry in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False) if width]
        streams.echo("  ".join([*cells, " ".join(row[3].split())]).rstrip())


def _facts(entry: Entry[Any]) -> dict[str, Any]:
    """An entry for programs: its name and plugin, and what its spec declares in plain values."""
    declared = {field.name: getattr(entry.spec, field.name) for field in dataclasses.fields(entry.spec)}
    sets = {name: sorted(value) for name, value in declared.items() if isinstance(value, frozenset)}
    plain = {name: value for name, value in declared.items() if value is None or isinstance(value, str | int)}
    names = {"profiles": list(entry.spec.profiles)} if isinstance(entry.spec, TaskSpec) else {}
    facts = {**plain, **sets, **names, "name": entry.name, "plugin": entry.plugin.name}
    return {name: printable(value) if isinstance(value, str) else value for name, value in facts.items()}


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
