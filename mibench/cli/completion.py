"""Completes names in the shell. It imports no torch, and prints nothing if a plugin is broken."""

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from mibench.cli import streams
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, S
from mibench.errors import MibenchError
from mibench.plan.suites import PREFIX
from mibench.specs import EVERY, SHIPPED, EstimatorSpec, ExecutorSpec, ReferenceSpec, SuiteSpec, TaskSpec


def estimators(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of estimators, also after a comma outside of brackets."""
    return _among(_named(_registry(ctx), EstimatorSpec), incomplete)


def rivals(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of estimators, and the words for all of them and for what mibench ships."""
    words = [(EVERY, "every other estimator"), (SHIPPED, "what mibench ships")]
    return _among([*words, *_named(_registry(ctx), EstimatorSpec)], incomplete)


def subjects(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes names of estimators; where none fits, the shell completes files."""
    found = rivals(ctx, param, incomplete) if incomplete.startswith(SHIPPED[:1]) else estimators(ctx, param, incomplete)
    return found or [CompletionItem(incomplete, type="file")]


def tasks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of tasks and suites, also after a comma outside of brackets; suites once their word is begun."""
    registry = _registry(ctx)
    suites = [(f"{PREFIX}{name}", summary) for name, summary in _named(registry, SuiteSpec)]
    begun = incomplete.rpartition(",")[2][:2] == PREFIX[:2]
    return _among([*_named(registry, TaskSpec), *(suites if begun else [])], incomplete)


def executors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of executors."""
    return _among(_named(_registry(ctx), ExecutorSpec), incomplete)


def references(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of references."""
    return _among(_named(_registry(ctx), ReferenceSpec), incomplete)


def profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of profiles, of any task."""
    specs = [entry.spec for entry in _registry(ctx).entries(TaskSpec)]
    return _among([(name, "") for spec in specs for name in spec.profiles], incomplete)


def figures(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes names of figures, of any task."""
    specs = [entry.spec for entry in _registry(ctx).entries(TaskSpec)]
    return _among([(name, "") for spec in specs for name in _figures(spec)], incomplete)


def _figures(spec: TaskSpec) -> Iterable[str]:
    """The names of a task's figures; one along `{theta}` is there for each name in theta."""
    yield from spec.figures
    for chart in spec.charts:
        yield from dict.fromkeys(chart.slug.replace("{theta}", name) for name in sorted(spec.replicable) or [""])


def _registry(ctx: click.Context) -> Registry:
    """What the plugins brought; nothing if they cannot be loaded."""
    try:
        with streams.reserve_stdout():
            return Registry(load_plugins(ctx.params.get("plugins") or ()))
    except MibenchError:
        return Registry([])


def _named(registry: Registry, kind: type[S]) -> list[tuple[str, str]]:
    """Names and what is said of them."""
    return [(entry.name, entry.spec.summary) for entry in registry.entries(kind)]


def _among(names: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Those of the names that go on from the last one of a list."""
    before, comma, last = incomplete.rpartition(",")
    if before.count("[") > before.count("]"):  # inside the brackets of a selector
        return []
    return [
        CompletionItem(before + comma + name, help=summary)
        for name, summary in dict(names).items()
        if name.startswith(last)
    ]
