"""What the trials of a user's data come to: estimates with intervals, shuffled pairs, stability, null flows."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mibench.discovery.registry import Registry
from mibench.estimation.advice import advise
from mibench.estimation.intervals import interval_of_halves, interval_of_splits, shuffled_p_value
from mibench.estimation.stages import HALVINGS, EstimateRequest
from mibench.frames import tidy
from mibench.pairs import Pairs
from mibench.pairs.checks import is_discrete
from mibench.plan.selectors import parse_selector
from mibench.runner import Job
from mibench.specs import EstimatorSpec

BITS = math.log(2)
_ERRORS, _ROUNDING = 2.0, 1e-6
"""How many standard errors a null flow may be off 0, and what single precision leaves of 0."""
_MEANING = {
    "quarters": "a quarter of the rows",
    "ranks": "ranks of each column",
    "scaled": "y times 1e6",
    "rotated": "a rotation of a block",
    "swapped": "x and y swapped",
    "jittered": "jitter of 0.1 %",
    "rounded": "rounded to a tenth, with ties",
    "noise": "two columns of noise beside x",
}


@dataclass(frozen=True, kw_only=True)
class Estimation:
    """What estimators say of one data set.

    Attributes:
        estimates: one row an estimator: `nats`, its interval from `low` to `high`, `bits`, what the interval is `of`
            (what the estimator tends to, which need not be I), what shuffled pairs give (`null_mean`,
            `null_deviation`, `p_value`), and `status`.
        stability: one row an estimator and change: the estimate before and after, the `shift`, and a `verdict`.
        flows: one row an estimator and null flow: its derivative, which should be 0, its standard `error`,
            and a `verdict`.
        recommendation: which number to report and why, in two sentences.
        notes: what a reader has to know of the data.
        trials: the tidy frame that all of it was made of.
    """

    estimates: pd.DataFrame
    stability: pd.DataFrame
    flows: pd.DataFrame
    recommendation: str
    notes: tuple[str, ...]
    trials: pd.DataFrame

    def to_json(self) -> str:
        """All but the trials, as JSON; what is not finite is null."""
        frames = {"estimates": self.estimates, "stability": self.stability, "flows": self.flows}
        tables = {
            name: json.loads(frame.to_json(orient="records", double_precision=15)) for name, frame in frames.items()
        }
        return json.dumps({**tables, "recommendation": self.recommendation, "notes": self.notes}, indent=2) + "\n"

    def _repr_html_(self) -> str:
        """The tables for a notebook; text is escaped."""
        from markupsafe import escape

        parts = [f"<p>{escape(self.recommendation)}</p>"]
        parts += [frame.to_html(index=False) for frame in (self.estimates, self.stability, self.flows) if len(frame)]
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        return "".join(parts)


def answer(job: Job, request: EstimateRequest, notes: tuple[str, ...] = ()) -> Estimation:
    """What the records of a job of `mibench.estimation.stages.plan` come to; `notes` are of data that had no file."""
    pairs, trials = request.pairs(), tidy(job.records)
    estimates = pd.DataFrame([_estimate(name, rows, job.registry) for name, rows in _by_estimator(trials)])
    widths = dict(zip(estimates["estimator"], (estimates["high"] - estimates["low"]) / 2, strict=True))
    stability = [row for name, rows in _by_estimator(trials) for row in _stability(name, rows, widths[name])]
    flows = [row for name, rows in _by_estimator(trials) for row in _flows(name, rows)]
    stable = pd.DataFrame(stability, columns=["estimator", "change", "before", "after", "shift", "verdict"])
    used = min(len(pairs), request.rows)
    return Estimation(
        estimates=estimates,
        stability=stable,
        flows=pd.DataFrame(flows, columns=["estimator", "flow", "derivative", "error", "verdict"]),
        recommendation=advise(estimates, stable, used, pairs),
        notes=tuple(dict.fromkeys([*_notes(pairs, used), *notes])),
        trials=trials,
    )


def _by_estimator(trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each estimator, in the order in which they were asked for."""
    for name in sorted(trials["estimator"].unique()):
        yield name, trials[trials["estimator"] == name]


def _estimate(name: str, rows: pd.DataFrame, registry: Registry) -> dict[str, Any]:
    spec = registry.find(EstimatorSpec, parse_selector(name).name).spec
    plain = rows[(rows["change"] == "none") & ~rows["flows"].astype(bool)]
    values = plain.set_index("measurement")["value"]
    numbers = plain.loc[plain["measurement"] == "mi", "value"].dropna().tolist()
    nats, low, high = math.nan, math.nan, math.nan
    if spec.trains and numbers:
        nats, (low, high) = float(np.mean(numbers)), interval_of_splits(numbers)
    elif numbers:
        nats, error = float(values["mi_corrected"]), float(values["mi_error"])
        low, high = interval_of_halves(nats, error, HALVINGS)
    null = _values(rows, "shuffled")
    statuses = [status for status in plain["status"].unique() if status != "ok"]
    return {
        "estimator": name,
        "nats": nats,
        "low": low,
        "high": high,
        "bits": nats / BITS,
        "of": "its limit" if spec.bound is None else f"its {spec.bound} bound",
        "null_mean": float(np.mean(null)) if null else math.nan,
        "null_deviation": float(np.std(null, ddof=1)) if len(null) > 1 else math.nan,
        "p_value": shuffled_p_value(_first(plain), null) if null and numbers else math.nan,
        "status": ", ".join(statuses) or "ok",
    }


def _first(plain: pd.DataFrame) -> float:
    """The estimate that shuffled and changed pairs are compared with: on the same rows, without any correction."""
    numbers = plain[(plain["measurement"] == "mi") & (plain["split"] == 0)]["value"]
    return float(numbers.iloc[0]) if len(numbers) else math.nan


def _values(rows: pd.DataFrame, change: str) -> list[float]:
    return rows.loc[(rows["change"] == change) & (rows["measurement"] == "mi"), "value"].dropna().tolist()


def _stability(name: str, rows: pd.DataFrame, width: float) -> Iterator[dict[str, Any]]:
    plain = rows[(rows["change"] == "none") & ~rows["flows"].astype(bool)]
    before = _first(plain)
    half = plain.loc[plain["measurement"] == "mi_half", "value"].tolist()
    after = {"half of the rows": half, **{text: _values(rows, change) for change, text in _MEANING.items()}}
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
    if abs(shift) <= width / 2:
        return "stable"
    return "moves within its interval" if abs(shift) <= width else "moves out of its interval"


def _flows(name: str, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    values = rows[rows["flows"].astype(bool)].set_index("measurement")["value"]
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


def _notes(pairs: Pairs, used: int) -> Iterator[str]:
    yield f"{used:,} of {len(pairs):,} rows were used" + (", drawn at random" if used < len(pairs) else "")
    yield "an interval is for what an estimator tends to: bias that does not fall as 1/n is not in it"
    yield from pairs.notes
    for side, block in (("x", pairs.x), ("y", pairs.y)):
        count = sum(is_discrete(column) for column in block.T)
        if count:
            yield f"discrete columns of {side}, where at most half of the values differ: {count} of {block.shape[1]}"
            if side == "y":
                yield "null flows were not measured: they need a continuous y"
