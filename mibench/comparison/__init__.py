"""Measured numbers against references: the interval of our mean against what was published, within a tolerance."""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.coverage import lost_to_failures, unmeasured
from mibench.comparison.references import misfits
from mibench.comparison.samples import Row, Sample, gather, resolutions, respell
from mibench.comparison.soundness import LEFT_OUT, fit_to_compare, in_other_unit, units
from mibench.comparison.statistics import Array
from mibench.comparison.verdicts import Evidence, as_frame, judge, together, tolerated_share
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns
from mibench.frames.grouping import by_task
from mibench.plan.selectors import spell_cell
from mibench.text import pluralise

LARGE = 0.05
"""The share of a reference (or of the truth, if that is larger) below which no difference counts."""
LARGEST = 0.1
"""The largest share that is tolerated because a reference varies from run to run."""


def compare(frame: pd.DataFrame, references: pd.DataFrame, registry: Registry, *, large: float = LARGE) -> pd.DataFrame:
    """Judges every mean over seeds for which there is a reference.

    The tolerance does not depend on our own noise: it is 5 % of the reference, or two of its published standard
    deviations where that is more, but then at most 10 %. P-values are adjusted for the number of rows. A reference that
    holds for other settings than any that were run is not judged: the reason says what differs, and which command would
    match. References of information are in nats; rows that say another unit are left out.

    Args:
        frame: a tidy frame.
        references: as loaded by `mibench.comparison.references.load_references`.
        registry: the tasks' specs, for their statistics and directions.
        large: the share of a reference below which no difference counts.

    Returns:
        The columns of `mibench.comparison.verdicts.COLUMNS`, one row a task, cell, estimator, measurement, statistic
        and reference. `attrs["left_out"]` says what was left out.

    Raises:
        UsageError: no row of the frame can be compared.
    """
    frame, left_out = fit_to_compare(frame, "these results")
    frame, other_units = _in_nats(frame)
    left_out += other_units
    references = respell(references[references["value"].notna()], frame)  # a table may have a row without a number
    samples = gather(frame, registry, rows=references[["task", "estimator", "measurement", "statistic"]])
    steps = resolutions(samples)
    known = _by_row(references)
    parameters = {str(part["task"].iloc[0]): cell_columns(part) for part in by_task(frame, coded=True)}
    judged: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    evidence: list[Evidence] = []
    apart: list[tuple[Row, Sample]] = []
    met = set[int]()
    for row, sample in samples.items():
        about = known[row._replace(cell="")]
        fitting = [reference for reference in about if not misfits(reference["settings"], sample.cell)]
        for reference in fitting:
            step = steps[row.task, row.measurement, row.statistic]
            evidence.append(_evidence(sample, reference, large, step))
            judged.append(measured(row, sample) | _source(reference, sample) | {"reason": failures(sample)})
        met |= {id(reference) for reference in fitting}
        apart += [] if fitting else [(row, sample)]
    for row, sample in apart:
        unmet = [reference for reference in known[row._replace(cell="")] if id(reference) not in met]
        if unmet:  # else what each holds for was run, and is judged in a row of its own
            nearest = min(unmet, key=lambda reference: len(misfits(reference["settings"], sample.cell)))
            reason = together(_other_settings(row, sample, nearest, parameters[row.task]), failures(sample))
            source = _source(nearest, sample)
            others.append(measured(row, sample) | source | {"verdict": "other settings", "reason": reason})
    for columns, row, judgement in zip(judged, evidence, judge(evidence), strict=True):
        columns |= {"tolerance": row.tolerance, "p": judgement.pvalue}
        columns |= {"verdict": judgement.verdict, "reason": together(judgement.reason, columns["reason"])}
    compared = as_frame([*judged, *others])
    lost = lost_to_failures(frame, references, samples)
    compared.attrs[LEFT_OUT] = [*left_out, *unmeasured(frame, references, samples, registry), *lost]
    return compared


def measured(row: Row, sample: Sample) -> dict[str, Any]:
    """The columns that say what was measured."""
    width = sample.half_width
    return {
        **row._asdict(),
        "mean": sample.mean,
        "low": sample.mean - width if math.isfinite(width) else math.nan,
        "high": sample.mean + width if math.isfinite(width) else math.nan,
        "seeds": len(sample.values),
    }


def failures(sample: Sample) -> str:
    """How many trials are in no value of a sample since they failed; empty if none is."""
    return f"{pluralise(sample.failed, 'trial')} failed" if sample.failed else ""


def scale(reference: float, sample: Sample) -> float:
    """What a tolerance is a share of: the reference, or the truth that is aimed at if that is larger."""
    return max(abs(reference), sample.aim)


def _in_nats(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows of information that say no other unit than nats, and why the others are left out."""
    expected = {name: "nats" for name in units(frame) if name[1].partition("/")[0] == "mi"}
    other = in_other_unit(frame, expected)
    if not other.any():
        return frame, []
    said = ", ".join(sorted(frame.loc[other, "unit"].unique()))
    return frame[~other], [f"left out: {pluralise(int(other.sum()), 'row')} of mi in {said}: references are in nats"]


def _by_row(references: pd.DataFrame) -> dict[Row, list[dict[str, Any]]]:
    """The references for each row of a comparison, whatever settings and cells they hold for."""
    known: defaultdict[Row, list[dict[str, Any]]] = defaultdict(list)
    for reference in cast("list[dict[str, Any]]", references.to_dict("records")):
        names = {name: reference[name] for name in Row._fields if name != "cell"}
        known[Row(cell="", **names)].append(reference)
    return known


def _evidence(sample: Sample, reference: Mapping[str, Any], large: float, step: float) -> Evidence:
    value, deviation = float(reference["value"]), float(reference["spread"])
    size = scale(value, sample)
    varies = 0.0 if math.isnan(deviation) else min(2 * deviation, LARGEST * size)
    return Evidence(
        differences=sample.values - value,
        losses=_losses(sample, value) if sample.directed else None,
        tolerance=max(varies, tolerated_share(large, size)),
        resolution=step,
        doubt=sample.doubt(lambda moved: _losses(moved, value)),
    )


def _losses(sample: Sample, reference: float) -> Array:
    """How much worse than the reference each seed is; the mean says by how much our mean is worse."""
    if sample.better != "truth":
        return sample.loss(sample.values) - sample.loss(np.full(len(sample.values), reference))
    side = -1 if sample.mean < sample.truth else 1
    return side * (sample.values - sample.truths) - abs(reference - sample.truth)


def _other_settings(row: Row, sample: Sample, reference: Mapping[str, Any], parameters: Collection[str]) -> str:
    """What differs from a reference's settings, and the command that measures what it holds for."""
    settings, cell = reference["settings"], sample.cell
    differing = "; ".join(
        f"{spell_cell({name: cell.get(name)}) or f'no {name}'}, not {spell_cell({name: value}).partition('=')[2]}"
        for name, value in misfits(settings, cell).items()
    )
    wanted = spell_cell({name: value for name, value in settings.items() if name in parameters})
    task = f"{row.task}[{wanted}]" if wanted else row.task
    return f'{differing}: mibench run --profile paper --task "{task}" --estimators "{row.estimator}"'


def _source(reference: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    origin = {name: reference[name] for name in ("provenance", "source", "note")}
    value = float(reference["value"])
    return {
        **origin,
        "settings": json.dumps(reference["settings"]),
        "reference": value,
        "difference": sample.mean - value,
        "against": reference["reference"],
    }
