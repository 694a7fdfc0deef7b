"""`mibench list`: lists what plugins bring."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import click

from mibench.cli import loading, options, streams
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
@click.argument("kind", type=click.Choice(list(_KINDS)), required=False)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--long", is_flag=True, help="List what every suite holds, too.")
@options.plugins
def command(kind: str | None, form: Literal["table", "json"], long: bool, plugins: tuple[str, ...]) -> None:
    """List the estimators, tasks, families, suites, data sets, references or executors that plugins bring, or all."""
    registry = loading.open_registry(plugins)
    entries = {name: registry.entries(_KINDS[name]) for name in ([kind] if kind else _KINDS)}
    if form == "json":
        facts = {name: [_facts(entry) for entry in group] for name, group in entries.items()}
        streams.write(json.dumps(facts[kind] if kind else facts, indent=1) + "\n")
        return
    for name, group in entries.items():
        if not kind:
            streams.echo(f"{name}:")
        for line in _lines(group, long=long):
            streams.echo(line if kind else f"  {line}")


def _lines(entries: Sequence[Entry[Any]], *, long: bool) -> Iterator[str]:
    """A line for each entry, and with `long` one for each part of a suite."""
    rows = [(entry.name, _properties(entry.spec), entry.plugin.name, entry.spec.summary) for entry in entries]
    for entry, line in zip(entries, _aligned(rows), strict=True):
        yield line
        for part in _aligned(_parts(entry.spec)) if long else ():
            yield f"  {part}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines whose columns stand below each other; empty columns are left out."""
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    texts = [[cell.ljust(width) for cell, width in zip(row, widths, strict=False) if width] for row in rows]
    return ["  ".join([*cells, " ".join(row[-1].split())]).rstrip() for cells, row in zip(texts, rows, strict=True)]


def _parts(spec: Spec) -> list[tuple[str, str]]:
    """What a suite holds: the name that a task was published under, if it was, and its selector."""
    if not isinstance(spec, SuiteSpec):
        return []
    return list(spec.tasks.items()) if isinstance(spec.tasks, Mapping) else [("", task) for task in spec.tasks]


def _facts(entry: Entry[Any]) -> dict[str, Any]:
    """An entry for programs: its name and plugin, and what its spec declares in plain values."""
    declared = {field.name: getattr(entry.spec, field.name) for field in dataclasses.fields(entry.spec)}
    sets = {name: sorted(value) for name, value in declared.items() if isinstance(value, frozenset)}
    plain = {name: value for name, value in declared.items() if value is None or isinstance(value, str | int | float)}
    names = {"profiles": list(entry.spec.profiles)} if isinstance(entry.spec, TaskSpec) else {}
    if isinstance(entry.spec, SuiteSpec):
        names = {"tasks": dict(entry.spec.tasks) if isinstance(entry.spec.tasks, Mapping) else list(entry.spec.tasks)}
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
