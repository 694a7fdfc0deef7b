"""Looks up the spec that a plugin declared by the name that a user types."""

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_type_hints

from mibench.discovery import Plugin, load_plugins
from mibench.errors import PluginError, UsageError
from mibench.parameters import SPELLABLE, is_spellable
from mibench.specs import (
    DatasetSpec,
    EstimatorSpec,
    ExecutorSpec,
    FamilySpec,
    ReferenceSpec,
    SuiteSpec,
    TaskSpec,
)
from mibench.text import either, message_of, shortened, suggestion

S = TypeVar("S", EstimatorSpec, TaskSpec, FamilySpec, SuiteSpec, DatasetSpec, ReferenceSpec, ExecutorSpec)


@dataclass(frozen=True)
class Entry(Generic[S]):
    """A spec and the plugin that brought it.

    Attributes:
        name: what users type: the spec's name, or `plugin:name` where two plugins share that name.
        plugin: the plugin that brought it.
        spec: what the plugin declared.
    """

    name: str
    plugin: Plugin
    spec: S

    @property
    def owner(self) -> str:
        """What messages call it, with its plugin."""
        return f"{self.spec.kind} {self.name!r} of plugin {self.plugin.name!r}"


class Registry:
    """The specs of all plugins, by kind and name."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = list(plugins)

    def entries(self, kind: type[S]) -> list[Entry[S]]:
        """All entries of one kind, sorted by name; every family is also a task."""
        brought = [(plugin, spec) for plugin in self.plugins for spec in _specs(plugin, kind)]
        names = [spec.name for _, spec in brought]
        entries = [
            Entry(spec.name if names.count(spec.name) == 1 else f"{plugin.name}:{spec.name}", plugin, spec)
            for plugin, spec in brought
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def find(self, kind: type[S], name: str) -> Entry[S]:
        """The entry called `name` or `plugin:name`.

        Raises:
            UsageError: no entry, or more than one, has this name.
        """
        entries = self.entries(kind)
        named = [entry for entry in entries if name in {entry.name, f"{entry.plugin.name}:{entry.spec.name}"}]
        if len(named) == 1:
            return named[0]
        namesakes = [entry.name for entry in entries if entry.spec.name == name]
        if namesakes:
            raise UsageError(f"{kind.kind} {name!r} is ambiguous; say {either(namesakes)}")
        hint = self._hint(name, [entry.name for entry in entries])
        raise UsageError(f"there is no {kind.kind} {shortened(repr(name), 200)}; {hint}")

    def _hint(self, name: str, known: list[str]) -> str:
        broken = ", ".join(plugin.name for plugin in self.plugins if plugin.error)
        note = f" (it may belong to a broken plugin: {broken}; see `mibench plugins`)" if broken else ""
        return suggestion(name, known) + note


def _warn(complaint: str) -> None:
    warnings.warn(complaint, stacklevel=3)  # of who loads the plugins


def load_registry(
    options: Sequence[str] = (),
    *,
    warn: Callable[[str], object] = _warn,
    hint: Callable[[str, Registry], str] = lambda plugin, registry: "",  # noqa: ARG005
) -> Registry:
    """What the installed plugins bring, and those that `options` name.

    Args:
        options: as they are written after `-p`.
        warn: takes a line for each installed plugin that is broken.
        hint: what to add to the error, by the name of the broken plugin that `options` name.

    Raises:
        UsageError: a plugin that `options` name is broken, or there is none of a name to block.
    """
    registry = Registry(load_plugins(options))
    broken = [plugin for plugin in registry.plugins if plugin.error]
    for plugin in broken:
        if plugin.asked:
            raise UsageError(f"{plugin.complaint}{hint(plugin.name, registry)}")
    for plugin in broken:
        warn(plugin.complaint)
    return registry


def _specs(plugin: Plugin, kind: type[S]) -> list[S]:
    brought = [spec.task if kind is TaskSpec and isinstance(spec, FamilySpec) else spec for spec in plugin.specs]
    return [spec for spec in brought if isinstance(spec, kind)]


def load_params(entry: Entry[Any]) -> type[Any]:
    """The dataclass of an estimator's or a task's parameters.

    Raises:
        PluginError: there is no such dataclass, or it cannot be made from its defaults, or a field has a type that no
            selector can spell.
    """
    return params_of(load_class(entry.spec, entry.owner), entry.spec.target, entry.owner)


def params_of(kind: type[Any], target: str, owner: str) -> type[Any]:
    """The dataclass of the parameters of a class, checked as `load_params` says.

    Raises:
        PluginError: as `load_params`.
    """
    params = getattr(kind, "Params", None)
    if not (isinstance(params, type) and dataclasses.is_dataclass(params)):
        raise PluginError(f"{owner}: {target} needs a dataclass named Params")
    try:
        params()
        kinds = get_type_hints(params)
    except Exception as error:
        raise PluginError(f"{owner}: every field of Params needs a default that fits: {message_of(error)}") from error
    for field in dataclasses.fields(params):
        if not is_spellable(kinds[field.name]):
            given = inspect.formatannotation(kinds[field.name])
            raise PluginError(f"{owner}: the field {field.name} of Params may be {SPELLABLE}, not {given}")
    return params


def load_class(spec: EstimatorSpec | TaskSpec, owner: str) -> Any:
    """The class that a spec names; if that is a family, the task that is made of it.

    Raises:
        PluginError: it cannot be imported.
    """
    if isinstance(spec, EstimatorSpec):
        return spec.load(owner)
    from mibench.curves.cells import load_task  # takes torch

    return load_task(spec, owner)
