"""A small static site: a ranking with filters, a page an estimator and a page a family. It opens from a disk.

A page has its data inside and shares style and scripts with the others. Text of plugins and records is escaped.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import Any

from mibench.comparison.eligible import LEAST
from mibench.comparison.error_table import ORACLE
from mibench.frames import task_entry
from mibench.frames.files import without_absent
from mibench.reporting import templates
from mibench.reporting.charts.figure import figures
from mibench.reporting.charts.named import named_charts
from mibench.reporting.commands import run_command
from mibench.reporting.curves import ON_ADVERSARIAL
from mibench.reporting.site import texts
from mibench.reporting.site.rankings import Standing
from mibench.reporting.site.standings import Facts, Row, Standings
from mibench.style import Looks
from mibench.text import percent, seconds

_MOST_CHARTS = 2
"""Charts on the page of a family."""
_MOST_NAMED = 2
"""Estimators in the command of a family, beside the oracle."""
_UNRANKED = "No family here ranks it: that takes two estimators."
_UNRANKED_ORACLE = "It knows the answer, and is not ranked: rankings say of others how often they are near it."
_OF_SITE = "'self' file:"
"""Where styles and scripts may come from: beside the page, also on a disk."""


def build(standings: Standings, docs: str = "", options: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """The pages of a site.

    Args:
        standings: what they show.
        docs: where the documentation lies, seen from the site's folder, e.g. `../`; empty without one.
        options: of its commands, as `mibench.reporting.commands.rerun_options` returns them.

    Yields:
        For each page, and for what pages share, its file, below the site's folder, and its text.
    """
    yield "index.html", _index(standings, docs)
    for name, file in standings.estimators.items():
        yield file, _estimator(standings, name, docs, options)
    for name, file in standings.families.items():
        yield file, _family(standings, name, docs, options)
    for target in standings.targets:
        if file := texts.source_file(target):
            yield file, texts.source(target)
    yield "style.css", templates.style_sheet("site", "formulas")
    yield from ((f"{part}.js", templates.script(part)) for part in ("page", "site"))


def _index(standings: Standings, docs: str) -> str:
    return _fill(
        "site_index.html",
        "",
        title="Who is right?",
        rankings=[
            (ranking.quantity, *_split([(row, standings.facts[row.estimator]) for row in ranking.of()]))
            for ranking in standings.rankings
        ],
        estimators=standings.estimators,
        families=standings.families,
        left_out=standings.left_out,
        charts=figures(standings.pictures, Looks()),
        least=percent(LEAST),
        data=standings.data(),
        docs=f"{docs}index.html" if docs else "",
    )


def _split(rows: list[tuple[Standing, Facts]]) -> tuple[list[tuple[Standing, Facts]], list[tuple[Standing, Facts]]]:
    """Those that are ranked, and those that have too few cells."""
    return [row for row in rows if row[0].rank_text], [row for row in rows if not row[0].rank_text]


def _estimator(standings: Standings, base: str, docs: str, options: Sequence[str]) -> str:
    spelled = [name for name, owner in standings.bases.items() if owner == base]
    spec = standings.specs.get(base)
    rows = [row for row in standings.rows if row.facts.name in spelled]
    ranked = [row for row in rows if row.standing.rank_text]
    ordered = sorted(ranked, key=lambda row: (row.standing.rank - 1) / max(row.of - 1, 1))
    pitfalls = texts.pitfalls(base)
    tasks = sorted({task for name in spelled for task in standings.tasks[name]})
    return _fill(
        "site_estimator.html",
        "../",
        title=base,
        about=spec.summary if spec else "the plugin that brought this estimator is not installed",
        declared=texts.declared(spec) if spec else [],
        source=spec.target if spec else "",
        source_file=texts.source_file(spec.target) if spec else "",
        rows=rows,
        several=len(spelled) > 1,
        best=ordered[:3],
        worst=ordered[:2:-1][:3],
        pitfalls=pitfalls,
        charts=figures(standings.profile(spelled), Looks()),
        unranked=_UNRANKED_ORACLE if base == ORACLE else _UNRANKED,
        adversarial=_on_adversarial(rows),
        command=run_command(spelled, tasks, options),
        docs=f"../{docs}estimators/{base}.html" if docs and pitfalls else "",
    )


def _family(standings: Standings, task: str, docs: str, options: Sequence[str]) -> str:
    frame = without_absent(standings.frame[standings.frame["task"] == task])
    entry = task_entry(frame, standings.registry)
    rows = [row for row in standings.rows if row.family == task]
    charts = named_charts(frame, entry.spec.charts) if entry else []
    oracle = [ORACLE] if task in standings.tasks.get(ORACLE, ()) else []
    best = [*dict.fromkeys(row.facts.name for row in rows)][:_MOST_NAMED]
    return _fill(
        "site_family.html",
        "../",
        title=task,
        about=entry.spec.summary if entry else "the plugin that brought this task is not installed",
        definition=texts.definition(entry) if entry else "",
        reference=entry.spec.reference if entry else "",
        source=entry.spec.target if entry else "",
        source_file=texts.source_file(entry.spec.target) if entry else "",
        rankings=[
            (name, [row for row in rows if row.quantity == name])
            for name in dict.fromkeys(row.quantity for row in rows)
        ],
        charts=figures(charts[:_MOST_CHARTS], Looks()),
        adversarial=_on_adversarial(rows),
        command=run_command([*oracle, *best], [task], options),
        docs=f"../{docs}definitions.html#{task}" if docs else "",
    )


def _on_adversarial(rows: Iterable[Row]) -> str:
    """What is said below rows of which some are marked; nothing where none is."""
    marked = any(row.adversarial for row in rows)
    return f"{ON_ADVERSARIAL} No share near the oracle counts such cells." if marked else ""


def _fill(template: str, root: str, **values: Any) -> str:
    """A page of the site; `root` leads from its folder to the site's."""
    made_by, policy = f"mibench {version('mibench')}", templates.policy(_OF_SITE, _OF_SITE)
    return templates.fill(template, **values, root=root, seconds=seconds, made_by=made_by, policy=policy)
