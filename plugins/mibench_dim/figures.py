"""The picture of Deep InfoMax that no chart can say: the confusion matrix of the probe at Y."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mibench.frames import cell_columns
from mibench.reporting.charts.drawing import MOST_PANELS
from mibench.style import SIZES, STYLE
from mibench.tables import groups
from mibench.text import text

_MOST_COLUMNS = 4
_CHARACTERS = 36
"""How many characters of a title are as wide as a panel, about."""
_LINE = 0.16
"""Inches that a further line of a title takes."""


def confusion(frame: pd.DataFrame) -> Figure | None:
    """What the probe at Y names each class, in per cent of that class, a panel an encoder.

    Args:
        frame: a tidy frame of the task `dim`.

    Returns:
        The figure; `None` if there is no confusion matrix, as for data sets of more than 20 classes.
    """
    rows = frame[frame["measurement"].str.startswith("confusion/") & frame["value"].notna()]
    if rows.empty:
        return None
    varied = [name for name in cell_columns(rows) if rows[name].nunique(dropna=False) > 1]
    encoders = list(groups(rows, ["estimator", *varied]))
    shown = encoders[:MOST_PANELS]
    columns = min(len(shown), _MOST_COLUMNS)
    lines = -(-len(shown) // columns)
    titles = [_title(encoder, varied) for encoder, _ in shown]
    height = 3.3 + _LINE * max(title.count("\n") for title in titles)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.0 * columns + 0.8, height * lines), layout="constrained", dpi=200)
        grid = figure.subplots(lines, columns, squeeze=False)
        panels = list(grid.flat)
        for axes, title, (_, group) in zip(panels, titles, shown, strict=False):
            classes = group["measurement"].str.split("/", expand=True)[[1, 2]].astype(int)
            shares = group.assign(true=classes[1], named=classes[2]).pivot_table("value", "true", "named")
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            axes.set_title(title)
        for axes in panels[len(shown) :]:
            axes.set_axis_off()
        for axes in panels[max(len(shown) - columns, 0) : len(shown)]:
            axes.set_xlabel("named")
        for axes in grid[:, 0]:
            axes.set_ylabel("true class")
        figure.colorbar(panels[0].images[0], ax=panels, label="% of the true class", shrink=0.8 / lines)
        if len(encoders) > len(shown):
            counted = f"{len(shown)} of {len(encoders)} panels are drawn; narrow the selection to see the others."
            figure.supxlabel(counted, size=SIZES["caption"], color="0.3")
    return figure


def _title(encoder: Mapping[str, Any], varied: Sequence[str]) -> str:
    parts = [str(encoder["estimator"]), *(f"{name}={text(encoder[name])}" for name in varied)]
    return textwrap.fill(", ".join(parts), _CHARACTERS, break_on_hyphens=False)
