"""What a Gaussian run says: errors by cell, errors of whole curves over rho, and the tables shown."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.references import matching, misfits
from mibench.comparison.statistics import Integers
from mibench.frames import PUBLISHED_AS
from mibench.frames.endings import without_failed_values
from mibench.frames.grouping import group_numbers
from mibench.outcome import Status
from mibench.reporting.curve_errors import STATISTICS as CURVE_STATISTICS
from mibench.reporting.curve_errors import Curves, Statistic, Whole, count_seeds, errors_of, whole_curves
from mibench.tables import groups, not_ok, over_seeds, without_constants
from mibench.text import fixed, fixed_with_deviation, number, pluralise, seconds

CURVE = ("d", "n", "steps", "bend", "rotate", "estimator")
"""What one curve over rho has in common, beside its seed."""

FINE_GRID = 15
"""How many values of |rho|, up to 0.8, a grid needs for its errors to be comparable with the published curves'."""

COARSER = "A coarser grid than the published one weighs its ends more, which changes the error."
_SHOWS = {
    "dI/drho rel. RMSE": "relative_rmse(mi_gradient)",
    "roughness": "roughness(mi_gradient)",
    "I RMSE (nats)": "rmse(mi)",
    "s/trial": "seconds",
}
_LOST = "not ok"
_RMSE = "RMSE (nats)"
_ORDER = (
    "rhos",
    "seeds",
    "dI/drho rel. RMSE",
    "published",
    "ratio",
    "roughness",
    "I RMSE (nats)",
    "s/trial",
    "not ok",
)
Array = np.ndarray[Any, np.dtype[np.float64]]


def cell_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors in every cell, over seeds.

    Args:
        frame: a tidy frame of the task `gaussian`.

    Returns:
        For each cell, estimator and measurement: `mean`, `truth`, `bias`, `std`, `rmse`, `ratio` (mean to truth),
        `seeds` and mean `seconds` a trial.
    """
    frame = without_failed_values(frame)
    error = frame["value"] - frame["truth"]
    cells = frame.assign(bias=error, square=error**2)[frame["value"].notna()].groupby(
        [*CURVE, "rho", "measurement"], sort=True, dropna=False
    )
    rows = cells.agg(
        mean=("value", "mean"),
        truth=("truth", "first"),
        bias=("bias", "mean"),
        std=("value", "std"),
        rmse=("square", "mean"),
        seeds=("value", "size"),
        seconds=("seconds", "mean"),
    ).reset_index()
    rows = rows.assign(rmse=rows["rmse"] ** 0.5, ratio=rows["mean"] / rows["truth"].where(rows["truth"] != 0))
    return rows[[name for name in rows.columns if name not in {"seeds", "seconds"}] + ["seeds", "seconds"]]


def curve_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors of every curve over rho, one row a seed.

    Args:
        frame: a tidy frame of the task `gaussian`.

    Returns:
        For each curve that lacks no point (`mibench.reporting.curve_errors.Whole`), estimator, measurement (`mi`,
        `mi_gradient`) and seed: `grid`, `rmse` in nats, `relative_rmse`, `ratio` (of the best-fitting multiple of the
        truth), `cosine` with the true curve, and `roughness`, the rms second difference of the error along rho.
    """
    return _errors(frame, _whole(frame)).reset_index(drop=True)


def _whole(frame: pd.DataFrame) -> Whole:
    return whole_curves(frame, CURVE, ["rho"], ["mi", "mi_gradient"])


def _errors(frame: pd.DataFrame, whole: Whole) -> pd.DataFrame:
    """`curve_errors`, whose index says at which row of the frame each curve begins."""
    columns = [*CURVE, "measurement", "seed"]
    curves = frame.loc[whole.points, [*columns, "rho", "value", "truth"]].sort_values("rho", kind="stable")
    errors = errors_of(curves, columns, STATISTICS)
    sizes = curves["rho"].abs().where(curves["rho"] != 0)
    grids = sizes.groupby([curves[name] for name in columns], sort=True, dropna=False).agg(["nunique", "max"])
    fine = (grids["nunique"] >= FINE_GRID) & (grids["max"] > 0.79)
    errors.insert(len(columns), "grid", np.where(fine, "fine", "coarse"))
    return errors


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


