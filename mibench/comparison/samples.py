"""What is compared: the values of one measurement over seeds, for every cell and estimator of a tidy frame."""

import fnmatch
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from mibench.comparison.statistics import Array, half_width
from mibench.discovery.registry import Registry
from mibench.frames import TRAILING, cell_columns
from mibench.plan.selectors import spell_cell
from mibench.specs import Better, TaskSpec, load_target

Row = tuple[str, str, str, str, str]
"""Task, cell as text, estimator, measurement, statistic."""

Groups: TypeAlias = dict[tuple[Any, ...], np.ndarray[Any, np.dtype[np.int64]]]
"""Of a grouped frame, the places of each group's rows."""

MEAN = "mean"
"""The statistic of what trials measured themselves."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Values of one row of a comparison, one a seed.

    Attributes:
        cell: the parameters.
        seeds, values: in the order of seeds.
        truth: what the value should be, NaN where that is not known.
        better: which way is good, `None` where the task does not say.
    """

    cell: Mapping[str, Any]
    seeds: np.ndarray[Any, np.dtype[np.int64]]
    values: Array
    truth: float
    better: Better | None

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(self.values.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds; 0 for a single one."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else 0.0

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval of the mean; infinite for a single seed."""
        return half_width(self.deviation, len(self.values))

    @property
    def directed(self) -> bool:
        """Whether something says which way is good."""
        return self.better is not None and not (self.better == "truth" and math.isnan(self.truth))

    def loss(self, value: Any) -> Any:
        """A value, or an array of them, turned so that less is better; the distance from the truth, say."""
        if self.better == "truth" and self.directed:
            return abs(value - self.truth)
        return -value if self.better == "higher" else value


def gather(frame: pd.DataFrame, registry: Registry, *, rows: "pd.DataFrame | None" = None) -> dict[Row, Sample]:
    """What trials ended with, and the statistics that tasks make of it, by row.

    Args:
        frame: a tidy frame.
        registry: the tasks' specs, for statistics and directions; of a task whose plugin is gone the measurements
            remain, without a direction.
        rows: columns `task`, `estimator`, `measurement`, `statistic`: only what is named there; all if `None`.
    """
    specs = {entry.spec.name: entry.spec for entry in registry.entries(TaskSpec)}
    found: dict[Row, Sample] = {}
    for task, part in frame[frame["epoch"].isna() & frame["value"].notna()].groupby("task", sort=True):
        spec = specs.get(str(task))
        wanted = None if rows is None else rows[rows["task"] == task]
        for table in _tables(_without_absent(part), spec, wanted):
            found |= _split(table if wanted is None else _only(table, wanted), spec)
    return found


def direction(spec: TaskSpec | None, measurement: str, statistic: str) -> Better | None:
    """What a task declares for a measurement, or for `statistic(measurement)`; the first pattern that fits counts."""
    name = measurement if statistic == MEAN else f"{statistic}({measurement})"
    declared = spec.better.items() if spec else ()
    return next((better for pattern, better in declared if fnmatch.fnmatchcase(name, pattern)), None)


def _tables(part: pd.DataFrame, spec: TaskSpec | None, wanted: pd.DataFrame | None) -> Iterable[pd.DataFrame]:
    yield part.assign(statistic=MEAN)
    if spec and spec.statistics and (wanted is None or (wanted["statistic"] != MEAN).any()):
        yield load_target(spec.statistics, f"task {spec.name!r}")(part)


def _without_absent(part: pd.DataFrame) -> pd.DataFrame:
    """Without other tasks' parameters, and without what only wide frames have."""
    names = [name for name in cell_columns(part) if part[name].notna().any()]
    return part[["task", *names, *(name for name in TRAILING if name in part.columns)]]


def _only(table: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    names = ["estimator", "measurement", "statistic"]
    return table[pd.MultiIndex.from_frame(table[names]).isin(pd.MultiIndex.from_frame(wanted[names]))]


def _split(table: pd.DataFrame, spec: TaskSpec | None) -> dict[Row, Sample]:
    names = cell_columns(table)
    keys = ["task", *names, "estimator", "measurement", "statistic"]
    table = table.sort_values("seed", kind="stable")
    values, truths = table["value"].to_numpy(float), table["truth"].to_numpy(float)
    seeds = table["seed"].to_numpy(np.int64)
    groups = cast("Groups", table.groupby(keys, sort=True, dropna=False).indices) if len(table) else {}
    found: dict[Row, Sample] = {}
    for key, places in groups.items():
        task, *parameters, estimator, measurement, statistic = key
        cell = {name: value for name, value in zip(names, parameters, strict=True) if not pd.isna(value)}
        found[task, spell_cell(cell), estimator, measurement, statistic] = Sample(
            cell=cell,
            seeds=seeds[places],
            values=values[places],
            truth=float(truths[places[0]]),
            better=direction(spec, measurement, statistic),
        )
    return found
