"""Drawings by matplotlib: for papers and pages, in the look of `mibench.style`."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox

from mibench.reporting.charts.drawing import Drawing
from mibench.reporting.charts.panels import Mark, Point
from mibench.reporting.charts.view import View
from mibench.style import BROKEN, OPACITIES, POINT, SIZES, STYLE, WIDTHS, Look, look_of, panel, panels, shade, tick_text
from mibench.style import legend as add_legend
from mibench.text import cut_apart, number

_MOST_COLUMNS = 4
_MOST_DOTS = 12
"""Marks of a line that are dotted too."""
_CHARACTER = 0.082
"""Inches that a character of a panel's title takes, about."""
_MARGIN = 0.08
"""Inches around a caption."""
_TRUTH = 3
"""How far above other lines the truth is drawn."""
_SPACING = 1.25
"""From a line of a caption to the next, as a multiple of the size of its text."""


def render(drawing: Drawing) -> Figure:
    """A figure with a row of panels for every vertical axis, or with as many panels side by side as fit."""
    looks = {name: look_of(number) for name, number in drawing.looks.items()}
    with mpl.rc_context(STYLE):
        figure, grid = _grid(drawing.views)
        cells = [axes for row in grid for axes in row]
        for axes, view in zip(cells, drawing.views, strict=False):
            _draw(axes, view, looks)
        for axes in cells[len(drawing.views) :]:
            axes.set_axis_off()
        _label(figure, grid, drawing.views)
        add_legend(figure, cells, list(looks))
        _write_below(figure, drawing.caption)
        _settle_labels(figure, cells, drawing.views)
    return figure


def _settle_labels(figure: Figure, cells: Sequence[Axes], views: Sequence[View]) -> None:
    """Moves labels that reach beyond a panel to the left of their points; leaves out those that cover other things."""
    if not any(view.labels for view in views):
        return
    figure.draw_without_rendering()
    for axes, view in zip(cells, views, strict=False):
        points = axes.transData.transform([place for place, _ in view.labels])
        half = POINT**0.5 / 2 * figure.dpi / 72
        taken = [Bbox([point - half, point + half]) for point in points]
        for label in list(axes.texts):
            if label.get_window_extent().x1 > axes.bbox.x1:
                label.set(ha="right", position=(-label.get_position()[0], label.get_position()[1]))
            extent = label.get_window_extent()
            if any(extent.overlaps(other) for other in taken):
                label.remove()
            else:
                taken.append(extent)


def _write_below(figure: Figure, text: str) -> None:
    """Makes room below all else for a text, which is as wide as the figure."""
    width, height = figure.get_size_inches()
    lines = _wrapped(text, 72 * (width - 2 * _MARGIN)) if text else []
    if not lines:
        return
    size = SIZES["caption"]
    room = len(lines) * _SPACING * size / 72 + 2 * _MARGIN  # inches
    high = [legend.get_window_extent().height / figure.dpi + _MARGIN for legend in figure.legends]
    figure.set_figheight(height + room)
    share = 1 / (height + room)
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, room * share, 1, height * share), figure.transFigure)
    below = room + max(high, default=0)  # the layout knows of no legend that is anchored
    figure.set_layout_engine("constrained", rect=(0, below * share, 1, 1 - below * share))
    place = _MARGIN / width, (room - _MARGIN) * share
    shown = "\n".join(lines)
    figure.text(*place, shown, va="top", size=size, color="0.3", linespacing=_SPACING)


def _wrapped(text: str, width: float) -> list[str]:
    """The lines of a caption, none of which is wider than so many points."""
    font = FontProperties(size=SIZES["caption"])
    lines: list[str] = []
    for characters in range(max(int(3 * width / SIZES["caption"]), 1), 0, -1):
        lines = textwrap.wrap(text, characters, break_on_hyphens=False)
        if all(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] <= width for line in lines):
            break
    return lines


