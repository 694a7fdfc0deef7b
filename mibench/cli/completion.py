"""Completes names in the shell. Imports no torch, and stays silent whatever is broken."""

import click
from click.shell_completion import CompletionItem

from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, S
from mibench.errors import MibenchError
from mibench.specs import EstimatorSpec, ExecutorSpec, TaskSpec


def estimators(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Names of estimators; after a comma outside of brackets, the next one."""
    before, comma, last = incomplete.rpartition(",")
    if before.count("[") > before.count("]"):  # among the parameters of one
        return []
    return _completed(ctx, EstimatorSpec, last, before + comma)


def tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Names of tasks."""
    return _completed(ctx, TaskSpec, incomplete)


def executors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Names of executors."""
    return _completed(ctx, ExecutorSpec, incomplete)


def _completed(ctx: click.Context, kind: type[S], start: str, before: str = "") -> list[CompletionItem]:
    try:
        registry = Registry(load_plugins(ctx.params.get("plugins") or ()))
    except MibenchError:
        return []
    return [
        CompletionItem(before + entry.name, help=entry.spec.summary)
        for entry in registry.entries(kind)
        if entry.name.startswith(start)
    ]
