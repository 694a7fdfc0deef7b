"""What the page of a user's own data draws, on the axes of the charts that tasks declare."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mibench.charts import Axis, Chart
from mibench.estimation.answer import Estimation
from mibench.estimation.estimates import values_after
from mibench.frames.endings import without_failed_values
from mibench.pairs import Pairs, drawn
from mibench.pairs.columns import Array
from mibench.reporting.charts.drawing import Drawing
from mibench.reporting.charts.figure import PageFigure, figure
from mibench.reporting.charts.panels import Mark, Panel
from mibench.reporting.charts.view import views
from mibench.style import Looks
from mibench.twins import Twin, twin_of

_DOTS, _PAIRS = 200, 4
"""Points of a scatter plot, and pairs of columns that are plotted."""
_CLOUDS = ("data", "twin", "shuffled pairs")
"""Series that are no estimators. They come first, so that no colour has come again between them."""
_NATS = "nats"
_PER_ESTIMATOR = Axis("measurement")
"""Its categories need no title."""


def figures(said: Estimation, pairs: Pairs, rows: int) -> list[PageFigure]:
    """The figures that there is something to draw in.

    Args:
        said: what estimators say of the data.
        pairs: the data.
        rows: how many of them were drawn, at most.
    """
    looks = Looks()
    for name in (*_CLOUDS, *said.estimates["estimator"]):
        looks.number(name)
    charts = (_scatter(pairs, rows), _estimates(said), _against_rows(said), _null(said))
    return [_figure(chart, [panel for panel in panels if panel.marks], looks, note) for chart, panels, note in charts]


def _figure(chart: Chart, panels: Sequence[Panel], looks: Looks, note: str) -> PageFigure:
    names = dict.fromkeys(name for panel in panels for name in panel.series)
    return figure(Drawing(chart, views(panels, chart), {name: looks.number(name) for name in names}, note))


def _scatter(pairs: Pairs, rows: int) -> tuple[Chart, list[Panel], str]:
    """Ranks of the columns whose ranks are most correlated, in the data and in the twin."""
    x, y = drawn(pairs, rows)
    twin: Twin | None = twin_of(pairs, rows)
    clouds = {"data": (x, y)} | ({"twin": twin.draw(len(x), 1)} if twin else {})
    ranked = {name: [rankdata(block, axis=0) / len(block) for block in cloud] for name, cloud in clouds.items()}
    panels = [
        Panel(
            title=f"{pairs.y_names[j]} against {pairs.x_names[i]}",
            y=Axis("y", "rank of y"),
            series={name: _dots(left[:, i], right[:, j]) for name, (left, right) in ranked.items()},
        )
        for i, j in _strongest(*ranked["data"])
    ]
    chart = Chart(title="The data and their twin", kind="points", x=Axis("x", "rank of x"), y=Axis("y", "rank of y"))
    shown = f"{min(_DOTS, len(x))} of {len(x):,} rows; "
    return chart, panels, f"{shown}the twin's ranks are of one draw. Columns are those whose ranks correlate most."


def _strongest(x: Array, y: Array) -> list[tuple[int, int]]:
    """The pairs of columns whose ranks are most correlated."""
    units = [(block - block.mean(0)) / (block.std(0) * math.sqrt(len(block))) for block in (x, y)]
    order = np.argsort(-abs(units[0].T @ units[1]), axis=None, kind="stable")[:_PAIRS]
    return [(int(place) // y.shape[1], int(place) % y.shape[1]) for place in order]


def _dots(x: Array, y: Array) -> list[Mark]:
    return [_mark(*point) for point in zip(x[:_DOTS].tolist(), y[:_DOTS].tolist(), strict=True)]


def _estimates(said: Estimation) -> tuple[Chart, list[Panel], str]:
    """Estimates with their intervals, and beside them the errors on the twin."""
    rows: list[Any] = list(said.estimates.itertuples())
    names = [row.estimator for row in rows]
    spans = {
        row.estimator: [Mark(place, row.nats, math.nan, math.nan, seeds=1, interval=(row.low, row.high))]
        for place, row in enumerate(rows)
        if math.isfinite(row.high - row.low)
    }
    errors = {
        row.estimator: [_mark(place, row.twin_bias, row.twin_deviation)]
        for place, row in enumerate(rows)
        if math.isfinite(row.twin_bias)
    }
    panels = [
        Panel(
            title="on the data", y=Axis("estimate", "estimate and 95 % interval, nats"), series=spans, categories=names
        ),
        Panel(title="error on the twin", y=Axis("error", "estimate less truth, nats"), series=errors, categories=names),
    ]
    chart = Chart(title="Estimates, and errors on the twin", kind="points", x=_PER_ESTIMATOR, y=panels[0].y)
    return chart, panels, "Whiskers on the data are the interval, on the twin one standard deviation over its draws."


def _against_rows(said: Estimation) -> tuple[Chart, list[Panel], str]:
    """The estimate on all rows, a half and a quarter, against 1/n."""
    used = said.trials.loc[(said.trials["measurement"] == "samples") & (said.trials["change"] == "none"), "value"].max()
    parts = {"half of the rows": 2, "a quarter of the rows": 4}
    series: dict[str, list[Mark]] = {}
    for name, rows in said.stability[said.stability["change"].isin(parts)].groupby("estimator"):
        marks = [_mark(parts[row["change"]] / used, row["after"]) for row in rows.to_dict("records")]
        series[str(name)] = [_mark(1 / used, rows["before"].iloc[0]), *(mark for mark in marks if mark.y == mark.y)]
    panel = Panel(title="", y=Axis("estimate", _NATS), series=series)
    chart = Chart(title="Estimates against 1/n", kind="lines", x=Axis("1/n", "1/n"), y=panel.y)
    return (
        chart,
        [panel],
        "Where bias falls as 1/n, a line meets the estimate on infinitely many rows at 0.",
    )


def _null(said: Estimation) -> tuple[Chart, list[Panel], str]:
    """The estimates on shuffled pairs, and that on the data."""
    series: dict[str, list[Mark]] = {"shuffled pairs": [], "data": []}
    names: list[str] = said.estimates["estimator"].tolist()
    ended = without_failed_values(said.trials)
    for place, name in enumerate(names):
        rows = ended[ended["estimator"] == name]
        series["shuffled pairs"] += [_mark(place, value) for value in values_after(rows, "shuffled")]
    series["data"] = list(_plain(said, names))
    panel = Panel(title="", y=Axis("null", _NATS), series=series, categories=names)
    chart = Chart(title="Shuffled pairs", kind="points", x=_PER_ESTIMATOR, y=panel.y)
    return chart, [panel], "Shuffled pairs hold no information: what estimators find there is bias and chance."


def _plain(said: Estimation, names: Sequence[str]) -> Iterator[Mark]:
    before: pd.Series[float] = said.stability.groupby("estimator")["before"].first()
    for place, name in enumerate(names):
        if name in before:
            yield _mark(place, float(before[name]))


def _mark(x: float, y: float, deviation: float = math.nan) -> Mark:
    return Mark(x, y, math.nan, deviation, seeds=1)
