"""Panels as inline SVG: paths and labels. `mibench.style` has their look, the script the values under the pointer."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mibench.reporting.charts.panels import Point
from mibench.reporting.charts.view import View
from mibench.style import MARKERS, SHADES, look_of, tick_text
from mibench.text import cut_apart, number

_RING = "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0"
_MOST_DOTS = 40
"""Marks of a line that are dotted too."""
_CHARACTER = 5.8
"""About the width of a character of a label."""
_DIGIT = 6.7
"""The width of a digit in a wide font."""
_CELL = (26, 18)
"""Width and height of a cell of a matrix."""


@dataclass(frozen=True)
class Box:
    """The size of a panel and where its axes are, in drawing units; those of a path are as long."""

    width: float = 320
    height: float = 232
    left: float = 52
    right: float = 310
    top: float = 10
    bottom: float = 190


@dataclass(frozen=True)
class Shape:
    """A path, and the style sheet's class for it."""

    kind: str
    path: str


@dataclass(frozen=True)
class Label:
    """A text, its class, and where it stands."""

    kind: str
    text: str
    x: str
    y: str


def box_of(view: View) -> Box:
    """The size of a panel: that of a matrix follows from how many cells it has, and from their names.

    Others are equally large, and their axes leave the texts of ticks their room: on the left, beside the title, and
    where one below reaches beyond the axis.
    """
    if view.chart.kind != "matrix":
        box = Box()
        left = max(box.left, 24 + _DIGIT * max((len(text) for _, text in _ticks(view.y.ticks())), default=0))
        ticks = [] if view.panel.categories else _ticks(view.x_ticks)
        ends = [left + (box.width - _DIGIT * len(text) / 2 - left) / view.x(x) for x, text in ticks if view.x(x) > 0]
        return Box(left=math.ceil(left), right=math.floor(min([box.right, *ends])))
    rows, columns = list(view.panel.series), view.panel.categories
    left = 24 + _CHARACTER * max(map(len, cut_apart(rows)))
    right, bottom = left + _CELL[0] * len(columns), 10 + _CELL[1] * len(rows)
    below = 12 + _CHARACTER * max(map(len, cut_apart(columns)))
    return Box(right + 10, bottom + below + 18, left, right, 10, bottom)


