"""How long a run will take, from the trials that are on record and what tasks say of how their work grows."""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import Batch, Trial
from mibench.specs import Scalar
from mibench.store import Store


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is expected of a trial.

    Attributes:
        kind: its estimator, task and device.
        work: how much work it is, in units that only compare cells of one task.
        seconds: how long it will take; `None` if none of its kind is on record.
    """

    kind: tuple[str, str, str]
    work: float
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will take.

    Attributes:
        trials: what is expected of each trial, by key; skipped trials are left out.
        elsewhere: by estimator, the cell that it was timed on where that is of another size.
        unscaled: by estimator, the parameters that differ there and that the task does not say how time grows with.
        unknown: the selectors of which nothing is on record.
    """

    trials: Mapping[str, Expectation]
    elsewhere: Mapping[str, str]
    unscaled: Mapping[str, frozenset[str]]
    unknown: tuple[str, ...]

    @functools.cached_property
    def seconds(self) -> float:
        """Seconds of work, on one worker."""
        return sum(trial.seconds or 0.0 for trial in self.trials.values())

    @functools.cached_property
    def longest(self) -> float:
        """Seconds of the longest trial, below which no number of workers goes."""
        return max((trial.seconds or 0.0 for trial in self.trials.values()), default=0.0)

    def on(self, workers: int) -> float:
        """Seconds on so many workers: a trial is not shared between them."""
        return max(self.longest, self.seconds / workers)


@dataclass(frozen=True)
class _Timing:
    """A trial on record: its parameters and its seconds."""

    cell: Mapping[str, Scalar]
    seconds: float


def forecast(batches: Iterable[Batch], store: Store) -> Forecast:
    """How long batches will take.

    A trial lasts as long as the median of those of its estimator, task and device on cells of the same size. Where
    there are none, it lasts as long as those on the nearest cells, scaled by the work that the task declares.

    Args:
        batches: what is to run.
        store: what has been measured.
    """
    timings: dict[tuple[str, str, str], list[_Timing]] = defaultdict(list)
    for record in store.read()[0]:
        if record.outcome.status is Status.OK and record.seconds is not None:
            timings[_alike(record.trial)].append(_Timing(record.trial.cell, record.seconds))
    trials: dict[str, Expectation] = {}
    elsewhere: dict[str, str] = {}
    unscaled: dict[str, frozenset[str]] = defaultdict(frozenset)
    known: dict[object, Expectation] = {}
    for batch in batches:
        for trial in batch.trials if not batch.trials[0].skip else ():
            scope = (_alike(trial), _sizes(trial.cell))
            if scope not in known:
                known[scope], timed_on = _expect(trial, timings[_alike(trial)], _work(batch))
                if timed_on:
                    elsewhere[trial.spelled] = spell_cell(timed_on)
                    unscaled[trial.spelled] |= timed_on.keys() - batch.task.work.keys()
            trials[trial.key] = known[scope]
    unknown = {trial.kind[0] for trial in known.values() if trial.seconds is None}
    return Forecast(trials=trials, elsewhere=elsewhere, unscaled=unscaled, unknown=tuple(sorted(unknown)))


def _alike(trial: Trial) -> tuple[str, str, str]:
    return trial.spelled, trial.task, trial.device


def _sizes(cell: Mapping[str, Scalar]) -> tuple[tuple[str, Scalar], ...]:
    """All parameters but the real numbers, which do not make a trial longer."""
    return tuple(sorted((name, value) for name, value in cell.items() if not isinstance(value, float)))


def _work(batch: Batch) -> list[str]:
    """The parameters that the time of these trials is proportional to."""
    trains = batch.estimator.trains
    return [name for name, kind in batch.task.work.items() if kind == "always" or trains]


def _expect(trial: Trial, timings: list[_Timing], work: list[str]) -> tuple[Expectation, Mapping[str, Scalar]]:
    """What is expected of a trial, and the sizes in which the cell that it was timed on is another."""
    seconds, timed_on = _estimate(trial.cell, timings, work) if timings else (None, {})
    return Expectation(kind=_alike(trial), work=_amount(trial.cell, work), seconds=seconds), timed_on


def _estimate(
    cell: Mapping[str, Scalar], timings: list[_Timing], work: list[str]
) -> tuple[float, Mapping[str, Scalar]]:
    """Seconds of a trial, and the sizes in which the cell that it was timed on is another."""
    same = [timing.seconds for timing in timings if _sizes(timing.cell) == _sizes(cell)]
    if same:
        return median(same), {}
    distances = [_distance(timing.cell, cell, work) for timing in timings]
    least = min(distances)
    nearest = [timing for timing, distance in zip(timings, distances, strict=True) if distance == least]
    timed = nearest[0].cell
    seconds = median(timing.seconds for timing in nearest)
    shown = {name: value for name, value in timed.items() if cell.get(name) != value and not isinstance(value, float)}
    return seconds * _amount(cell, work) / _amount(timed, work), shown


def _distance(timed: Mapping[str, Scalar], cell: Mapping[str, Scalar], work: list[str]) -> tuple[int, float, float]:
    """How far apart two cells are: in how many sizes they differ that do not scale, how much, and in how much work."""
    ours, theirs = dict(_sizes(cell)), dict(_sizes(timed))
    differing = [
        name for name in ours.keys() | theirs.keys() if name not in work and ours.get(name) != theirs.get(name)
    ]
    ratio = math.prod(_ratio(ours.get(name), theirs.get(name)) for name in sorted(differing))
    return len(differing), ratio, _ratio(_amount(cell, work), _amount(timed, work))


def _ratio(first: Scalar, second: Scalar) -> float:
    """By what factor two numbers differ, at least 1; that of other values is 1."""
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        return 1.0
    low, high = sorted((max(abs(first), 1.0), max(abs(second), 1.0)))
    return high / low


def _amount(cell: Mapping[str, Scalar], work: list[str]) -> float:
    """How much work a cell is, in units that only compare cells of one task."""
    return math.prod(max(float(value), 1.0) for name in work if isinstance(value := cell.get(name), int | float))
