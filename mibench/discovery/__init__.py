"""Finds and loads plugins. A broken plugin harms no other plugin and is reported.

Each plugin gets its own pluggy manager: with a shared manager, a plugin that cannot be imported, raises in a hook or
misspells a hook's name would abort the loading of all plugins, or bring nothing in silence.
"""

import functools
import importlib
import importlib.util
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from mibench import hookspecs
from mibench.declared import LONGEST_NAME
from mibench.discovery.isolation import preserved
from mibench.errors import PluginError, UsageError
from mibench.process.interrupts import noting_interrupts, staying_alive
from mibench.specs import (
    WORDS,
    DatasetSpec,
    EstimatorSpec,
    ExecutorSpec,
    FamilySpec,
    ReferenceSpec,
    Spec,
    SuiteSpec,
    TaskSpec,
)
from mibench.text import message_of, shortened, traceback_of, with_article

GROUP = "mibench"
_LONGEST_ERROR = 2000
_PLUGIN_FOLDERS: set[str] = set()
"""Folders that are on `sys.path` for the sake of a plugin in them."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\.py")
"""The names of files that are plugins: the name without its ending is that of a module, which has no dots."""
_REFERENCE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\s*(:\s*[^\W\d]\w*(\.[^\W\d]\w*)*\s*)?(\[.*\]\s*)?")
"""The values of entry points: `package.module` or `package.module:name`."""
_SPEC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
HOOKS: dict[str, type[Spec]] = {
    "mibench_estimators": EstimatorSpec,
    "mibench_tasks": TaskSpec,
    "mibench_families": FamilySpec,
    "mibench_suites": SuiteSpec,
    "mibench_datasets": DatasetSpec,
    "mibench_references": ReferenceSpec,
    "mibench_executors": ExecutorSpec,
}


@dataclass
class Plugin:
    """A plugin: where it came from, and what it brought or why it is broken.

    Attributes:
        name: the name of its entry point, file or module.
        origin: its distribution, or the file or module that the user named.
        version: the version of its distribution.
        module: the module that is imported.
        hooks: the hooks that it implements.
        specs: what it brought.
        blocked: whether the user blocked it.
        error, traceback: why it is broken; empty if it is not.
        asked: whether the user named it with `-p`.
    """

    name: str
    origin: str
    version: str = ""
    module: str = ""
    hooks: list[str] = field(default_factory=list[str])
    specs: list[Spec] = field(default_factory=list[Spec])
    blocked: bool = False
    error: str = ""
    traceback: str = ""
    asked: bool = False

    @property
    def status(self) -> str:
        """`ok`, `blocked` or `broken`."""
        if self.error:
            return "broken"
        return "blocked" if self.blocked else "ok"

    @property
    def complaint(self) -> str:
        """What a user is told of it where it is broken: a refusal if they named it, else a warning."""
        if self.asked:
            return f"cannot load {self.origin}: {self.error}"
        return f"plugin {self.name!r} ({self.origin}) is broken: {self.error}"


def load_plugins(options: Sequence[str] = ()) -> list[Plugin]:
    """Loads the installed plugins and those that `options` name.

    Args:
        options: as given after `-p`: `no:NAME` blocks a plugin, a path loads a single file, anything else is imported
            as a module, unless an installed plugin is that module.

    Returns:
        All plugins, also the blocked and the broken, sorted by name. Of two plugins named `mine` the second becomes
        `mine-2`; mibench's own keep their names.

    Raises:
        UsageError: there is no plugin of a name to block.
    """
    blocked = {option.removeprefix("no:") for option in options if option.startswith("no:")}
    plugins: list[Plugin] = []
    namesakes: Counter[str] = Counter()
    for plugin, load in _candidates(option for option in options if not option.startswith("no:")):
        namesakes[plugin.name] += 1
        if namesakes[plugin.name] > 1:
            plugin.name = f"{plugin.name}-{namesakes[plugin.name]}"
        plugin.blocked = plugin.name in blocked
        if not plugin.blocked:
            _fill(plugin, load)
        plugins.append(plugin)
    unknown = blocked - {plugin.name for plugin in plugins}
    if unknown:
        raise UsageError(f"there is no plugin {', '.join(sorted(unknown))} to block; see `mibench plugins`")
    return sorted(plugins, key=lambda plugin: plugin.name)


def load_file(path: Path) -> ModuleType:
    """Imports a plugin that is a single file, as a module of the file's name."""
    if path.is_dir():
        raise PluginError(f"{path} is a folder; name a file in it, or its module without a slash if it is a package")
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    if not _FILE.fullmatch(path.name):
        raise PluginError(
            f"the file of a plugin is named by letters, digits, '-' and '_', and ends in .py; rename {path.name!r}"
        )
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if known is not None or not _is_free(path):
        raise PluginError(f"a module named {path.stem!r} exists already; rename the file {path}")
    _allow_imports_from(path.resolve().parent)
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


