"""Directives that write what the code and the results know of an estimator, so that no page can go stale.

`properties` says what an estimator declares and its defaults; `measured` shows its rows of `results/*.csv` as
`mibench show` does, published numbers beside them.
"""

import dataclasses
from pathlib import Path

import pandas as pd
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from mibench.cli import tables
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.plan.selectors import parse_selector, spell_value
from mibench.reporting.summary import summarise
from mibench.specs import EstimatorSpec, load_target

RESULTS = Path(__file__).resolve().parents[1] / "results"
REGISTRY = Registry(load_plugins())
_NEEDS = {"conditional": "p(y\\|x) from the task", "log_ratio": "the exact log ratio from the task"}
BESIDE_OTHER_WORK = ("s/trial", "s/epoch")
"""Seconds of trials that ran at low priority beside other work say nothing of an estimator."""


class Properties(SphinxDirective):
    """What an estimator declares, and its parameters with their defaults."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The declaration as a table."""
        return self.parse_text_to_nodes(properties(self.arguments[0]))


class Measured(SphinxDirective):
    """What was measured of an estimator, a table a task."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The tables, or a sentence where there are none."""
        for path in frames():
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(measured(self.arguments[0]))


def properties(name: str) -> str:
    """Markdown: a row each for what the spec says."""
    spec = REGISTRY.find(EstimatorSpec, name).spec
    defaults = dataclasses.fields(load_target(spec.target, name).Params)
    said = {
        "estimates": " and ".join(sorted(spec.estimates, reverse=True)),
        "its value is": f"{spec.bound} bound in expectation" if spec.bound else "",
        "symmetric in x and y": "yes" if spec.symmetric else "no",
        "needs": " and ".join(_NEEDS.get(need, need) for need in sorted(spec.needs)) or "samples alone",
        "defaults": ", ".join(f"`{one.name}={spell_value(one.default)}`" for one in defaults) or "no parameters",
        "reference": spec.reference,
    }
    rows = "".join(f"| {name} | {text} |\n" for name, text in said.items() if text)
    return f"*{spec.summary[0].upper()}{spec.summary[1:]}.*\n\n| `{name}` | |\n| --- | --- |\n{rows}"


def measured(name: str) -> str:
    """Markdown: a table of each task that has rows of this estimator, whatever its parameters."""
    frame = pd.concat([pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in frames()])
    own = frame[[parse_selector(spelled).name == name for spelled in frame["estimator"]]]
    shown = [_section(task, table) for task, table in summarise(own, REGISTRY).items()]
    return "\n".join(shown) or f"No frame in `results/` holds `{name}` yet."


def frames() -> list[Path]:
    """The frames that the project keeps."""
    return sorted(RESULTS.glob("*.csv"))


def _section(task: str, table: pd.DataFrame) -> str:
    shown = table.drop(columns=[*BESIDE_OTHER_WORK], errors="ignore")
    note = f"\n{table.attrs['note']}\n" if "note" in table.attrs else ""
    return f"Task `{task}`:\n\n{tables.render(shown, 'md')}{note}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directives."""
    app.add_directive("properties", Properties)
    app.add_directive("measured", Measured)
    return {"parallel_read_safe": True}
