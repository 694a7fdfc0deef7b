"""What is compared: the values of one measurement over seeds, for every cell and estimator of a tidy frame."""

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import pandas as pd

from mibench.comparison.statistics import Array, Integers, half_width
from mibench.discovery.registry import Registry
from mibench.frames import TRAILING, cell_columns, task_entry
from mibench.frames.grouping import Rows, by_task, distinct
from mibench.frames.origins import of_each_data, on_data
from mibench.frames.plugged import made_of
from mibench.outcome import Status
from mibench.plan.selectors import spell_apart
from mibench.plan.trial import TRUTH_ERROR
from mibench.specs import Better, TaskSpec

Groups: TypeAlias = dict[tuple[Any, ...], Integers]
"""The row numbers of each group of a grouped frame."""
Place: TypeAlias = tuple[str, str, str]
"""The task, cell and estimator of a trial."""

MEAN = "mean"
"""The statistic of what a trial measured itself."""

TRUTH_ERRORS = 2.0
"""How many of its own errors a truth may be off: with a standard error, 95 % of them."""

ROUNDING = 1e-6
"""Values that differ by less than this share of the largest are equal but for rounding."""


class Row(NamedTuple):
    """What a row of a comparison is about: names as the frame spells them, and the cell as text."""

    task: str
    cell: str
    estimator: str
    measurement: str
    statistic: str

    @property
    def place(self) -> Place:
        """Where the trials are that it is made of."""
        return self.task, self.cell, self.estimator


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The values of one row of a comparison, one a seed.

    Attributes:
        cell: the parameters of the cell.
        seeds: in increasing order.
        values: one a seed.
        truths: what each value should be, one a seed; NaN where that is not known.
        better: which way is good; `None` where the task does not say.
        truth_error: how far the truths themselves may be off; 0 where they are exact.
        failed: how many trials have no value here since they failed.
    """

    cell: Mapping[str, Any]
    seeds: Integers
    values: Array
    truths: Array
    better: Better | None
    truth_error: float = 0.0
    failed: int = 0

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return float(self.values.mean())

    @property
    def deviation(self) -> float:
        """The standard deviation over seeds; 0 for a single seed."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else 0.0

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval of the mean; infinite for a single seed."""
        return half_width(self.deviation, len(self.values))

    @property
    def truth(self) -> float:
        """The mean truth over seeds, which is that of each where they are equal; NaN where one is not known."""
        return _mean_of_equals(self.truths)

    @property
    def aim(self) -> float:
        """The mean size of the truths, where they are aimed at; else 0."""
        return _mean_of_equals(np.abs(self.truths)) if self.better == "truth" and self.directed else 0.0

    @property
    def directed(self) -> bool:
        """Whether it is known which way is good."""
        return self.better is not None and not (self.better == "truth" and bool(np.isnan(self.truths).any()))

    def only(self, places: Integers) -> "Sample":
        """The sample of some of the seeds, by their places."""
        return replace(self, seeds=self.seeds[places], values=self.values[places], truths=self.truths[places])

    def loss(self, values: Array) -> Array:
        """Values, one a seed, turned so that less is better: for `truth`, the distance from that of the seed."""
        if self.better == "truth" and self.directed:
            return np.abs(values - self.truths)
        return -values if self.better == "higher" else values

    def doubt(self, losses: Callable[["Sample"], Array]) -> float:
        """How far the mean of losses moves while the truth moves by twice its own error.

        Args:
            losses: from a sample like this one, with another truth, to what is averaged over seeds.
        """
        if not (self.truth_error and self.directed):
            return 0.0
        move = TRUTH_ERRORS * self.truth_error
        if self.better != "truth":
            return 2 * move  # an error of a curve, which moves with the truth on both sides
        low, here, high = (float(losses(replace(self, truths=self.truths + by)).mean()) for by in (-move, 0.0, move))
        return max(abs(low - here), abs(high - here))


def gather(frame: pd.DataFrame, registry: Registry, *, rows: "pd.DataFrame | None" = None) -> dict[Row, Sample]:
    """The values that trials ended with, and the statistics that tasks make of them, by row.

    A trial that failed or diverged has no value, whatever it measured.

    Args:
        frame: a tidy frame.
        registry: the tasks' specs, for statistics and directions. A task whose plugin is not installed keeps its
            measurements and has no directions.
        rows: columns `task`, `estimator`, `measurement`, `statistic`: gathers only these rows; all if `None`.

    Raises:
        UsageError: the frame does not say which of two plugins brought a task that both bring.
    """
    samples: dict[Row, Sample] = {}
    for of_task in by_task(frame):
        measured = ends_well(of_task)
        if not measured.any():
            continue
        kept = measured | _failed_once(of_task)
        part, failed = of_task[kept], ~measured[kept]
        part = part.assign(**{name: part[name].mask(failed) for name in ("value", "epoch")})
        entry, task = task_entry(part, registry), str(part["task"].iloc[0])
        spec = entry.spec if entry else None
        wanted = None if rows is None else rows[rows["task"] == task]
        for table in _tables(_without_absent(part), spec, wanted):
            named = table.assign(task=task, failed=_failures(table, part[part["value"].isna()]))
            samples |= _split(named if wanted is None else _only(named, wanted), spec)
    return samples


def ends_well(frame: pd.DataFrame) -> Rows:
    """Which rows of a tidy frame say what a trial ended with that did not fail."""
    ended = frame["epoch"].isna() & frame["value"].notna() & ~frame["status"].isin(Status.failures())
    return ended.to_numpy(bool)


def truths_elsewhere(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """The frame with every truth moved down by its own error, and up; none where all truths are exact."""
    if TRUTH_ERROR not in frame.columns or not frame[TRUTH_ERROR].notna().any():
        return []
    move = frame[TRUTH_ERROR].fillna(0)
    return [frame.assign(truth=frame["truth"] + sign * move) for sign in (-1, 1)]


def resolutions(*sides: Mapping[Row, Sample]) -> dict[tuple[str, str, str], float]:
    """The step between the values that a task's measurement can take, by task, measurement and statistic.

    It is the smallest gap within a row, if values repeat anywhere; where none repeats, values are taken for continuous
    and the step is 0. The accuracy on thirty images, for example, has a step of a thirtieth.
    """
    gaps: dict[tuple[str, str, str], list[float]] = {}
    coarse: set[tuple[str, str, str]] = set()
    for row, sample in (item for side in sides for item in side.items()):
        name = row.task, row.measurement, row.statistic
        steps = np.diff(np.sort(sample.values))
        equal = steps <= ROUNDING * np.abs(sample.values).max()
        gaps.setdefault(name, []).extend(steps[~equal].tolist())
        if equal.any():
            coarse.add(name)
    return {name: min(steps, default=0.0) if name in coarse else 0.0 for name, steps in gaps.items()}


def respell(other: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Another frame whose tasks and estimators are named as in `frame`, so that equal names mean the same plugin's.

    A frame says `plugin:name` only where it holds two plugins' things of one name, so that the same task may have two
    names in two frames.

    Args:
        other: has the columns `task` and `estimator`, and the plugin of each in `task_plugin` and `estimator_plugin`
            where it is known.
        frame: a tidy frame.
    """
    return other.assign(**{column: _respelled(other, frame, column) for column in ("task", "estimator")})


