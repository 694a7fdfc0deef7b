"""A chart in the page: legend, panels, caption, and the values that the script shows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from mibench.charts import Chart
from mibench.reporting.charts.geometry import Geometry
from mibench.reporting.charts.panels import MOST_PANELS, Panel, comparing, panels
from mibench.reporting.charts.svg import draw, look_class, swatch
from mibench.reporting.markup import Markup, data, element
from mibench.text import pluralise

MOST_ESTIMATORS = 40
"""Estimators of one chart; those beyond are pluralise, not drawn."""


def figure(frame: pd.DataFrame, chart: Chart, looks: dict[str, int]) -> Markup:
    """What a task declared, drawn; nothing where nothing of it was measured.

    Args:
        frame: a tidy frame of the task.
        chart: what it declared.
        looks: a number for each estimator, the same all over the page.
    """
    found = panels(frame, chart)
    if not found:
        return Markup()
    compared = comparing(found, chart)
    several = sorted({name for panel in compared for name in panel.series}, key=looks.__getitem__)
    names = several[:MOST_ESTIMATORS]
    shown = [Geometry(_only(panel, names), chart) for panel in compared[:MOST_PANELS]]
    values = {
        "kind": chart.kind,
        "x": chart.x.title,
        "y": chart.y.title,
        "names": {str(looks[name]): name for name in names},
        "panels": [{"title": one.panel.title, "values": one.values(looks)} for one in shown],
    }
    return element(
        "figure",
        element("h3", chart.title),
        _legend(names, looks, chart.kind, truth=any(one.truth for one in shown)),
        element("div", [_panel(one, looks) for one in shown], class_="panels"),
        element("figcaption", " ".join(_caption(chart, shown, (len(found), len(compared)), len(several)))),
        data(values),
        class_=f"chart {chart.kind}",
    )


def _only(panel: Panel, names: Sequence[str]) -> Panel:
    """With these estimators alone, in this order."""
    return replace(panel, series={name: panel.series[name] for name in names if name in panel.series})


def _panel(one: Geometry, looks: dict[str, int]) -> Markup:
    title = one.panel.title
    name = f"{one.chart.title}: {one.chart.y.title} against {one.chart.x.title}"
    heading = element("h4", title) if title else ""
    return element("div", heading, draw(one, looks, f"{name}, {title}" if title else name), class_="panel")


def _legend(names: Sequence[str], looks: dict[str, int], kind: str, *, truth: bool) -> Markup:
    buttons = [
        element(
            "button",
            swatch(looks[name], kind),
            element("span", name),
            type="button",
            class_=look_class(looks[name]),
            aria_pressed="true",
            data_s=looks[name],
        )
        for name in sorted(names, key=lambda name: looks[name])
    ]
    known = element("span", swatch(None, kind), "truth", class_="known") if truth else ""
    return element("div", buttons, known, class_="legend", role="group", aria_label="Estimators shown")


def _caption(chart: Chart, shown: Sequence[Geometry], panels: tuple[int, int], estimators: int) -> Iterable[str]:
    found, compared = panels
    if any(mark.y_spread > 0 for one in shown for mark in one.panel.marks):
        yield f"{'Bands' if chart.kind == 'lines' else 'Whiskers'} are one standard deviation over seeds."
    if any(one.front for one in shown):
        yield "Ringed points are the Pareto front: nothing that was measured beats them on both axes."
    if any(one.cut for one in shown):
        yield "Axes are cut at twice the truth; values beyond are in the data below."
    if any(len({mark.cells for mark in one.panel.marks}) > 1 for one in shown):
        yield f"Not all are of the same values of {chart.pooled}: see the data below before you compare them."
    if compared < found:
        left = found - compared
        yield f"{pluralise(left, 'setting')} with a single point {'is' if left == 1 else 'are'} left out."
    if compared > len(shown):
        verb = "is" if len(shown) == 1 else "are"
        yield f"{len(shown)} of {compared} settings {verb} drawn; narrow the report to see the others."
    if estimators > MOST_ESTIMATORS:
        yield f"{MOST_ESTIMATORS} of {estimators} estimators are drawn; narrow the report to see the others."
    yield chart.note
