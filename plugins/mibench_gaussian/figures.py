"""The figures of the Gaussian task: Figure 1 of the paper, bias against deviation, error against time."""

import matplotlib as mpl
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mibench import gaussians
from mibench.frames import refuse_mixed
from mibench.style import STYLE, Look, legend, logarithmic, looks, panels
from mibench_gaussian.summary import cell_errors, curve_errors

_TRUTHS = {"mi": gaussians.mutual_information, "mi_gradient": gaussians.slope}
_APART = {"d", "rho"}
_LABELS = {"mi": "I(X;Y) in nats", "mi_gradient": "dI/dρ in nats"}


def curves(frame: pd.DataFrame) -> Figure:
    """Figure 1: value above gradient over rho, one column a dimension, the truth in black.

    Each seed is a light curve, their mean a full one. Axes are cut at twice the truth's range, so that an estimator
    that has run away does not flatten the others.

    Args:
        frame: a tidy frame of the task `gaussian`.
    """
    refuse_mixed(frame, _APART)
    measured = frame[frame["measurement"].isin(list(_LABELS)) & frame["value"].notna()]
    dimensions = sorted(int(d) for d in measured["d"].unique())
    names = [name for name in _LABELS if name in set(measured["measurement"])]
    look_of = looks(measured["estimator"])
    with mpl.rc_context(STYLE):
        figure, grid = _by_dimension(len(names), dimensions)
        for row, name in zip(grid, names, strict=True):
            row[0].set_ylabel(_LABELS[name])
            for axes, d in zip(row, dimensions, strict=True):
                _curves(axes, measured[(measured["measurement"] == name) & (measured["d"] == d)], name, d, look_of)
        for axes in grid[-1]:
            axes.set_xlabel("ρ")
        legend(figure, [axes for row in grid for axes in row])
    return figure


def bias_and_deviation(frame: pd.DataFrame) -> Figure:
    """Where the error of dI/drho comes from: rms bias against rms standard deviation over rho, a column a dimension.

    Args:
        frame: a tidy frame of the task `gaussian`, with at least two seeds.
    """
    refuse_mixed(frame, _APART)
    errors = cell_errors(frame[frame["measurement"] == "mi_gradient"])
    squares = errors.assign(bias=errors["bias"] ** 2, std=errors["std"] ** 2)
    points = squares.groupby(["d", "estimator"])[["bias", "std"]].mean() ** 0.5
    return _scatter(points.reset_index(), ("std", "standard deviation (nats)"), ("bias", "bias (nats)"))


def error_and_seconds(frame: pd.DataFrame) -> Figure:
    """What accuracy costs: relative RMSE of dI/drho against seconds a trial, a column a dimension.

    Args:
        frame: a tidy frame of the task `gaussian`.
    """
    refuse_mixed(frame, _APART)
    gradient = frame[frame["measurement"] == "mi_gradient"]
    errors = curve_errors(gradient).groupby(["d", "estimator"])["relative_rmse"].mean()
    seconds = gradient.groupby(["d", "estimator"])["seconds"].mean()
    points = pd.concat([errors, seconds], axis=1).reset_index()
    return _scatter(points, ("seconds", "seconds a trial"), ("relative_rmse", "relative RMSE of dI/dρ"))


def _by_dimension(rows: int, dimensions: list[int]) -> tuple[Figure, list[list[Axes]]]:
    figure, grid = panels(rows, len(dimensions), share_x=True)
    for axes, d in zip(grid[0], dimensions, strict=True):
        axes.set_title(f"d = {d}")
    return figure, grid


def _curves(axes: Axes, rows: pd.DataFrame, name: str, d: int, look_of: dict[str, Look]) -> None:
    limit = float(rows["rho"].abs().max()) if len(rows) else 0.8
    rho = torch.linspace(-limit, limit, 201, dtype=torch.float64)
    truth = _TRUTHS[name](rho, d, d)
    for estimator, group in rows.groupby("estimator"):
        look = look_of[str(estimator)]
        by_seed = group.pivot_table(index="rho", columns="seed", values="value")
        axes.plot(by_seed.index, by_seed.to_numpy(), color=look.colour, alpha=0.2, linewidth=0.6)
        axes.plot(by_seed.index, by_seed.mean(axis=1), color=look.colour, linestyle=look.dashes, label=str(estimator))
    axes.plot(rho, truth, color="black", label="truth", zorder=3)
    axes.axhline(0, color="0.85", linewidth=0.6, zorder=0)
    low, high = axes.get_ylim()
    most = 2 * float(truth.abs().max())
    axes.set_ylim(max(low, -most), min(high, most))


def _scatter(points: pd.DataFrame, x: tuple[str, str], y: tuple[str, str]) -> Figure:
    """One marker an estimator, both axes logarithmic; `x` and `y` are a column and its label."""
    dimensions = sorted(int(d) for d in points["d"].unique())
    look_of = looks(points["estimator"])
    points = points[(points[x[0]] > 0) & (points[y[0]] > 0)]
    with mpl.rc_context(STYLE):
        figure, (row,) = _by_dimension(1, dimensions)
        for axes, d in zip(row, dimensions, strict=True):
            for one in points[points["d"] == d].to_dict("records"):
                name = str(one["estimator"])
                look = look_of[name]
                axes.scatter(
                    [one[x[0]]], [one[y[0]]], color=look.colour, marker=look.marker, label=name, s=28, zorder=2
                )
            axes.set_xlabel(x[1])
            if not axes.collections:
                axes.text(0.5, 0.5, "not enough seeds", ha="center", transform=axes.transAxes)
                axes.set(xticks=[], yticks=[])
                continue
            axes.set(xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                logarithmic(axis)
            axes.grid(visible=True, which="major", color="0.9", linewidth=0.5, zorder=0)
        row[0].set_ylabel(y[1])
        legend(figure, row)
    return figure
