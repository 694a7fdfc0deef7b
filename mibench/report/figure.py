"""A chart in the page: legend, panels, caption, and the values that the script shows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from mibench.report.charts import MOST_PANELS, Panel, comparing, panels
from mibench.report.geometry import Geometry
from mibench.report.markup import Markup, data, element
from mibench.report.svg import draw, look_class, swatch
from mibench.specs import Chart


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
    shown = [Geometry(_in_order(panel, looks), chart) for panel in compared[:MOST_PANELS]]
    names = sorted({name for one in shown for name in one.panel.series}, key=looks.__getitem__)
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
        element("figcaption", " ".join(_caption(chart, shown, len(compared), len(found)))),
        data(values),
        class_=f"chart {chart.kind}",
    )


def _in_order(panel: Panel, looks: dict[str, int]) -> Panel:
    """With the estimators in the order of the legend."""
    return replace(panel, series={name: panel.series[name] for name in sorted(panel.series, key=looks.__getitem__)})


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


def _caption(chart: Chart, shown: Sequence[Geometry], compared: int, found: int) -> Iterable[str]:
    spreads = [mark.y_spread for one in shown for mark in one.panel.marks]
    if any(spread > 0 for spread in spreads):
        yield f"{'Bands' if chart.kind == 'lines' else 'Whiskers'} are one standard deviation over seeds."
    if any(one.front for one in shown):
        yield "Ringed points are the Pareto front: nothing that was measured beats them on both axes."
    if any(one.cut for one in shown):
        yield "Axes are cut at twice the truth; values beyond are in the data below."
    if compared < found:
        yield f"{found - compared} settings with a single point are left out."
    if compared > len(shown):
        yield f"{len(shown)} of {compared} settings are drawn; narrow the report to see the others."
    yield chart.note
