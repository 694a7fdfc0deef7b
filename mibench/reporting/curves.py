"""The table of a family: errors of the gradient's curve over theta, beside the noise floor, and of the value."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ORACLE
from mibench.comparison.samples import truths_elsewhere
from mibench.comparison.statistics import Array, Integers, half_width
from mibench.frames import ADVERSARIAL, PUBLISHED_AS, cell_columns
from mibench.frames.grouping import Rows, group_numbers
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.reporting.curve_errors import STATISTICS, Whole, count_seeds, errors_of, whole_curves
from mibench.tables import with_constants_below
from mibench.text import fixed, interval, number, seconds

_CURVES = ("mi", "mi_gradient")
"""What there are curves of."""
_ORDER = (
    "seeds",
    "dI rel. RMSE",
    "oracle",
    "ratio",
    "cosine",
    "dI direction",
    "I bias",
    "I sd",
    "n seen",
    "s/trial",
    "not ok",
)


def curve_parameters(frame: pd.DataFrame) -> list[str]:
    """The parameters of cells that a curve has in common: all but those that its theta may be."""
    thetas = set(frame["theta"].dropna().unique())
    return [name for name in cell_columns(frame) if name not in thetas or name == "theta"]


def _whole(frame: pd.DataFrame, names: Sequence[str], measurements: Sequence[str]) -> Whole:
    along = [name for name in cell_columns(frame) if name not in names]
    return whole_curves(frame, [*names, "estimator"], along, measurements)


def curve_errors(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors of every curve over theta, one row a seed.

    Args:
        frame: a tidy frame of one family.

    Returns:
        For each curve that lacks no point (`mibench.reporting.curve_errors.Whole`), estimator, measurement (`mi`,
        `mi_gradient`) and seed: `rmse` in nats, `relative_rmse`, `ratio` (of the best-fitting multiple of the truth)
        and `cosine` with the true curve.
    """
    names = curve_parameters(frame)
    return _errors(frame, names, _whole(frame, names, _CURVES)).reset_index(drop=True)


def _errors(frame: pd.DataFrame, names: Sequence[str], whole: Whole) -> pd.DataFrame:
    """The errors of whole curves; the index says at which row of the frame each begins."""
    columns = [*names, "estimator", "measurement", "seed"]
    return errors_of(frame.loc[whole.points, [*columns, "value", "truth"]], columns)


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
        for part in (frame, *truths_elsewhere(frame))
    )
    moves = [(moved["value"] - here["value"]).abs() for moved in elsewhere]
    ideal = here["statistic"].isin(["ratio", "cosine"]).astype(float)
    error = pd.concat(moves, axis=1).max(axis=1) if moves else 0.0
    long = here.assign(task=frame["task"].iloc[0], truth=ideal, **{TRUTH_ERROR: error})
    return long.dropna(subset="value")[columns]


ON_ADVERSARIAL = (
    "* adversarial: dI/dtheta does not pass through the samples there, and the exact score, that of\n"
    "oracle, does not give it. Where theta acts on a discrete variable or weighs a mixture no pair\n"
    "moves, and every score gives 0; where it moves an edge of the density, a smooth estimate of the\n"
    "score may have what the exact one lacks."
)
"""What is said below a table or on a page of which rows are marked."""


