"""What changes of the data do to estimates, and the null flows of their gradients."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mibench.estimation.estimates import first, on_data, values_after

_ERRORS, _ROUNDING = 2.0, 1e-6
"""How many standard errors a null flow may be off 0, and what single precision leaves of 0."""
KEPT = ("stable", "moves within its interval")
"""The verdicts on changes that move an estimate by no more than half of its interval."""
OUT = "moves out of its interval"
"""The verdict on a change that moves an estimate by more than half of its interval."""
_MEANING = {
    "quarters": "a quarter of the rows",
    "scores": "normal scores of each column",
    "ranks": "ranks of each column",
    "scaled": "y times 1e6",
    "rotated": "a rotation of a block",
    "swapped": "x and y swapped",
    "jittered": "jitter of 0.1 %",
    "rounded": "rounded to a tenth, with ties",
    "noise": "two columns of noise beside x",
}


def stability(name: str, rows: pd.DataFrame, width: float) -> Iterator[dict[str, Any]]:
    """One row for each change that was tried.

    Args:
        name: the estimator.
        rows: its rows of a tidy frame.
        width: half of its interval.
    """
    plain = on_data(rows)
    before = first(plain)
    half = plain.loc[plain["measurement"] == "mi_half", "value"].dropna().tolist()
    after = {"half of the rows": half, **{text: values_after(rows, change) for change, text in _MEANING.items()}}
    asked = {_MEANING[change] for change in rows["change"].unique() if change in _MEANING}
    quarter = after["a quarter of the rows"]
    if half and quarter:
        after["1/n extrapolation"] = [float(np.polyfit([1, 2, 4], [before, half[0], quarter[0]], 1)[1])]
    for text, values in after.items():
        if math.isfinite(before) and (values or text in asked):
            value = values[0] if values else math.nan
            shift = value - before
            yield {
                "estimator": name,
                "change": text,
                "before": before,
                "after": value,
                "shift": shift,
                "verdict": _verdict(shift, width),
            }


def _verdict(shift: float, width: float) -> str:
    if not math.isfinite(shift):
        return "gives no number"
    if math.isnan(width):
        return "has no interval"
    if abs(shift) <= width / 2:
        return KEPT[0]
    return KEPT[1] if abs(shift) <= width else OUT


def null_flows(name: str, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """One row for each null flow of an estimator."""
    values = rows[rows["flows"].astype(bool)].set_index("measurement")["value"].dropna()
    for measurement, value in values.items():
        kind, _, flow = str(measurement).partition("/")
        if kind == "null_flow":
            error = float(values[f"null_flow_error/{flow}"])
            fits = abs(value) <= _ERRORS * error + _ROUNDING
            yield {
                "estimator": name,
                "flow": flow,
                "derivative": value,
                "error": error,
                "verdict": "0 within its error" if fits else "not 0",
            }
