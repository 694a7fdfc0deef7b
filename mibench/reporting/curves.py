"""The table of a family: errors of the gradient's curve over theta, beside the noise floor, and of the value."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ORACLE
from mibench.comparison.samples import truths_elsewhere
from mibench.comparison.statistics import Array, half_width
from mibench.frames import PUBLISHED_AS, cell_columns
from mibench.plan.trial import TRUTH_ERROR
from mibench.tables import groups, not_ok, seconds_a_trial
from mibench.text import fixed, interval, number


def rmse(value: Array, truth: Array) -> float:
    """sqrt(mean (value - truth)^2)."""
    return float(np.sqrt(np.mean((value - truth) ** 2)))


def relative_rmse(value: Array, truth: Array) -> float:
    """sqrt(mean (value - truth)^2) / sqrt(mean truth^2); NaN where all of the truth is 0."""
    return _share(rmse(value, truth), rmse(truth, np.zeros_like(truth)))


def ratio(value: Array, truth: Array) -> float:
    """The c that minimises |value - c truth|^2; NaN where all of the truth is 0."""
    return _share(float(value @ truth), float(truth @ truth))


def cosine(value: Array, truth: Array) -> float:
    """The cosine of the angle between the two curves; NaN where one of them is 0 throughout."""
    return _share(float(value @ truth), float(np.linalg.norm(value) * np.linalg.norm(truth)))


STATISTICS: dict[str, Callable[[Array, Array], float]] = {
    "rmse": rmse,
    "relative_rmse": relative_rmse,
    "ratio": ratio,
    "cosine": cosine,
}


def curve_parameters(frame: pd.DataFrame) -> list[str]:
    """The parameters of cells that a curve has in common: all but those that its theta may be."""
    thetas = set(frame["theta"].dropna().unique())
    return [name for name in cell_columns(frame) if name not in thetas or name == "theta"]


def curve_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors of every curve over theta, one row a seed.

    Args:
        frame: a tidy frame of one family.

    Returns:
        For each curve, estimator, measurement (`mi`, `mi_gradient`) and seed: `rmse` in nats, `relative_rmse`,
        `ratio` (of the best-fitting multiple of the truth) and `cosine` with the true curve.
    """
    curves = frame[frame["measurement"].isin(["mi", "mi_gradient"]) & frame["value"].notna() & frame["truth"].notna()]
    columns = [*curve_parameters(frame), "estimator", "measurement", "seed"]
    value, truth = (curves[name].to_numpy(float) for name in ("value", "truth"))
    places = cast("dict[tuple[Any, ...], Any]", curves.groupby(columns, dropna=False).indices) if len(curves) else {}
    rows = [
        {**dict(zip(columns, key, strict=True)), **{name: f(value[at], truth[at]) for name, f in STATISTICS.items()}}
        for key, at in places.items()
    ]
    return pd.DataFrame(rows, columns=[*columns, *STATISTICS])


def statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """`curve_errors` as rows for comparisons: one a curve, statistic and seed.

    Args:
        frame: a tidy frame of one family.

    Returns:
        The columns `task`, the curve's parameters, `estimator`, `seed`, `measurement`, `statistic`, `value`,
        `truth` (1 for ratio and cosine, else 0), and `truth_error`: how far the value moves with the truths' error.
    """
    names = curve_parameters(frame)
    columns = ["task", *names, "estimator", "seed", "measurement", "statistic", "value", "truth", TRUTH_ERROR]
    here, *elsewhere = (
        curve_errors(part).melt([*names, "estimator", "measurement", "seed"], list(STATISTICS), "statistic")
        for part in (frame, *truths_elsewhere(frame, times=1))
    )
    moves = [(moved["value"] - here["value"]).abs() for moved in elsewhere]
    ideal = here["statistic"].isin(["ratio", "cosine"]).astype(float)
    error = pd.concat(moves, axis=1).max(axis=1) if moves else 0.0
    long = here.assign(task=frame["task"].iloc[0], truth=ideal, **{TRUTH_ERROR: error})
    return long.dropna(subset="value")[columns]


ADVERSARIAL = (
    "* adversarial: dI/dtheta does not pass through the samples there (an edge of the density that\n"
    "moves, a discrete variable, the weight of a mixture): no estimate of the score can give it, and\n"
    "the exact one, `oracle`, does not.\n"
)


