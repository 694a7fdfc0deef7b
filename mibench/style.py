"""The look of charts, in figures and on pages: a colour for each estimator; dashes and markers for its variants."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mibench.text import cut_apart, number

if TYPE_CHECKING:  # a page is made without matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"),
    *("#A50F5A", "#3C0096", "#5A1E00", "#8778F0", "#2D5A00", "#8700FF"),
)
"""Okabe & Ito's six, which people without colour vision tell apart, and six more: no two are closer than those are."""
_USUAL = ("gauss", "mige", "oracle", "rsm", "infonce", "mine", "jsd", "mine-f")
"""Estimators that most pages show: each has the colour of its place, whatever else a page or a figure shows."""
_PLACES = (*range(len(_USUAL), len(COLOURS)), *range(len(_USUAL)))
"""The places of colours in the order in which other estimators get them: first those that are nobody's own."""
_ON_LIGHT = {"#E69F00": "#C48700", "#56B4E9": "#4599CF"}
_ON_DARK = {
    "#A50F5A": "#9E4979",
    "#3C0096": "#AA3DFF",
    "#5A1E00": "#F3B6AA",
    "#8778F0": "#9286FF",
    "#2D5A00": "#8FE04A",
    "#8700FF": "#DBC2FF",
}
"""What a white page and a dark one have in place of a colour whose contrast with them is below 3:1, or nearly so."""
Dashes: TypeAlias = str | tuple[float, Sequence[float]]
"""What matplotlib takes as the style of a line: a name, or where to begin and the lengths of dashes and gaps."""
_DASHES: Mapping[Dashes, str] = {
    "solid": "none",
    "dashed": "6 3",
    "dotted": "1.5 2.5",
    "dashdot": "7 3 1.5 3",
    (0, (8, 1.6)): "13 3",
    (0, (6.4, 1.6, 1, 1.6, 1, 1.6)): "7 3 1.5 3 1.5 3",
    (0, (1, 4)): "1.5 6.5",
    (0, (3.7, 1.2, 3.7, 4)): "6 2 6 7",
}
"""Dashes as matplotlib takes them, with their lengths as SVG has them."""
MARKERS = {
    "o": "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0",
    "s": "m-4 -4h8v8h-8z",
    "^": "m0 -5.2l4.8 8.6h-9.6z",
    "D": "m0 -5.4l5.2 5.4l-5.2 5.4l-5.2-5.4z",
    "v": "m0 5.2l-4.8 -8.6h9.6z",
    "P": "m-1.7 -5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
    "X": "m0 -2.4l2.4 -2.4l2.4 2.4l-2.4 2.4l2.4 2.4l-2.4 2.4l-2.4 -2.4l-2.4 2.4l-2.4 -2.4l2.4 -2.4l-2.4 -2.4l2.4 -2.4z",
    "*": "m0 -5.8l1.4 3.9l4.1 .1l-3.2 2.5l1.1 4l-3.4 -2.3l-3.4 2.3l1.1 -4l-3.2 -2.5l4.1 -.1z",
}
"""Markers by matplotlib's names, with their paths from the middle as SVG has them."""
_FILLS = (1.0, 0.4, 0.2, 0.0)
"""How opaque bars are when colours come again; their outline tells them from paler colours, and then is broken."""
LOOKS = len(COLOURS) * len(MARKERS)
"""How many looks there are: more than a chart has series."""
WIDTHS = {
    "line": 1.3,
    "truth": 1.3,
    "level": 0.9,
    "error": 0.8,
    "bar": 0.8,
    "front": 0.8,
    "ring": 0.7,
    "seed": 0.6,
    "axis": 0.6,
    "grid": 0.5,
    "cell": 0.3,
    "dot": 3.0,
}
"""How wide the lines of a chart are, in points; `dot` is the diameter of a dot on a line."""
POINT = 28
"""The area of a point of a figure, in square points; on a page, `MARKERS` say how large it is."""
SIZES = {"note": 5.5, "cell": 5.0, "long legend": 6.5, "caption": 6.5}
"""The text of figures that is smaller than the rest, in points."""
OPACITIES = {"band": 0.16, "seed": 0.2}
"""How opaque the areas are that show a spread, and the lines of single seeds."""
BROKEN = "dashed"
"""The dashes of what is no series: a level, the Pareto front."""
SHADES = 5
"""Steps of a matrix's colours on each side of its middle."""
_SIDES = {"more": 1, "less": -1}
_HANDLE = 4.0
"""The length of a line in a small legend, in the size of its text: two of the longest dashes are seen."""
_MANY = 16
"""Entries of a legend beyond which it is written small, and long names are cut."""
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": WIDTHS["line"],
    "svg.hashsalt": "mibench",
    "text.parse_math": False,
}
"""matplotlib's parameters, for `matplotlib.rc_context`."""