def table(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG001 - no family has any yet
    """The table of a family: one row a curve and estimator.

    Args:
        frame: a tidy frame of the family; where a column `adversarial` says so, errors of the gradient are marked.
        references: as loaded by `mibench.comparison.references`.

    Returns:
        Of how many seeds the curves lack no point, which all means are over; relative RMSE of the gradient's curve with
        its 95 % interval over seeds, beside that of the exact critic on the same samples; ratio; the cosine with the
        exact gradient sample by sample, and in a theta that is a vector or a matrix that of dI/dtheta itself; bias and
        standard deviation of the value in nats; the pairs that an estimator has seen; seconds a trial that ended well;
        and how many trials did not. What all rows say of theta and of seeds, and how many curves lack points and are
        in no error, stands in `attrs["note"]`.
    """
    frame = frame.reset_index(drop=True)
    whole = _whole(frame, curve_parameters(frame), _CURVES)
    shown = pd.DataFrame(list(_rows(frame, whole)))
    shown = with_constants_below(shown, [*map(str, frame["theta"].dropna().unique()), "seeds"])
    shown.attrs["shows"] = {"dI rel. RMSE": "relative_rmse(mi_gradient)", "s/trial": "seconds"}
    adversarial = ON_ADVERSARIAL if _adversarial(frame).any() else ""
    shown.attrs["note"] = "\n".join(filter(None, [shown.attrs.get("note"), whole.left_out, adversarial]))
    return shown


def _rows(frame: pd.DataFrame, whole: Whole) -> Iterator[dict[str, Any]]:
    """The table's rows; what they say is computed for all of them at once."""
    names = curve_parameters(frame)
    varied = [name for name in names if name == PUBLISHED_AS or frame[name].nunique(dropna=False) > 1]
    row = group_numbers(frame, [*names, "estimator"])
    about = list(dict.fromkeys([*varied, "estimator", "theta"]))
    keys = frame[about].iloc[np.unique(row, return_index=True)[1]]
    columns = {**_errors_of_gradient(frame, names, row, whole), **_measured(frame, row, whole)}
    thetas = _thetas(frame, row)
    for place, key in enumerate(cast("list[dict[str, Any]]", keys.to_dict("records"))):
        yield {
            **{name: key[name] for name in varied},
            "estimator": key["estimator"],
            **({key["theta"]: thetas[key["theta"]][place]} if key["theta"] in thetas else {}),  # no matrix has a column
            **{name: columns[name][place] for name in _ORDER},
        }


def _errors_of_gradient(frame: pd.DataFrame, names: list[str], row: Integers, whole: Whole) -> dict[str, list[str]]:
    """The columns about the curve of the gradient, and the oracle's error beside it."""
    curve_of_row = group_numbers(frame.iloc[np.unique(row, return_index=True)[1]], names)
    curve = curve_of_row[row]
    errors = _errors(frame, names, whole)
    errors = errors[errors["measurement"] == "mi_gradient"]
    first = errors.index.to_numpy()
    floors = errors["relative_rmse"].where(errors["estimator"] == ORACLE).groupby(curve[first]).mean()
    count = int(row.max()) + 1
    adversarial = np.bincount(row, _adversarial(frame), count) > 0
    over_seeds = errors["relative_rmse"].groupby(row[first]).agg(["mean", "std", "count"])
    shown = [_over_seeds(*numbers) for numbers in over_seeds.reindex(range(count)).to_numpy(float)]
    return {
        "dI rel. RMSE": [f"{text} *" if text and star else text for text, star in zip(shown, adversarial, strict=True)],
        "oracle": [fixed(value) for value in floors.reindex(curve_of_row)],
        "ratio": [fixed(value) for value in errors["ratio"].groupby(row[first]).mean().reindex(range(count))],
    }


def _adversarial(frame: pd.DataFrame) -> Rows:
    """Which rows are of adversarial cells."""
    return frame[ADVERSARIAL].to_numpy(bool) if ADVERSARIAL in frame else np.zeros(len(frame), dtype=bool)


def _measured(frame: pd.DataFrame, row: Integers, whole: Whole) -> dict[str, list[Any]]:
    """The columns about what trials measured beside the gradient, and about how they ended."""
    count, measurement = int(row.max()) + 1, frame["measurement"]
    averaged = _averaged(frame, row, whole)

    def mean(name: str) -> Array:
        chosen = (measurement == name).to_numpy(bool) & averaged
        return frame["value"][chosen].groupby(row[chosen]).mean().reindex(range(count)).to_numpy(float)

    is_value = (measurement == "mi").to_numpy(bool) & whole.points
    value = frame.loc[is_value, ["value", "truth"]].assign(row=row[is_value])
    bias = (value["value"] - value["truth"]).groupby(value["row"]).mean()
    variances = value.groupby(["row", "truth"])["value"].var(ddof=1).groupby("row").mean()
    trials = frame[["status", "seconds", "key"]].assign(row=row).drop_duplicates(["row", "key"])
    failed = np.bincount(trials["row"], trials["status"].isin(Status.failures()), count).astype(int)
    took = trials.groupby("row")["seconds"].mean()
    return {
        "seeds": count_seeds(frame, row, averaged & frame["value"].notna().to_numpy(bool)),
        "cosine": list(map(fixed, mean("gradient_cosine"))),
        "dI direction": list(map(fixed, mean("direction_cosine"))),
        "I bias": [number(value, digits=2) for value in bias.reindex(range(count))],
        "I sd": [number(value, digits=2) for value in np.sqrt(variances.reindex(range(count)))],
        "n seen": [number(value, 6) for value in mean("samples")],
        "s/trial": [seconds(value) for value in took],
        "not ok": [lost or "" for lost in failed.tolist()],
    }


def _averaged(frame: pd.DataFrame, row: Integers, whole: Whole) -> Rows:
    """Which rows are of trials in whole curves; where a row of the table has no curve, of all that ended well."""
    curve = group_numbers(frame.assign(row=row), ["row", "seed"])
    of_whole = np.isin(curve, curve[whole.points])
    is_point = (frame["measurement"].isin(_CURVES) & frame["truth"].notna()).to_numpy(bool)
    without_curve = ~np.isin(row, row[is_point])
    return of_whole | (without_curve & (frame["status"] == Status.OK.value).to_numpy(bool))


def _thetas(frame: pd.DataFrame, row: Integers) -> dict[str, list[str]]:
    """By theta the values that it has in each row, as text."""
    thetas = [name for name in frame["theta"].dropna().unique() if name in frame]
    texts: dict[str, list[str]] = {}
    for name in thetas:
        values = frame[name].groupby(row).agg(["nunique", "min"])
        texts[name] = [
            number(float(smallest)) if count == 1 else f"{count} values"
            for count, smallest in zip(values["nunique"], values["min"], strict=True)
        ]
    return texts


def _over_seeds(mean: float, deviation: float, count: float) -> str:
    """Mean of errors and its 95 % interval, cut at 0, below which no error is; nothing where there is no seed."""
    if not count > 0:
        return ""
    width = half_width(deviation, int(count)) if count > 1 else float("nan")
    return interval(mean, max(mean - width, 0.0), mean + width)
