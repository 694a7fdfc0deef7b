"""The table of estimates: intervals, shuffled pairs, and the errors that estimators make on the twin."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mibench.estimation.intervals import (
    COPIES,
    FAILS,
    FEWEST_DRAWS,
    MOST_LOST,
    NO_LIMIT,
    TOO_FEW,
    has_no_limit,
    interval_of_halves,
    interval_of_splits,
    interval_of_twins,
    joint_p_value,
    shuffled_p_value,
    why_not_of_information,
    without_less,
)
from mibench.estimation.stages import HALVINGS
from mibench.outcome import Status
from mibench.specs import EstimatorSpec
from mibench.twins import Twin

BITS = math.log(2)


def estimates(
    groups: Mapping[str, pd.DataFrame],
    specs: Mapping[str, EstimatorSpec],
    twin: Twin | None,
    dependent: str = "",
) -> pd.DataFrame:
    """One row an estimator.

    Args:
        groups: for each selector its rows of a tidy frame, whose failed trials have no values.
        specs: for each selector what its estimator declares.
        twin: that of the data, if it has one.
        dependent: why rows are no independent draws, if they are none (`mibench.estimation.order`).
    """
    rows = [_estimate(name, group, specs[name], twin, dependent) for name, group in groups.items()]
    reasons = without_less([row["why_not_I"] for row in rows])
    return pd.DataFrame([_of_limit(row, why) if why else row for row, why in zip(rows, reasons, strict=True)])


def _of_limit(row: dict[str, Any], why_not: str) -> dict[str, Any]:
    """A row whose interval is not for I, but for what the estimator tends to."""
    of = "" if why_not == NO_LIMIT else f"its {row['bound']} bound" if row["bound"] else "its limit"
    return {**row, "low": row["limit_low"], "high": row["limit_high"], "of": of, "why_not_I": why_not}


def _estimate(name: str, rows: pd.DataFrame, spec: EstimatorSpec, twin: Twin | None, dependent: str) -> dict[str, Any]:
    plain = on_data(rows)
    values = plain.set_index("measurement")["value"]
    numbers = plain.loc[plain["measurement"] == "mi", "value"].dropna().tolist()
    nats, limits = math.nan, (math.nan, math.nan)
    if spec.trains and numbers:
        nats, limits = float(np.mean(numbers)), interval_of_splits(numbers)
    elif numbers:
        nats = float(values["mi_corrected"])
        limits = interval_of_halves(nats, float(values["mi_error"]), HALVINGS)
    null = values_after(rows, "shuffled")
    lost, fails = _lost(rows)
    errors = _errors(rows, twin, "mi" if spec.trains else "mi_corrected") if twin and twin.known and not fails else []
    errors = errors if len(errors) >= FEWEST_DRAWS else []
    why_not, whole = dependent if numbers else "no number", limits
    quarter = values_after(rows, "quarters")
    falls = "mi_half" in values and bool(quarter) and has_no_limit(first(plain), float(values["mi_half"]), quarter[0])
    if falls and dependent != COPIES:  # a copy is as near with half of the rows, where it is still there
        why_not, limits = NO_LIMIT, (math.nan, math.nan)
    elif numbers and not dependent:
        n = int(plain.loc[plain["measurement"] == "samples", "value"].dropna().iloc[0])
        share = float(values.get("mi_row_share", 0.0))
        whole = interval_of_twins(nats, errors, twin, n) if twin and errors else limits
        why_not = why_not_of_information(whole, errors, twin, value=first(plain), null=null, row_share=share)
        why_not = FAILS if fails and why_not == TOO_FEW else why_not
    statuses = [status for status in plain["status"].unique() if status != "ok"]
    return {
        "estimator": name,
        "nats": nats,
        "low": whole[0],
        "high": whole[1],
        "bits": nats / BITS,
        "of": "I",
        "why_not_I": why_not,
        "null_mean": _mean(null),
        "null_deviation": _deviation(null),
        "p_value": shuffled_p_value(first(plain), null) if null and numbers else math.nan,
        "twin_bias": _mean(errors),
        "twin_deviation": _deviation(errors),
        "twin_rmse": _mean([error**2 for error in errors]) ** 0.5,
        "twin_lost": lost,
        "status": ", ".join(statuses) or "ok",
        "bound": spec.bound or "",
        "sees": spec.sees,
        "limit_low": limits[0],
        "limit_high": limits[1],
    }


def any_information(groups: list[pd.DataFrame]) -> float:
    """The p-value of all estimators together: one is enough to see dependence; NaN where none was shuffled.

    Args:
        groups: for each estimator its rows of a tidy frame.
    """
    values = [first(on_data(rows)) for rows in groups]
    nulls = [values_after(rows, "shuffled") for rows in groups]
    most = shuffles(groups)
    whole = [k for k, null in enumerate(nulls) if len(null) == most and math.isfinite(values[k])]
    return joint_p_value([values[k] for k in whole], [nulls[k] for k in whole]) if most and whole else math.nan


def shuffles(groups: list[pd.DataFrame]) -> int:
    """How many shuffles the p-value of all estimators rests on.

    Args:
        groups: for each estimator its rows of a tidy frame.
    """
    return max((len(values_after(rows, "shuffled")) for rows in groups), default=0)


def on_data(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of estimates on the data as they are."""
    return rows[(rows["change"] == "none") & ~rows["flows"].astype(bool) & (rows["twin"] == 0)]


def first(plain: pd.DataFrame) -> float:
    """The estimate that shuffled and changed pairs are compared with: on the same rows, without any correction."""
    numbers = plain[(plain["measurement"] == "mi") & (plain["split"] == 0)]["value"]
    return float(numbers.iloc[0]) if len(numbers) else math.nan


def values_after(rows: pd.DataFrame, change: str) -> list[float]:
    """The estimates on changed data, in the order of their seeds."""
    after = rows[(rows["change"] == change) & (rows["measurement"] == "mi")].sort_values("seed")
    return after["value"].dropna().tolist()


def _errors(rows: pd.DataFrame, twin: Twin, measurement: str) -> list[float]:
    """Estimate less truth on each draw of the twin, by the measurement that is the estimate on the data."""
    values = rows.loc[(rows["twin"] > 0) & (rows["measurement"] == measurement), "value"].dropna()
    return (values - twin.information).tolist()


def _lost(rows: pd.DataFrame) -> tuple[str, bool]:
    """How trials ended on the draws of the twin that gave no number, empty for none; and whether those are too many."""
    statuses = rows[rows["twin"] > 0].drop_duplicates("key")["status"]
    lost = statuses[statuses != Status.OK]
    counts = " and ".join(f"{status} on {count}" for status, count in sorted(Counter(lost).items()))
    return f"{counts} of {len(statuses)} draws" if counts else "", len(lost) > MOST_LOST * len(statuses)


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _deviation(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
