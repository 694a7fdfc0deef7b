"""Suites as the selectors of tasks that they stand for."""

from collections.abc import Iterable, Iterator

from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.plan.selectors import Selector, parse_selectors
from mibench.specs import SuiteSpec

PREFIX = "suite:"


def expand(registry: Registry, selectors: Iterable[Selector]) -> list[Selector]:
    """The selectors of tasks that are left when every suite is replaced by what it lists.

    Parameters of a suite's selector go before those that its tasks set: `suite:gradients[n=1024]`.

    Raises:
        UsageError: a suite does not exist, is empty, or contains itself.
    """
    return [task for selector in selectors for task in _tasks(registry, selector, ())]


def _tasks(registry: Registry, selector: Selector, within: tuple[str, ...]) -> Iterator[Selector]:
    if not selector.name.startswith(PREFIX):
        yield selector
        return
    entry = registry.find(SuiteSpec, selector.name.removeprefix(PREFIX))
    path = (*within, entry.name)
    if entry.name in within:
        raise UsageError(f"suite {within[0]} contains itself: {' > '.join(path)}")
    listed = parse_selectors(entry.spec.selectors)
    if not listed:
        raise UsageError(f"suite {entry.name} is empty; plugin {entry.plugin.name!r} should list its tasks")
    for task in listed:
        yield from _tasks(registry, Selector(task.name, {**task.sweep, **selector.sweep}), path)
