"""Measured numbers against others of our own, A against B: paired by seed, and judged for all rows together."""

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison import LARGE, measured, scale
from mibench.comparison.samples import Row, Sample, gather
from mibench.comparison.statistics import Array, half_width, holm, t_test, wilcoxon
from mibench.comparison.verdicts import COLUMNS, UNDECLARED, Judgement, as_frame, more_seeds
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns
from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.text import pluralise

PAIRS_FOR_RANKS = 6
"""From here on signed ranks can be significant at 5 %."""
LARGE_TIME = 0.1
"""The share of a baseline's seconds below which no difference counts."""
SECONDS = "seconds"
ALPHA = 0.05


@dataclass(frozen=True, kw_only=True)
class _Pairing:
    """What seeds that both sides have say: by how much ours is worse, seed by seed, and the chance of that."""

    losses: Array
    differences: Array
    directed: bool
    p: float

    @property
    def difference(self) -> float:
        return float(self.differences.mean()) if len(self.differences) else math.nan

    @property
    def half_width(self) -> float:
        return half_width(self.deviation, len(self.losses))

    @property
    def deviation(self) -> float:
        return float(self.losses.std(ddof=1)) if len(self.losses) > 1 else 0.0


def compare_baseline(
    frame: pd.DataFrame, baseline: pd.DataFrame, registry: Registry, *, against: str = "", large: float = LARGE
) -> pd.DataFrame:
    """Judges every mean over seeds by the same seeds of a baseline.

    Losses are compared, seed by seed: the value, or its distance from the truth. They are tested by signed ranks from
    six pairs on and by Student's t below that, and the p-values of all rows are adjusted together (Holm). A row is
    better or worse if that is significant and the mean difference large; it matches if the interval of the difference
    lies within what is not large. What failed here and not there is worse, and what is missing here is inconclusive.
    Seconds are judged only where both sides say that they ran in the same environment.

    Args:
        frame: a tidy frame, with its environment if seconds are to be judged (`wide=True`).
        baseline: another.
        registry: the tasks' specs, for their statistics and directions.
        against: the baseline's name.
        large: the share of a baseline's mean below which no difference counts.

    Returns:
        The columns of `mibench.comparison.verdicts.COLUMNS`.
    """
    ours, theirs = _gather(frame, registry), _gather(baseline, registry)
    elsewhere = _other_environment(frame, baseline)
    pairings = {row: _pair(ours[row], reference) for row, reference in theirs.items() if row in ours}
    tested = [row for row in pairings if not (row[3] == SECONDS and elsewhere)]
    adjusted = dict(zip(tested, holm([pairings[row].p for row in tested]), strict=True))
    failures = Counter(trial[:3] for trial in _failed(frame) - _failed(baseline))
    found: list[dict[str, Any]] = []
    for row, reference in theirs.items():
        tolerance = (LARGE_TIME if row[3] == SECONDS else large) * scale(reference.mean, reference)
        judged = {"reference": reference.mean, "tolerance": tolerance, "against": against, "provenance": "ours"}
        judged |= dict(zip(COLUMNS, row, strict=False)) | {"seeds": 0}
        judgement = Judgement("inconclusive", "not measured here")
        if row in pairings:
            judged |= measured(row, ours[row]) | {"difference": pairings[row].difference}
        if row in adjusted:
            judged["p"] = adjusted[row]
            judgement = _judge(pairings[row], adjusted[row], tolerance, rows=len(tested))
        if row[3] == SECONDS and elsewhere:
            judgement = Judgement("other settings", elsewhere)
        elif failures[row[:3]]:
            judgement = Judgement(
                "worse", f"{pluralise(failures[row[:3]], 'trial')} failed that did not in the baseline"
            )
        found.append(judged | {"verdict": judgement.verdict, "reason": judgement.reason})
    return as_frame(found)


def _gather(frame: pd.DataFrame, registry: Registry) -> dict[Row, Sample]:
    """Every row of a frame, with the seconds of trials as a measurement of their own."""
    trials = frame[(frame["status"] == "ok") & frame["seconds"].notna()].drop_duplicates("key")
    seconds = trials.assign(measurement=SECONDS, value=trials["seconds"], truth=math.nan, epoch=math.nan)
    times = {row: replace(sample, better="lower") for row, sample in gather(seconds, Registry([])).items()}
    return dict(sorted((gather(frame, registry) | times).items()))


def _pair(ours: Sample, theirs: Sample) -> _Pairing:
    _, mine, others = np.intersect1d(ours.seeds, theirs.seeds, return_indices=True)
    mine, others = ours.values[mine], theirs.values[others]
    losses = theirs.loss(mine) - theirs.loss(others)
    test = wilcoxon if len(losses) >= PAIRS_FOR_RANKS else t_test
    return _Pairing(losses=losses, differences=mine - others, directed=theirs.directed, p=test(losses))


def _judge(pairing: _Pairing, p: float, tolerance: float, *, rows: int) -> Judgement:
    seeds, loss = len(pairing.losses), float(pairing.losses.mean()) if len(pairing.losses) else math.nan
    if not seeds:
        return Judgement("inconclusive", "no seed in common")
    if not pairing.differences.any() or abs(loss) + pairing.half_width <= tolerance:
        return Judgement("match")
    if p >= ALPHA or abs(loss) <= tolerance:
        margin = abs(abs(loss) - tolerance)
        fewest = math.floor(math.log2(2 * rows / ALPHA)) + 1 if seeds >= PAIRS_FOR_RANKS else 0
        return Judgement("inconclusive", more_seeds(pairing.deviation, margin, seeds, fewest=fewest))
    if not pairing.directed:
        return Judgement("inconclusive", UNDECLARED)
    return Judgement("worse" if loss > 0 else "better")


def _failed(frame: pd.DataFrame) -> set[tuple[str, str, str, int]]:
    """Task, cell, estimator and seed of what failed."""
    rows = frame[frame["status"].isin(Status.failures())].drop_duplicates("key")
    names = cell_columns(rows)
    cells = [spell_cell(dict(zip(names, cell, strict=True))) for cell in rows[names].itertuples(index=False)]
    return set(zip(rows["task"], cells, rows["estimator"], rows["seed"], strict=True))


def _other_environment(frame: pd.DataFrame, baseline: pd.DataFrame) -> str:
    """Why seconds cannot be compared; empty if both sides ran in one and the same environment."""
    names = [name for name in frame.columns if name.startswith("environment.") and name != "environment.mibench"]
    if not names or not set(names) <= set(baseline.columns):
        return "the environment is not known of both"
    for name in names:
        here, there = (sorted(filter(None, map(str, side[name].dropna().unique()))) for side in (frame, baseline))
        if here != there or len(here) > 1:
            return f"another environment: {name.removeprefix('environment.')} {', '.join(here)}; {', '.join(there)}"
    return ""
