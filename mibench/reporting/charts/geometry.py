"""Where the marks of a panel are in drawing units."""

import math
from collections.abc import Iterable
from typing import Any

from mibench.charts import Chart
from mibench.reporting.charts.axes import BOTTOM, LEFT, RIGHT, TOP, Place
from mibench.reporting.charts.panels import Mark, Panel, front
from mibench.reporting.charts.scales import Scale, fit
from mibench.text import number, spread

_GROUP = 0.8
"""The share of a category's width that its bars take."""


class Geometry:
    """A panel on its scales.

    Args:
        panel: what is seen.
        chart: how it was declared.
    """

    def __init__(self, panel: Panel, chart: Chart) -> None:
        self.panel, self.chart = panel, chart
        self.x, self.y = self._across(), self._down()
        self.front = front(panel, chart) if chart.front else []

    def in_sight(self, marks: Iterable[Mark]) -> list[Mark]:
        """Those that the axes have a place for."""
        return [mark for mark in marks if (mark.x > 0 or not self.x.log) and (mark.y > 0 or not self.y.log)]

    def place(self, name: str, mark: Mark) -> Place:
        """Where an estimator's mark is."""
        offset = 0.0
        if self.chart.kind == "bars":
            names = list(self.panel.series)
            offset = _GROUP * ((names.index(name) + 0.5) / len(names) - 0.5)
        return self.at(mark.x + offset, mark.y)

    def at(self, x: float, y: float) -> Place:
        """Where a value is; the edge, where a logarithm has no place for it."""
        x, y = (max(value, scale.low) if scale.log else value for value, scale in ((x, self.x), (y, self.y)))
        return self.x(x), self.y(y)

    def whiskers(self, name: str, mark: Mark) -> list[tuple[Place, Place]]:
        """One standard deviation to both sides, along each axis that has one."""
        x, y = self.place(name, mark)
        found: list[tuple[Place, Place]] = []
        if mark.y_spread > 0:
            low, high = (self.at(mark.x, mark.y + sign * mark.y_spread)[1] for sign in (-1, 1))
            found.append(((x, low), (x, high)))
        if mark.x_spread > 0 and self._spreads_across:
            low, high = (self.at(mark.x + sign * mark.x_spread, mark.y)[0] for sign in (-1, 1))
            found.append(((low, y), (high, y)))
        return found

    @property
    def half_bar(self) -> float:
        """Half of a bar's width."""
        return 0.45 * _GROUP / max(len(self.panel.series), 1) * (self.x(1) - self.x(0))

    @property
    def truth(self) -> list[Place]:
        """The truth, where it is known and in sight."""
        return [self.at(x, y) for x, y in self._truth]

    @property
    def cut(self) -> bool:
        """Whether something lies beyond the axes."""
        return any(not self.y.low <= mark.y <= self.y.high for mark in self.in_sight(self.panel.marks))

    def values(self, looks: dict[str, int]) -> list[list[Any]]:
        """What the page's script shows of every mark in sight.

        Args:
            looks: a number for each estimator.

        Returns:
            The estimator's number (-1 for the truth), x and y in drawing units, x and y as text, how many seeds it is
            of, and which of several points it is.
        """
        marked = {id(mark) for mark in self.front}
        found: list[list[Any]] = []
        for name, marks in self.panel.series.items():
            for mark in self.in_sight(marks):
                label = ", ".join(filter(None, [mark.label, self._pool(mark), "on the front" * (id(mark) in marked)]))
                texts = self._x_text(mark), spread(mark.y, mark.y_spread), mark.seeds, label
                found.append([looks[name], *_rounded(self.place(name, mark)), *texts])
        for x, y in self._truth:
            found.append([-1, *_rounded(self.at(x, y)), self._text_at(x), number(y), "", ""])
        return found

    @property
    def _truth(self) -> list[Place]:
        return [(x, y) for x, y in self.panel.truth if y > 0 or not self.y.log]

    @property
    def _spreads_across(self) -> bool:
        """Whether x has whiskers: how steady a machine was says little of an estimator."""
        return self.chart.x.of != "seconds"

    def _across(self) -> Scale:
        if self.panel.categories:
            return Scale(-0.5, len(self.panel.categories) - 0.5, LEFT, RIGHT)
        marks = self.panel.marks
        reach = [mark.x + sign * mark.x_spread for mark in marks for sign in (-1, 1) if self._spreads_across]
        return fit([*(mark.x for mark in marks), *reach], LEFT, RIGHT, log=self.chart.x.log)

    def _down(self) -> Scale:
        """With room for the truth; what is beyond twice of it is cut, lest one that ran away flatten the others."""
        marks, truth = self.panel.marks, [y for _, y in self.panel.truth]
        heights = [mark.y for mark in marks]
        heights += [mark.y + sign * mark.y_spread for mark in marks for sign in (-1, 1)]
        most = 2 * max(map(abs, truth), default=0.0)
        if most:
            heights = [min(max(y, -most), most) for y in heights if not math.isnan(y)]
        return fit([*heights, *truth], BOTTOM, TOP, log=self.chart.y.log, zero=self.chart.kind == "bars")

    def _pool(self, mark: Mark) -> str:
        return f"{mark.cells} values of {self.chart.pooled}" if self.chart.pooled else ""

    def _x_text(self, mark: Mark) -> str:
        return self._text_at(mark.x) if math.isnan(mark.x_spread) else spread(mark.x, mark.x_spread)

    def _text_at(self, x: float) -> str:
        return self.panel.categories[int(x)] if self.panel.categories else number(x)


def _rounded(place: Place) -> tuple[float, float]:
    return round(place[0], 1), round(min(max(place[1], TOP), BOTTOM), 1)
