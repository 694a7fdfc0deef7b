"""What the pages of a site say that no measurement says: what things are, and where they fail."""

import functools
import importlib.resources
import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup, escape

from mibench.discovery.registry import Entry
from mibench.errors import PluginError
from mibench.reporting.site.prose import typeset
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.targets import load_target

_MODULE = re.compile(r"\w+(\.\w+)*")
_NAME = re.compile(r"[\w-]+")
_SOURCE = re.compile(r"<!--.*?-->", re.DOTALL)
"""Markdown's comments: where a page has a number from."""
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_HERE = Path(str(importlib.resources.files("mibench")))
_FOLDERS = (_HERE / "pages", _HERE.parent / "docs" / "estimators")  # of a wheel, of a checkout


def pitfalls(estimator: str) -> list[Markup]:
    """What the documentation warns of, one point each; nothing of an estimator that has no page.

    Args:
        estimator: its bare name.
    """
    files = [folder / f"{estimator}.md" for folder in _FOLDERS if _NAME.fullmatch(estimator)]
    page = next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")
    _, _, below = _SOURCE.sub("", page).partition("\n## Pitfalls\n")
    section = below.partition("\n## ")[0]
    return [_inline(" ".join(point.split())) for point in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]


def definition(entry: Entry[TaskSpec]) -> Markup:
    """What the module that defines a task says first; its summary where it says nothing or cannot be imported."""
    try:
        target = load_target(entry.spec.target, f"task {entry.spec.name!r}")
    except PluginError:
        return typeset(entry.spec.summary)
    module = sys.modules.get(getattr(target, "__module__", ""))
    return typeset(getattr(module, "__doc__", None) or entry.spec.summary)


def source_file(target: str) -> str:
    """Where a site keeps the module that a target names, below its folder; empty where the module has no source."""
    return f"sources/{target.partition(':')[0]}.txt" if source(target) else ""


@functools.cache
def source(target: str) -> str:
    """The text of the module that a target names; empty where it cannot be found."""
    module = target.partition(":")[0]
    try:
        found = importlib.util.find_spec(module) if _MODULE.fullmatch(module) else None
        return Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
    except (ImportError, OSError, ValueError):
        return ""


def declared(spec: EstimatorSpec) -> Sequence[tuple[str, str]]:
    """What an estimator declares, by name."""
    said = {
        "estimates": " and ".join(sorted(spec.estimates, reverse=True)),
        "its value is": f"{spec.bound} bound in expectation" if spec.bound else "",
        "needs": ", ".join(sorted(spec.needs)) or "samples alone",
        "reference": spec.reference,
        "version": str(spec.version),
    }
    return [(name, text) for name, text in said.items() if text]


def _inline(text: str) -> Markup:
    """Markdown's code as code, its links as their words; everything else is escaped."""
    parts = _LINK.sub(r"\1", text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )
