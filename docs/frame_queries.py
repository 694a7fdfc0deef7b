"""What a page may ask of the frames in `results/`, so that a test can hold its sentences to them.

A comment after a measured number says how it follows from a frame: `15 %<!--= 100 * curve("gaussian", d=20,
estimator="mige") -->`. The expression calls the functions below, and `tests/test_numbers.py` compares its value with
the number. A tuple gives the last numbers before the comment, in order; `True` supports a claim without a number.
`<!--@ SOURCE -->` names the command or the publication behind the numbers before it in its paragraph.
"""

import functools
import math
import re
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from mibench_gaussian.summary import curve_errors

from mibench.cli import tables
from mibench.comparison.cell_errors import cell_errors
from mibench.comparison.error_table import error_tables
from mibench.comparison.references import load_references
from mibench.comparison.selection import select
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns
from mibench.frames.endings import without_failed_values
from mibench.reporting.curves import curve_errors as of_family_curves
from mibench.reporting.curves import curve_parameters
from mibench.reporting.summary import summarise

RESULTS = Path(__file__).resolve().parents[1] / "results"
TRIAL = {"seed", "key", "seconds", "value", "truth", "unit", "data", "device", "status", "epoch"}
"""Columns over which a mean may be taken; in all others its rows must agree."""


@functools.cache
def registry() -> Registry:
    """What the installed plugins bring."""
    return Registry(load_plugins())


@functools.cache
def frame(name: str) -> pd.DataFrame:
    """The frame `results/NAME.csv`, empty cells as missing."""
    return pd.read_csv(RESULTS / f"{name}.csv", keep_default_na=False, na_values=[""])


def rows(name: str, **where: Any) -> pd.DataFrame:
    """The rows whose columns have these values, a list standing for any of them; without `epoch`, what trials end with.

    Trials that failed or diverged have no values.

    Raises:
        LookupError: there are none.
    """
    chosen = frame(name)
    if "epoch" in chosen and "epoch" not in where:
        chosen = chosen[chosen["epoch"].isna()]
    for column, value in where.items():
        chosen = chosen[chosen[column].isin(value if isinstance(value, list) else [value])]
    if chosen.empty:
        raise LookupError(f"results/{name}.csv has no rows of {where}")
    return without_failed_values(chosen) if "status" in chosen else chosen


def mean(name: str, column: str = "value", **where: Any) -> float:
    """The mean over seeds of a column of one estimator, measurement and cell."""
    return float(_of_one_cell(name, **where)[column].mean())


def std(name: str, column: str = "value", **where: Any) -> float:
    """The standard deviation over seeds of a column of one estimator, measurement and cell."""
    return float(_of_one_cell(name, **where)[column].std())


def means(name: str, by: str, column: str = "value", **where: Any) -> dict[Any, float]:
    """The mean over seeds for each value of the column `by`."""
    return {of[by]: mean(name, column, **of) for of in _by(name, by, **where)}


def over_truth(name: str, by: str, **where: Any) -> list[float]:
    """The mean over seeds divided by the truth, for each value of the column `by`."""
    return [mean(name, **of) / mean(name, "truth", **of) for of in _by(name, by, **where)]


def rank_correlation(name: str, first: str, second: str, **where: Any) -> float:
    """Spearman's, over estimators, of the means of two measurements.

    Raises:
        LookupError: an estimator lacks either.
    """
    both = pd.DataFrame({of: means(name, "estimator", measurement=of, **where) for of in (first, second)})
    if lacking := both.index[both.isna().any(axis="columns")].tolist():
        raise LookupError(f"results/{name}.csv has not both {first} and {second} of {', '.join(lacking)}")
    return float(both[first].corr(both[second], method="spearman"))


def seconds(name: str, **where: Any) -> float:
    """The mean seconds a trial."""
    return float(rows(name, **where).drop_duplicates("key")["seconds"].mean())


def curve(name: str, statistic: str = "relative_rmse", measurement: str = "mi_gradient", **where: Any) -> float:
    """An error of one estimator's curve over rho, mean over seeds, as the table of `gaussian` shows it."""
    return float(_curves(name, measurement, where)[statistic].mean())


def curve_std(name: str, statistic: str = "relative_rmse", measurement: str = "mi_gradient", **where: Any) -> float:
    """Its standard deviation over seeds."""
    return float(_curves(name, measurement, where)[statistic].std())


