"""Completes names in the shell. It imports no torch, and prints nothing if a plugin is broken."""

import click
from click.shell_completion import CompletionItem

from mibench.cli import streams
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, S
from mibench.errors import MibenchError
from mibench.specs import EstimatorSpec, ExecutorSpec, TaskSpec


def estimators(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of estimators, also after a comma outside of brackets."""
    before, comma, last = incomplete.rpartition(",")
    if before.count("[") > before.count("]"):  # inside the brackets of an estimator
        return []
    return _completed(ctx, EstimatorSpec, last, before + comma)


def tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of tasks."""
    return _completed(ctx, TaskSpec, incomplete)


def executors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of executors."""
    return _completed(ctx, ExecutorSpec, incomplete)


def _completed(ctx: click.Context, kind: type[S], start: str, before: str = "") -> list[CompletionItem]:
    try:
        with streams.reserve_stdout():
            registry = Registry(load_plugins(ctx.params.get("plugins") or ()))
    except MibenchError:
        return []
    return [
        CompletionItem(before + entry.name, help=entry.spec.summary)
        for entry in registry.entries(kind)
        if entry.name.startswith(start)
    ]