def _grid(views: Sequence[View]) -> tuple[Figure, list[list[Axes]]]:
    """Panels in reading order: those of one vertical axis fill a row where there are several axes and panels."""
    if views[0].chart.kind == "matrix":
        figure, grid = panels(len(views), 1)
        sides = [max(map(len, (view.panel.series, view.panel.categories))) for view in views]
        texts = [name for view in views for name in cut_apart(list(view.panel.series))]
        names = 0.08 * max(map(len, texts)) + 0.8  # inches
        figure.set_size_inches(names + 0.3 * max(sides), len(views) * names + 0.2 * sum(sides))
        return figure, grid
    if len(views) == 1:
        figure, axes = panel(width=6.0 if views[0].chart.kind == "bars" else 4.2)
        return figure, [[axes]]
    rows = len({view.panel.y for view in views})
    across = len(views) // rows
    aligned = rows > 1 and 1 < across <= _MOST_COLUMNS and len(views) == rows * across
    columns = across if aligned else _columns(len(views))
    return panels(math.ceil(len(views) / columns), columns)


def _columns(count: int) -> int:
    """2 for two or four panels, 3 for three, five or six, and so on: rows that are full, or nearly so."""
    return min(range(2, _MOST_COLUMNS + 1), key=lambda columns: (-count % columns, abs(columns - count**0.5)))