def family_curves(name: str, estimator: str, task: str, statistic: str = "relative_rmse") -> list[float]:
    """The mean over seeds of a statistic of dI/dtheta's curve, for each cell of a family in `suite:gradients`.

    Cells stand in the order of their dimension: one number each for d = 1, 2, 5, 10, or those of them that there are.
    Those of other suites, in another gauge or behind a bend, are left out.
    """
    of_task = rows(name, task=task, estimator=estimator, bend="none", gauge=["own", "dispersion"])
    chosen = select(of_task, registry(), "suite:gradients")
    by_cell = _mean_curves(chosen[chosen["measurement"] == "mi_gradient"], statistic)
    sizes = [size for size in ("d", "dx", "copies") if size in by_cell.index.names and chosen[size].nunique() > 1]
    return by_cell.sort_index(level=sizes).tolist()


def curves_of(name: str, estimator: str, selector: str, statistic: str = "relative_rmse") -> list[float]:
    """The mean over seeds of a statistic of dI/dtheta's curve, for each cell of a selector."""
    chosen = select(rows(name, estimator=estimator, measurement="mi_gradient"), registry(), selector)
    return _mean_curves(chosen, statistic).tolist()


def family_shares(name: str, estimator: str, of: str, other: str, tasks: str) -> list[float]:
    """The relative RMSE of an estimator's curves over that of another's in the frame `of`, for every such cell."""
    shares: list[float] = []
    for task in tasks.split(","):
        ours, others = (family_curves(*which, task) for which in ((name, estimator), (of, other)))
        shares += [ours_of / others_of for ours_of, others_of in zip(ours, others, strict=True)]
    return shares


def of_oracle(name: str, estimator: str, suite: str = "suite:gradients") -> pd.DataFrame:
    """For each cell of a suite, theta and all, what an estimator's error of the gradient is beside the noise floor.

    Returns:
        The columns of cells, `times`, the RMSE over seeds divided by the oracle's, the same of `gauss`, and `ratio`,
        the mean estimate divided by the truth.
    """
    sources = ((name, estimator), ("families-oracle", "oracle"), ("families-gauss", "gauss"))
    of_all = pd.concat([rows(which, estimator=of, measurement="mi_gradient") for which, of in sources])
    chosen = select(of_all, registry(), suite)
    (table,) = error_tables(chosen, registry())
    errors = (
        cell_errors(table)
        .pivot(index="place", columns="estimator", values="error")
        .dropna(subset=[estimator, "oracle"])
    )
    cells = ["task", *cell_columns(chosen)]
    ours = chosen[chosen["estimator"] == estimator].groupby(cells, dropna=False, as_index=False)["value"].mean()
    joined = errors.join(table.places).merge(ours, on=cells)
    return joined[cells].assign(
        times=joined[estimator] / joined["oracle"],
        gauss=joined["gauss"] / joined["oracle"],
        ratio=joined["value"] / joined["truth"],
    )


def within_of_oracle(name: str, estimator: str, times: float = 2) -> float:
    """The percentage of `suite:gradients` where the RMSE of the gradient is within so many times the oracle's.

    Cells count alike, and the oracle's error is of all of its seeds; `mibench rank` lets tasks count alike, and
    compares equal seeds.
    """
    return 100 * float((of_oracle(name, estimator)["times"] <= times).mean())


def of_bound(name: str, estimator: str) -> "pd.Series[float]":
    """For each cell of `suite:gradients`, unbent, the RMSE of the gradient divided by the efficiency bound."""
    beside = of_oracle(name, estimator)
    plain = beside[(beside["bend"] == "none") & beside["gauge"].isin(["own", "dispersion"])]
    sizes = plain[[size for size in ("dx", "d", "copies") if size in plain]].bfill(axis="columns").iloc[:, 0]
    at = [cell[cell["theta"]] for _, cell in plain.iterrows()]
    bounds = frame("pages/efficiency").rename(columns={"ratio": "bound"})
    joined = plain.assign(d=sizes, at=at).merge(bounds, on=["task", "d", "theta", "at"], validate="one_to_one")
    return joined["times"] / joined["bound"]


def within_of_bound(name: str, estimator: str, times: float = 2) -> float:
    """The percentage of them where it is within so many times the bound."""
    return 100 * float((of_bound(name, estimator) <= times).mean())


