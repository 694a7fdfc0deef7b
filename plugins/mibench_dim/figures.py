"""The figures of Deep InfoMax: accuracy by layer, Figure 2 of the paper, and how both came about, epoch by epoch."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mibench.frames import cell_columns
from mibench.plan.selectors import parse_selector
from mibench.style import STYLE, legend, logarithmic, looks, panel, panels
from mibench_dim.probes import LAYERS

_ACCURACY = "top-1 accuracy (%)"


def accuracy(frame: pd.DataFrame) -> Figure:
    """Tables 1 and 4 as bars: one group a layer, one bar an encoder, whiskers of a standard deviation over seeds.

    Args:
        frame: a tidy frame of the task `dim`.
    """
    ends = _labelled(frame[frame["epoch"].isna()])
    names = [f"accuracy/{layer}" for layer in LAYERS]
    values = ends[ends["measurement"].isin(names)].groupby(["label", "measurement"], sort=False)["value"]
    means, spreads = values.mean().unstack(), values.std().unstack()
    means, spreads = means.reindex(columns=names), spreads.reindex(columns=names).fillna(0)
    width = 0.8 / max(len(means), 1)
    with mpl.rc_context(STYLE):
        figure, axes = panel()
        figure.set_figwidth(6.0)
        for place, (label, look) in enumerate(looks(means.index).items()):
            at = [one + (place - (len(means) - 1) / 2) * width for one in range(len(LAYERS))]
            heights, errors = means.loc[label], spreads.loc[label]
            hatch = "" if look.dashes == "solid" else "///"  # whose colour was taken before
            drawn = axes.bar(at, heights, 0.9 * width, yerr=errors, error_kw={"linewidth": 0.8}, label=label)
            for bar in drawn:
                bar.set(facecolor=look.colour, hatch=hatch, edgecolor="white", linewidth=0)
        axes.set_xticks(range(len(LAYERS)), LAYERS)
        axes.set_ylabel(_ACCURACY)
        legend(figure, [axes])
    return figure


def projections(frame: pd.DataFrame) -> Figure:
    """Figure 2: accuracy at Y against the dimension k of the random projection; without projection, a level line.

    Args:
        frame: a tidy frame of the task `dim`, with trials of `mige-rp`.
    """
    rows = _labelled(frame[frame["epoch"].isna() & (frame["measurement"] == "accuracy/Y")], estimator=False)
    names = rows["estimator"].map(lambda text: parse_selector(str(text)).name)
    projected = rows[names == "mige-rp"].assign(k=lambda found: found["estimator"].map(_k))
    if projected.empty:
        return _blank("no trials of mige-rp")
    with mpl.rc_context(STYLE):
        figure, axes = panel()
        for label, look in looks(projected["label"]).items():
            by_k = projected[projected["label"] == label].groupby("k")["value"]
            means, spread = by_k.mean(), by_k.std().fillna(0)
            axes.errorbar(
                means.index, means, spread, color=look.colour, marker=look.marker, label=f"mige-rp {label}".strip()
            )
            whole = rows.loc[(names == "mige") & (rows["label"] == label), "value"]
            if len(whole):
                axes.axhline(whole.mean(), color=look.colour, linestyle="dashed", label=f"mige {label}".strip())
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlabel("dimension k of the random projection")
        axes.set_ylabel("top-1 accuracy at Y (%)")
        legend(figure, [axes])
    return figure


def probe_curves(frame: pd.DataFrame) -> Figure:
    """Accuracy against the probes' epochs, a column a layer; each seed is a light curve, their mean a full one.

    Args:
        frame: a tidy frame of the task `dim`.
    """
    with mpl.rc_context(STYLE):
        figure, (row,) = panels(1, len(LAYERS))
        for axes, layer in zip(row, LAYERS, strict=True):
            axes.sharey(row[0])
            _curves(axes, frame, f"accuracy/{layer}")
            axes.set_title(layer)
            axes.set_xlabel("epoch of the probe")
        row[0].set_ylabel(_ACCURACY)
        legend(figure, row)
    return figure


def deviation(frame: pd.DataFrame) -> Figure:
    """The scale of Y and its effective rank while the encoder learns: where scores are shrunk, the scale drifts.

    Args:
        frame: a tidy frame of the task `dim`.
    """
    with mpl.rc_context(STYLE):
        figure, (row,) = panels(1, 2)
        titles = (("std", "standard deviation of Y"), ("effective_rank", "effective rank of Y"))
        for axes, (name, title) in zip(row, titles, strict=True):
            _curves(axes, frame, name)
            axes.set_ylabel(title)
            axes.set_xlabel("epoch of the encoder")
        row[0].set_yscale("log")
        logarithmic(row[0].yaxis)
        legend(figure, row)
    return figure


def confusion(frame: pd.DataFrame) -> Figure:
    """What the probe at Y names each class, in per cent of that class, a panel an encoder.

    Args:
        frame: a tidy frame of the task `dim`; data sets of more than 20 classes have no confusion matrix.
    """
    rows = _labelled(frame[frame["measurement"].str.startswith("confusion/")])
    if rows.empty:
        return _blank("no data set of at most 20 classes")
    groups = list(rows.groupby("label", sort=False))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.0 * len(groups) + 0.8, 3.3), layout="constrained", dpi=200)
        row = figure.subplots(1, len(groups), squeeze=False)[0]
        for axes, (label, group) in zip(row, groups, strict=True):
            places = group["measurement"].str.split("/", expand=True)[[1, 2]].astype(int)
            shares = group.assign(true=places[1], named=places[2]).pivot_table("value", "true", "named")
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
            axes.set_title(str(label))
            axes.set_xlabel("named")
        row[0].set_ylabel("true class")
        figure.colorbar(row[0].images[0], ax=list(row), label="% of the true class", shrink=0.8)
    return figure


def _labelled(rows: pd.DataFrame, *, estimator: bool = True) -> pd.DataFrame:
    """Rows with a value, each with a label of what tells its encoder from the others, seeds apart."""
    rows = rows[rows["value"].notna()]
    varied = [name for name in cell_columns(rows) if rows[name].nunique(dropna=False) > 1]
    labels = [
        ", ".join([*([_short(str(row["estimator"]))] if estimator else []), *_settings(row, varied)])
        for row in rows.to_dict("records")
    ]
    return rows.assign(label=pd.Series(labels, index=rows.index, dtype=object))


def _settings(row: Mapping[Hashable, Any], names: Sequence[str]) -> list[str]:
    """`name=value`; of a switch its name where it is on."""
    return [name if row[name] is True else f"{name}={row[name]}" for name in names if row[name] is not False]


def _short(estimator: str) -> str:
    """The selector without what the task's paper sets for everyone: the critics' widths and the kind of gradient."""
    selector = parse_selector(estimator)
    given = {name: values for name, values in selector.sweep.items() if name not in {"hidden", "embedding", "gradient"}}
    text = ",".join(f"{name}={'|'.join(map(str, values))}" for name, values in given.items())
    return f"{selector.name}[{text}]" if text else selector.name


def _k(estimator: str) -> int:
    (k,) = parse_selector(estimator).sweep.get("k", ["512"])
    return int(k)


def _curves(axes: Axes, frame: pd.DataFrame, name: str) -> None:
    rows = _labelled(frame[(frame["measurement"] == name) & frame["epoch"].notna()])
    for label, look in looks(rows["label"]).items():
        by_seed = rows[rows["label"] == label].pivot_table(index="epoch", columns="seed", values="value")
        epochs = by_seed.index.to_numpy(float)
        axes.plot(epochs, by_seed.to_numpy(), color=look.colour, alpha=0.25, linewidth=0.6)
        axes.plot(epochs, by_seed.mean(axis=1), color=look.colour, linestyle=look.dashes, label=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _blank(reason: str) -> Figure:
    """A figure that says why there is nothing to see, so that the others are drawn nonetheless."""
    figure = Figure(figsize=(3.0, 1.0))
    figure.text(0.5, 0.5, reason, ha="center", va="center")
    return figure
