"""Measured numbers against other results of our own: paired by seed, and judged for all rows together."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison import measured, scale
from mibench.comparison.coverage import lost_on_both, named_trials, shared_rows, unpaired
from mibench.comparison.samples import MEAN, Place, Row, Sample, gather, resolutions, respell
from mibench.comparison.soundness import LEFT_OUT, fit_to_compare, units
from mibench.comparison.verdicts import Evidence, Judgement, as_frame, judge, together, tolerated_share
from mibench.discovery.registry import Registry
from mibench.frames.origins import apart_together
from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import ON_DATA
from mibench.text import pluralise

LARGE = 0.01
"""The share of a baseline's mean (or of the truth, if that is larger) below which no difference counts."""
LARGE_TIME = 0.1
"""The share of a baseline's seconds below which no difference counts."""
SECONDS = "seconds"
_PLACE = ["task", "cell", "estimator"]
APART = Judgement("inconclusive", "the trials that both sides have make no such number")
NO_SEED = Judgement("inconclusive", "no seed in common")


def compare_baseline(
    frame: pd.DataFrame, baseline: pd.DataFrame, registry: Registry, *, against: str = "", large: float = LARGE
) -> pd.DataFrame:
    """Judges every mean over seeds by the same seeds of a baseline.

    Equal seeds see equal data, so losses (the value, or its distance from the truth) are subtracted seed by seed; see
    `mibench.comparison.verdicts` for the tests. Means, references and numbers of seeds are those of the pairs, in which
    neither trial failed. A statistic of several trials, such as the error of a curve, is made of those that both sides
    have, and one of a single value, such as the ratio of a curve of one point, is not judged beside the value itself.
    What failed here and not there is worse, and what is missing on one side is inconclusive. Seconds are judged only
    where both sides say that they ran in the same environment, and a measurement only where both do not say different
    units.

    Args:
        frame: a tidy frame, with its environment if seconds are to be judged (`wide=True`).
        baseline: another.
        registry: the tasks' specs, for their statistics and directions.
        against: the baseline's name.
        large: the share of a baseline's mean below which no difference counts.

    Returns:
        The columns of `mibench.comparison.verdicts.COLUMNS`, one row for each of the baseline's, and for what it lacks
        of trials that it has. `attrs["left_out"]` says what was left out.

    Raises:
        UsageError: no row of one side can be compared.
    """
    frame, left_out = fit_to_compare(frame, "these results")
    baseline, left_out_there = fit_to_compare(baseline, f"the baseline {against}".rstrip())
    left_out += [f"of the baseline, {sentence}" for sentence in left_out_there]
    frame, baseline = apart_together(frame, respell(baseline, frame))
    ours, theirs = _gather(frame, registry), _gather(baseline, registry)
    ours, theirs, apart = _statistics_of_the_same_trials(ours, theirs, shared_rows(frame, baseline), registry)
    steps = resolutions(ours, theirs)
    elsewhere, in_units = _other_environment(frame, baseline), _other_units(frame, baseline)
    pairs = {row: pair for row in theirs if row in ours and (pair := _paired(ours[row], theirs[row]))}
    references = theirs | {row: there for row, (_, there) in pairs.items()}
    tolerances = {row: _tolerance(row, sample, large) for row, sample in references.items()}
    evidence = {
        row: _evidence(*pair, tolerances[row], steps[row.task, row.measurement, row.statistic])
        for row, pair in pairs.items()
        if not (row.measurement == SECONDS and elsewhere) and (row.task, row.measurement) not in in_units
    }
    judgements = dict(zip(evidence, judge(list(evidence.values())), strict=True))
    trials, trials_there = named_trials(frame), named_trials(baseline)
    failures, failures_there = _failed_alone(trials, trials_there), _failed_alone(trials_there, trials)
    apart |= _lost(theirs, ours, trials)
    rows: list[dict[str, Any]] = []
    others = _known_data(ours)
    for row, reference in references.items():
        judgement = judgements.get(row, _not_here(reference, others.get(_whatever_data(row, reference))))
        judgement = APART if row in apart else judgement
        judgement = NO_SEED if row in ours and row not in pairs else judgement
        unit = in_units.get((row.task, row.measurement))
        judgement = _judgement(judgement, elsewhere if row.measurement == SECONDS else "", failures[row.place], unit)
        columns = _columns(row, pairs.get(row), comparable=judgement.reason != unit)
        columns |= {"reference": reference.mean, "tolerance": tolerances[row], "p": judgement.pvalue}
        there_alone = failures_there[row.place] if judgement.verdict != "other settings" else 0
        columns |= {"verdict": judgement.verdict, "reason": together(judgement.reason, _in_baseline(there_alone))}
        rows.append(columns)
    rows += _here_alone(ours, references, trials_there, failures_there)
    rows.sort(key=lambda columns: tuple(columns[name] for name in Row._fields))
    compared = as_frame(row | {"against": against, "provenance": "ours"} for row in rows)
    compared.attrs[LEFT_OUT] = [*left_out, *unpaired(trials, trials_there), *lost_on_both(trials, trials_there)]
    return compared