def suite_shares(name: str, suite: str, estimator: str, measurement: str = "mi") -> list[float]:
    """The mean over seeds of value over truth in every task of a suite; not a number where all trials diverged."""
    chosen = select(rows(name, estimator=estimator, measurement=measurement), registry(), f"suite:{suite}")
    cells = ["task", *cell_columns(chosen)]
    return chosen.assign(share=chosen["value"] / chosen["truth"]).groupby(cells, dropna=False)["share"].mean().tolist()


def median_shares(name: str, suite: str, estimators: str, measurement: str = "mi") -> list[float]:
    """The median of `suite_shares` for several estimators, in percent, over the tasks where they did not diverge."""
    shares = (suite_shares(name, suite, estimator, measurement) for estimator in estimators.split(","))
    return [100 * median(share for share in of_tasks if not math.isnan(share)) for of_tasks in shares]


def diverged(name: str, suite: str, estimators: str, **where: Any) -> list[int]:
    """How many trials of several estimators diverged among the rows of a suite that have these values."""
    chosen = select(rows(name, status="diverged", **where), registry(), f"suite:{suite}")
    return [int(chosen.loc[chosen["estimator"] == of, "key"].nunique()) for of in estimators.split(",")]


def published(task: str, estimator: str, measurement: str, statistic: str = "mean", **where: Any) -> float:
    """A published number from the plugins' references, by what its settings say and its `provenance` (or the paper's).

    Raises:
        LookupError: there is none, or more than one.
    """
    wanted = {"task": task, "estimator": estimator, "measurement": measurement, "statistic": statistic}
    wanted["provenance"] = where.pop("provenance", "paper")
    references = load_references(registry())
    chosen = references[(references[list(wanted)] == pd.Series(wanted)).all(axis="columns")]
    fits = [where.items() <= settings.items() for settings in chosen["settings"]]
    (value,) = chosen.loc[fits, "value"].tolist()
    return float(value)


def gains(d: int) -> list[float]:
    """By how much calibration divides MIGE's error on each bend of `gaussian`, in d dimensions."""
    plain, full = "mige", "mige[calibration=full]"
    return [
        curve("gaussian", d=d, bend=bend, estimator=plain) / curve("gaussian-variants", d=d, bend=bend, estimator=full)
        for bend in sorted({*frame("gaussian")["bend"]} - {"none"})
    ]


def repeats(column: str, information: float, bound: str = "nwj") -> list[float]:
    """What each repeat of 300 batches with the exact critic gave: the column `mean` or `std` of a bound."""
    asked = {"batches": 300, "information": information, "bound": bound}
    return rows("pages/exact-critics", **asked).sort_values("repeat")[column].tolist()


def covers(family: str) -> list[float]:
    """For `gauss`, `copula`, `ksg` the percentage of intervals that are for I, and of rows that hold I or say not."""
    of = rows("pages/coverage", family=family).set_index("estimator").loc[["gauss", "copula", "ksg"]]
    return (100 * pd.concat([of["with_interval"], of["holds_or_says"]])).tolist()


def covered(family: str, estimator: str, column: str = "holds") -> float:
    """The percentage of data sets whose interval holds I: for I (`holds`), or for the limit (`limit_holds`)."""
    (share,) = rows("pages/coverage", family=family, estimator=estimator)[column].tolist()
    return 100 * share


def scale_error(family: str, estimator: str, n: int) -> float:
    """The relative RMSE over seeds of a gradient from n samples."""
    cells = rows("pages/scale", family=family, estimator=estimator, n=n)
    return float(((cells["value"] / cells["truth"] - 1) ** 2).mean() ** 0.5)


def forecasts(*, points: bool) -> tuple[int, int]:
    """How many forecasts that are points, or else ranges, hold what the run took (points by 1.5), and how many are."""
    runs = frame("pages/forecast")
    runs = runs[_are_points(runs) == points]
    return len(runs) - int(_misses(runs).sum()), len(runs)


def forecast_misses() -> list[str]:
    """The estimators and runs whose forecast, a point or a range, does not hold what the run took."""
    runs = frame("pages/forecast")
    missed = runs[_misses(runs)]
    return sorted(
        f"{estimator} on {task}" for estimator, task in zip(missed["estimator"], missed["large"], strict=True)
    )