def roughness(curves: Curves) -> Array:
    """Rms second difference of value - truth along each curve; NaN for one of fewer than three points."""
    order = np.argsort(curves.curve, kind="stable")
    curve, error = curves.curve[order], (curves.value - curves.truth)[order]
    inside = curve[2:] == curve[:-2]
    count = len(np.unique(curve))
    squares = np.bincount(curve[2:][inside], np.diff(error, n=2)[inside] ** 2, count)
    numbers = np.bincount(curve[2:][inside], minlength=count)
    return np.sqrt(np.divide(squares, numbers, out=np.full(count, np.nan), where=numbers > 0))


STATISTICS: Mapping[str, Statistic] = {**CURVE_STATISTICS, "roughness": roughness}


def curve_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """The table of `gaussian`: one row an estimator and dimension, mean ± standard deviation over seeds.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        Of how many seeds the curves lack no point; errors of the gradient curve (relative RMSE, ratio and roughness)
        and of the value curve (RMSE in nats) over these, the published relative RMSE where the settings match, seconds
        a trial that ended well, and how many trials did not. The note counts the curves that lack points, which are in
        no error.
    """
    frame = frame.reset_index(drop=True)
    names = [*(name for name in (PUBLISHED_AS,) if name in frame.columns), *CURVE]
    row = group_numbers(frame, names)
    _, first = np.unique(row, return_index=True)
    whole, about = _whole(frame), _of_gradient_curves(references)
    keys = [{str(name): value for name, value in key.items()} for key in frame[names].iloc[first].to_dict("records")]
    published = [_published(key, about) for key in keys]
    columns = {
        **_of_trials(frame, row),
        "seeds": count_seeds(frame, row, whole.points),
        **_errors_of_curves(frame, first, whole),
        "published": [
            ", ".join(f"{fixed(it['value'])} ({it['provenance']})" for it in fitting) for fitting in published
        ],
    }
    rows = [{**key, **{name: columns[name][place] for name in _ORDER}} for place, key in enumerate(keys)]
    table = without_constants(pd.DataFrame(rows), ["n", "steps", "bend", "rotate"])
    table.attrs["shows"] = _SHOWS
    table.attrs["apart"] = ["rhos"]  # errors over other grids are other errors
    table.attrs["note"] = "\n".join(filter(None, [whole.left_out, *_notes(published)]))
    return table


def staircase_table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """The table of `gaussian-staircase`: a row an estimator, errors over all levels, mean ± deviation on each.

    Args:
        frame: a tidy frame of the task.
        references: as loaded by `mibench.comparison.references`; a matching one follows its estimator's row.

    Returns:
        Beside the errors, `source` says of how many seeds they are, and `not ok` how many trials are in none.
    """
    levels = sorted({name for name in frame["measurement"] if name.startswith("mi/")}, key=lambda name: float(name[3:]))
    columns = ("d", "n", "steps", "bend", "estimator")
    rows: list[dict[str, Any]] = []
    for key, group in groups(frame, columns):
        measured = {name: over_seeds(group.loc[group["measurement"] == name, "value"]) for name in levels}
        on_levels = group[group["measurement"].isin(levels) & group["value"].notna()]
        source = {"source": f"ours, {pluralise(on_levels['seed'].nunique(), 'seed')}"}
        errors = _level_errors((on_levels["value"] - on_levels["truth"]).dropna().to_numpy(float))
        lost = {_LOST: not_ok(group.drop_duplicates("key"))}
        rows.append({**key, **source, **errors, **measured, **lost})
        published_rows = matching(references, key, task="gaussian-staircase", estimator=str(key["estimator"]))
        for source, published in published_rows.groupby("source"):
            values = {str(row["measurement"]): float(row["value"]) for row in published.to_dict("records")}
            known = [name for name in levels if name in values]
            errors = _level_errors(np.array([values[name] - float(name[3:]) for name in known]))
            rows.append({**key, "source": source, **errors, **{name: number(values[name], 6) for name in known}})
    table = without_constants(pd.DataFrame(rows).fillna({_LOST: ""}), ["n", "steps", "bend"])
    table = table.drop(columns=[] if table[_LOST].astype(bool).any() else [_LOST])
    table.attrs["shows"] = {_RMSE: "rmse(mi)"}
    return table.rename(columns={name: f"I = {name[3:]}" for name in levels})


