"""A chart of what was measured, ready to be drawn: the panels that are shown, on their axes, and what is left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mibench.charts import Chart
from mibench.reporting.charts.averaged import averaged
from mibench.reporting.charts.panels import Panel, panels
from mibench.reporting.charts.scales import can_show
from mibench.reporting.charts.view import MOST_TRUTHS, View, views
from mibench.specs import TaskSpec
from mibench.style import Looks, by_estimator
from mibench.text import listed, number, pluralise

MOST_PANELS = 24
"""Panels of one chart; those beyond are counted, not drawn."""
MOST_SERIES = 40
"""Series of one chart; those beyond are counted, not drawn."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn, in whatever way.

    Attributes:
        chart: how it was declared.
        views: the panels that are shown.
        looks: a number for each series that is shown, in their order.
        caption: what a reader must know: what bands are, what is cut or left out, and the chart's note.
        left_out: the sentences of the caption about what was measured and is not drawn.
    """

    chart: Chart
    views: Sequence[View]
    looks: dict[str, int]
    caption: str
    left_out: Sequence[str] = ()


def compose(frame: pd.DataFrame, chart: Chart, looks: Looks, spec: TaskSpec | None = None) -> Drawing | None:
    """Makes of a tidy frame what a chart shows of it.

    Args:
        frame: a tidy frame of one task.
        chart: what the task declared.
        looks: the numbers of series, which new ones join.
        spec: the task's declaration.

    Returns:
        The drawing; `None` where nothing of it was measured, or axes can show nothing of it.
    """
    rows, in_no_mean = averaged(frame, chart)
    measured = panels(rows, chart, spec)
    drawable = [panel for panel in measured if _points(panel, chart)]
    if not drawable:
        return None
    compared = comparing(drawable, chart)
    names = _drawn_names(compared, chart)
    numbers = looks.told_apart([name for name in _as_met(compared) if name in {*names}])
    shown = [panel for panel in (_only(panel, names) for panel in compared) if _points(panel, chart)]
    drawn = views(shown[:MOST_PANELS], chart, spec)
    counts = _Counts(
        empty=len(measured) - len(drawable),
        single=len(drawable) - len(compared),
        panels=len(compared),
        series=len(_as_met(compared)),
    )
    left_out = [*in_no_mean, *_left_out(drawn, counts)]
    caption = " ".join(filter(None, [*_captions(chart, drawn), *left_out, chart.note]))
    return Drawing(chart, drawn, {name: numbers[name] for name in names}, caption, left_out)


def comparing(measured: Sequence[Panel], chart: Chart) -> list[Panel]:
    """Panels of points without those of a single point, unless there are no others."""
    return [panel for panel in measured if chart.kind != "points" or _points(panel, chart) > 1] or list(measured)


def _points(panel: Panel, chart: Chart) -> int:
    """How many values of a panel its axes can show."""
    placed = [mark for mark in panel.marks if can_show(mark.x, log=chart.x.log) and can_show(mark.y, log=panel.y.log)]
    return len(placed) + sum(can_show(mark.y, log=panel.y.log) for mark in panel.levels.values())


def _drawn_names(shown: Sequence[Panel], chart: Chart) -> list[str]:
    """The series that are drawn, in their order.

    Where there are too many, first those of which something can be drawn, and of these estimators as they come before
    those with parameters of their own.
    """
    ordered = _in_order(_as_met(shown), chart)
    can_be = {name for panel in shown for name in panel.names if _points(_only(panel, [name]), chart)}
    chosen = sorted(ordered, key=lambda name: (name not in can_be, "[" in name))[:MOST_SERIES]
    return [name for name in ordered if name in {*chosen}]


def _as_met(shown: Sequence[Panel]) -> list[str]:
    """Every series, panel by panel: the order in which they get their looks."""
    return list(dict.fromkeys(name for panel in shown for name in sorted(panel.names, key=by_estimator)))


def _in_order(names: Iterable[str], chart: Chart) -> list[str]:
    """Series in the order in which they are drawn: rows of a matrix as its columns, others estimator by estimator."""
    places = {name: place for place, name in enumerate(chart.x.order if chart.kind == "matrix" else ())}
    return sorted(names, key=lambda name: (places.get(name, len(places)), by_estimator(name)))


@dataclass(frozen=True)
class _Counts:
    """Panels without a point, panels of a single point, panels that compare, and series."""

    empty: int
    single: int
    panels: int
    series: int


def _only(panel: Panel, names: Sequence[str]) -> Panel:
    """A panel with these series alone, in this order."""
    series, levels, seeds = (
        {name: part[name] for name in names if name in part} for part in (panel.series, panel.levels, panel.seeds)
    )
    return replace(panel, series=series, levels=levels, seeds=seeds)


def _captions(chart: Chart, shown: Sequence[View]) -> Iterable[str]:
    if any(view.panel.seeds for view in shown):
        yield "Light lines are single seeds, full ones their mean."
    elif any(mark.y_deviation > 0 for view in shown for mark in view.panel.marks):
        yield f"{'Bands' if chart.kind == 'lines' else 'Whiskers'} are one standard deviation over seeds."
    if chart.kind == "matrix":
        low, high = (number(edge(view.ends[i] for view in shown)) for i, edge in enumerate((min, max)))
        yield f"Colours run from orange for {low} to blue for {high}."
    if any(view.front for view in shown):
        joined = ", which a dashed line joins," if any(view.steps for view in shown) else ""
        yield f"Ringed points{joined} are the Pareto front: no other point here beats them on both axes."
    if any(view.panel.levels for view in shown):
        yield f"Level lines have no {chart.x.title}."
    if any(view.cut for view in shown):
        yield f"Axes are cut at {MOST_TRUTHS} times the truth: what lies beyond is not seen."
    if unseen := _unseen(shown):
        yield f"No value of {listed(unseen)} is within the axes."
    if any(len({mark.cells for mark in view.panel.marks}) > 1 for view in shown):
        yield f"Not all are of the same values of {chart.pooled}, so that they do not compare."


def _unseen(shown: Sequence[View]) -> list[str]:
    """The series of which no value is within the axes of any panel."""
    names = dict.fromkeys(name for view in shown for name in view.panel.names)
    return [name for name in names if not any(view.shows(name) for view in shown)]


def _left_out(shown: Sequence[View], counts: _Counts) -> Iterable[str]:
    if counts.empty:
        verb = "is" if counts.empty == 1 else "are"
        yield f"{pluralise(counts.empty, 'panel')} without a point that axes can show {verb} left out."
    if counts.single:
        verb = "is" if counts.single == 1 else "are"
        yield f"{pluralise(counts.single, 'panel')} with a single point {verb} left out."
    if counts.panels > len(shown):
        verb = "is" if len(shown) == 1 else "are"
        yield f"{len(shown)} of {counts.panels} panels {verb} drawn; narrow the selection to see the others."
    if counts.series > MOST_SERIES:
        yield f"{MOST_SERIES} of {counts.series} estimators are drawn; narrow the selection to see the others."
