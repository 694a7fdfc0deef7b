"""What a tuning makes small: the geometric mean of relative errors, over the levels, cells and tasks as in ranks.

The error of a cell is the root mean square over seeds of the distance from the truth, divided by the size of the truth;
where the truth is 0 it counts in nats. A cell in which a trial failed or diverged counts as an error of `LARGEST`, and
so does a larger error. The mean over the cells of each task, and over tasks, is that of logarithms: half the error in
one cell makes up for twice the error in another.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

from mibench.outcome import NO_TRUTH, Measurement, Status
from mibench.plan.trial import canonical_json
from mibench.store.record import Record

LARGEST = 100.0
"""The relative error that a failure counts as."""
SMALLEST = 1e-6
"""The relative error that smaller ones count as, so that an exact answer has a logarithm."""

Cell: TypeAlias = tuple[str, str]
"""A task, with the plugin that brought it, and the parameters of a cell as JSON."""


@dataclass(frozen=True)
class Score:
    """How well one candidate does.

    Attributes:
        error: the geometric mean of relative errors.
        failed: in how many cells a trial failed or diverged.
    """

    error: float
    failed: int


def errors_by_cell(records: Iterable[Record], quantity: str) -> dict[Cell, float]:
    """The relative error of each cell in a quantity whose truth is known.

    Args:
        records: of one candidate.
        quantity: `mi` or `mi_gradient`.

    Returns:
        Infinity where a trial failed; no entry where all were skipped or no truth is known.
    """
    cells = defaultdict[Cell, list[Record]](list)
    for record in records:
        trial = record.trial
        cells[f"{trial.task_plugin}:{trial.task}", canonical_json(dict(trial.cell))].append(record)
    errors = {cell: _error(of_cell, quantity) for cell, of_cell in cells.items()}
    return {cell: error for cell, error in errors.items() if error is not None}


def score(errors: Mapping[Cell, float], cells: Iterable[Cell]) -> Score:
    """How well a candidate does in the cells of a tuning; a cell that it lacks has failed.

    Args:
        errors: of the candidate, as `errors_by_cell` returns them.
        cells: those in which the default was measured, or failed.
    """
    tasks = defaultdict[str, list[float]](list)
    for cell in cells:
        tasks[cell[0]].append(errors.get(cell, math.inf))
    failed = sum(math.isinf(error) for task in tasks.values() for error in task)
    return Score(math.exp(fmean(fmean(map(_log, task)) for task in tasks.values())), failed)


def _error(records: Sequence[Record], quantity: str) -> float | None:
    """The relative error of one cell: the geometric mean over the levels at which the quantity is measured."""
    if any(record.outcome.status.failed for record in records):
        return math.inf
    levels = defaultdict[str, list[Measurement]](list)
    for measurement in _answers(records, quantity):
        levels[measurement.name].append(measurement)
    return math.exp(fmean(_log(_relative(level)) for level in levels.values())) if levels else None


def _answers(records: Iterable[Record], quantity: str) -> Iterator[Measurement]:
    """The measurements with a truth that trials ended with."""
    for record in records:
        for measurement in record.outcome.measurements if record.outcome.status is Status.OK else ():
            named = measurement.name.partition("/")[0] == quantity
            if named and measurement.epoch is None and measurement.truth is not None:
                yield measurement


def _relative(answers: Sequence[Measurement]) -> float:
    """The root mean square error over seeds, divided by the size of the truth."""
    truths = [answer.truth or 0.0 for answer in answers]
    mean_square = fmean((answer.value - truth) ** 2 for answer, truth in zip(answers, truths, strict=True))
    size = abs(fmean(truths))
    return math.sqrt(mean_square) / (size if size > NO_TRUTH else 1.0)


def _log(error: float) -> float:
    return math.log(min(max(error, SMALLEST), LARGEST))
