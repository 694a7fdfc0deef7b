"""The picture of the information bottleneck that no chart can say: confidence against accuracy, bin by bin."""

from collections.abc import Collection

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mibench.errors import UsageError
from mibench.frames import cell_columns
from mibench.plan.selectors import spell_value
from mibench.plan.trial import ON_DATA
from mibench.style import STYLE, WIDTHS, Look, legend, logarithmic, looks, panels
from mibench.text import number

FEW = 0.5
"""A bin with a smaller share of the answers, in per cent, has hollow markers: its accuracy is that of few answers."""
_HOLLOW = f"hollow: below {number(FEW)} % of the answers"


def reliability(frame: pd.DataFrame) -> Figure | None:
    """Accuracy less confidence of the answers in each bin of confidence; a calibrated network lies on zero.

    Below it stands the share of the answers in each bin. Bins with few of them, whose accuracy swings by chance, have
    hollow markers.

    Args:
        frame: a tidy frame of the task `ib`; trials of several values of beta are pooled.

    Returns:
        The figure; `None` if nothing of it was measured.

    Raises:
        UsageError: rows differ in another parameter of the cell, over which this would average.
    """
    _refuse_mixed(frame, {"beta"})
    ended = frame["epoch"].isna() & frame["value"].notna()
    rows = frame[frame["measurement"].str.startswith("reliability/") & ended]
    if rows.empty:
        return None
    parts = rows["measurement"].str.split("/", expand=True)
    bins = rows.assign(bin=parts[1], what=parts[2]).pivot_table(
        index=["estimator", "bin"], columns="what", values="value"
    )
    bins["gap"] = bins["accuracy"] - bins["confidence"]
    look_of = looks(rows["estimator"])
    with mpl.rc_context({**STYLE, "lines.markersize": 3.5}):
        figure, ((upper,), (lower,)) = panels(2, 1)
        figure.set_size_inches(4.2, 4.8)
        lower.sharex(upper)
        for name, group in bins.groupby("estimator"):
            for axes, what in ((upper, "gap"), (lower, "share")):
                _draw(axes, group, what, str(name), look_of[str(name)])
        upper.axhline(0, color="black", linewidth=WIDTHS["error"], zorder=0)
        upper.plot(
            [], [], color="0.4", linestyle="", marker="o", markersize=3.5, markerfacecolor="white", label=_HOLLOW
        )
        upper.tick_params(labelbottom=False)
        upper.set_ylabel("accuracy - confidence (%)")
        lower.axhline(FEW, color="0.6", linewidth=WIDTHS["level"], zorder=0)
        lower.set(xlabel="confidence (%)", ylabel="share of the answers (%)")
        logarithmic(lower, "y")
        legend(figure, [upper], list(look_of))
    return figure


def _refuse_mixed(frame: pd.DataFrame, separated: Collection[str]) -> None:
    """Makes sure that a figure averages over nothing but seeds.

    Args:
        frame: a tidy frame of one task.
        separated: the parameters of cells that the figure shows separately.

    Raises:
        UsageError: rows differ in another parameter.
    """
    for name in cell_columns(frame):
        values = frame[name].dropna().unique()
        if name not in separated and len(values) > 1:
            spelled = [spell_value(value) for value in values.tolist()]
            fault = f"these records differ in {name} ({', '.join(spelled)}), which this figure would average over"
            if name == ON_DATA:
                raise UsageError(f"{fault}; draw the results on each data from a folder of their own")
            raise UsageError(f'{fault}; choose one of them, e.g. "{frame["task"].iloc[0]}[{name}={spelled[0]}]"')


def _draw(axes: Axes, bins: pd.DataFrame, what: str, name: str, look: Look) -> None:
    """One estimator's line, and its markers bin by bin."""
    x, y, few = bins["confidence"], bins[what], bins["share"] < FEW
    axes.plot(x, y, color=look.colour, linestyle=look.dashes, linewidth=WIDTHS["error"], marker=look.marker, label=name)
    axes.plot(x[few], y[few], color=look.colour, linestyle="", marker=look.marker, markerfacecolor="white")