def _label(figure: Figure, grid: Sequence[Sequence[Axes]], views: Sequence[View]) -> None:
    """Titles and labels, without those that the panel above or to the left has already."""
    columns = len(grid[0])
    wide = int(figure.get_figwidth() / columns / _CHARACTER)
    for place, view in enumerate(views):
        axes = grid[place // columns][place % columns]
        above = views[place - columns] if place >= columns else None
        below = views[place + columns] if place + columns < len(views) else None
        left = views[place - 1] if place % columns else None
        if view.panel.title and not (above and above.panel.title == view.panel.title):
            axes.set_title(textwrap.fill(view.panel.title, wide, break_on_hyphens=False))
        if below and _same_across(view, below):
            axes.tick_params(labelbottom=False)
        if not below and view.chart.x.of != "measurement":
            axes.set_xlabel(textwrap.fill(view.chart.x.title, wide, break_on_hyphens=False))
        if not left or left.panel.y != view.panel.y:
            axes.set_ylabel(view.panel.y.title)


def _same_across(view: View, other: View) -> bool:
    """Whether what stands below a panel says where things are in another one too."""
    ends = (view.x, view.x_ticks, view.panel.categories)
    return ends == (other.x, other.x_ticks, other.panel.categories)


def _draw(axes: Axes, view: View, looks: Mapping[str, Look]) -> None:
    shapes = {"lines": _lines, "points": _points, "bars": _bars, "matrix": _cells}[view.chart.kind]
    for name in view.panel.series:
        shapes(axes, view, name, looks[name])
    for place, text in view.labels:
        axes.annotate(text, place, (3, 4), textcoords="offset points", fontsize=SIZES["note"], color="0.4")
    for name, mark in view.panel.levels.items():
        if view.y.has_place_for(mark.y):
            axes.axhline(mark.y, color=looks[name].colour, linestyle=BROKEN, linewidth=WIDTHS["level"], label=name)
    if view.steps:
        axes.plot(*_apart(view.steps), color="0.5", linestyle=BROKEN, linewidth=WIDTHS["front"], zorder=1)
    front = [view.point("", mark) for mark in view.in_sight(view.front)]
    axes.scatter(*_apart(front), facecolors="none", edgecolors="0.2", linewidths=WIDTHS["ring"], s=90)
    for line in view.truth:
        axes.plot(*_apart(line), color="black", linewidth=WIDTHS["truth"], label="truth", zorder=_TRUTH)
    if not view.y.log and view.y.low < 0 < view.y.high:
        axes.axhline(0, color="0.85", linewidth=WIDTHS["axis"], zorder=0)
    axes.set(xscale="log" if view.x.log else "linear", yscale="log" if view.y.log else "linear")
    axes.set(xlim=(view.x.low, view.x.high), ylim=(view.y.low, view.y.high))
    _ticks(axes.xaxis, view.x_ticks, view.panel.categories)
    if view.chart.kind == "matrix":
        _ticks(axes.xaxis, (), cut_apart(view.panel.categories))
        _ticks(axes.yaxis, (), cut_apart(list(view.panel.series)))
        axes.tick_params(axis="x", rotation=90, length=0)
        axes.tick_params(axis="y", length=0)
        axes.spines[:].set_visible(False)
    else:
        _ticks(axes.yaxis, view.y.ticks())
    if view.chart.kind == "points":
        axes.grid(visible=True, which="major", color="0.9", linewidth=WIDTHS["grid"], zorder=0)


def _ticks(axis: Axis, ticks: Sequence[float], categories: Sequence[str] = ()) -> None:
    texts = list(categories) or [tick_text(tick) for tick in ticks]
    axis.set_ticks(range(len(categories)) if categories else ticks, texts)
    axis.set_ticks([], minor=True)


def _lines(axes: Axes, view: View, name: str, look: Look) -> None:
    for line in view.panel.seeds.get(name, ()):
        axes.plot(*_apart(view.line(line)), color=look.colour, alpha=OPACITIES["seed"], linewidth=WIDTHS["seed"])
    if not view.panel.seeds and len(band := view.band(name)) > 1:
        x, low, high = _apart(band)
        axes.fill_between(x, low, high, color=look.colour, alpha=OPACITIES["band"], linewidth=0)
    marks = _places(view, name)
    dot = look.marker if len(marks) <= _MOST_DOTS else ""
    above = {} if look.dashes == "solid" else {"zorder": _TRUTH + 1}  # the truth is seen through what is broken
    style: dict[str, Any] = {"linestyle": look.dashes, "marker": dot, "markersize": WIDTHS["dot"], **above}
    axes.plot(*_apart(marks), color=look.colour, label=name, **style)


def _points(axes: Axes, view: View, name: str, look: Look) -> None:
    places, marks = _places(view, name), view.in_sight(view.panel.series[name])
    if view.chart.along:
        axes.plot(*_apart(places), color=look.colour, linestyle=look.dashes, linewidth=WIDTHS["error"])
    _whiskers(axes, view, name, marks, look.colour)
    axes.scatter(*_apart(places), color=look.colour, marker=look.marker, s=POINT, label=name, zorder=2)


def _bars(axes: Axes, view: View, name: str, look: Look) -> None:
    bars = view.bars(name)
    drawn = axes.bar(
        [left for left, _, _ in bars],
        [top - view.foot for _, _, top in bars],
        [right - left for left, right, _ in bars],
        bottom=view.foot,
        align="edge",
        label=name,
    )
    for bar in drawn:
        bar.set(facecolor=(look.colour, look.fill), edgecolor=look.colour, linewidth=WIDTHS["bar"])
        bar.set_linestyle(look.outline)
    _whiskers(axes, view, name, view.in_sight(view.panel.series[name]), "black")


def _cells(axes: Axes, view: View, name: str, _: Look) -> None:
    for mark in view.in_sight(view.panel.series[name]):
        (x, row), colour = view.point(name, mark), shade(view.level(mark))
        axes.bar(x, 1, width=1, bottom=row - 0.5, color=colour, edgecolor="0.85", linewidth=WIDTHS["cell"])
        axes.text(x, row, number(mark.y, 2), ha="center", va="center", fontsize=SIZES["cell"])


def _whiskers(axes: Axes, view: View, name: str, marks: Iterable[Mark], colour: str) -> None:
    for mark in marks:
        for ends in view.whiskers(name, mark):
            axes.plot(*_apart(ends), color=colour, linewidth=WIDTHS["error"])


def _places(view: View, name: str) -> list[Point]:
    return [view.point(name, mark) for mark in view.in_sight(view.panel.series[name])]


def _apart(points: Iterable[tuple[float, ...]]) -> list[list[float]]:
    """Coordinates of points, axis by axis."""
    return [list(values) for values in zip(*points, strict=True)] or [[], []]
