"""From a tidy frame and what a task declared to what a chart shows: panels of series of marks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pandas as pd

from mibench.charts import Axis, Chart
from mibench.frames import cell_columns
from mibench.plan.selectors import spell_apart
from mibench.reporting.charts.evaluate import by_seed, evaluate
from mibench.reporting.charts.series import OF_ESTIMATOR, name_series
from mibench.specs import TaskSpec
from mibench.text import text

MOST_EPOCHS = 200
"""Epochs of one learning curve; longer ones are thinned, and more so where there are many."""
MOST_SEED_POINTS = 12_000
"""Points of the light lines of one chart; where there would be more, bands take their place."""

_ORIGINS = ("data", "device")
_MOST_MARKS = 4000
_FEWEST_EPOCHS = 5
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """One value.

    Attributes:
        x: where it is; where x is no number, its place among the panel's categories.
        y: the value.
        x_deviation: the standard deviation of x over seeds; NaN where there is none.
        y_deviation: that of y.
        seeds: how many seeds it is of.
        cells: how many pooled cells it is of.
        label: which of several points it is, e.g. `beta=0.001`.
        interval: of y; where there is one, it stands in the place of a deviation, and y need not be its middle.
    """

    x: float
    y: float
    x_deviation: float
    y_deviation: float
    seeds: int
    cells: int = 1
    label: str = ""
    interval: Point | None = None

    @property
    def y_ends(self) -> Point:
        """Where whiskers along y end; NaN where there are none."""
        return self.interval or (self.y - self.y_deviation, self.y + self.y_deviation)


@dataclass(frozen=True)
class Panel:
    """What is seen of one combination of parameters.

    Attributes:
        title: the parameters, `d=8, bend=none`; empty where none differ.
        y: what is along y.
        series: the marks of each series.
        levels: series without x, which are level lines.
        seeds: a light line for each seed of a series.
        truth: the truth, where it is known.
        categories: what stands along x where that is no number.
    """

    title: str
    y: Axis
    series: Mapping[str, Sequence[Mark]]
    levels: Mapping[str, Mark] = field(default_factory=dict[str, Mark])
    seeds: Mapping[str, Sequence[Sequence[Point]]] = field(default_factory=dict[str, Sequence[Sequence[Point]]])
    truth: Sequence[Point] = ()
    categories: Sequence[str] = ()

    @property
    def marks(self) -> list[Mark]:
        """Those of all series."""
        return [mark for marks in self.series.values() for mark in marks]

    @property
    def names(self) -> list[str]:
        """Every series, in the order in which they are drawn."""
        return list(dict.fromkeys([*self.series, *self.levels]))


def varied(frame: pd.DataFrame) -> list[str]:
    """The columns of a tidy frame that say what was run on and differ: parameters of the cell.

    The data set's identity and the device are among them where the parameters do not decide them.
    """
    cell = [name for name in cell_columns(frame) if _differs(frame[name])]
    for name in _ORIGINS:
        if _differs(frame[name]) and not (cell and frame.groupby(cell, dropna=False)[name].nunique().max() == 1):
            cell.append(name)
    return cell


def panels(frame: pd.DataFrame, chart: Chart, spec: TaskSpec | None = None) -> list[Panel]:
    """What a chart shows of a task, one vertical axis after the other; nothing where nothing of it was measured.

    Args:
        frame: a tidy frame of one task.
        chart: what it declares.
        spec: the task, whose `settings` need not stand in names.
    """
    frame = frame[frame["value"].notna()]
    frame = frame[frame["epoch"].notna() if chart.x.of == "epoch" else frame["epoch"].isna()]
    frame = name_series(frame, chart, spec)
    return [panel for y in chart.rows for panel in _row(frame, chart, y)]


def learning_curves(frame: pd.DataFrame, declared: Iterable[Chart] = ()) -> list[Chart]:
    """A chart for every measurement that was taken along training; one for those that begin alike up to a `/`.

    Args:
        frame: a tidy frame of one task.
        declared: the task's own charts; what they show along `epoch` is not drawn twice.
    """
    along = frame[frame["epoch"].notna() & frame["value"].notna()]
    for axis in (axis for chart in declared if chart.x.of == "epoch" for axis in chart.rows):
        along = along.drop(index=measured(along, axis.of).index)
    families: dict[str, list[str]] = {}
    for name in map(str, along["measurement"].unique()):
        family, slash, _ = name.partition("/")
        families.setdefault(f"{family}/*" if slash else name, []).append(name)
    shown = [members[0] if len(members) == 1 else family for family, members in families.items()]
    return [Chart(title=of, kind="lines", x=Axis("epoch"), y=Axis(of)) for of in shown]


def _row(frame: pd.DataFrame, chart: Chart, y: Axis) -> list[Panel]:
    """The panels of one vertical axis."""
    shown = measured(frame, y.of)
    if shown.empty or not _understood(frame, chart):
        return []
    position = chart.along if chart.kind == "points" else chart.x.of
    timed = any("seconds" in axis.of for axis in (chart.x, y))
    inside = {position, chart.pooled, *chart.series, *(() if timed else ("device",))}
    keys = [name for name in varied(shown) if name not in inside]
    if shown["measurement"].nunique() > 1 and position not in {"measurement", "truth"}:
        keys.append("measurement")
        names = _ordered(map(str, shown["measurement"].unique()), y)
        shown = shown.assign(measurement=pd.Categorical(shown["measurement"], names))
    make = _point_tables if chart.kind == "points" else _line_tables
    marks, levels, seeds = make(frame, shown, chart, y, keys)
    groups: Iterable[Any] = marks.groupby(keys, dropna=False, sort=True, observed=True) if keys else [((), marks)]
    spellings = {name: spell_apart(name, marks[name].dropna().unique()) for name in keys}
    made: list[Panel] = []
    for key, group in groups:
        shared = dict(zip(keys, key, strict=True))
        title = _title(shared, spellings, y)
        if len(group):
            made.append(_panel(title, chart, y, (group, _rows_of(levels, shared), _rows_of(seeds, shared))))
    return made


_Tables: TypeAlias = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
"""What is drawn: marks, level lines, and the values of single seeds."""
_NOWHERE = {".x": float("nan"), ".x_deviation": float("nan")}


def _line_tables(_: pd.DataFrame, shown: pd.DataFrame, chart: Chart, y: Axis, keys: list[str]) -> _Tables:
    """Those of lines and of bars, whose x is a column."""
    placed = shown[shown[chart.x.of].notna()]
    by = [*keys, "estimator", chart.x.of]
    marks = _named(evaluate(placed, by, y, chart.pooled), "y").rename(columns={chart.x.of: ".x"})
    marks = marks.assign(**{".x_deviation": float("nan")})
    if chart.x.of == "epoch":
        marks = _thinned(marks, lines=len(marks[[*keys, "estimator"]].drop_duplicates()))
    levels = _named(evaluate(shown[shown[chart.x.of].isna()], by[:-1], y, chart.pooled), "y")
    seeds = by_seed(placed, by, y).rename(columns={chart.x.of: ".x"}) if chart.seeds == "lines" else marks.iloc[:0]
    seeds = seeds[seeds[".x"].isin(marks[".x"])]
    several = marks[".seeds"].max() > 1 and len(seeds) <= MOST_SEED_POINTS
    return marks, levels.assign(**_NOWHERE), seeds if several else seeds.iloc[:0]


def _point_tables(frame: pd.DataFrame, shown: pd.DataFrame, chart: Chart, y: Axis, keys: list[str]) -> _Tables:
    """Those of points, whose x is another statistic of the same trials."""
    by = [*keys, "estimator", *([chart.along] if chart.along else [])]
    alike = by if chart.x.of == "seconds" else [name for name in by if name != "measurement"]
    across = shown if chart.x.of == "seconds" else measured(frame, chart.x.of)
    x = _named(evaluate(across, alike, chart.x, chart.pooled), "x").drop(columns=[".seeds", ".cells", ".known"])
    marks = x.merge(_named(evaluate(shown, by, y, chart.pooled), "y"), on=alike)
    levels = marks.iloc[:0]
    if chart.along:
        marks = marks.rename(columns={chart.along: ".along"})
        rest = shown[~shown["estimator"].isin(marks["estimator"])]
        levels = _named(evaluate(rest, by[:-1], y, chart.pooled), "y")
    return marks, levels.assign(**_NOWHERE), marks.iloc[:0]


def _differs(column: "pd.Series[Any]") -> bool:
    return column.nunique(dropna=False) > 1


def _named(table: pd.DataFrame, axis: str) -> pd.DataFrame:
    return table.rename(columns={".value": f".{axis}", ".deviation": f".{axis}_deviation"})


def measured(frame: pd.DataFrame, of: str) -> pd.DataFrame:
    """The rows of a measurement, or of all that begin as it does."""
    names = frame["measurement"]
    return frame[names.str.startswith(of[:-1]) if of.endswith("*") else names == of]


def _understood(frame: pd.DataFrame, chart: Chart) -> bool:
    """Whether the frame has what the chart's x is."""
    columns = {*frame.columns} - {"value", "key", "estimator", "seed"}
    across = {"seconds", *frame["measurement"]} if chart.kind == "points" else columns - {"seconds"}
    placed = not chart.x.of.startswith(OF_ESTIMATOR) or bool(frame[chart.x.of].notna().any())
    return placed and chart.x.of in across and {*filter(None, [chart.pooled, chart.along])} <= columns


