"""A chart of what was measured, ready to be drawn: the panels that are shown, on their axes, and what is left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from mibench.charts import Chart
from mibench.reporting.charts.panels import Panel, panels
from mibench.reporting.charts.series import Looks, plain_first
from mibench.reporting.charts.view import MOST_TRUTHS, View, views
from mibench.specs import TaskSpec
from mibench.text import number, pluralise

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
    """

    chart: Chart
    views: Sequence[View]
    looks: dict[str, int]
    caption: str


def compose(frame: pd.DataFrame, chart: Chart, looks: Looks, spec: TaskSpec | None = None) -> Drawing | None:
    """Makes of a tidy frame what a chart shows of it.

    Args:
        frame: a tidy frame of one task.
        chart: what the task declared.
        looks: the numbers of series, which new ones join.
        spec: the task's declaration.

    Returns:
        The drawing; `None` where nothing of it was measured.
    """
    measured = panels(frame, chart, spec)
    if not measured:
        return None
    compared = comparing(measured, chart)
    numbers = {name: looks.number(name) for panel in compared for name in sorted(panel.names)}
    names = _in_order(numbers, chart)
    shown = [_only(panel, names[:MOST_SERIES]) for panel in compared[:MOST_PANELS]]
    drawn = views(shown, chart, spec)
    counts = _Counts(len(measured) - len(compared), len(compared), len(names))
    caption = " ".join(filter(None, [*_captions(chart, drawn), *_left_out(drawn, counts), chart.note]))
    return Drawing(chart, drawn, {name: numbers[name] for name in names[:MOST_SERIES]}, caption)


def comparing(measured: Sequence[Panel], chart: Chart) -> list[Panel]:
    """Panels of points without those of a single point, unless there are no others."""
    return [panel for panel in measured if chart.kind != "points" or len(panel.marks) > 1] or list(measured)


def _in_order(names: Iterable[str], chart: Chart) -> list[str]:
    """Series in the order in which they are drawn: rows of a matrix as its columns, others by name."""
    places = {name: place for place, name in enumerate(chart.x.order if chart.kind == "matrix" else ())}
    return sorted(names, key=lambda name: (places.get(name, len(places)), plain_first(name)))


@dataclass(frozen=True)
class _Counts:
    """Panels of a single point, panels that compare, and series."""

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
        yield "Ringed points are the Pareto front: nothing that was measured beats them on both axes."
    if any(view.panel.levels for view in shown):
        yield f"Level lines have no {chart.x.title}."
    if any(view.cut for view in shown):
        yield f"Axes are cut at {MOST_TRUTHS} times the truth: what lies beyond is not seen."
    if any(len({mark.cells for mark in view.panel.marks}) > 1 for view in shown):
        yield f"Not all are of the same values of {chart.pooled}, so that they do not compare."


def _left_out(shown: Sequence[View], counts: _Counts) -> Iterable[str]:
    if counts.single:
        verb = "is" if counts.single == 1 else "are"
        yield f"{pluralise(counts.single, 'panel')} with a single point {verb} left out."
    if counts.panels > len(shown):
        verb = "is" if len(shown) == 1 else "are"
        yield f"{len(shown)} of {counts.panels} panels {verb} drawn; narrow the selection to see the others."
    if counts.series > MOST_SERIES:
        yield f"{MOST_SERIES} of {counts.series} estimators are drawn; narrow the selection to see the others."
