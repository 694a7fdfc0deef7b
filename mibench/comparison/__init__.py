"""Measured numbers against references: the interval of our mean against what was published, within its tolerance."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import pandas as pd

from mibench.comparison.references import matching
from mibench.comparison.samples import Row, Sample, gather
from mibench.comparison.verdicts import COLUMNS, as_frame, judge
from mibench.discovery.registry import Registry

LARGE = 0.01
"""The share of a reference (or of the truth, if that is larger) below which no difference counts."""


def compare(frame: pd.DataFrame, references: pd.DataFrame, registry: Registry, *, large: float = LARGE) -> pd.DataFrame:
    """Judges every mean over seeds for which there is a reference.

    The tolerance around a reference is what a single run scatters: two of its standard deviations (its own `spread`,
    or ours where it has none), but at least `large` of it. A reference that holds for other settings is named beside
    the one of its rows that is nearest, and not judged.

    Args:
        frame: a tidy frame.
        references: as loaded by `mibench.comparison.references`.
        registry: the tasks' specs, for their statistics and directions.
        large: the share of a reference below which no difference counts.

    Returns:
        The columns of `mibench.comparison.verdicts.COLUMNS`, one row a task, cell, estimator, measurement, statistic
        and reference.
    """
    references = references[references["value"].notna()]  # a table may say of a row that it has no number
    samples = gather(frame, registry, rows=references[["task", "estimator", "measurement", "statistic"]])
    rows: list[dict[str, Any]] = []
    for row, sample in samples.items():
        task, _, estimator, measurement, statistic = row
        named = {"task": task, "estimator": estimator, "measurement": measurement, "statistic": statistic}
        candidates = references
        for name, value in named.items():
            candidates = candidates[candidates[name] == value]
        fitting = matching(candidates, sample.cell)
        if len(fitting):
            rows += [_judged(row, sample, reference, large) for reference in _records(fitting)]
        else:
            rows.append(_unfit(row, sample, min(_records(candidates), key=lambda one: len(_misfits(sample, one)))))
    return as_frame(rows)


def measured(row: Row, sample: Sample) -> dict[str, Any]:
    """The columns that say what was measured."""
    width = sample.half_width
    return {
        **dict(zip(COLUMNS, row, strict=False)),
        "mean": sample.mean,
        "low": sample.mean - width if math.isfinite(width) else math.nan,
        "high": sample.mean + width if math.isfinite(width) else math.nan,
        "seeds": len(sample.values),
    }


def scale(reference: float, sample: Sample) -> float:
    """What a difference is a share of: the reference, or the truth that is aimed at if that is larger."""
    aimed = abs(sample.truth) if sample.better == "truth" and not math.isnan(sample.truth) else 0.0
    return max(abs(reference), aimed)


def _judged(row: Row, sample: Sample, reference: Mapping[str, Any], large: float) -> dict[str, Any]:
    value, spread = float(reference["value"]), float(reference["spread"])
    single = sample.deviation if math.isnan(spread) else spread
    tolerance = max(2 * single, large * scale(value, sample))
    difference = sample.mean - value
    judgement = judge(
        difference,
        sample.loss(sample.mean) - sample.loss(value) if sample.directed else None,
        sample.half_width,
        tolerance,
        deviation=sample.deviation,
        seeds=len(sample.values),
    )
    return {
        **measured(row, sample),
        **_source(reference),
        "tolerance": tolerance,
        "difference": difference,
        "verdict": judgement.verdict,
        "reason": judgement.reason,
    }


def _unfit(row: Row, sample: Sample, reference: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **measured(row, sample),
        **_source(reference),
        "difference": sample.mean - float(reference["value"]),
        "verdict": "other settings",
        "reason": ", ".join(_misfits(sample, reference)),
    }


def _misfits(sample: Sample, reference: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} {sample.cell.get(name, 'absent')}, not {value}"
        for name, value in reference["settings"].items()
        if sample.cell.get(name) != value
    ]


def _source(reference: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: reference[name] for name in ("provenance", "source", "note")}
    settings = json.dumps(reference["settings"])
    return {**kept, "settings": settings, "reference": reference["value"], "against": reference["reference"]}


def _records(frame: pd.DataFrame) -> Iterable[dict[str, Any]]:
    return cast("list[dict[str, Any]]", frame.to_dict("records"))