def _rows_of(table: pd.DataFrame, shared: Mapping[str, Any]) -> pd.DataFrame:
    for name, value in shared.items() if len(table) else ():
        table = table[table[name].isna() if pd.isna(value) else table[name] == value]
    return table


def _panel(title: str, chart: Chart, y: Axis, tables: _Tables) -> Panel:
    marks, levels, seeds = tables
    categories: tuple[str, ...] = ()
    x = marks[".x"]
    if chart.kind in {"bars", "matrix"} or not pd.api.types.is_numeric_dtype(x) or pd.api.types.is_bool_dtype(x):
        values = _ordered(x.unique(), y) if chart.x.of == "measurement" else _ordered(x.unique(), chart.x)
        categories = tuple(_short(text(value), y.of) for value in values)
        places = {value: place for place, value in enumerate(values)}
        marks, seeds = (table.assign(**{".x": table[".x"].map(places)}) for table in (marks, seeds))
    known = marks.dropna(subset=[".known"]).drop_duplicates(".x").sort_values(".x")
    return Panel(
        title=title,
        y=y,
        series={str(name): _marks(rows, chart) for name, rows in marks.groupby("estimator", sort=True)},
        levels=dict(zip(levels["estimator"].astype(str), _marks(levels, chart), strict=True)),
        seeds={str(name): _seed_lines(rows) for name, rows in seeds.groupby("estimator", sort=True)},
        truth=() if chart.kind == "points" else list(zip(known[".x"].astype(float), known[".known"], strict=True)),
        categories=categories,
    )