def table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001 - no family has any yet
    """The table of a family: one row a curve and estimator.

    Args:
        frame: a tidy frame of the family.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        Relative RMSE of the gradient's curve with its 95 % interval over seeds, beside that of the exact critic on the
        same samples; ratio; the cosine with the exact gradient sample by sample, and in a theta that is a vector or a
        matrix that of dI/dtheta itself; bias and standard deviation of the value in nats; the pairs that an estimator
        has seen; seconds a trial; and how many trials were not ok. What all rows say of theta and of seeds stands in
        `attrs["note"]`.
    """
    names = curve_parameters(frame)
    errors = curve_errors(frame)
    varied = [name for name in names if name == PUBLISHED_AS or frame[name].nunique(dropna=False) > 1]
    rows = [_row(key, group, errors, varied) for key, group in groups(frame, [*names, "estimator"])]
    shown = pd.DataFrame(rows)
    common = {name: shown[name].iloc[0] for name in _common(shown, frame)}
    shown = shown.drop(columns=list(common))
    shown.attrs["shows"] = {"dI rel. RMSE": "relative_rmse(mi_gradient)", "s/trial": "seconds"}
    said = "; ".join(f"{name} {value}" for name, value in common.items())
    adversarial = ADVERSARIAL if (frame["measurement"] == "adversarial").any() else ""
    if said or adversarial:
        shown.attrs["note"] = "\n".join(filter(None, [f"in all rows: {said}." if said else "", adversarial]))
    return shown


def _common(shown: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    """The columns that say of theta, or how many seeds there are, and that say the same in every row."""
    columns = list(map(str, frame["theta"].dropna().unique()))
    return [name for name in (*columns, "seeds") if name in shown.columns and shown[name].nunique(dropna=False) == 1]


def _row(key: dict[str, Any], group: pd.DataFrame, errors: pd.DataFrame, varied: list[str]) -> dict[str, Any]:
    trials = group.drop_duplicates("key")
    parameters = {name: value for name, value in key.items() if name != "estimator"}
    gradient = _where(errors, {**parameters, "measurement": "mi_gradient"})
    ours = _where(gradient, {"estimator": key["estimator"]})
    floor = _where(gradient, {"estimator": ORACLE})["relative_rmse"].mean()
    adversarial, relative = (group["measurement"] == "adversarial").any(), _over_seeds(ours["relative_rmse"])
    return {
        **{name: key[name] for name in varied},
        "estimator": key["estimator"],
        **{name: _values(group[name]) for name in (key["theta"],) if name in group},  # no matrix has a column
        "seeds": group["seed"].nunique(),
        "dI rel. RMSE": relative + " *" if adversarial and relative else relative,
        "oracle": _share_of_one(floor),
        "ratio": _share_of_one(ours["ratio"].mean()),
        "cosine": _share_of_one(_measured(group, "gradient_cosine").mean()),
        "dI direction": _share_of_one(_measured(group, "direction_cosine").mean()),
        "I bias": number(_bias(group), digits=2),
        "I sd": number(_deviation(group), digits=2),
        "n seen": number(_measured(group, "samples").mean()),
        "s/trial": seconds_a_trial(trials),
        "not ok": not_ok(trials),
    }


def _where(frame: pd.DataFrame, columns: dict[str, Any]) -> pd.DataFrame:
    for name, value in columns.items():
        frame = frame[frame[name].isna() if pd.isna(value) else frame[name] == value]
    return frame


def _values(column: "pd.Series[Any]") -> str:
    values = sorted(column.dropna().unique())
    return number(float(values[0])) if len(values) == 1 else f"{len(values)} values"


def _measured(group: pd.DataFrame, name: str) -> "pd.Series[float]":
    return group.loc[group["measurement"] == name, "value"].dropna()


def _over_seeds(values: "pd.Series[float]") -> str:
    """Mean and 95 % interval."""
    values = values.dropna()
    width = half_width(float(values.std(ddof=1)), len(values)) if len(values) > 1 else float("nan")
    mean = float(values.mean())
    return interval(mean, mean - width, mean + width) if len(values) else ""


def _share_of_one(value: float) -> str:
    """A number that should be near 1, or below it; nothing for an absent one."""
    return fixed(value)


def _bias(group: pd.DataFrame) -> float:
    value = group[(group["measurement"] == "mi") & group["value"].notna()]
    return float((value["value"] - value["truth"]).mean()) if len(value) else float("nan")


def _deviation(group: pd.DataFrame) -> float:
    """Root mean square over theta of the standard deviation over seeds."""
    value = group[(group["measurement"] == "mi") & group["value"].notna()]
    variances = value.groupby("truth")["value"].var(ddof=1)
    return float(np.sqrt(variances.mean())) if len(variances) else float("nan")


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
