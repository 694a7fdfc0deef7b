"""Finds plugins, keeps a broken one from harming the others, and explains what was found.

Each plugin gets a pluggy manager of its own: with a shared one, a single distribution that fails to import, raises in
a hook or misspells a hook's name would abort the loading of all, or be passed over in silence.
"""

import functools
import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from mibench import hookspecs
from mibench.errors import PluginError, UsageError
from mibench.specs import DatasetSpec, EstimatorSpec, ExecutorSpec, ReferenceSpec, Spec, TaskSpec

GROUP = "mibench"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SPEC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
HOOKS: dict[str, type[Spec]] = {
    "mibench_estimators": EstimatorSpec,
    "mibench_tasks": TaskSpec,
    "mibench_datasets": DatasetSpec,
    "mibench_references": ReferenceSpec,
    "mibench_executors": ExecutorSpec,
}


@dataclass
class Plugin:
    """One plugin: where it came from, and what it brought or why it is broken."""

    name: str
    origin: str
    version: str = ""
    specs: list[Spec] = field(default_factory=list[Spec])
    blocked: bool = False
    error: str = ""
    traceback: str = ""

    @property
    def status(self) -> str:
        """`ok`, `blocked` or `broken`."""
        if self.error:
            return "broken"
        return "blocked" if self.blocked else "ok"


def load_plugins(options: Sequence[str] = ()) -> list[Plugin]:
    """Loads the installed plugins and those that `options` name.

    Args:
        options: as given after `-p`: `no:NAME` blocks a plugin, a path ending in `.py` loads a single file,
            anything else is imported as a module.

    Returns:
        Every plugin that was found, the blocked and the broken ones too, by name. The second of two that are both
        called `mine` is called `mine-2`.

    Raises:
        UsageError: there is no plugin of a name to block.
    """
    blocked = {option.removeprefix("no:") for option in options if option.startswith("no:")}
    found: list[Plugin] = []
    namesakes: Counter[str] = Counter()
    for plugin, load in _candidates(option for option in options if not option.startswith("no:")):
        namesakes[plugin.name] += 1
        if namesakes[plugin.name] > 1:
            plugin.name = f"{plugin.name}-{namesakes[plugin.name]}"
        plugin.blocked = plugin.name in blocked
        if not plugin.blocked:
            _fill(plugin, load)
        found.append(plugin)
    unknown = blocked - {plugin.name for plugin in found}
    if unknown:
        raise UsageError(f"there is no plugin {', '.join(sorted(unknown))} to block; see `mibench plugins`")
    return sorted(found, key=lambda plugin: plugin.name)


def load_file(path: Path) -> ModuleType:
    """Imports a plugin that is a single file, under the file's own name."""
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    found = None if known else importlib.util.find_spec(path.stem)
    if known is not None or (found is not None and found.origin != str(path)):
        raise PluginError(f"a module named {path.stem!r} exists already; rename the file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _candidates(options: Iterable[str]) -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    yield from sorted(_installed(), key=lambda candidate: (candidate[0].name, candidate[0].origin))
    for option in options:
        if option.endswith(".py"):
            path = Path(option).resolve()
            yield Plugin(path.stem, str(path)), lambda path=path: load_file(path)
        else:
            yield Plugin(option, f"module {option}"), lambda option=option: importlib.import_module(option)


def _installed() -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    """Reads distributions one by one: `entry_points()` raises for all of them when one is malformed."""
    seen: set[str] = set()
    for distribution in distributions():
        try:
            entries = distribution.entry_points.select(group=GROUP)
        except Exception as error:  # noqa: BLE001 - a distribution can be malformed in any way
            name, _ = _identity(distribution)
            yield Plugin(name, f"entry_points.txt of {name}"), functools.partial(_give_up, error)
            continue
        name, version = _identity(distribution) if entries else ("", "")
        if name not in seen:  # the first on sys.path is the one that Python imports
            yield from ((Plugin(entry.name, name, version), entry.load) for entry in entries)
        seen.add(name)


def _identity(distribution: Distribution) -> tuple[str, str]:
    """Name and version; without metadata both are `None`, or raise where a backport has taken over."""
    try:
        return distribution.name or "unnamed", distribution.version or ""
    except Exception:  # noqa: BLE001 - each backport has an error of its own
        return "unnamed", ""


def _give_up(error: Exception) -> None:
    raise error


def _fill(plugin: Plugin, load: Callable[[], Any]) -> None:
    """Loads a plugin and calls its hooks; whatever that raises is this plugin's trouble alone."""
    try:
        _refuse_name(plugin.name, _NAME)
        manager = pluggy.PluginManager("mibench")
        manager.add_hookspecs(hookspecs)
        manager.register(load(), name=plugin.name)
        manager.check_pending()
        plugin.specs = [spec for hook, kind in HOOKS.items() for spec in _call(manager, hook, kind)]
    except (Exception, SystemExit) as error:
        if os.environ.get("MIBENCH_STRICT") == "1":
            raise
        plugin.error = " ".join(f"{type(error).__name__}: {error}".split())
        plugin.traceback = traceback.format_exc()


def _call(manager: pluggy.PluginManager, hook: str, kind: type[Spec]) -> list[Spec]:
    brought = [spec for specs in getattr(manager.hook, hook)() for spec in specs]
    for spec in brought:
        if not isinstance(spec, kind):
            raise PluginError(f"{hook} returned a {type(spec).__name__} where a {kind.__name__} belongs")
        _refuse_name(spec.name, _SPEC_NAME)
    twice = [name for name, count in Counter(spec.name for spec in brought).items() if count > 1]
    if twice:
        raise PluginError(f"{hook} returned {', '.join(twice)} twice")
    return brought


def _refuse_name(name: object, pattern: re.Pattern[str]) -> None:
    """Names become folders and parts of selectors."""
    if not (isinstance(name, str) and pattern.fullmatch(name)):
        raise PluginError(f"{name!r} is no name: letters, digits, '-' and '_' only")
