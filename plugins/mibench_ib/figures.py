"""The figures of the information bottleneck: error against rate, learning curves, and confidence against accuracy."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mibench.frames import refuse_mixed
from mibench.style import STYLE, legend, logarithmic, looks, panel, panels

_CURVES = {
    "error_rate": "error (%)",
    "cross_entropy": "cross-entropy (nats)",
    "rate/fitted/bits": "I(Z;X), upper bound (bits)",
    "z_std": "standard deviation of z",
}


def curve(frame: pd.DataFrame) -> Figure:
    """The bottleneck's curve: error against an upper bound of I(Z;X), one point a beta, joined by estimator.

    The bound is that of the fitted normal, which does not change with the scale of z. Baselines, which bottleneck
    nothing, are horizontal lines.

    Args:
        frame: a tidy frame of the task `ib`, best with several values of beta.
    """
    refuse_mixed(frame, {"beta"})
    ends = frame[frame["epoch"].isna()]
    means = ends.pivot_table(index=["estimator", "beta"], columns="measurement", values="value").reset_index()
    look_of = looks(means["estimator"])
    with mpl.rc_context(STYLE):
        figure, axes = panel()
        for name, group in means.groupby("estimator"):
            look = look_of[str(name)]
            if "rate/fitted/bits" not in group or group["rate/fitted/bits"].isna().all():
                axes.axhline(
                    group["error_rate"].mean(), color=look.colour, linestyle=look.dashes, linewidth=0.9, label=str(name)
                )
                continue
            points = group.sort_values("rate/fitted/bits")
            rates, errors = points["rate/fitted/bits"], points["error_rate"]
            axes.plot(rates, errors, color=look.colour, linestyle=look.dashes, linewidth=0.8)
            axes.scatter(rates, errors, color=look.colour, marker=look.marker, s=24, label=str(name), zorder=2)
            if means["beta"].nunique() > 1:
                _name_betas(axes, points, above=list(look_of).index(str(name)) % 2 == 0)
        axes.set(xlabel=_CURVES["rate/fitted/bits"], ylabel=_CURVES["error_rate"], xscale="log", yscale="log")
        logarithmic(axes.xaxis)
        logarithmic(axes.yaxis)
        legend(figure, [axes])
    return figure


def _name_betas(axes: Axes, points: pd.DataFrame, *, above: bool) -> None:
    for one in points.to_dict("records"):
        place = (one["rate/fitted/bits"], one["error_rate"])
        axes.annotate(
            f"{one['beta']:g}", place, (3, 4 if above else -9), textcoords="offset points", fontsize=6, color="0.4"
        )


def epochs(frame: pd.DataFrame) -> Figure:
    """Learning curves: error, cross-entropy, the bound of I(Z;X) and the scale of z by epoch; a light line a seed.

    Args:
        frame: a tidy frame of the task `ib`.
    """
    refuse_mixed(frame, {"beta"})
    points = frame[frame["epoch"].notna()]
    look_of = looks(points["estimator"])
    with mpl.rc_context(STYLE):
        figure, grid = panels(2, 2, share_x=True)
        for axes, (measurement, label) in zip((one for row in grid for one in row), _CURVES.items(), strict=True):
            for name, group in points[points["measurement"] == measurement].groupby("estimator"):
                look = look_of[str(name)]
                runs = group.pivot_table(index="epoch", columns=["beta", "seed"], values="value")
                if runs.shape[1] > 1:
                    axes.plot(runs.index, runs, color=look.colour, linewidth=0.5, alpha=0.3)
                axes.plot(runs.index, runs.mean(axis=1), color=look.colour, linestyle=look.dashes, label=str(name))
            axes.set(ylabel=label, yscale="log")
            logarithmic(axes.yaxis)
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        legend(figure, [axes for row in grid for axes in row])
    return figure


def reliability(frame: pd.DataFrame) -> Figure:
    """Accuracy less confidence of the answers in each bin of confidence; a calibrated network lies on zero.

    Args:
        frame: a tidy frame of the task `ib`; trials of several values of beta are pooled.
    """
    refuse_mixed(frame, {"beta"})
    found = frame[frame["measurement"].str.startswith("reliability/") & frame["epoch"].isna()]
    parts = found["measurement"].str.split("/", expand=True)
    bins = found.assign(bin=parts[1], what=parts[2]).pivot_table(
        index=["estimator", "bin"], columns="what", values="value"
    )
    look_of = looks(found["estimator"])
    with mpl.rc_context(STYLE):
        figure, axes = panel()
        for name, group in bins.groupby("estimator"):
            look = look_of[str(name)]
            gap = group["accuracy"] - group["confidence"]
            axes.plot(
                group["confidence"], gap, color=look.colour, linestyle=look.dashes, linewidth=0.8, label=str(name)
            )
            axes.scatter(group["confidence"], gap, color=look.colour, marker=look.marker, s=4 + group["share"])
        axes.axhline(0, color="black", linewidth=0.8, zorder=0)
        axes.set(xlabel="confidence (%)", ylabel="accuracy - confidence (%)")
        legend(figure, [axes])
    return figure
