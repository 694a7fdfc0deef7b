"""Figure 1 of the paper, drawn from our own runs: curves of value and gradient over rho, one column a dimension."""

from typing import Any

import matplotlib as mpl
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mibench_gaussian import family

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.hashsalt": "mibench",
}
_TRUTHS = {"mi": family.mutual_information, "mi_gradient": family.mutual_information_gradient}
_ROWS = {"mi": "I(X;Y) in nats", "mi_gradient": "dI/dρ in nats"}


def curves(frame: pd.DataFrame) -> Figure:
    """Figure 1: estimates over rho, the truth in black, one light curve a seed and their mean in full colour.

    Args:
        frame: a tidy frame of the task `gaussian`.
    """
    measured = frame[frame["value"].notna()]
    dimensions = sorted(int(d) for d in measured["d"].unique())
    rows = [name for name in _ROWS if name in set(measured["measurement"])]
    colours = _palette(measured)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(2.6 * len(dimensions) + 0.6, 2.1 * len(rows) + 0.7), layout="constrained", dpi=200)
        grid = figure.subplots(len(rows), len(dimensions), sharex=True, squeeze=False)
        for axes, d in zip(grid[0], dimensions, strict=True):
            axes.set_title(f"d = {d}", fontsize=9)
        for row, name in zip(grid, rows, strict=True):
            row[0].set_ylabel(_ROWS[name])
            for axes, d in zip(row, dimensions, strict=True):
                _panel(axes, measured[(measured["measurement"] == name) & (measured["d"] == d)], name, d, colours)
        for axes in grid[-1]:
            axes.set_xlabel("ρ")
        handles = {
            label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(6, len(handles)))
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, name: str, d: int, colours: dict[str, str]) -> None:
    """One measurement at one dimension."""
    limit = float(rows["rho"].abs().max()) if len(rows) else 0.8
    rho = torch.linspace(-limit, limit, 201, dtype=torch.float64)
    axes.plot(rho, _TRUTHS[name](d, rho), color="black", linewidth=1.4, label="truth", zorder=3)
    for estimator, curves in rows.groupby("estimator"):
        colour = colours[str(estimator)]
        by_seed = curves.pivot_table(index="rho", columns="seed", values="value")
        axes.plot(by_seed.index, by_seed.to_numpy(), color=colour, alpha=0.25, linewidth=0.7)
        axes.plot(by_seed.index, by_seed.mean(axis=1), color=colour, linewidth=1.4, label=str(estimator))
    axes.axhline(0, color="0.85", linewidth=0.6, zorder=0)


def _palette(frame: pd.DataFrame) -> dict[str, str]:
    names = sorted(str(name) for name in frame["estimator"].unique())
    return {name: _COLOURS[i % len(_COLOURS)] for i, name in enumerate(names)}
