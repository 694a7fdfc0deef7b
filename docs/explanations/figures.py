"""Draws the figures of these pages from the frames in `results/pages`: `python docs/explanations/figures.py`.

`benchmarks/suites/exact_critics.py` and `benchmarks/suites/scale.py` measured the frames; no estimator is trained.
"""

import math
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mibench.style import STYLE, WIDTHS, legend, looks, panels

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
    for bound, look in zip(CURVES, looks(CURVES.values()).values(), strict=True):
        curve, style = frame[frame["bound"] == bound], {"color": look.colour, "linestyle": look.dashes}
        left.plot(curve.index, curve["mean"], label=CURVES[bound], **style)
        right.plot(curve.index, curve["std"], **style)
    left.axhline(math.log(64), color="0.6", linewidth=WIDTHS["level"])
    left.text(7.4, math.log(64) + 0.15, "log 64", color="0.4", fontsize=8)
    left.set(ylim=(0, 14), ylabel="mean (nats)")
    right.set(yscale="log", ylabel="standard deviation (nats)")
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
    for n, look in zip(sizes, looks(f"{n}" for n in sizes).values(), strict=True):
        curve = frame[frame["n"] == n]
        axes.plot(curve["information"], curve["limit"], label=f"n = {n}", color=look.colour, linestyle=look.dashes)
        axes.axhline(math.log(n), color=look.colour, linewidth=0.6, alpha=0.5)
    axes.set(xlabel="true I(X;Y) (nats)", ylabel="limit of the estimate (nats)", ylim=(0, 10))
    legend(figure, [axes])
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
    for family, (left, right) in zip(families, grid, strict=True):
        for estimator, look in zip(SCALE, looks(SCALE.values()).values(), strict=True):
            curve = cells[(cells["family"] == family) & (cells["estimator"] == estimator)].sort_values("n")
            style = {"color": look.colour, "linestyle": look.dashes, "marker": look.marker, "markersize": 3}
            left.plot(curve["n"], curve["error"] ** 0.5, label=SCALE[estimator], **style)
            right.plot(curve["seconds"], curve["error"] ** 0.5, **style)
        for axes in (left, right):
            axes.set(xscale="log", yscale="log", title=family.replace("-", " "))
        left.set(xlabel="samples", ylabel="relative RMSE")
        right.set_xlabel("processor seconds")
    legend(figure, [grid[0][0]])
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
