"""The picture of the information bottleneck that no chart can say: confidence against accuracy, bin by bin."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mibench.frames import refuse_mixed
from mibench.style import STYLE, WIDTHS, legend, looks, panel


def reliability(frame: pd.DataFrame) -> Figure | None:
    """Accuracy less confidence of the answers in each bin of confidence; a calibrated network lies on zero.

    The area of a marker grows with the share of the answers in its bin.

    Args:
        frame: a tidy frame of the task `ib`; trials of several values of beta are pooled.

    Returns:
        The figure; `None` if nothing of it was measured.

    Raises:
        UsageError: rows differ in another parameter of the cell, over which this would average.
    """
    refuse_mixed(frame, {"beta"})
    ended = frame["epoch"].isna() & frame["value"].notna()
    rows = frame[frame["measurement"].str.startswith("reliability/") & ended]
    if rows.empty:
        return None
    parts = rows["measurement"].str.split("/", expand=True)
    bins = rows.assign(bin=parts[1], what=parts[2]).pivot_table(
        index=["estimator", "bin"], columns="what", values="value"
    )
    look_of = looks(rows["estimator"])
    with mpl.rc_context(STYLE):
        figure, axes = panel()
        for name, group in bins.groupby("estimator"):
            look = look_of[str(name)]
            gap = group["accuracy"] - group["confidence"]
            axes.plot(
                group["confidence"],
                gap,
                color=look.colour,
                linestyle=look.dashes,
                linewidth=WIDTHS["error"],
                label=str(name),
            )
            axes.scatter(group["confidence"], gap, color=look.colour, marker=look.marker, s=4 + group["share"])
        axes.axhline(0, color="black", linewidth=WIDTHS["error"], zorder=0)
        axes.set(xlabel="confidence (%)", ylabel="accuracy - confidence (%)")
        legend(figure, [axes])
    return figure