class Panel:
    """What the template draws of a view.

    Args:
        view: what is seen, in the units of its axes.
        looks: a number for each series.
    """

    def __init__(self, view: View, looks: dict[str, int]) -> None:
        self.view, self._looks = view, looks
        self.box = box_of(view)

    @property
    def grid(self) -> list[Shape]:
        """Lines behind the data."""
        view, box = self.view, self.box
        if view.chart.kind == "matrix":
            return []
        lines = [f"M{box.left} {coordinate(self._down(y))}H{box.right}" for y in view.y.ticks()]
        if view.chart.kind == "points":
            lines += [f"M{coordinate(self._across(x))} {box.top}V{box.bottom}" for x in view.x_ticks]
        zero = not view.y.log and view.y.low < 0 < view.y.high
        axis = f"M{box.left} {box.bottom}H{box.right}"
        axis += f"M{box.left} {coordinate(self._down(0))}H{box.right}" if zero else ""
        return _shapes(("grid", "".join(lines)), ("axis", axis))

    @property
    def labels(self) -> list[Label]:
        """Ticks and titles of the axes."""
        view, box = self.view, self.box
        if view.chart.kind == "matrix":
            return [*self._names, *self._numbers]
        places = enumerate(self._fitting(view.panel.categories)) if view.panel.categories else _ticks(view.x_ticks)
        across = [Label("xt", text, coordinate(self._across(x)), coordinate(box.bottom + 14)) for x, text in places]
        ticks = _ticks(view.y.ticks())
        down = [Label("yt", text, coordinate(box.left - 6), coordinate(self._down(y) + 3.5)) for y, text in ticks]
        below = "" if view.chart.x.of == "measurement" else view.chart.x.title
        titles = [
            Label("xl", below, coordinate((box.left + box.right) / 2), coordinate(box.height - 6)),
            Label("yl", view.panel.y.title, coordinate(-(box.top + box.bottom) / 2), "11"),
        ]
        return [*down, *across, *titles]

    @property
    def _names(self) -> Iterable[Label]:
        """What a matrix's rows and columns are called; columns stand on end, `rotate(-90)`."""
        for row, name in enumerate(cut_apart(list(self.view.panel.series))):
            yield Label("yt", name, coordinate(self.box.left - 6), coordinate(self._down(row) + 3.5))
        for column, name in enumerate(cut_apart(self.view.panel.categories)):
            yield Label("xr", name, coordinate(-self.box.bottom - 6), coordinate(self._across(column) + 3.5))
        middle = coordinate((self.box.left + self.box.right) / 2)
        yield Label("xl", self.view.chart.x.title, middle, coordinate(self.box.height - 6))

    @property
    def _numbers(self) -> Iterable[Label]:
        """What stands in a matrix's cells."""
        for name in self.view.panel.series:
            for mark in self.view.in_sight(self.view.panel.series[name]):
                x, y = self.place(self.view.point(name, mark))
                yield Label("in", number(mark.y, 2), coordinate(x), coordinate(y + 3))

    @property
    def front(self) -> list[Shape]:
        """Rings and steps of the Pareto front."""
        marks = [self.view.point("", mark) for mark in self.view.in_sight(self.view.front)]
        return _shapes(("front", self._path(self.view.steps)), ("ring", self._each(marks, _RING)))

    @property
    def series(self) -> list[tuple[int, list[Shape]]]:
        """The number of each series, and its shapes."""
        draw = {"lines": self._lines, "points": self._points, "bars": self._bars, "matrix": self._cells}
        drawn = {name: _shapes(*draw[self.view.chart.kind](name)) for name in self.view.panel.series}
        for name, mark in self.view.panel.levels.items():
            if self.view.y.has_place_for(mark.y):
                height = coordinate(self._down(self.view.y.near(mark.y)))
                level = Shape("level", f"M{self.box.left} {height}H{self.box.right}")
                drawn[name] = [*drawn.get(name, []), level]
        return [(self._looks[name], shapes) for name, shapes in drawn.items()]

    @property
    def truth(self) -> list[Shape]:
        """What is known to be true."""
        return _shapes(("truth", "".join(map(self._path, self.view.truth))))

    def place(self, point: Point) -> Point:
        """Where a point is in drawing units."""
        return self._across(point[0]), self._down(point[1])

    def _across(self, x: float) -> float:
        return self.box.left + self.view.x(x) * (self.box.right - self.box.left)

    def _down(self, y: float) -> float:
        return self.box.bottom + self.view.y(y) * (self.box.top - self.box.bottom)

    def _lines(self, name: str) -> Iterable[tuple[str, str]]:
        view = self.view
        for line in view.panel.seeds.get(name, ()):
            yield "seed", self._path(view.line(line))
        band = [] if view.panel.seeds else view.band(name)
        edge = [(x, high) for x, _, high in band] + [(x, low) for x, low, _ in reversed(band)]
        yield "band", f"{self._path(edge)}z" if len(band) > 1 else ""
        points = self._seen(name)
        yield "line", self._path(points)
        yield "dot", self._each(points, "h0") if len(points) <= _MOST_DOTS else ""

    def _points(self, name: str) -> Iterable[tuple[str, str]]:
        points = self._seen(name)
        yield "line", self._path(points) if self.view.chart.along else ""
        yield "error", self._whiskers(name)
        yield "mark", self._each(points, marker(self._looks[name]))

    def _bars(self, name: str) -> Iterable[tuple[str, str]]:
        foot = self.view.foot
        edges = [[(a, foot), (a, y), (b, y), (b, foot)] for a, b, y in self.view.bars(name)]
        yield "bar", "".join(f"{self._path(edge)}z" for edge in edges)
        yield "error", self._whiskers(name)

    def _cells(self, name: str) -> Iterable[tuple[str, str]]:
        """The cells of a row, those of one colour as one path."""
        view, (width, height) = self.view, _CELL
        corner, outline = (-width / 2 + 0.5, -height / 2 + 0.5), f"h{width - 1}v{height - 1}h{1 - width}z"
        for level in range(-SHADES, SHADES + 1):
            marks = [mark for mark in view.in_sight(view.panel.series[name]) if view.level(mark) == level]
            places = [self.place(view.point(name, mark)) for mark in marks]
            path = "".join(f"M{coordinate(x + corner[0])} {coordinate(y + corner[1])}{outline}" for x, y in places)
            yield f"cell {'more' if level > 0 else 'less'}{abs(level)}", path

    def _whiskers(self, name: str) -> str:
        marks = self.view.in_sight(self.view.panel.series[name])
        return "".join(self._path(ends) for mark in marks for ends in self.view.whiskers(name, mark))

    def _seen(self, name: str) -> list[Point]:
        return [self.view.point(name, mark) for mark in self.view.in_sight(self.view.panel.series[name])]

    def _path(self, points: Iterable[Point]) -> str:
        """A path from point to point; nothing where there are none."""
        places = "L".join(self._spell(point) for point in points)
        return f"M{places}" if places else ""

    def _each(self, points: Iterable[Point], path: str) -> str:
        """The same path at every point."""
        return "".join(f"M{self._spell(point)}{path}" for point in points)

    def _spell(self, point: Point) -> str:
        """A place as paths spell it: a tenth of a drawing unit is less than a pixel."""
        return " ".join(map(coordinate, self.place(point)))

    def _fitting(self, names: Sequence[str]) -> list[str]:
        """Categories, shortened to the room that there is."""
        return cut_apart(names, max(int((self.box.right - self.box.left) / len(names) / _CHARACTER), 3))


def swatch(look: int | None, kind: str) -> Shape:
    """What a series looks like in a chart of a kind, for its legend; `None` for the truth."""
    if look is None or kind == "lines":
        return Shape("truth" if look is None else "line", "M1 6L23 6")
    return Shape("mark", f"M12 6{marker(look)}") if kind == "points" else Shape("bar", "M7 1h10v10h-10z")


def marker(look: int) -> str:
    """The path of a series' marker, from its middle."""
    return MARKERS[look_of(look).marker]


def coordinate(value: float) -> str:
    """One of the two numbers of a place."""
    return f"{value:.1f}".removesuffix(".0")


def _shapes(*drawn: tuple[str, str]) -> list[Shape]:
    return [Shape(kind, path) for kind, path in drawn if path]


def _ticks(values: Iterable[float]) -> list[tuple[float, str]]:
    return [(value, tick_text(value)) for value in values]