def direction(spec: TaskSpec | None, measurement: str, statistic: str) -> Better | None:
    """What a task declares for a measurement, or for `statistic(measurement)`; the first pattern that fits counts."""
    pattern = _pattern(spec, measurement if statistic == MEAN else f"{statistic}({measurement})")
    return spec.better[pattern] if spec and pattern is not None else None


def quantity_of(spec: TaskSpec | None, measurement: str) -> str:
    """What a measurement is one of several levels of: its name before any `/`, as `accuracy` of `accuracy/conv`.

    Where the task does not say of all that begins so which way is good, as of `truth/cosine*`, they are not levels of
    one thing, and each is a quantity of its own.
    """
    pattern = _pattern(spec, measurement) or ""
    return measurement if "/" in pattern.partition("*")[0].rstrip("/") else measurement.partition("/")[0]


def _pattern(spec: TaskSpec | None, name: str) -> str | None:
    """The first pattern of a task's `better` that a name fits."""
    return next((pattern for pattern in (spec.better if spec else ()) if fnmatch.fnmatchcase(name, pattern)), None)


def _mean_of_equals(values: Array) -> float:
    """The mean of values, which is each of them to the last digit where all are equal."""
    return float(values[0] if (values == values[0]).all() else values.mean())


def _tables(part: pd.DataFrame, spec: TaskSpec | None, wanted: pd.DataFrame | None) -> Iterable[pd.DataFrame]:
    """What trials measured, and what the task makes of it, which is told of the trials that failed too."""
    yield part[part["value"].notna()].assign(statistic=MEAN)
    if spec and spec.statistics and (wanted is None or (wanted["statistic"] != MEAN).any()):
        for data, rows in of_each_data(part):
            table = made_of(rows, spec.statistics, spec.name, "the statistics").dropna(subset="value")
            yield on_data(table, data) if data else table


