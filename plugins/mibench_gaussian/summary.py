"""What a Gaussian run says: errors by cell, errors of whole curves over rho, and the tables shown."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.references import matching
from mibench.frames import PUBLISHED_AS
from mibench.reporting.curves import STATISTICS as CURVE_STATISTICS
from mibench.reporting.curves import rmse
from mibench.tables import groups, not_ok, over_seeds, seconds_a_trial, without_constants
from mibench.text import fixed, number, pluralise

CURVE = ("d", "n", "steps", "bend", "rotate", "estimator")
"""What one curve over rho has in common, beside its seed."""

FINE_GRID = 15
"""How many values of |rho|, up to 0.8, a grid needs for its errors to be comparable with the published curves'."""

PUBLISHED = (
    "published: one curve over 30 (mine, mine-f) or 32 (mige) values of rho in [-0.8, 0.8], without spread; mine and\n"
    "mine-f read off the last training batch. A coarser grid weighs its ends more, which changes the error."
)
_SHOWS = {
    "dI/drho rel. RMSE": "relative_rmse(mi_gradient)",
    "roughness": "roughness(mi_gradient)",
    "I RMSE (nats)": "rmse(mi)",
    "s/trial": "seconds",
}
_RMSE = "RMSE (nats)"
Array = np.ndarray[Any, np.dtype[np.float64]]


def cell_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors in every cell, over seeds.

    Args:
        frame: a tidy frame of the task `gaussian`.

    Returns:
        For each cell, estimator and measurement: `mean`, `truth`, `bias`, `std`, `rmse`, `ratio` (mean to truth),
        `seeds` and mean `seconds` a trial.
    """
    rows: list[dict[str, Any]] = []
    for key, group in groups(frame[frame["value"].notna()], [*CURVE, "rho", "measurement"]):
        value, truth = _columns(group)
        bias = float(np.mean(value - truth))
        rows.append(
            {
                **key,
                "mean": np.mean(value),
                "truth": truth[0],
                "bias": bias,
                "std": np.std(value, ddof=1) if len(value) > 1 else np.nan,
                "rmse": rmse(value, truth),
                "ratio": np.mean(value) / truth[0] if truth[0] else np.nan,
                "seeds": len(value),
                "seconds": group["seconds"].mean(),
            }
        )
    return pd.DataFrame(rows)


def curve_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors of every curve over rho, one row a seed.

    Args:
        frame: a tidy frame of the task `gaussian`.

    Returns:
        For each curve, estimator, measurement (`mi`, `mi_gradient`) and seed: `grid`, `rmse` in nats,
        `relative_rmse`, `ratio` (of the best-fitting multiple of the truth), `cosine` with the true curve, and
        `roughness`, the rms second difference of the error along rho.
    """
    curves = frame[frame["measurement"].isin(["mi", "mi_gradient"]) & frame["value"].notna()]
    curves = curves.sort_values("rho", kind="stable")
    columns = [*CURVE, "measurement", "seed"]
    rho, value, truth = (curves[name].to_numpy(float) for name in ("rho", "value", "truth"))
    matches = cast("dict[tuple[Any, ...], Any]", curves.groupby(columns, dropna=False).indices) if len(curves) else {}
    rows: list[dict[str, Any]] = []
    for key, at in matches.items():
        errors = {name: statistic(value[at], truth[at]) for name, statistic in STATISTICS.items()}
        rows.append({**dict(zip(columns, key, strict=True)), "grid": _grid(rho[at]), **errors})
    return pd.DataFrame(rows)


def curve_statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """`curve_errors` as rows for comparisons: one a curve, statistic and seed.

    Args:
        frame: a tidy frame of the task.

    Returns:
        The columns `task`, the curve's parameters, `grid` (see `FINE_GRID`), `estimator`, `seed`, `measurement`,
        `statistic`, `value`, and `truth` (1 for ratio and cosine, else 0).
    """
    errors = curve_errors(frame)
    if errors.empty:
        return pd.DataFrame(columns=["task", "estimator", "seed", "measurement", "statistic", "value", "truth"])
    long = errors.melt([*CURVE, "grid", "measurement", "seed"], list(STATISTICS), "statistic").dropna(subset="value")
    parameters = [name for name in CURVE if name != "estimator"]
    columns = ["task", *parameters, "grid", "estimator", "seed", "measurement", "statistic", "value", "truth"]
    return long.assign(task=frame["task"].iloc[0], truth=long["statistic"].isin(["ratio", "cosine"]).astype(float))[
        columns
    ]


def _grid(rho: Array) -> str:
    sizes = np.unique(np.abs(rho[rho != 0]))
    return "fine" if len(sizes) >= FINE_GRID and sizes.max() > 0.79 else "coarse"


