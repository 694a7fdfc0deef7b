"""From a tidy frame and what a task declared to what a chart shows: panels of series of marks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import pandas as pd

from mibench.charts import Axis, Chart
from mibench.frames import cell_columns
from mibench.text import text

MOST_PANELS = 24
"""Panels of one chart; those beyond are pluralise, not drawn."""
MOST_EPOCHS = 200
"""Epochs of one learning curve; longer ones are thinned, and more so where there are many."""

_ORIGINS = ("data", "device")
_MOST_MARKS = 4000
_FEWEST_EPOCHS = 5
Number: TypeAlias = "pd.Series[float]"


@dataclass(frozen=True)
class Mark:
    """One value: where it is, its deviation over seeds along each axis, of how many seeds and pooled cells it is.

    Where x is no number, `x` counts the panel's `categories`; `label` says which point it is of several.
    """

    x: float
    y: float
    x_spread: float
    y_spread: float
    seeds: int
    cells: int = 1
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """One setting: the marks of each estimator, and the truth as points (x, y) where it is known."""

    title: str
    series: dict[str, list[Mark]]
    truth: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    categories: tuple[str, ...] = ()

    @property
    def marks(self) -> list[Mark]:
        """Those of all estimators."""
        return [mark for marks in self.series.values() for mark in marks]


def settings(frame: pd.DataFrame) -> list[str]:
    """The columns of a tidy frame that say what was run on: parameters of the cell that differ.

    The data set's identity and the device are among them where the parameters do not decide them.
    """
    cell = [name for name in cell_columns(frame) if _differs(frame[name])]
    for name in _ORIGINS:
        if _differs(frame[name]) and not (cell and frame.groupby(cell, dropna=False)[name].nunique().max() == 1):
            cell.append(name)
    return cell


def panels(frame: pd.DataFrame, chart: Chart) -> list[Panel]:
    """What a chart shows of a task; nothing where nothing of it was measured.

    Args:
        frame: a tidy frame of one task.
        chart: what it declares.
    """
    frame = frame[frame["value"].notna()]
    frame = frame[frame["epoch"].notna() if chart.x.of == "epoch" else frame["epoch"].isna()]
    shown = _measured(frame, chart.y.of)
    if shown.empty or not _understood(frame, chart):
        return []
    position = chart.along if chart.kind == "points" else chart.x.of
    inside = {position, chart.pooled, ""}
    keys = [name for name in settings(shown) if name not in inside]
    if shown["measurement"].nunique() > 1 and position not in {"measurement", "truth"}:
        keys.append("measurement")
    if chart.kind == "points":
        table = _points(frame, shown, chart, keys)
    else:
        table = _evaluate(shown, [*keys, "estimator", position], chart.y, chart.pooled)
        table = table.rename(columns={"value": "y", "spread": "y_spread", position: "x"}).assign(x_spread=float("nan"))
    if table.empty:
        return []
    if chart.x.of == "epoch":
        table = _thinned(table, lines=len(table[[*keys, "estimator"]].drop_duplicates()))
    groups: Iterable[Any] = table.groupby(keys, dropna=False, sort=True) if keys else [((), table)]
    return [_panel(dict(zip(keys, key, strict=True)), group, chart) for key, group in groups]


def comparing(found: Sequence[Panel], chart: Chart) -> list[Panel]:
    """Panels of points without those of a single point, unless there are no others."""
    return [panel for panel in found if chart.kind != "points" or len(panel.marks) > 1] or list(found)


def front(panel: Panel, chart: Chart) -> list[Mark]:
    """The marks that no other beats on both axes, in the order of x."""
    signs = [1 if axis.better == "lower" else -1 for axis in (chart.x, chart.y)]
    kept: list[Mark] = []
    for mark in sorted(panel.marks, key=lambda mark: (signs[0] * mark.x, signs[1] * mark.y)):
        if not kept or signs[1] * mark.y < signs[1] * kept[-1].y:
            kept.append(mark)
    return sorted(kept, key=lambda mark: mark.x)


def learning_curves(frame: pd.DataFrame) -> list[Chart]:
    """A chart for every measurement that was taken along training; one for those that begin alike up to a `/`."""
    names = frame.loc[frame["epoch"].notna() & frame["value"].notna(), "measurement"].unique()
    families: dict[str, list[str]] = {}
    for name in map(str, names):
        family, slash, _ = name.partition("/")
        families.setdefault(f"{family}/*" if slash else name, []).append(name)
    shown = [members[0] if len(members) == 1 else family for family, members in families.items()]
    return [Chart(title=of, kind="lines", x=Axis("epoch"), y=Axis(of)) for of in shown]


def _differs(column: "pd.Series[Any]") -> bool:
    return column.nunique(dropna=False) > 1


def _measured(frame: pd.DataFrame, of: str) -> pd.DataFrame:
    """The rows of a measurement, or of all that begin as it does."""
    names = frame["measurement"]
    return frame[names.str.startswith(of[:-1]) if of.endswith("*") else names == of]


def _understood(frame: pd.DataFrame, chart: Chart) -> bool:
    """Whether the frame has what the chart's x is."""
    columns = {*frame.columns} - {"value", "key", "estimator", "seed"}
    across = {"seconds", *frame["measurement"]} if chart.kind == "points" else columns - {"seconds"}
    return chart.x.of in across and {*filter(None, [chart.pooled, chart.along])} <= columns