def _judgement(numbers: Judgement, elsewhere: str, failures: int, unit: str | None) -> Judgement:
    """What is said of a row: what its numbers say, unless settings or units differ or trials failed.

    Args:
        numbers: what they say.
        elsewhere: why they are of another environment; empty if that does not matter.
        failures: how many trials failed here alone.
        unit: why they are in another unit, if they are.
    """
    if elsewhere:
        return Judgement("other settings", elsewhere)
    if failures:
        return Judgement("worse", f"{pluralise(failures, 'trial')} failed that did not in the baseline")
    return Judgement("other settings", unit) if unit else numbers


def _columns(row: Row, pair: tuple[Sample, Sample] | None, *, comparable: bool) -> dict[str, Any]:
    """What was measured in a row, and the difference of both sides where they are `comparable`."""
    if pair is None:
        return row._asdict() | {"seeds": 0}
    here, there = pair
    return measured(row, here) | {"difference": float((here.values - there.values).mean()) if comparable else math.nan}


def _here_alone(
    ours: Mapping[Row, Sample], theirs: Mapping[Row, Sample], trials_there: pd.DataFrame, failures: Mapping[Place, int]
) -> Iterator[dict[str, Any]]:
    """The rows of what a baseline lacks though it has the trials.

    Args:
        ours: what was measured here.
        theirs: what the baseline has.
        trials_there: its trials.
        failures: how many of them failed there alone, by place.
    """
    places = set(trials_there[_PLACE].itertuples(index=False, name=None))
    lost = _lost(ours, theirs, trials_there)
    for row, sample in ours.items():
        if row in lost:
            yield row._asdict() | {"seeds": 0, "verdict": APART.verdict, "reason": APART.reason}
        elif row not in theirs and row.statistic == MEAN and row.measurement != SECONDS and row.place in places:
            reason = _in_baseline(failures[row.place]) or "not measured in the baseline"
            yield measured(row, sample) | {"verdict": "inconclusive", "reason": reason}


def _in_baseline(failures: int) -> str:
    """How many trials failed in the baseline and not here; empty if none did."""
    return f"{pluralise(failures, 'trial')} failed in the baseline alone" if failures else ""


def _lost(samples: Mapping[Row, Sample], others: Mapping[Row, Sample], trials: pd.DataFrame) -> set[Row]:
    """The statistics of one side that the other, whose trials these are, lacks where trials failed."""
    failed = trials[trials["status"].isin(Status.failures())]
    failing = set(failed[["task", "estimator"]].itertuples(index=False, name=None))
    lacking = samples.keys() - others.keys()
    return {row for row in lacking if row.statistic != MEAN and (row.task, row.estimator) in failing}


def _tolerance(row: Row, reference: Sample, large: float) -> float:
    size = scale(reference.mean, reference)
    return LARGE_TIME * size if row.measurement == SECONDS else tolerated_share(large, size)


def _whatever_data(row: Row, sample: Sample) -> tuple[Row, frozenset[str]]:
    """What a row is about, whatever data it was measured on."""
    cell = {name: value for name, value in sample.cell.items() if name != ON_DATA}
    return row._replace(cell=""), frozenset(_assignments(cell))


def _known_data(samples: Mapping[Row, Sample]) -> dict[tuple[Row, frozenset[str]], list[str]]:
    """The data of rows whose cells are apart, by what these rows are about."""
    known: dict[tuple[Row, frozenset[str]], list[str]] = {}
    for row, sample in samples.items():
        if ON_DATA in sample.cell:
            known.setdefault(_whatever_data(row, sample), []).append(sample.cell[ON_DATA])
    return known


def _not_here(reference: Sample, others: Sequence[str] | None) -> Judgement:
    """What is said of a row that these results lack, perhaps because theirs is on other data.

    Args:
        reference: the baseline's sample.
        others: the data of such rows here; `None` if there are none.
    """
    if others and ON_DATA in reference.cell:
        return Judgement("other settings", f"other data: here {', '.join(others)}, not {reference.cell[ON_DATA]}")
    return Judgement("inconclusive", "not measured here")


