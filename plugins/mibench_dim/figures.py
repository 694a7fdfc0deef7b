"""The picture of Deep InfoMax that no chart can say: the confusion matrix of the probe at Y."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from mibench.frames import cell_columns
from mibench.style import STYLE
from mibench.tables import groups
from mibench.text import text


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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.0 * len(encoders) + 0.8, 3.3), layout="constrained", dpi=200)
        row = figure.subplots(1, len(encoders), squeeze=False)[0]
        for axes, (encoder, group) in zip(row, encoders, strict=True):
            classes = group["measurement"].str.split("/", expand=True)[[1, 2]].astype(int)
            shares = group.assign(true=classes[1], named=classes[2]).pivot_table("value", "true", "named")
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            axes.set_title(
                ", ".join([str(encoder["estimator"]), *(f"{name}={text(encoder[name])}" for name in varied)])
            )
            axes.set_xlabel("named")
        row[0].set_ylabel("true class")
        figure.colorbar(row[0].images[0], ax=list(row), label="% of the true class", shrink=0.8)
    return figure
