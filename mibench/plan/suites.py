"""Suites as the selectors of tasks that they stand for."""

from collections.abc import Iterable, Iterator, Mapping

from mibench.discovery.registry import Entry, Registry
from mibench.errors import UsageError
from mibench.plan.selectors import Selector, parse_selectors
from mibench.specs import SuiteSpec
from mibench.text import suggestion

PREFIX = "suite:"


def expand(registry: Registry, selectors: Iterable[Selector]) -> list[Selector]:
    """The selectors of tasks that are left when every suite is replaced by what it lists.

    Parameters of a suite's selector go before those that its tasks set: `suite:gradients[n=1024]`. After a suite that
    has names for its tasks one of them may stand: `suite:bmi:1v1-normal-0.75`.

    Raises:
        UsageError: a suite or a name in it does not exist, or a suite is empty or contains itself.
    """
    return [task for selector in selectors for _, task in _tasks(registry, selector, ())]


def published(registry: Registry, selectors: Iterable[Selector]) -> dict[str, Selector]:
    """The tasks of suites by the names that they were published under, where they have one.

    A suite's selector changes none of them: what it sets otherwise than a task was not published under its name.

    Raises:
        UsageError: as `expand` does.
    """
    suites = [Selector(selector.name, {}) for selector in selectors]
    return {name: task for suite in suites for name, task in _tasks(registry, suite, ()) if name}


def made_equal(registry: Registry, selectors: Iterable[Selector]) -> list[str]:
    """A sentence for each suite of which parameters after its name make several tasks one.

    Raises:
        UsageError: as `expand` does.
    """
    sentences: list[str] = []
    for selector in selectors:
        listed, left = (_count(expand(registry, [it])) for it in (Selector(selector.name, {}), selector))
        if left < listed:
            given = ", ".join(f"{name}={'|'.join(values)}" for name, values in selector.sweep.items())
            sentences.append(f"of the {listed} tasks of {selector.name} {given} leaves {left} that differ")
    return sentences


def _count(tasks: Iterable[Selector]) -> int:
    """How many different ones there are."""
    return len({(task.name, tuple(sorted((name, *values) for name, values in task.sweep.items()))) for task in tasks})


def _tasks(registry: Registry, selector: Selector, within: tuple[str, ...]) -> Iterator[tuple[str, Selector]]:
    """Every task with the name that it was published under, or none."""
    if not selector.name.startswith(PREFIX):
        yield "", selector
        return
    entry, wanted = _find(registry, selector.name.removeprefix(PREFIX))
    path = (*within, entry.name)
    if entry.name in within:
        raise UsageError(f"suite {within[0]} contains itself: {' > '.join(path)}")
    named = entry.spec.tasks if isinstance(entry.spec.tasks, Mapping) else {}
    if wanted and wanted not in named:
        raise UsageError(f"suite {entry.name} has no task {wanted!r}; {suggestion(wanted, list(named))}")
    listed = {wanted: named[wanted]} if wanted else named
    names = list(listed) or [""] * len(entry.spec.selectors)
    tasks = parse_selectors(list(listed.values()) or entry.spec.selectors)
    if not tasks:
        raise UsageError(f"suite {entry.name} is empty; plugin {entry.plugin.name!r} should list its tasks")
    for name, task in zip(names, tasks, strict=True):
        merged = Selector(task.name, {**task.sweep, **selector.sweep})
        yield from ((inner or name, found) for inner, found in _tasks(registry, merged, path))


def _find(registry: Registry, name: str) -> tuple[Entry[SuiteSpec], str]:
    """A suite, and which of its tasks is named after it; all if none is."""
    suite, _, task = name.partition(":")
    if task and any(suite == entry.name for entry in registry.entries(SuiteSpec)):
        return registry.find(SuiteSpec, suite), task
    return registry.find(SuiteSpec, name), ""
