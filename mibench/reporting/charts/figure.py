"""A drawing in the page: legend, panels, caption, and the values that the script shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mibench.charts import Chart, Kind
from mibench.reporting.charts import svg
from mibench.reporting.charts.drawing import Drawing, compose
from mibench.reporting.charts.panels import Mark, Point
from mibench.reporting.charts.view import View
from mibench.specs import TaskSpec
from mibench.style import Looks, look_of
from mibench.text import interval, number, with_deviation


@dataclass(frozen=True)
class Entry:
    """What a legend says of a series."""

    name: str
    number: int
    look: str
    swatch: svg.Shape


@dataclass(frozen=True)
class PagePanel:
    """A panel, what stands above it, and what assistive technology calls it."""

    title: str
    name: str
    svg: svg.Panel


@dataclass(frozen=True)
class PageFigure:
    """What the template of charts shows.

    Attributes:
        title: the heading.
        kind: of the chart.
        legend: the series.
        truth: what the truth looks like, where it is known.
        panels: what is drawn.
        caption: what a reader must know.
        values: what the page's script shows of every mark.
    """

    title: str
    kind: Kind
    legend: Sequence[Entry]
    truth: svg.Shape | None
    panels: Sequence[PagePanel]
    caption: str
    values: dict[str, Any]

    def look(self, number: int) -> str:
        """The style sheet's classes of a series."""
        return look_of(number).css


def figures(
    charts: Iterable[tuple[Chart, pd.DataFrame]], looks: Looks, spec: TaskSpec | None = None
) -> list[PageFigure]:
    """Charts as the page shows them; nothing of a chart of which nothing was measured.

    Args:
        charts: each with its rows of a tidy frame.
        looks: the numbers of series, which new ones join.
        spec: of the task that the rows are of, if they are of one.
    """
    drawings = (compose(rows, chart, looks, spec) for chart, rows in charts if len(rows))
    return [figure(drawing) for drawing in drawings if drawing]


def figure(drawing: Drawing) -> PageFigure:
    """A drawing as the page shows it."""
    chart, looks = drawing.chart, drawing.looks
    panels = [_panel(view, looks) for view in drawing.views]
    told_apart = looks.items() if chart.kind != "matrix" else ()  # whose rows have their names beside them
    legend = [Entry(name, n, look_of(n).css, svg.swatch(n, chart.kind)) for name, n in told_apart]
    return PageFigure(
        title=chart.title,
        kind=chart.kind,
        legend=legend,
        truth=svg.swatch(None, chart.kind) if any(view.truth for view in drawing.views) else None,
        panels=panels,
        caption=drawing.caption,
        values={
            "kind": chart.kind,
            "x": chart.x.title,
            "names": {str(look): name for name, look in looks.items()},
            "panels": [
                {"title": panel.title, "y": panel.svg.view.panel.y.title, "values": _values(panel.svg, looks)}
                for panel in panels
            ],
        },
    )


def _panel(view: View, looks: dict[str, int]) -> PagePanel:
    title = view.panel.title
    name = f"{view.chart.title}: {view.panel.y.title} against {view.chart.x.title}"
    return PagePanel(title, f"{name}, {title}" if title else name, svg.Panel(view, looks))


def _values(panel: svg.Panel, looks: dict[str, int]) -> list[list[Any]]:
    """What the page's script shows of every mark in sight.

    Returns:
        The number of the series (-1 for the truth), x and y in drawing units, x and y as text; of a mark how many seeds
        it is of, and where there is something to say which of several points it is.
    """
    view = panel.view
    front = {id(mark) for mark in view.front}
    values: list[list[Any]] = []
    for name, marks in view.panel.series.items():
        for mark in view.in_sight(marks):
            label = ", ".join(filter(None, [mark.label, _pool(view, mark), "on the front" * (id(mark) in front)]))
            place = _visible(panel, view.point(name, mark))
            values.append([looks[name], *place, _x_text(view, mark), _y_text(mark), mark.seeds] + [label] * bool(label))
    for x, y in view.panel.truth:
        if view.line([(x, y)]):
            values.append([-1, *_visible(panel, view.near(x, y)), _text_at(view, x), number(y)])
    return values


def _visible(panel: svg.Panel, point: Point) -> Point:
    """A place for the pointer, inside the panel."""
    x, y = panel.place(point)
    return round(x, 1), round(min(max(y, panel.box.top), panel.box.bottom), 1)


def _pool(view: View, mark: Mark) -> str:
    return f"{mark.cells} values of {view.chart.pooled}" if view.chart.pooled else ""


def _x_text(view: View, mark: Mark) -> str:
    return _text_at(view, mark.x) if mark.x_deviation != mark.x_deviation else with_deviation(mark.x, mark.x_deviation)


def _y_text(mark: Mark) -> str:
    return interval(mark.y, *mark.interval) if mark.interval else with_deviation(mark.y, mark.y_deviation)


def _text_at(view: View, x: float) -> str:
    return view.panel.categories[int(x)] if view.panel.categories else number(x)
