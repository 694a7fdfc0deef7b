"""The look of every figure: told apart by colour, also without colour vision, and by line and marker without colour."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito's."""
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_MARKERS = ("o", "s", "^", "D")
_MANY = 16
"""Entries of a legend beyond which it is written small, and long names are cut."""
_LONGEST = 34
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "svg.hashsalt": "mibench",
}
"""matplotlib's parameters, for `matplotlib.rc_context`."""


@dataclass(frozen=True)
class Look:
    """What tells one estimator from the others, in colour and without."""

    colour: str
    dashes: str
    marker: str


def look_of(number: int) -> Look:
    """The look of the estimator with a number, counted from 0; after 24 they come again."""
    again, colour = divmod(number, len(COLOURS))
    return Look(COLOURS[colour], _DASHES[again % len(_DASHES)], _MARKERS[again % len(_MARKERS)])


def looks(estimators: Iterable[str]) -> dict[str, Look]:
    """A look for each estimator, the same for the same set; those without parameters come first."""
    names = sorted(set(estimators), key=lambda name: ("[" in name, name))
    return {name: look_of(number) for number, name in enumerate(names)}


def panels(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels in a grid, at the size that a paper prints."""
    figure = Figure(figsize=(2.5 * columns + 0.8, 2.0 * rows + 0.9), layout="constrained", dpi=200)
    return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def panel(width: float = 4.2) -> tuple[Figure, Axes]:
    """A figure of one panel, of a width in inches."""
    figure, ((axes,),) = panels(1, 1)
    figure.set_size_inches(width, 3.4)
    return figure, axes


def legend(figure: Figure, panels: Iterable[Axes], order: Sequence[str] = ()) -> None:
    """One legend below all panels: the truth first, then what `order` names, then the others by name."""
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    first = ["truth", *order]
    ordered = sorted(handles, key=lambda label: (first.index(label) if label in first else len(first), label))
    if ordered:
        many = len(ordered) > _MANY
        names = [_cut(name) if many else name for name in ordered]
        entry = (0.06 if many else 0.08) * max(map(len, names)) + 0.45  # inches
        figure.set_figwidth(max(figure.get_figwidth(), entry + 0.2, 6.5 if many else 0))
        columns = min(6, max(1, int(figure.get_figwidth() / entry)))
        rows = -(-len(ordered) // columns)
        figure.set_figheight(figure.get_figheight() + (0.165 if many else 0.18) * max(0, rows - 2))
        shown = [handles[label] for label in ordered]
        size = 6.5 if many else None
        figure.legend(shown, names, loc="outside lower center", ncols=columns, fontsize=size)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