def _is_free(path: Path) -> bool:
    """Whether no other module has the file's name, but for one beside another plugin, which keeps its own folder."""
    spec = importlib.util.find_spec(path.stem)
    if spec is None:
        return True
    origin = Path(spec.origin or "").resolve()
    return origin == path.resolve() or str(origin.parent) in _PLUGIN_FOLDERS


def _allow_imports_from(folder: Path) -> None:
    """Lets a plugin import the modules beside it; what is installed goes before them."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        _PLUGIN_FOLDERS.add(str(folder))


def _load_module(name: str) -> ModuleType:
    """Imports a module that the user named; it may lie in the current folder."""
    _allow_imports_from(Path.cwd())
    return importlib.import_module(name)


def _candidates(options: Iterable[str]) -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    installed = sorted(_installed(), key=lambda candidate: _order(candidate[0]))
    yield from installed
    modules = {plugin.module for plugin, _ in installed}
    files: set[Path] = set()
    for option in options:
        path = Path(option).absolute()
        if option in modules or path in files:
            continue
        if _names_file(option):
            files.add(path)
            yield Plugin(path.stem, str(path), module=path.stem, asked=True), lambda path=path: load_file(path)
        else:
            modules.add(option)
            yield (
                Plugin(option, f"module {option}", module=option, asked=True),
                lambda option=option: _load_module(option),
            )


def _order(plugin: Plugin) -> tuple[str, bool, str]:
    """Installed plugins by name; of one name mibench's own comes first, whose name is in the keys of its records."""
    return plugin.name, plugin.origin != "mibench", plugin.origin


def _names_file(option: str) -> bool:
    """Whether an option names a file, and not a module."""
    is_path = option.endswith(".py") or "/" in option or os.sep in option
    return is_path or (bool(Path(option).suffix) and Path(option).is_file())


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
            for entry in entries:
                yield _plugin(entry, name, version), functools.partial(_load_entry, entry, name)
        seen.add(name)


def _identity(distribution: Distribution) -> tuple[str, str]:
    """A distribution's name and version. Where metadata is missing, some finders return `None` and others raise."""
    try:
        return distribution.name or "unnamed", distribution.version or ""
    except Exception:  # noqa: BLE001 - a distribution can be malformed in any way
        return "unnamed", ""


def _plugin(entry: EntryPoint, origin: str, version: str) -> Plugin:
    return Plugin(entry.name, origin, version, module=entry.value.partition(":")[0].strip())


def _load_entry(entry: EntryPoint, origin: str) -> Any:
    value = entry.value.strip()
    if not _REFERENCE.fullmatch(value):
        said = f"says {shortened(repr(value), 200)}, which is no module" if value else "names no module"
        raise PluginError(f"entry point {entry.name!r} of distribution {origin} {said}: write package.module")
    return entry.load()


def _give_up(error: Exception) -> None:
    raise error


