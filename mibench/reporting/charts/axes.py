"""The frame of a panel as SVG: where things are, ticks, labels, and paths in drawing units."""

from collections.abc import Sequence
from typing import TypeAlias

from mibench.charts import Chart
from mibench.reporting.charts.scales import Scale, tick_text
from mibench.reporting.markup import Markup, element, join

WIDTH, HEIGHT = 320, 232
LEFT, RIGHT, TOP, BOTTOM = 52, 310, 10, 190

Place: TypeAlias = tuple[float, float]


def axes(x: Scale, y: Scale, chart: Chart, categories: Sequence[str]) -> Markup:
    """Grid, ticks and labels; `categories` are what stands along x where that is no number."""
    down = [(y(value), tick_text(value)) for value in y.ticks()]
    across = _categories(x, categories) if categories else [(x(value), tick_text(value)) for value in x.ticks()]
    lines = [f"M{LEFT} {coordinate(place)}H{RIGHT}" for place, _ in down]
    if chart.kind == "points":
        lines += [f"M{coordinate(place)} {TOP}V{BOTTOM}" for place, _ in across]
    zero = f"M{LEFT} {coordinate(y(0))}H{RIGHT}" if not y.log and y.low < 0 < y.high else ""
    middle = (LEFT + RIGHT) / 2, -(TOP + BOTTOM) / 2
    below = "" if chart.x.of == "measurement" else chart.x.title
    return join(
        [
            shape("grid", "".join(lines)),
            shape("axis", f"M{LEFT} {BOTTOM}H{RIGHT}{zero}"),
            [element("text", text, x=LEFT - 6, y=coordinate(place + 3.5), class_="yt") for place, text in down],
            [element("text", text, x=coordinate(place), y=BOTTOM + 14, class_="xt") for place, text in across],
            element("text", below, x=middle[0], y=HEIGHT - 6, class_="xl"),
            element("text", chart.y.title, x=middle[1], y=11, transform="rotate(-90)", class_="yl"),
        ]
    )


def shape(class_: str, path: str) -> Markup:
    """A path of one class; nothing where there is no path."""
    return element("path", class_=class_, d=path) if path else Markup()


def line(places: Sequence[Place]) -> str:
    """A path from place to place; nothing where there are none."""
    return f"M{'L'.join(map(units, places))}" if places else ""


def units(place: Place) -> str:
    """A place as paths spell it: a tenth of a drawing unit is less than a pixel."""
    return f"{coordinate(place[0])} {coordinate(place[1])}"


def coordinate(value: float) -> str:
    """One of its two numbers."""
    return f"{value:.1f}".removesuffix(".0")


def _categories(x: Scale, names: Sequence[str]) -> list[tuple[float, str]]:
    room = max(int((RIGHT - LEFT) / len(names) / 5.2), 3)
    return [(x(i), name if len(name) <= room else f"{name[: room - 1]}…") for i, name in enumerate(names)]