@dataclass(frozen=True)
class Look:
    """What tells one series from the others, in colour and without.

    Attributes:
        colour: as `#RRGGBB`, that of the estimator.
        dashes: the line's, as matplotlib takes them.
        marker: the point's, by matplotlib's name.
        fill: how opaque a bar is inside its outline.
        outline: the dashes of that outline.
        css: the classes of a page's elements that look so.
    """

    colour: str
    dashes: Dashes
    marker: str
    fill: float
    outline: Dashes
    css: str


def look_of(number: int) -> Look:
    """The look of a number, counted from 0: colours first, then the next dashes; after `LOOKS` they come again."""
    again, colour = divmod(number % LOOKS, len(COLOURS))
    broken, fill = divmod(again, len(_FILLS))
    return Look(
        colour=COLOURS[colour],
        dashes=[*_DASHES][again],
        marker=[*MARKERS][(again + colour) % len(MARKERS)],
        fill=_FILLS[fill],
        outline=BROKEN if broken else "solid",
        css=f"s{colour} d{again}",
    )


class Looks:
    """A number for each series of a page, of which `look_of` makes its look.

    An estimator has one colour, whatever its parameters: its series differ in dashes, marker and fill. No two
    estimators share a colour while there is another, and those that most pages show have the same one on all.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._colours: dict[str, int] = {}

    def meet(self, names: Iterable[str]) -> None:
        """Gives estimators their colours, and those without parameters their looks; others get theirs in charts.

        A chart along a parameter has series without it, which are then the first of their colour.
        """
        names = sorted(names, key=by_estimator)
        self._give_colours(names)
        for name in names:
            if name == _estimator_of(name):
                self.number(name)

    def number(self, name: str) -> int:
        """The number of a series; a new one for a series that was not asked for before."""
        if name not in self._numbers:
            taken = {*self._numbers.values()}
            own = range(self._colour(name), LOOKS, len(COLOURS))
            others = sorted(range(LOOKS), key=lambda look: -_PLACES.index(look % len(COLOURS)))  # last colours first
            free = (look for look in (*own, *others) if look not in taken)
            self._numbers[name] = next(free, len(self._numbers))
        return self._numbers[name]

    def _colour(self, name: str) -> int:
        """The place of its estimator's colour: its own, or one that is free, for one that was not asked for before."""
        estimator = _estimator_of(name)
        if estimator not in self._colours:
            free = (place for place in _PLACES if place not in self._colours.values())
            again = _PLACES[len(self._colours) % len(COLOURS)]
            own = estimator in _USUAL
            self._colours[estimator] = _USUAL.index(estimator) if own else next(free, again)
        return self._colours[estimator]

    def _give_colours(self, names: Sequence[str]) -> None:
        """Gives estimators their colours, first those that have one of their own."""
        for name in sorted(names, key=lambda name: _estimator_of(name) not in _USUAL):
            self._colour(name)

    def told_apart(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of the series of one chart.

        Where a page has more estimators than there are colours, one that would have another's colour here gets a colour
        that is free in this chart; where it has more series than looks, one that would look like another, a free look.
        """
        self._give_colours(names)
        numbers = self._in_own_colours({name: self.number(name) for name in names})
        free = iter(sorted({*range(LOOKS)} - {own % LOOKS for own in numbers.values()}))
        taken: set[int] = set()
        for name, own in numbers.items():
            if own % LOOKS in taken:
                numbers[name] = next(free, own)
            taken.add(numbers[name] % LOOKS)
        return numbers

    def _in_own_colours(self, numbers: Mapping[str, int]) -> dict[str, int]:
        """Numbers of which no two estimators share a colour while there is another."""
        shown = {own % len(COLOURS) for own in numbers.values()}
        free = (place for place in _PLACES if place not in shown)
        owners: dict[int, str] = {}
        moved: dict[tuple[str, int], int] = {}
        told: dict[str, int] = {}
        for name, own in numbers.items():
            again, colour = divmod(own, len(COLOURS))
            estimator = _estimator_of(name)
            if owners.setdefault(colour, estimator) != estimator and (estimator, colour) not in moved:
                moved[estimator, colour] = next(free, colour)
            told[name] = again * len(COLOURS) + moved.get((estimator, colour), colour)
        return told


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each series, the same for the same set."""
    numbers, known = Looks(), {*names}
    numbers.meet(known)
    return {name: look_of(numbers.number(name)) for name in sorted(known, key=by_estimator)}


def by_estimator(name: str) -> tuple[str, str]:
    """What names of series are sorted by: those of one estimator in a row, the one without parameters first."""
    return _estimator_of(name), name.replace("]", "")


def _estimator_of(series: str) -> str:
    """The estimator that a series is of: `mige` of `mige[threshold=0.9]`, `mige, dropout` and `mige (tuned)`."""
    return re.split(r"\[|, | \(", series, maxsplit=1)[0]


def shade(level: int) -> tuple[str, float]:
    """The colour and the opacity of a matrix's cell, from `-SHADES` for the least value to `SHADES` for the most."""
    return COLOURS[0] if level > 0 else COLOURS[1], 0.1 * abs(level)


def css() -> str:
    """The look as rules of a page's style sheet, for SVG whose drawing units are CSS pixels."""
    dashes = [*_DASHES.values()]
    shades = {f"{side}{level}": shade(sign * level) for side, sign in _SIDES.items() for level in range(1, SHADES + 1)}
    return "\n".join(
        [
            *(f".s{i} {{ --c: {_on_pages(colour)}; }}" for i, colour in enumerate(COLOURS)),
            *(f".d{i} .line {{ stroke-dasharray: {dash}; }}" for i, dash in enumerate(dashes)),
            *(f".d{i} .bar {{ {_bar(look_of(i * len(COLOURS)))} }}" for i in range(len(dashes))),
            *(f".{kind} {{ stroke-width: {round(width * 4 / 3, 2)}; }}" for kind, width in WIDTHS.items()),
            *(f".{kind} {{ opacity: {opacity}; }}" for kind, opacity in OPACITIES.items()),
            *(f".{name} {{ fill: {c}; fill-opacity: {round(opacity, 1)}; }}" for name, (c, opacity) in shades.items()),
            f".level, .front {{ stroke-dasharray: {_DASHES[BROKEN]}; }}",
        ]
    )


def _on_pages(colour: str) -> str:
    """A colour on white pages and on dark ones."""
    return f"light-dark({_ON_LIGHT.get(colour, colour)}, {_ON_DARK.get(colour, colour)})"


def _bar(look: Look) -> str:
    """The declarations of a page's bar."""
    outline = "" if look.outline == "solid" else " stroke-dasharray: 3 2;"
    return f"fill-opacity: {look.fill}; stroke: var(--c);{outline}"


def panels(rows: int, columns: int) -> "tuple[Figure, list[list[Axes]]]":
    """A figure of panels in a grid, at the size that a paper prints."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.5 * columns + 0.8, 2.0 * rows + 0.9), layout="constrained", dpi=200)
    return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def panel(width: float = 4.2) -> "tuple[Figure, Axes]":
    """A figure of one panel, of a width in inches."""
    figure, ((axes,),) = panels(1, 1)
    figure.set_size_inches(width, 3.4)
    return figure, axes


def tick_text(value: float) -> str:
    """A tick as it is written, with a true minus sign."""
    return number(value, 6).replace("-", "\N{MINUS SIGN}")


def logarithmic(axes: "Axes", which: str) -> None:
    """Makes axes of a panel (`x`, `y` or `xy`) logarithmic, with ticks in figures: `STYLE` sets no mathematics."""
    axes.set(**{f"{name}scale": "log" for name in which})
    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_formatter(lambda value, _: tick_text(value))
        axis.set_minor_formatter("")


def legend(figure: "Figure", panels: "Iterable[Axes]", order: Sequence[str] = ()) -> None:
    """One legend below all panels: the truth first, then what `order` names, then the others by name."""
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    first = ["truth", *order]
    ordered = sorted(handles, key=lambda label: (first.index(label) if label in first else len(first), label))
    if ordered:
        many = len(ordered) > _MANY
        names = cut_apart(ordered) if many else ordered
        entry = (0.06 if many else 0.08) * max(map(len, names)) + (0.6 if many else 0.45)  # inches
        figure.set_figwidth(max(figure.get_figwidth(), entry + 0.2, 6.5 if many else 0))
        columns = min(6, max(1, int(figure.get_figwidth() / entry)))
        rows = -(-len(ordered) // columns)
        figure.set_figheight(figure.get_figheight() + (0.165 if many else 0.18) * max(0, rows - 2))
        shown = [handles[label] for label in ordered]
        small: dict[str, Any] = {"fontsize": SIZES["long legend"], "handlelength": _HANDLE} if many else {}
        figure.legend(shown, names, loc="outside lower center", ncols=columns, **small)