def _gather(frame: pd.DataFrame, registry: Registry) -> dict[Row, Sample]:
    """Every row of a frame, with the seconds of trials as a measurement of their own."""
    trials = frame[(frame["status"] == "ok") & frame["seconds"].notna()].drop_duplicates("key")
    seconds = trials.assign(measurement=SECONDS, value=trials["seconds"], truth=math.nan, epoch=math.nan)
    times = {row: replace(sample, better="lower") for row, sample in gather(seconds, Registry([])).items()}
    return dict(sorted((_without_repetition(gather(frame, registry)) | times).items()))


def _statistics_of_the_same_trials(
    ours: Mapping[Row, Sample], theirs: Mapping[Row, Sample], shared: Sequence[pd.DataFrame], registry: Registry
) -> tuple[dict[Row, Sample], dict[Row, Sample], set[Row]]:
    """Both sides, whose statistics are made of the trials that both have; and rows of which these make nothing.

    A curve over fewer points has another error, though every point that both sides have is the same.
    """
    if all(row.statistic == MEAN for row in (*ours, *theirs)):
        return dict(ours), dict(theirs), set()
    here, there = (_without_repetition(gather(rows, registry)) for rows in shared)
    made = {row for row in here.keys() & there.keys() if row.statistic != MEAN}
    apart = {row for row in ours.keys() & theirs.keys() if row.statistic != MEAN} - made
    kept = {row: sample for row, sample in ours.items() if row not in apart}
    return kept | {row: here[row] for row in made}, {**theirs, **{row: there[row] for row in made}}, apart


def _without_repetition(samples: Mapping[Row, Sample]) -> dict[Row, Sample]:
    """Without the statistics of a single cell's value: the same evidence as the value itself.

    The ratio, the cosine and the error of a curve that has one point are functions of that point.
    """
    cells: dict[tuple[str, str, str], list[set[str]]] = {}
    for row in samples:
        if row.statistic == MEAN:
            cells.setdefault((row.task, row.estimator, row.measurement), []).append(_assignments(samples[row].cell))

    def repeats(row: Row) -> bool:
        shared = _assignments(samples[row].cell)
        measured_cells = cells.get((row.task, row.estimator, row.measurement), [])
        names = {assignment.partition("=")[0] for cell in measured_cells for assignment in cell}
        shared = {assignment for assignment in shared if assignment.partition("=")[0] in names}
        return sum(shared <= cell for cell in measured_cells) == 1

    return {row: sample for row, sample in samples.items() if row.statistic == MEAN or not repeats(row)}


def _assignments(cell: Mapping[str, Any]) -> set[str]:
    return {spell_cell({name: value}) for name, value in cell.items()}


def _paired(ours: Sample, theirs: Sample) -> tuple[Sample, Sample] | None:
    """Both sides' samples of the seeds that both have; `None` if there is no such seed."""
    _, here, there = np.intersect1d(ours.seeds, theirs.seeds, return_indices=True)
    return (ours.only(here), theirs.only(there)) if len(here) else None


def _evidence(ours: Sample, theirs: Sample, tolerance: float, step: float) -> Evidence:
    """What the seeds of two paired samples say."""
    here = ours.values
    return Evidence(
        differences=here - theirs.values,
        losses=theirs.loss(here) - theirs.loss(theirs.values) if theirs.directed else None,
        tolerance=tolerance,
        resolution=step,
        symmetric=True,
        doubt=theirs.doubt(lambda moved: moved.loss(here) - moved.loss(moved.values)),
    )


def _failed_alone(trials: pd.DataFrame, others: pd.DataFrame) -> Counter[Place]:
    """How many trials of one side failed that the other has and that did not fail there, by place."""
    failed, well = (side["status"].isin(Status.failures()) == lost for side, lost in ((trials, True), (others, False)))
    about = [*_PLACE, "seed"]
    alone = trials.loc[failed, about].merge(others.loc[well, about])
    return Counter(alone[_PLACE].itertuples(index=False, name=None))


def _other_units(frame: pd.DataFrame, baseline: pd.DataFrame) -> dict[tuple[str, str], str]:
    """By task and measurement, why values cannot be compared that both sides have in different units."""
    here, there = units(frame), units(baseline)
    return {
        name: f"another unit: {here[name]}, not {unit}" for name, unit in there.items() if here.get(name, unit) != unit
    }


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