def _fill(plugin: Plugin, load: Callable[[], Any]) -> None:
    """Loads a plugin and calls its hooks. Whatever that raises makes this plugin broken, and no other."""
    with noting_interrupts() as interrupted:
        try:
            with preserved() as failures, staying_alive():
                _read_hooks(plugin, load)
            _refuse_changes(failures)
        except BaseException as error:
            if interrupted() or os.environ.get("MIBENCH_STRICT") == "1":
                raise
            plugin.specs = []
            plugin.error = " ".join(f"{type(error).__name__}: {shortened(message_of(error), _LONGEST_ERROR)}".split())
            plugin.traceback = traceback_of(error)


def _refuse_changes(failures: Sequence[str]) -> None:
    if failures:
        raise PluginError(f"it changes what others compute with: {failures[0]}")


def _read_hooks(plugin: Plugin, load: Callable[[], Any]) -> None:
    if not Path(plugin.origin).is_absolute():  # `load_file` refuses the names of files
        _refuse_name(plugin.name, _NAME)
    manager = pluggy.PluginManager("mibench")
    manager.add_hookspecs(hookspecs)
    module = load()
    manager.register(module, name=plugin.name)
    manager.check_pending()
    if os.environ.get("MIBENCH_TRACE_PLUGINS") == "1":
        manager.trace.root.setwriter(lambda text: sys.stderr.write(f"mibench: {plugin.name}:{text}"))
        manager.enable_tracing()
    plugin.hooks = [hook for hook in HOOKS if getattr(manager.hook, hook).get_hookimpls()]
    _refuse_unmarked(module, plugin.hooks)
    if not plugin.hooks:
        raise PluginError(f"it brings nothing: write a function such as {next(iter(HOOKS))}, with @hookimpl above it")
    plugin.specs = [spec for hook in plugin.hooks for spec in _call(manager, hook, HOOKS[hook])]
    _refuse_namesakes(plugin.specs)


def _refuse_namesakes(specs: Sequence[Spec]) -> None:
    """Refuses a task and a family of one name, since a family is a task by its own name."""
    tasks, families = ({spec.name for spec in specs if isinstance(spec, kind)} for kind in (TaskSpec, FamilySpec))
    if both := sorted(tasks & families):
        raise PluginError(f"a family is a task by its own name, and {', '.join(both)} is both; rename one of the two")


def _refuse_unmarked(module: Any, marked: Sequence[str]) -> None:
    """Refuses a hook without its decorator, which would bring nothing in silence."""
    for hook in HOOKS:
        if hook not in marked and hasattr(module, hook):
            raise PluginError(f"{hook} is not marked as a hook: write @hookimpl, of mibench, above it")


def _call(manager: pluggy.PluginManager, hook: str, kind: type[Spec]) -> list[Spec]:
    caller = getattr(manager.hook, hook)
    returned: list[Any] = caller()
    if len(returned) < sum(not (it.wrapper or it.hookwrapper) for it in caller.get_hookimpls()):  # pluggy drops None
        raise PluginError(f"{hook} returned None: is there a `return`?")
    for specs in returned:
        if not isinstance(specs, Iterable) or isinstance(specs, str):
            raise PluginError(f"{hook} returned {with_article(type(specs).__name__)}, not a list of {kind.__name__}")
    brought = [spec for specs in returned for spec in specs]
    for spec in brought:
        if not isinstance(spec, kind):
            given, wanted = with_article(type(spec).__name__), with_article(kind.__name__)
            raise PluginError(f"{hook} returned {given} where {wanted} belongs")
        _refuse_name(spec.name, _SPEC_NAME)
        if spec.name in WORDS.get(kind, ()):
            raise PluginError(f"{spec.name!r} is a word of the command line; choose another name")
    twice = [name for name, count in Counter(spec.name for spec in brought).items() if count > 1]
    if twice:
        raise PluginError(f"{hook} returned {', '.join(twice)} twice")
    return brought


def _refuse_name(name: object, pattern: re.Pattern[str]) -> None:
    """Refuses a name that cannot become a folder or part of a selector."""
    if not (isinstance(name, str) and len(name) <= LONGEST_NAME and pattern.fullmatch(name)):
        given = shortened(repr(name), 200)
        raise PluginError(f"{given} is no name: letters, digits, '-' and '_' only, at most {LONGEST_NAME} of them")
