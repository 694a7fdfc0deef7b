"""Draws the figures of these pages from the frames in `results/pages`: `python docs/explanations/figures.py`.

`benchmarks/suites/exact_critics.py` and `benchmarks/suites/scale.py` measured the frames; no estimator is trained.
"""

import math
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mibench.style import BROKEN, COLOURS, SIZES, STYLE, WIDTHS, legend, logarithmic, looks, panels

ROOT = Path(__file__).resolve().parents[2]
FIGURES, PAGES = ROOT / "docs" / "figures", ROOT / "results" / "pages"
CURVES = {"infonce": "infonce", "nwj": "nwj", "mine": "mine", "smile[tau=5]": "smile", "club": "club"}
"""The bounds that are drawn, and their names in the legend."""


def bounds() -> Figure:
    """Mean and standard deviation of each bound over batches, against the truth."""
    frame = pd.read_csv(PAGES / "exact-critics.csv")
    frame = frame[frame["batches"] == 200].set_index("information")
    figure, ((left, right),) = panels(1, 2)
    left.plot(frame.index, frame.index, color="black", linewidth=WIDTHS["truth"], label="truth")
    look_of = looks(CURVES.values())
    for bound, name in CURVES.items():
        curve = frame[frame["bound"] == bound]
        style = {"color": look_of[name].colour, "linestyle": look_of[name].dashes}
        left.plot(curve.index, curve["mean"], label=name, **style)
        right.plot(curve.index, curve["std"], **style)
    left.axhline(math.log(64), color="0.6", linewidth=WIDTHS["level"])
    left.text(7.4, math.log(64) + 0.15, "log 64", color="0.4", fontsize=SIZES["note"])
    left.set(ylim=(0, 14), ylabel="mean (nats)")
    right.set(ylabel="standard deviation (nats)")
    logarithmic(right, "y")
    for axes in (left, right):
        axes.set_xlabel("true I(X;Y) (nats)")
    legend(figure, [left, right])
    return figure


def negatives() -> Figure:
    """What an estimate from one permutation converges to, for three batch sizes."""
    frame = pd.read_csv(PAGES / "one-permutation.csv").sort_values("information")
    sizes = sorted(frame["n"].unique())
    figure, ((axes,),) = panels(1, 1)
    axes.plot(frame["information"], frame["information"], color="black", linewidth=WIDTHS["truth"], label="truth")
    names = [f"n = {n}" for n in sizes]
    for n, name, colour in zip(sizes, names, COLOURS, strict=False):
        curve = frame[frame["n"] == n]
        axes.plot(curve["information"], curve["limit"], label=name, color=colour)
        axes.axhline(math.log(n), color=colour, linewidth=WIDTHS["level"], linestyle=BROKEN)
        axes.text(0.6, math.log(n) + 0.1, f"log {n}", color="0.4", fontsize=SIZES["note"])
    axes.set(xlabel="true I(X;Y) (nats)", ylabel="limit of the estimate (nats)", ylim=(0, 10))
    legend(figure, [axes], names)
    return figure


SCALE = {
    "mige": "mige",
    "mige[score=stein,landmarks=auto]": "mige[score=stein, landmarks=auto]",
    "mige[score=stein,calibration=full,landmarks=auto]": "mige[score=stein, calibration=full, landmarks=auto]",
    "rsm": "rsm",
    "rsm[landmarks=auto]": "rsm[landmarks=auto]",
}
"""The estimators whose error is drawn against the number of samples, and their names in the legend."""


def scale() -> Figure:
    """The relative error of the gradient against the number of samples and against seconds, for each family."""
    frame = pd.read_csv(PAGES / "scale.csv")
    frame["error"] = (frame["value"] / frame["truth"] - 1) ** 2
    cells = frame.groupby(["family", "estimator", "n"])[["error", "seconds"]].mean().reset_index()
    families = ("gaussian", "exponential-noise", "laplace", "signs")
    figure, grid = panels(len(families), 2)
    look_of = looks(SCALE.values())
    for family, (left, right) in zip(families, grid, strict=True):
        for estimator, name in SCALE.items():
            curve = cells[(cells["family"] == family) & (cells["estimator"] == estimator)].sort_values("n")
            look = look_of[name]
            style = {"color": look.colour, "linestyle": look.dashes, "marker": look.marker, "markersize": WIDTHS["dot"]}
            left.plot(curve["n"], curve["error"] ** 0.5, label=name, **style)
            right.plot(curve["seconds"], curve["error"] ** 0.5, **style)
        for axes in (left, right):
            logarithmic(axes, "xy")
            axes.set_title(family.replace("-", " "))
        left.set(xlabel="samples", ylabel="relative RMSE")
        right.set_xlabel("processor seconds")
    legend(figure, [grid[0][0]], list(look_of))
    return figure


def main() -> None:
    """Writes the figures as SVG, or as PNG to the folder that is given."""
    folder, form = (Path(sys.argv[1]), "png") if sys.argv[1:] else (FIGURES, "svg")
    with mpl.rc_context(STYLE):
        for name, draw in (("exact-critics", bounds), ("one-permutation", negatives), ("scale", scale)):
            metadata = {"Date": None} if form == "svg" else {}
            draw().savefig(folder / f"{name}.{form}", metadata=metadata)


if __name__ == "__main__":
    main()