def _points(frame: pd.DataFrame, shown: pd.DataFrame, chart: Chart, keys: list[str]) -> pd.DataFrame:
    by = [*keys, "estimator", *([chart.along] if chart.along else [])]
    across = shown if chart.x.of == "seconds" else _measured(frame, chart.x.of)
    x = _evaluate(across, by, chart.x, chart.pooled).rename(columns={"value": "x", "spread": "x_spread"})
    y = _evaluate(shown, by, chart.y, chart.pooled).rename(columns={"value": "y", "spread": "y_spread"})
    table = x.drop(columns=["seeds", "cells", "known"]).merge(y, on=by)
    return table.rename(columns={chart.along: "along"}) if chart.along else table


def _evaluate(rows: pd.DataFrame, by: list[str], axis: Axis, pooled: str) -> pd.DataFrame:
    """An axis's statistic in every group: `value`, `spread` over seeds, counts, and the truth where it is `known`."""
    rows = rows.assign(error=rows["value"] - rows["truth"], known=rows["truth"])
    if axis.statistic in {"bias", "std"}:
        cells = rows.groupby(list(dict.fromkeys([*by, pooled or "measurement"])), dropna=False)["error"]
        squares = (cells.mean() if axis.statistic == "bias" else cells.std()) ** 2
        value = squares.groupby(by, dropna=False).mean() ** 0.5
        spread = value * float("nan")
    else:
        by_seed = _by_seed(rows, [*by, "seed"], axis)
        value = by_seed.groupby(by, dropna=False).mean()
        spread = by_seed.groupby(by, dropna=False).std()
    grouped = rows.groupby(by, dropna=False)
    known = grouped["known"].mean() * (1.0 if axis.statistic == "mean" else float("nan"))
    counts = {"seeds": grouped["seed"].nunique(), "cells": grouped[pooled].nunique() if pooled else 1}
    return (
        pd.DataFrame({"value": value, "spread": spread, **counts, "known": known})
        .reset_index()
        .dropna(subset=["value"])
    )


def _by_seed(rows: pd.DataFrame, by: list[str], axis: Axis) -> Number:
    if axis.of == "seconds":
        return _mean(rows.drop_duplicates([*by, "key"]), "seconds", by)
    if axis.statistic == "mean":
        return _mean(rows, "value", by)
    errors = _rms(rows, "error", by)
    return errors / _rms(rows, "known", by) if axis.statistic == "relative_rmse" else errors


def _mean(rows: pd.DataFrame, column: str, by: list[str]) -> Number:
    return cast("Number", rows.groupby(by, dropna=False)[column].mean())


def _rms(rows: pd.DataFrame, column: str, by: list[str]) -> Number:
    return _mean(rows.assign(square=rows[column] ** 2), "square", by) ** 0.5


def _panel(setting: dict[str, Any], table: pd.DataFrame, chart: Chart) -> Panel:
    categories: tuple[str, ...] = ()
    if not pd.api.types.is_numeric_dtype(table["x"]) or pd.api.types.is_bool_dtype(table["x"]) or chart.kind == "bars":
        values = sorted(table["x"].unique())
        categories = tuple(_short(text(value), chart) for value in values)
        table = table.assign(x=table["x"].map({value: place for place, value in enumerate(values)}))
    series = {str(name): _marks(rows, chart) for name, rows in table.groupby("estimator", sort=True)}
    known = table.dropna(subset=["known"]).drop_duplicates("x").sort_values("x")
    title = ", ".join(f"{name} = {text(value) or 'none'}" for name, value in setting.items())
    truth = [] if chart.kind == "points" else list(zip(known["x"].astype(float), known["known"], strict=True))
    return Panel(title, series, truth, categories)


def _marks(rows: pd.DataFrame, chart: Chart) -> list[Mark]:
    along = rows["along"] if chart.along else [None] * len(rows)
    columns = [rows[name].astype(float) for name in ("x", "y", "x_spread", "y_spread")]
    labels = [f"{chart.along} = {text(value)}" if chart.along else "" for value in along]
    counts = [rows[name].astype(int) for name in ("seeds", "cells")]
    return [Mark(*values) for values in zip(*columns, *counts, labels, strict=True)]


def _short(name: str, chart: Chart) -> str:
    """A category without what all of them begin with."""
    return name.removeprefix(chart.y.of[:-1]) if chart.y.of.endswith("*") else name


def _thinned(table: pd.DataFrame, lines: int) -> pd.DataFrame:
    """Every so many epochs, the last one among them."""
    epochs = sorted(table["x"].unique())
    most = max(min(MOST_EPOCHS, _MOST_MARKS // lines), _FEWEST_EPOCHS)
    return table[table["x"].isin(epochs[::-1][:: -(-len(epochs) // most)])]