def roughness(value: Array, truth: Array) -> float:
    """Rms second difference of value - truth along the curve; of at least three points."""
    if len(value) < 3:
        return float("nan")
    return float(np.sqrt(np.mean(np.diff(value - truth, n=2) ** 2)))


STATISTICS: dict[str, Callable[[Array, Array], float]] = {**CURVE_STATISTICS, "roughness": roughness}


def curve_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """The table of `gaussian`: one row an estimator and dimension, mean ± standard deviation over seeds.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        Errors of the gradient curve (relative RMSE, ratio and roughness) and of the value curve (RMSE in nats), the
        published relative RMSE where the settings match, seconds a trial, and how many trials were not ok.
    """
    errors = curve_errors(frame)
    named = [name for name in (PUBLISHED_AS,) if name in frame.columns]
    rows = [_curve_row(key, group, errors, references) for key, group in groups(frame, [*named, *CURVE])]
    table = without_constants(pd.DataFrame(rows), ["n", "steps", "bend", "rotate"])
    table.attrs["shows"] = _SHOWS
    table.attrs["apart"] = ["rhos"]  # errors over other grids are other errors
    if len(table) and table["published"].any():
        table.attrs["note"] = PUBLISHED
    return table


def staircase_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """The table of `gaussian-staircase`: a row an estimator, errors over all levels, mean ± deviation on each.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`; a matching one follows its estimator's row.
    """
    levels = sorted({name for name in frame["measurement"] if name.startswith("mi/")}, key=lambda name: float(name[3:]))
    columns = ("d", "n", "steps", "bend", "estimator")
    rows: list[dict[str, Any]] = []
    for key, group in groups(frame, columns):
        status = ", ".join(sorted(set(group["status"])))
        seeds = {"source": f"ours, {pluralise(group['seed'].nunique(), 'seed')}" if status == "ok" else status}
        measured = {name: over_seeds(group.loc[group["measurement"] == name, "value"]) for name in levels}
        on_levels = group[group["measurement"].isin(levels)]
        errors = _level_errors((on_levels["value"] - on_levels["truth"]).dropna().to_numpy(float))
        rows.append({**key, **seeds, **errors, **measured})
        published_rows = matching(references, key, task="gaussian-staircase", estimator=str(key["estimator"]))
        for source, published in published_rows.groupby("source"):
            values = {str(row["measurement"]): float(row["value"]) for row in published.to_dict("records")}
            known = [name for name in levels if name in values]
            errors = _level_errors(np.array([values[name] - float(name[3:]) for name in known]))
            rows.append({**key, "source": source, **errors, **{name: number(values[name], 6) for name in known}})
    table = without_constants(pd.DataFrame(rows), ["n", "steps", "bend"])
    table.attrs["shows"] = {_RMSE: "rmse(mi)"}
    return table.rename(columns={name: f"I = {name[3:]}" for name in levels})


def _level_errors(errors: Array) -> dict[str, str]:
    """The root mean square and the mean of errors over levels and seeds."""
    if not len(errors):
        return {_RMSE: "", "bias": ""}
    return {_RMSE: fixed(float(np.sqrt(np.mean(errors**2)))), "bias": fixed(float(np.mean(errors)))}


def _curve_row(
    key: dict[str, Any], group: pd.DataFrame, errors: pd.DataFrame, references: pd.DataFrame
) -> dict[str, Any]:
    trials = group.drop_duplicates("key")
    mine = errors
    for name in CURVE if len(errors) else ():
        mine = mine[mine[name] == key[name]]

    def error(measurement: str, statistic: str) -> str:
        return over_seeds(mine.loc[mine["measurement"] == measurement, statistic]) if len(mine) else ""

    return {
        **key,
        "rhos": group["rho"].nunique(),
        "seeds": group["seed"].nunique(),
        "dI/drho rel. RMSE": error("mi_gradient", "relative_rmse"),
        "published": _published(key, references),
        "ratio": error("mi_gradient", "ratio"),
        "roughness": error("mi_gradient", "roughness"),
        "I RMSE (nats)": error("mi", "rmse"),
        "s/trial": seconds_a_trial(trials),
        "not ok": not_ok(trials),
    }


def _published(cell: dict[str, Any], references: pd.DataFrame) -> str:
    matches = matching(
        references,
        {**cell, "grid": "fine"},  # a coarse one is shown beside it all the same; the note says what that does
        task="gaussian",
        estimator=cell["estimator"],
        measurement="mi_gradient",
        statistic="relative_rmse",
    )
    return ", ".join(f"{fixed(row['value'])} ({row['provenance']})" for row in matches.to_dict("records"))


def _columns(group: pd.DataFrame) -> tuple[Array, Array]:
    return group["value"].to_numpy(float), group["truth"].to_numpy(float)
