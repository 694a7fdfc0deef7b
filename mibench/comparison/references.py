"""Published and measured numbers to compare with, each with its provenance and the settings that it holds for."""

import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from mibench.discovery.registry import Entry, Registry
from mibench.errors import PluginError
from mibench.specs import ReferenceSpec, TaskSpec

COLUMNS = (
    "task",
    "estimator",
    "measurement",
    "statistic",
    "value",
    "spread",
    "provenance",
    "source",
    "settings",
    "note",
)
PROVENANCES = frozenset({"paper", "authors' code", "third party", "ours"})


def load_references(registry: Registry) -> pd.DataFrame:
    """All references that the plugins brought.

    Returns:
        The columns of `COLUMNS`, with `settings` as mappings from cell parameters to values; `reference`, the name of
        the set; and `task_plugin`, the plugin whose task is meant, empty where that is not known.

    Raises:
        PluginError: a file is missing, lacks a column, or names a provenance that is none of `PROVENANCES`.
    """
    tasks = registry.entries(TaskSpec)
    frames: list[pd.DataFrame] = []
    for entry in registry.entries(ReferenceSpec):
        frame = _read(entry.spec)
        plugins = {name: _task_plugin(name, entry.plugin.name, tasks) for name in set(frame["task"])}
        frames.append(frame.assign(reference=entry.spec.name, task_plugin=frame["task"].map(plugins)))
    columns = [*COLUMNS, "reference", "task_plugin"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def choose_references(registry: Registry, names: Sequence[str] = ()) -> pd.DataFrame:
    """The references of the sets that are named, or all.

    Raises:
        UsageError: there is no such set.
        PluginError: a file cannot be used; see `load_references`.
    """
    for name in names:
        registry.find(ReferenceSpec, name)
    references = load_references(registry)
    return references[references["reference"].isin(list(names))] if names else references


def matching(references: pd.DataFrame, cell: Mapping[str, Any], **columns: str) -> pd.DataFrame:
    """The references that hold for a cell: it has each of their settings.

    Args:
        references: as loaded by `load_references`.
        cell: parameters and their values.
        **columns: the text that other columns must hold.
    """
    for name, value in columns.items():
        references = references[references[name] == value]
    fits = [not misfits(settings, cell) for settings in references["settings"]]
    return references[pd.Series(fits, index=references.index, dtype=bool)]


def misfits(settings: Mapping[str, Any], cell: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a cell does not have."""
    return {name: value for name, value in settings.items() if cell.get(name) != value}


def _task_plugin(task: str, own: str, tasks: Iterable[Entry[TaskSpec]]) -> str:
    """The plugin whose task is meant: that which brings the reference, or the only one that brings such a task."""
    names = {entry.plugin.name: {entry.spec.name, f"{entry.plugin.name}:{entry.spec.name}"} for entry in tasks}
    plugins = [plugin for plugin, spellings in names.items() if task in spellings]
    if own in plugins:
        return own
    return plugins[0] if len(plugins) == 1 else ""


def _read(spec: ReferenceSpec) -> pd.DataFrame:
    package, _, path = spec.file.partition(":")
    try:
        with importlib.resources.files(package).joinpath(path).open(encoding="utf-8") as file:
            frame = pd.read_csv(file, keep_default_na=False, na_values={"value": [""], "spread": [""]})
        frame["settings"] = [json.loads(text) for text in frame["settings"]]
    except (OSError, ImportError, KeyError, ValueError) as error:
        raise PluginError(f"reference {spec.name!r}: cannot read {spec.file!r}: {error}") from error
    missing = set(COLUMNS) - set(frame.columns)
    strange = set(frame.get("provenance", [])) - PROVENANCES
    if missing or strange:
        fault = (
            f"lacks {sorted(missing)}" if missing else f"has provenance {sorted(strange)}, not {sorted(PROVENANCES)}"
        )
        raise PluginError(f"reference {spec.name!r}: {spec.file!r} {fault}")
    return frame[list(COLUMNS)]
