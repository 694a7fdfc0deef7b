"""The page: one file with its style, script and data inside, that opens offline and fetches nothing."""

import base64
import hashlib
import importlib.resources
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.frames import tidy
from mibench.reporting import sections
from mibench.reporting.markup import Markup, element, join
from mibench.reporting.summary import summarise
from mibench.specs import TaskSpec
from mibench.store.record import Record


def render(
    records: Sequence[Record],
    registry: Registry,
    *,
    verdicts: pd.DataFrame | None = None,
    command: str = "",
    title: str = "mibench report",
) -> str:
    """A whole report as HTML.

    Args:
        records: what was measured.
        registry: the plugins' specs, of which tasks say what their sections show.
        verdicts: the rows of `mibench.comparison`, if anything was compared.
        command: the command that made it.
        title: its heading.
    """
    frame = tidy(records)
    verdicts = pd.DataFrame(columns=["task", "verdict"]) if verdicts is None else verdicts
    verdicts = verdicts[verdicts["task"].isin(frame["task"])]
    tasks = _tasks(frame, registry, verdicts)
    links = [(f"task-{i}", task.name) for i, task in enumerate(tasks)]
    links += [("failures", "Failures"), ("environment", "Environment")]
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    style, script = _resource("page.css"), _resource("page.js")
    parts = {
        "policy": _policy(style, script),
        "title": element("title", title),
        "style": Markup(style),
        "script": Markup(script),
        "heading": element("h1", title),
        "made": element("p", f"mibench {version('mibench')}, {made}", class_="about"),
        "links": join(element("a", name, href=f"#{identity}") for identity, name in links),
        "overview": sections.overview(records, verdicts),
        "tasks": join(task.html(f"task-{i}") for i, task in enumerate(tasks)),
        "failures": sections.failures(records),
        "environment": sections.environments(records),
        "command": element("pre", element("code", command), tabindex=0) if command else Markup(),
    }
    head, *rest = _resource("page.html").split("{{")
    return head + "".join(parts[name] + text for name, text in (piece.split("}}", 1) for piece in rest))


def _tasks(frame: pd.DataFrame, registry: Registry, verdicts: pd.DataFrame) -> list[sections.TaskSection]:
    specs = {entry.name: entry.spec for entry in registry.entries(TaskSpec)}
    pairs = sorted({*zip(frame["task"], frame["estimator"], strict=True)}, key=_plain_first)
    looks = {name: i for i, name in enumerate(dict.fromkeys(estimator for _, estimator in pairs))}
    found: list[sections.TaskSection] = []
    for name, summary in summarise(frame, registry).items():
        rows = frame[frame["task"] == name]
        judged = verdicts[verdicts["task"] == name]
        found.append(sections.TaskSection(rows, specs.get(name), summary, judged, looks))
    return found


def _plain_first(pair: tuple[str, str]) -> tuple[str, bool, str]:
    """By task, so that each has colours of its own; estimators without parameters first."""
    task, estimator = pair
    return task, "[" in estimator, estimator


def _policy(style: str, script: str) -> Markup:
    """Nothing may be fetched, and nothing may run but the page's own script."""
    rules = f"default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; {_allow('style', style)}"
    policy = f"{rules}; {_allow('script', script)}"
    return element("meta", http_equiv="Content-Security-Policy", content=policy)


def _allow(kind: str, text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"{kind}-src 'sha256-{digest}'"


def _resource(name: str) -> str:
    return importlib.resources.files("mibench.reporting").joinpath(name).read_text(encoding="utf-8")