def forecast_factor() -> float:
    """By what factor a range goes beyond the forecast, in the middle of all ranges."""
    runs = frame("pages/forecast")
    ranges = runs[~_are_points(runs)]
    return float((ranges["high"] / ranges["forecast"]).median())


def _are_points(runs: pd.DataFrame) -> "pd.Series[bool]":
    return (runs["high"] <= 1.5 * runs["forecast"]) & (runs["low"] >= runs["forecast"] / 1.5)


def _misses(runs: pd.DataFrame) -> "pd.Series[bool]":
    points = _are_points(runs)
    low, high = runs["low"].where(~points, runs["forecast"] / 1.5), runs["high"].where(~points, 1.5 * runs["forecast"])
    return (runs["actual"] < low) | (runs["actual"] > high)


def scale_slope(family: str, estimator: str) -> float:
    """The slope of the logarithm of this error in log n, by least squares over all sizes."""
    sizes = sorted(rows("pages/scale", family=family, estimator=estimator)["n"].unique().tolist())
    errors = [math.log(scale_error(family, estimator, n)) for n in sizes]
    logs = [math.log(n) for n in sizes]
    centre = sum(logs) / len(logs)
    return sum((x - centre) * y for x, y in zip(logs, errors, strict=True)) / sum((x - centre) ** 2 for x in logs)


def over_repeats(column: str, information: float) -> list[float]:
    """The mean over repeats of a column, for each bound in the order of the table on bounds."""
    bounds = ("infonce", "nwj", "mine", "smile[tau=1]", "smile[tau=5]", "club")
    return [sum(column_of) / len(column_of) for column_of in (repeats(column, information, bound) for bound in bounds)]


def printed(name: str, **where: Any) -> tuple[float, ...]:
    """The numbers of the table that `mibench show` prints of these rows, in reading order; seconds are left out."""
    (table,) = summarise(rows(name, **where), registry()).values()
    text = tables.render(table.drop(columns="s/trial"), "table").removesuffix(table.attrs.get("note", "") + "\n")
    return tuple(float(number) for number in re.findall(r"(?<![\w-])\d+(?:\.\d+)?", text))


@functools.cache
def answer(expression: str) -> Any:
    """What an expression of a page comes to."""
    mathematics = {name: getattr(math, name) for name in ("exp", "log", "pi", "sqrt")}
    plain = {function.__name__: function for function in (abs, all, any, len, max, min, round, sorted, sum, tuple, zip)}
    of_curves = (
        curve,
        curve_std,
        curves_of,
        gains,
        scale_error,
        scale_slope,
        family_curves,
        family_shares,
        median_shares,
    )
    of_suites = (of_oracle, within_of_oracle, within_of_bound, covers, covered)
    queries = (
        rows,
        mean,
        std,
        means,
        over_truth,
        rank_correlation,
        seconds,
        published,
        printed,
        repeats,
        over_repeats,
        diverged,
        forecasts,
        forecast_misses,
        forecast_factor,
        *of_curves,
        *of_suites,
    )
    asked = {function.__name__: function for function in queries}
    return eval(f"({expression})", {"__builtins__": plain, **mathematics, **asked})  # noqa: S307 - the pages are our own


def _mean_curves(gradients: pd.DataFrame, statistic: str) -> "pd.Series[float]":
    """The mean over seeds of a statistic of the curves of some rows, by their cells."""
    return of_family_curves(gradients).groupby(curve_parameters(gradients), dropna=False)[statistic].mean()


def _by(name: str, by: str, **where: Any) -> list[dict[str, Any]]:
    """What is asked for, at each value of the column `by`."""
    return [{**where, by: value} for value in rows(name, **where)[by].unique().tolist()]


def _of_one_cell(name: str, **where: Any) -> pd.DataFrame:
    chosen = rows(name, **where)
    mixed = [column for column in chosen if column not in TRIAL and chosen[column].nunique(dropna=False) > 1]
    if mixed:
        raise LookupError(f"rows of {where} in results/{name}.csv differ in {', '.join(mixed)}")
    return chosen


def _curves(name: str, measurement: str, where: dict[str, Any]) -> pd.DataFrame:
    errors = curve_errors(rows(name, measurement=measurement, **where))
    if len(errors) != errors["seed"].nunique():
        raise LookupError(f"rows of {where} in results/{name}.csv are of more than one curve")
    return errors
