"""Published and measured numbers to compare with, each with its provenance and the settings that it holds for."""

import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.errors import PluginError
from mibench.specs import ReferenceSpec

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
    """All references that the plugins brought, with the name of each in the column `reference`.

    Returns:
        The columns of `COLUMNS`, `settings` as mappings from cell parameters to values.

    Raises:
        PluginError: a file is missing, lacks a column, or names a provenance that is none of `PROVENANCES`.
    """
    frames = [_read(entry.spec) for entry in registry.entries(ReferenceSpec)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["reference", *COLUMNS])


def matching(references: pd.DataFrame, cell: Mapping[str, Any], **columns: str) -> pd.DataFrame:
    """The references whose columns are as given and whose every setting the cell has."""
    fits = [all(cell.get(name) == value for name, value in settings.items()) for settings in references["settings"]]
    found = references[pd.Series(fits, index=references.index, dtype=bool)]
    for name, value in columns.items():
        found = found[found[name] == value]
    return found


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
    return frame[list(COLUMNS)].assign(reference=spec.name)
