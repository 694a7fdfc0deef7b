"""A panel on its axes: what is in sight, and where, in the units of the axes.

The SVG of reports and the figures of matplotlib are both drawn from it, so that they show the same.
"""

import functools
import itertools
import math
from collections.abc import Iterable, Sequence

from mibench.charts import Axis, Chart, End
from mibench.comparison.samples import MEAN, direction
from mibench.reporting.charts.panels import Mark, Panel, Point
from mibench.reporting.charts.scales import Scale, fit
from mibench.reporting.charts.smooth import smooth
from mibench.specs import TaskSpec
from mibench.style import SHADES, tick_text

_GROUP = 0.8
"""The share of a category's width that its bars take."""
_DASH = 0.04
"""Half the length of a dash, as a share of the axis."""
_MOST_OWN_TICKS = 8
_ROOM = 0.08
"""How far apart ticks are at least, as a share of the axis."""
_SHORT = 6
_CHARACTER = 0.04
"""How wide a character of a tick is, as a share of the axis of a small panel."""
MOST_TRUTHS = 2
"""An axis that has a truth reaches to this many times its largest value at most."""


class View:
    """A panel on its scales.

    Args:
        panel: what is seen.
        chart: how it was declared.
        x: the scale of the horizontal axis.
        y: that of the vertical one; of a matrix, on which rows stand, the first at the top.
        ends: which end of x and of y is good.
    """

    def __init__(self, panel: Panel, chart: Chart, x: Scale, y: Scale, ends: tuple[End, End]) -> None:
        self.panel, self.chart, self.x, self.y = panel, chart, x, y
        self.front = front(panel, ends) if chart.front else []
        self._rising = ends[0] == "higher"
        self._rows = {name: float(row) for row, name in enumerate(panel.series)}

    def in_sight(self, marks: Iterable[Mark]) -> list[Mark]:
        """Those that the axes have a place for."""
        return [mark for mark in marks if self.x.has_place_for(mark.x) and self.y.has_place_for(mark.y)]

    def shows(self, name: str) -> bool:
        """Whether a value of a series is within the axes."""
        if self.chart.kind == "matrix":
            return bool(self.panel.series.get(name))
        marks, level = self.panel.series.get(name, ()), self.panel.levels.get(name)
        seen = any(self.x.shows(mark.x) and self.y.shows(mark.y) for mark in marks)
        return seen or (level is not None and self.y.shows(level.y))

    def point(self, name: str, mark: Mark) -> Point:
        """Where the mark of a series is; bars of one category stand side by side, rows of a matrix below each other."""
        offset = 0.0
        if self.chart.kind == "matrix":
            return mark.x, self._rows[name]
        if self.chart.kind == "bars":
            names = list(self.panel.series)
            offset = _GROUP * ((names.index(name) + 0.5) / len(names) - 0.5)
        return self.near(mark.x + offset, mark.y)

    def level(self, mark: Mark) -> int:
        """The shade of a mark of a matrix, from `-SHADES` for the least value in the panel to `SHADES` for the most."""
        low, high = self.ends
        return round(SHADES * (2 * (mark.y - low) / (high - low) - 1)) if high > low else 0

    @functools.cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value of a matrix."""
        values = [mark.y for mark in self.in_sight(self.panel.marks)]
        return min(values), max(values)

    def near(self, x: float, y: float) -> Point:
        """A point that can be drawn: where it is, or well beyond the axes for one that is further away."""
        return self.x.near(x), self.y.near(y)

    def line(self, points: Iterable[Point]) -> list[Point]:
        """The points of a line that the axes have a place for."""
        return [self.near(x, y) for x, y in points if self.x.has_place_for(x) and self.y.has_place_for(y)]

    def band(self, name: str) -> list[tuple[float, float, float]]:
        """The band of a series: x, and y less and plus one standard deviation, where there is one."""
        marks = [mark for mark in self.in_sight(self.panel.series[name]) if mark.y_deviation > 0]
        ends = [(mark.y - mark.y_deviation, mark.y + mark.y_deviation) for mark in marks]
        return [(mark.x, self.y.near(low), self.y.near(high)) for mark, (low, high) in zip(marks, ends, strict=True)]

    def whiskers(self, name: str, mark: Mark) -> list[tuple[Point, Point]]:
        """One standard deviation to both sides, or an interval, along each axis that has one."""
        x, y = self.point(name, mark)
        ends: list[tuple[Point, Point]] = []
        if mark.y_ends[0] < mark.y_ends[1]:
            low, high = map(self.y.near, mark.y_ends)
            ends.append(((x, low), (x, high)))
        if mark.x_deviation > 0 and _deviates(self.chart.x):
            low, high = (self.x.near(mark.x + sign * mark.x_deviation) for sign in (-1, 1))
            ends.append(((low, y), (high, y)))
        return ends

    def bars(self, name: str) -> list[tuple[float, float, float]]:
        """The bars of a series: left edge, right edge and value."""
        points = [self.point(name, mark) for mark in self.in_sight(self.panel.series[name])]
        return [(x - self._half_bar, x + self._half_bar, y) for x, y in points]

    @property
    def x_ticks(self) -> list[float]:
        """What is written below the panel: the few values that were measured at, else round numbers."""
        values = sorted({mark.x for mark in self.in_sight(self.panel.marks)})
        gaps = [self.x(b) - self.x(a) for a, b in itertools.pairwise(values)]
        if self.chart.x.of == "epoch":
            return [tick for tick in self.x.ticks() if tick == int(tick)] or self.x.ticks()
        fitting = 1 < len(values) <= _MOST_OWN_TICKS and min(gaps) > _ROOM
        short = all(len(tick_text(value)) < _SHORT for value in values)
        return values if self.chart.kind == "lines" and fitting and short else self.x.ticks(character=_CHARACTER)

    @property
    def labels(self) -> list[tuple[Point, str]]:
        """Which points those of several are, where a picture has no pointer to tell."""
        marks = [(name, mark) for name, marks in self.panel.series.items() for mark in self.in_sight(marks)]
        several = len({mark.label for _, mark in marks}) > 1
        return [(self.point(name, mark), mark.label) for name, mark in marks] if several else []

    @property
    def foot(self) -> float:
        """Where bars stand."""
        return self.y.low if self.y.log else 0.0

    @property
    def truth(self) -> list[list[Point]]:
        """The truth, where it is known and in sight: a smooth line, or a dash where it is known at one x.

        Bars have a dash across every group.
        """
        points = self.line(self.panel.truth)
        if self.chart.kind != "bars":
            places = [(self.x(x), self.y(y)) for x, y in points]
            if len(places) == 1:
                places = [(places[0][0] + side * _DASH, places[0][1]) for side in (-1, 1)]
            curve = places if self.panel.categories else smooth(list(dict(places).items()))
            return [[(self.x.value(x), self.y.value(y)) for x, y in curve]] if points else []
        half = self._half_bar * len(self.panel.series)
        return [[(x - half, y), (x + half, y)] for x, y in points]

    @property
    def steps(self) -> list[Point]:
        """The line of the front: between two of its marks, one is as good on x and the other on y."""
        points = [self.point("", mark) for mark in self.in_sight(self.front)]
        steps = points[:1]
        for mark, other in itertools.pairwise(points):
            steps += [(mark[0], other[1]) if self._rising else (other[0], mark[1]), other]
        return steps if len(points) > 1 else []

    @property
    def cut(self) -> bool:
        """Whether something lies beyond the axes."""
        shown = [] if self.chart.kind == "matrix" else [*self.panel.marks, *self.panel.levels.values()]
        return any(self.y.has_place_for(mark.y) and not self.y.shows(mark.y) for mark in shown)

    @property
    def _half_bar(self) -> float:
        return 0.45 * _GROUP / max(len(self.panel.series), 1)


def views(panels: Sequence[Panel], chart: Chart, spec: TaskSpec | None = None) -> list[View]:
    """Panels on their axes; those of a shared axis reach equally far.

    Args:
        panels: what is seen.
        chart: how it was declared.
        spec: the task, which says which end of an axis is good.
    """
    across = _shared([_across(panel, chart) for panel in panels], [chart.x for _ in panels])
    down = _shared([_down(panel, chart) for panel in panels], [panel.y for panel in panels])
    return [
        View(panel, chart, _x(panel, chart, x), _y(panel, chart, y), (good_end(chart.x, spec), good_end(panel.y, spec)))
        for panel, x, y in zip(panels, across, down, strict=True)
    ]


def good_end(axis: Axis, spec: TaskSpec | None) -> End:
    """Which end of an axis is good: what the task says of a measurement; of errors and seconds the lower one."""
    measured = axis.statistic == "mean" and axis.of != "seconds"
    better = direction(spec, axis.of, MEAN) if measured else None
    return "higher" if better == "higher" else "lower"


def front(panel: Panel, ends: tuple[End, End]) -> list[Mark]:
    """The marks that no other beats on both axes, in the order of x.

    Args:
        panel: the marks.
        ends: which end of x and of y is good.
    """
    across, down = (1 if end == "lower" else -1 for end in ends)
    best: list[Mark] = []
    for mark in sorted(panel.marks, key=lambda mark: (across * mark.x, down * mark.y)):
        if not best or down * mark.y < down * best[-1].y:
            best.append(mark)
    return sorted(best, key=lambda mark: mark.x)


def _deviates(axis: Axis) -> bool:
    """Whether an axis has whiskers across: how steady a machine was says little of an estimator."""
    return axis.of != "seconds"


def _across(panel: Panel, chart: Chart) -> list[float]:
    """What the horizontal axis is to have room for."""
    if panel.categories:
        return [float(place) for place in range(len(panel.categories))]
    ends = [mark.x + sign * mark.x_deviation for mark in panel.marks for sign in (-1, 1) if _deviates(chart.x)]
    return [*(mark.x for mark in panel.marks), *ends]


def _down(panel: Panel, chart: Chart) -> list[float]:
    """What the vertical axis is to have room for: the truth too, and of what is far beyond it so much as is not cut.

    One that ran away would flatten the others.
    """
    if chart.kind == "matrix":
        return [float(row) for row in range(len(panel.series))]
    marks = [*panel.marks, *panel.levels.values()]
    heights = [mark.y for mark in marks] + [y for lines in panel.seeds.values() for line in lines for _, y in line]
    if not panel.seeds:
        heights += [end for mark in marks for end in mark.y_ends]
    truth = [y for _, y in panel.truth]
    most = MOST_TRUTHS * max(map(abs, truth), default=0.0)
    if most:
        heights = [min(max(y, -most), most) for y in heights if not math.isnan(y)]
    return [*heights, *truth]


def _x(panel: Panel, chart: Chart, values: Sequence[float]) -> Scale:
    return Scale(-0.5, max(values) + 0.5) if panel.categories else fit(values, log=chart.x.log)


def _y(panel: Panel, chart: Chart, values: Sequence[float]) -> Scale:
    """Rows of a matrix stand below each other."""
    if chart.kind == "matrix":
        return Scale(max(values) + 0.5, -0.5)
    return fit(values, log=panel.y.log, zero=chart.kind == "bars")


def _shared(values: Sequence[list[float]], axes: Sequence[Axis]) -> list[list[float]]:
    """The values of each panel, or those of all where the axis is shared."""
    return [
        [value for part, other in zip(values, axes, strict=True) if other == axis for value in part]
        if axis.shared
        else own
        for own, axis in zip(values, axes, strict=True)
    ]