def _title(shared: Mapping[str, Any], spellings: Mapping[str, Mapping[Any, str]], y: Axis) -> str:
    """Parameters as selectors spell them, then the measurement without what all measurements begin with."""
    parts = [
        _short(str(value), y.of) if name == "measurement" else spellings[name][value] if text(value) else f"{name}=none"
        for name, value in shared.items()
    ]
    return ", ".join(parts)


def _marks(rows: pd.DataFrame, chart: Chart) -> list[Mark]:
    along = rows[".along"] if ".along" in rows else [None] * len(rows)
    columns = [rows[name].astype(float) for name in (".x", ".y", ".x_deviation", ".y_deviation")]
    labels = ["" if value is None else f"{chart.along}={text(value)}" for value in along]
    counts = [rows[name].astype(int) for name in (".seeds", ".cells")]
    return [Mark(*values) for values in zip(*columns, *counts, labels, strict=True)]


def _seed_lines(rows: pd.DataFrame) -> list[list[Point]]:
    return [
        list(zip(line[".x"].astype(float), line[".value"].astype(float), strict=True))
        for _, line in rows.groupby("seed", sort=True)
    ]


def _ordered(values: Iterable[Any], axis: Axis) -> list[Any]:
    """Measurements or categories in the order that an axis gives."""
    places = {name: place for place, name in enumerate(axis.order)}
    return sorted(values, key=lambda value: (places.get(_short(str(value), axis.of), len(places)), value))


def _short(name: str, of: str) -> str:
    """A measurement without what all of them begin with."""
    return name.removeprefix(of[:-1]) if of.endswith("*") else name


def _thinned(table: pd.DataFrame, lines: int) -> pd.DataFrame:
    """Every so many epochs, the last one among them."""
    epochs = sorted(table[".x"].unique())
    most = max(min(MOST_EPOCHS, _MOST_MARKS // lines), _FEWEST_EPOCHS)
    return table[table[".x"].isin(epochs[::-1][:: -(-len(epochs) // most)])]