def _failed_once(of_task: pd.DataFrame) -> Rows:
    """One row of each trial of a task that failed."""
    failed = of_task["status"].isin(Status.failures())
    repeated = of_task.duplicated(["status", *cell_columns(of_task), "estimator", "seed"])
    return (failed & ~repeated).to_numpy(bool)


def _failures(table: pd.DataFrame, failed: pd.DataFrame) -> Integers:
    """How many trials failed in what each row of a table is about.

    Args:
        table: what was measured in cells, or a statistic of several cells.
        failed: a row of each trial that failed.
    """
    names = [name for name in (*cell_columns(table), "estimator") if name in failed.columns]
    if table.empty or failed.empty:
        return np.zeros(len(table), np.int64)
    numbers, _ = distinct(pd.concat([rows[names].astype(object) for rows in (table, failed)]), names)
    counts = np.bincount(numbers[len(table) :], minlength=int(numbers.max()) + 1)
    return counts[numbers[: len(table)]]


def _without_absent(part: pd.DataFrame) -> pd.DataFrame:
    """Without other tasks' parameters, and without the columns that only wide frames have."""
    names = [name for name in cell_columns(part) if part[name].notna().any()]
    return part[["task", *names, *(name for name in (*TRAILING, TRUTH_ERROR) if name in part.columns)]]


def _only(table: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    names = ["estimator", "measurement", "statistic"]
    return table[pd.MultiIndex.from_frame(table[names]).isin(pd.MultiIndex.from_frame(wanted[names]))]


def _split(table: pd.DataFrame, spec: TaskSpec | None) -> dict[Row, Sample]:
    names = cell_columns(table)
    keys = ["task", *names, "estimator", "measurement", "statistic"]
    table = table.sort_values("seed", kind="stable")
    values, truths = table["value"].to_numpy(float), table["truth"].to_numpy(float)
    errors = table[TRUTH_ERROR].fillna(0).to_numpy(float) if TRUTH_ERROR in table.columns else np.zeros(len(table))
    seeds, failed = (table[name].to_numpy(np.int64) for name in ("seed", "failed"))
    groups = cast("Groups", table.groupby(keys, sort=True, dropna=False).indices) if len(table) else {}
    samples: dict[Row, Sample] = {}
    spellings = {name: spell_apart(name, table[name].dropna().unique()) for name in names}
    for key, numbers in groups.items():
        task, *parameters, estimator, measurement, statistic = key
        cell = {name: value for name, value in zip(names, parameters, strict=True) if not pd.isna(value)}
        spelled = ",".join(spellings[name][value] for name, value in cell.items())
        samples[Row(task, spelled, estimator, measurement, statistic)] = Sample(
            cell=cell,
            seeds=seeds[numbers],
            values=values[numbers],
            truths=truths[numbers],
            better=direction(spec, measurement, statistic),
            truth_error=float(errors[numbers].max()),
            failed=int(failed[numbers[0]]),
        )
    return samples


def _respelled(other: pd.DataFrame, frame: pd.DataFrame, column: str) -> list[str]:
    spellings: dict[str, dict[str, str]] = {}
    for name, plugin, spelled in _names(frame, column)[0]:
        spellings.setdefault(name, {})[plugin] = spelled
    names, rows = _names(other, column)
    respelled = [_spelling(*parts, spellings.get(parts[0], {})) for parts in names]
    return [respelled[row] for row in rows.tolist()]


def _spelling(name: str, plugin: str, spelled: str, spellings: Mapping[str, str]) -> str:
    """How a frame spells a name of a plugin, given its spellings of the name by plugin; an unknown plugin fits any."""
    if plugin in spellings:
        return spellings[plugin]
    if len(spellings) == 1 and (not plugin or "" in spellings):
        return next(iter(spellings.values()))
    return f"{plugin}:{name}" if plugin and spellings else spelled


def _names(frame: pd.DataFrame, column: str) -> tuple[list[tuple[str, str, str]], Integers]:
    """Different names: bare, their plugin (empty where it is not known), and as spelled; the place of each row's."""
    plugins = frame.get(f"{column}_plugin", pd.Series("", index=frame.index)).fillna("")
    rows, first = distinct(pd.DataFrame({column: frame[column], "plugin": plugins}), [column, "plugin"])
    different = zip(frame[column].iloc[first], plugins.iloc[first], strict=True)
    return [(spelled.removeprefix(f"{plugin}:"), plugin, spelled) for spelled, plugin in different], rows
