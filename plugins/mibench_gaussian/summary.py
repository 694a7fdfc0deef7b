"""The table of a Gaussian run: how far each estimator's curves over rho lie from the truth, by dimension."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mibench.references import matching

_CELL = ("d", "n", "steps")


def relative_rmse(curve: pd.DataFrame) -> float:
    """sqrt(mean (value - truth)^2) / sqrt(mean truth^2) over the rows of one curve."""
    return rmse(curve) / float(np.sqrt(np.mean(curve["truth"].to_numpy(float) ** 2)))


def rmse(curve: pd.DataFrame) -> float:
    """sqrt(mean (value - truth)^2) over the rows of one curve."""
    error = curve["value"].to_numpy(float) - curve["truth"].to_numpy(float)
    return float(np.sqrt(np.mean(error**2)))


def curve_errors(frame: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """One row for each estimator and dimension (and n and steps where they differ).

    Args:
        frame: a tidy frame of the task `gaussian`.
        references: as loaded by `mibench.references`.

    Returns:
        Errors as mean and standard deviation over seeds: `gradient rel. RMSE` (over rho), `MI RMSE` in nats, the
        `published` relative RMSE where the settings match, and mean seconds a trial.
    """
    groups = frame.groupby([*_CELL, "estimator"], sort=True)
    table = pd.DataFrame([_row(group, references) for _, group in groups])
    return table.drop(columns=[name for name in ("n", "steps") if len(table) and table[name].nunique() == 1])


def _row(group: pd.DataFrame, references: pd.DataFrame) -> dict[str, Any]:
    trials = group.drop_duplicates("key")
    first = {str(name): value for name, value in trials.iloc[0].items()}
    seconds = trials["seconds"].to_numpy(float)
    return {
        **{name: first[name] for name in (*_CELL, "estimator")},
        "rhos": group["rho"].nunique(),
        "seeds": group["seed"].nunique(),
        "gradient rel. RMSE": _spread(group, "mi_gradient", relative_rmse),
        "published": _published(first, references),
        "MI RMSE (nats)": _spread(group, "mi", rmse),
        "s/trial": "" if np.isnan(seconds).all() else f"{np.nanmean(seconds):.2g}",
        "not ok": sum(status != "ok" for status in trials["status"]) or "",
    }


def _spread(group: pd.DataFrame, measurement: str, error: Callable[[pd.DataFrame], float]) -> str:
    """Mean and standard deviation over seeds of a curve's error; empty where nothing was measured."""
    curves = group[(group["measurement"] == measurement) & group["value"].notna()]
    errors = [error(curve) for _, curve in curves.groupby("seed")]
    if not errors:
        return ""
    return f"{np.mean(errors):.3f}" + (f" ± {np.std(errors, ddof=1):.3f}" if len(errors) > 1 else "")


def _published(cell: dict[str, Any], references: pd.DataFrame) -> str:
    found = matching(
        references,
        cell,
        task="gaussian",
        estimator=cell["estimator"],
        measurement="mi_gradient",
        statistic="relative_rmse",
    )
    return ", ".join(f"{one['value']:.3f} ({one['provenance']})" for one in found.to_dict("records"))
