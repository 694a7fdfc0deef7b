"""Panels as inline SVG: shapes and classes; colours are the style sheet's, values to hover over are the script's."""

import itertools
from collections.abc import Callable, Iterable

from mibench.reporting.charts.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Place, axes, line, shape, units
from mibench.reporting.charts.geometry import Geometry
from mibench.reporting.charts.panels import Mark
from mibench.reporting.markup import Markup, element, join

COLOURS = 6
"""How many colours the style sheet has; beyond them dashes and markers change."""

_MARKERS = (
    "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0",
    "m-4 -4h8v8h-8z",
    "m0 -5.2l4.8 8.6h-9.6z",
    "m0 -5.4l5.2 5.4l-5.2 5.4l-5.2-5.4z",
)
_RING = "m-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0"
_MOST_DOTS = 40
"""Marks of a line that are dotted too."""


def draw(panel: Geometry, looks: dict[str, int], name: str) -> Markup:
    """A panel.

    Args:
        panel: what is seen, and where.
        looks: a number for each estimator, the same all over the page.
        name: what assistive technology calls it.
    """
    shapes = {"lines": _line_shapes, "points": _point_shapes, "bars": _bar_shapes}[panel.chart.kind]
    series = [
        element(
            "g",
            shapes(panel, estimator, marks, looks[estimator]),
            class_=look_class(looks[estimator]),
            data_s=looks[estimator],
        )
        for estimator, marks in panel.panel.series.items()
    ]
    box = {"x": LEFT, "y": TOP, "width": RIGHT - LEFT, "height": BOTTOM - TOP}
    inside = element("svg", _front(panel), series, _truth(panel), viewBox=" ".join(map(str, box.values())), **box)
    return element(
        "svg",
        axes(panel.x, panel.y, panel.chart, panel.panel.categories),
        inside,
        element("g", class_="at"),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="application",
        tabindex=0,
        aria_roledescription="chart",
        aria_label=f"{name}. Arrow keys read its values.",
    )


def swatch(look: int | None, kind: str) -> Markup:
    """What an estimator looks like in a chart of a kind, for its legend; `None` for the truth."""
    across = line([(1, 6), (23, 6)])
    drawn = {"points": ("mark", _marker((12, 6), look or 0)), "bars": ("bar", "M7 1h10v10h-10z")}
    inner = shape("truth", across) if look is None else shape(*drawn.get(kind, ("line", across)))
    return element("svg", inner, viewBox="0 0 24 12", class_="swatch", aria_hidden="true")


def look_class(look: int) -> str:
    """The style sheet's classes of an estimator's colour and dashes."""
    return f"s{look % COLOURS} d{look // COLOURS % len(_MARKERS)}"


def _line_shapes(panel: Geometry, name: str, marks: list[Mark], _: int) -> Iterable[Markup]:
    seen = panel.in_sight(marks)
    places = _places(panel, name, seen)
    wide = [mark for mark in seen if mark.y_spread > 0]
    above, below = ([panel.at(mark.x, mark.y + sign * mark.y_spread) for mark in wide] for sign in (1, -1))
    yield shape("band", f"{line([*above, *reversed(below)])}z" if len(wide) > 1 else "")
    yield shape("line", line(places))
    yield shape("dot", _each(places, "h0") if len(places) <= _MOST_DOTS else "")


def _point_shapes(panel: Geometry, name: str, marks: list[Mark], look: int) -> Iterable[Markup]:
    seen = panel.in_sight(marks)
    places = _places(panel, name, seen)
    yield shape("line", line(places) if panel.chart.along else "")
    yield _whiskers(panel, name, seen)
    yield shape("mark", "".join(_marker(place, look) for place in places))


def _bar_shapes(panel: Geometry, name: str, marks: list[Mark], _: int) -> Iterable[Markup]:
    seen = panel.in_sight(marks)
    places = _places(panel, name, seen)
    foot, half = BOTTOM if panel.y.log else panel.y(0), panel.half_bar
    bars = [[(x - half, foot), (x - half, y), (x + half, y), (x + half, foot)] for x, y in places]
    yield shape("bar", "".join(f"{line(bar)}z" for bar in bars))
    yield _whiskers(panel, name, seen)


def _places(panel: Geometry, name: str, marks: Iterable[Mark]) -> list[Place]:
    return [panel.place(name, mark) for mark in marks]


def _whiskers(panel: Geometry, name: str, marks: Iterable[Mark]) -> Markup:
    return shape("error", "".join(line(ends) for mark in marks for ends in panel.whiskers(name, mark)))


def _front(panel: Geometry) -> Markup:
    """Rings, and steps: between two marks of the front, one is as good on x and the other on y."""
    places = _places(panel, "", panel.in_sight(panel.front))
    corner: Callable[[Place, Place], Place] = (
        (lambda one, other: (other[0], one[1]))
        if panel.chart.x.better == "lower"
        else (lambda one, other: (one[0], other[1]))
    )
    steps = [place for one, other in itertools.pairwise(places) for place in (corner(one, other), other)]
    return join([shape("front", line([*places[:1], *steps]) if steps else ""), shape("ring", _each(places, _RING))])


def _truth(panel: Geometry) -> Markup:
    """A line, or a dash across every group of bars."""
    if panel.chart.kind != "bars":
        return shape("truth", line(panel.truth))
    half = panel.half_bar * len(panel.panel.series)
    return shape("truth", "".join(line([(x - half, y), (x + half, y)]) for x, y in panel.truth))


def _marker(place: Place, look: int) -> str:
    return _each([place], _MARKERS[look // COLOURS % len(_MARKERS)])


def _each(places: Iterable[Place], drawn: str) -> str:
    """The same path at every place."""
    return "".join(f"M{units(place)}{drawn}" for place in places)