def _level_errors(errors: Array) -> dict[str, str]:
    """The root mean square and the mean of errors over levels and seeds."""
    if not len(errors):
        return {_RMSE: "", "bias": ""}
    return {_RMSE: fixed(float(np.sqrt(np.mean(errors**2)))), "bias": fixed(float(np.mean(errors)))}


def _of_trials(frame: pd.DataFrame, row: Integers) -> dict[str, list[Any]]:
    """What the trials of each row of the table have in common, and how they ended."""
    rows = frame[["rho", "status", "seconds", "key"]].assign(row=row)
    trials = rows.drop_duplicates(["row", "key"])
    failed = np.bincount(trials["row"], trials["status"].isin(Status.failures())).astype(int)
    return {
        "rhos": rows.groupby("row")["rho"].nunique().tolist(),
        "s/trial": [seconds(mean) for mean in trials.groupby("row")["seconds"].mean()],
        "not ok": [count or "" for count in failed.tolist()],
    }


def _errors_of_curves(frame: pd.DataFrame, first: Integers, whole: Whole) -> dict[str, list[str]]:
    """Mean ± standard deviation over the seeds of a curve, for each row of the table, which begins at `first`."""
    curve, errors = group_numbers(frame, CURVE), _errors(frame, whole)

    def shown(measurement: str, statistic: str) -> list[str]:
        of_seeds = errors.loc[errors["measurement"] == measurement, statistic]
        of_curves = of_seeds.groupby(curve[of_seeds.index]).agg(["mean", "std"]).reindex(curve[first])
        return [fixed_with_deviation(*numbers) for numbers in of_curves.to_numpy(float).tolist()]

    return {
        "dI/drho rel. RMSE": shown("mi_gradient", "relative_rmse"),
        "ratio": shown("mi_gradient", "ratio"),
        "roughness": shown("mi_gradient", "roughness"),
        "I RMSE (nats)": shown("mi", "rmse"),
    }


def _of_gradient_curves(references: pd.DataFrame) -> list[dict[str, Any]]:
    """The references that hold errors of curves of the gradient."""
    wanted = {"task": "gaussian", "measurement": "mi_gradient", "statistic": "relative_rmse"}
    rows = references[(references[list(wanted)] == list(wanted.values())).all(axis=1)]
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def _published(cell: Mapping[str, Any], references: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of this was published; a curve of a coarse grid is shown beside it too, and a note says what that does."""
    return [
        row
        for row in references
        if row["estimator"] == cell["estimator"] and not misfits(row["settings"], {**cell, "grid": "fine"})
    ]


def _notes(published: Iterable[Iterable[Mapping[str, Any]]]) -> list[str]:
    """What a reader must know of the references that stand in the table: each note once, with whom it is about."""
    shown = [row for fitting in published for row in fitting]
    notes: dict[str, list[str]] = {}
    for row in shown:
        notes.setdefault(row["note"], []).append(row["estimator"])
    lines = [f"published of {', '.join(dict.fromkeys(names))}: {note}." for note, names in notes.items() if note]
    return [*lines, *([COARSER] if any("grid" in row["settings"] for row in shown) else [])]
