"""How long a run will take, from the trials that are on record and what tasks say of how their work grows."""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import Batch, Trial
from mibench.specs import EstimatorSpec, Scalar, Work
from mibench.store import Store
from mibench.store.record import Record

_OVERHEAD = 0.003
"""Seconds of a trial that do not grow with its work, where one size has been timed and nobody declares more."""
_BATCH = "--batch"
"""Trials that run together share what they cost, so that their number counts as one more size of a cell."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is expected of a trial.

    Attributes:
        kind: its estimator, task and device.
        work: how much work it is, in units that only compare cells of one task.
        seconds: how long it will take; `None` if none of its kind is on record.
        guessed: whether trials were timed alone that differ in what has no size, such as the data set.
    """

    kind: tuple[str, str, str]
    work: float
    seconds: float | None
    guessed: bool = False


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will take.

    Attributes:
        trials: what is expected of each trial, by key; skipped trials are left out.
        elsewhere: by estimator, the sizes that it was timed on where they are not those that are wanted.
        unscaled: by estimator, those of them of which the task does not say how time grows with them.
        unknown: the selectors of which nothing is on record.
    """

    trials: Mapping[str, Expectation]
    elsewhere: Mapping[str, str]
    unscaled: Mapping[str, frozenset[str]]
    unknown: tuple[str, ...]

    @functools.cached_property
    def seconds(self) -> float:
        """Seconds of work, on one worker, but for what is guessed."""
        return sum(trial.seconds or 0.0 for trial in self.trials.values() if not trial.guessed)

    @functools.cached_property
    def guesses(self) -> Mapping[str, float]:
        """Seconds that cannot be more than guessed, by estimator."""
        totals: dict[str, float] = defaultdict(float)
        for trial in self.trials.values():
            if trial.guessed:
                totals[trial.kind[0]] += trial.seconds or 0.0
        return totals

    @functools.cached_property
    def longest(self) -> float:
        """Seconds of the longest trial, below which no number of workers goes."""
        return max((trial.seconds or 0.0 for trial in self.trials.values() if not trial.guessed), default=0.0)

    def on(self, workers: int) -> float:
        """Seconds on so many workers: a trial is not shared between them."""
        return max(self.longest, self.seconds / workers)


@dataclass(frozen=True)
class _Timing:
    """A trial on record: what makes it as long as it is, and its seconds."""

    sizes: Mapping[str, Scalar]
    seconds: float


def forecast(batches: Iterable[Batch], store: Store) -> Forecast:
    """How long batches will take.

    A trial lasts as long as the mean of those of its estimator, task and device that are of the same size: seconds may
    depend on the samples, and it is means that add up to the total. Where there are none, the seconds of the nearest
    are a fixed cost and a cost that is proportional to the work that task and estimator declare; a second amount of
    work on record tells the two apart. Where the nearest differ in what has no size, such as the data set or the widths
    of a network, that is a guess.

    Args:
        batches: what is to run.
        store: what has been measured.
    """
    records = [record for record in store.read()[0] if record.outcome.status is Status.OK and record.seconds]
    timed: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        timed[_alike(record.trial)].append(record)
    trials: dict[str, Expectation] = {}
    elsewhere: dict[str, str] = {}
    unscaled: dict[str, frozenset[str]] = defaultdict(frozenset)
    known: dict[object, Expectation] = {}
    for batch in batches:
        work = _Work({tuple(names.split("+")): kind for names, kind in batch.task.work.items()}, batch.estimator)
        for trial in batch.trials if not batch.trials[0].skip else ():
            sizes = _sizes(trial.cell, len(batch.trials), work)
            scope = (_alike(trial), tuple(sorted(sizes.items())))
            if scope not in known:
                known[scope], timed_on = _expect(_alike(trial), sizes, timed[_alike(trial)], work)
                if timed_on:
                    elsewhere[trial.spelled] = spell_cell(timed_on)
                    unscaled[trial.spelled] |= timed_on.keys() - work.parameters
            trials[trial.key] = known[scope]
    unknown = {trial.kind[0] for trial in known.values() if trial.seconds is None}
    return Forecast(trials=trials, elsewhere=elsewhere, unscaled=unscaled, unknown=tuple(sorted(unknown)))


def _alike(trial: Trial) -> tuple[str, str, str]:
    return trial.spelled, trial.task, trial.device


@dataclass(frozen=True)
class _Work:
    """What the time of some trials is proportional to, as the task and the estimator declare it.

    Attributes:
        kinds: by parameters that are summed, how they count.
        estimator: how its time grows.
    """

    kinds: Mapping[tuple[str, ...], Work]
    estimator: EstimatorSpec

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters of which it is known how time grows with them."""
        unknown: Work | None = "dimensions" if self.estimator.growth_in_dimensions is None else None
        return frozenset(name for names, kind in self.kinds.items() if kind != unknown for name in names)

    @property
    def idle(self) -> frozenset[str]:
        """The parameters with which time does not grow."""
        powers = {
            "training": self.estimator.trains,
            "samples": self.estimator.growth,
            "dimensions": self.estimator.growth_in_dimensions,
        }
        return frozenset(name for names, kind in self.kinds.items() if powers.get(kind) == 0 for name in names)

    def amount(self, sizes: Mapping[str, Scalar]) -> float:
        """How much work a trial is, in units that only compare trials of one estimator and task.

        What is measured after training takes about as long as one more step.
        """
        steps = self._totals("training", sizes) if self.estimator.trains else []
        return math.prod([*self._totals("always", sizes), *(total + 1 for total in steps), self._estimate(sizes)])

    def _estimate(self, sizes: Mapping[str, Scalar]) -> float:
        """The work of one step or estimate."""
        samples, dimensions = self._totals("samples", sizes), math.prod(self._totals("dimensions", sizes))
        fixed = self._grown(self.estimator.growth_from) if samples and self.estimator.growth_from else 0.0
        return fixed + self._grown(math.prod(samples)) * dimensions ** (self.estimator.growth_in_dimensions or 0.0)

    def _grown(self, n: float) -> float:
        """What n samples take."""
        return n * min(n, self.estimator.linear_from or n) ** (self.estimator.growth - 1)

    def _totals(self, wanted: Work, sizes: Mapping[str, Scalar]) -> list[float]:
        return [_total(sizes, names) for names, kind in self.kinds.items() if kind == wanted]


def _total(sizes: Mapping[str, Scalar], names: tuple[str, ...]) -> float:
    return max(1.0, sum(value for name in names if isinstance(value := sizes.get(name), int)))


def _sizes(cell: Mapping[str, Scalar], together: int, work: _Work) -> Mapping[str, Scalar]:
    """What makes a trial as long as it is: all parameters but real numbers and those that are no work of it.

    How many trials ran together is known to a power of two, so that the last batch of a run, which is smaller, is like
    the others where it may be.
    """
    sizes = {name: value for name, value in cell.items() if not isinstance(value, float) and name not in work.idle}
    return {**sizes, _BATCH: 2 ** round(math.log2(together))}


def _expect(
    kind: tuple[str, str, str], sizes: Mapping[str, Scalar], records: list[Record], work: _Work
) -> tuple[Expectation, Mapping[str, Scalar]]:
    """What is expected of a trial, and the sizes in which what it was timed on is another."""
    timings = [_Timing(_sizes(record.trial.cell, record.together, work), record.seconds or 0.0) for record in records]
    seconds, timed_on = _estimate(sizes, timings, work) if timings else (None, {})
    guessed = any(_has_no_size(value) or _has_no_size(sizes.get(name, value)) for name, value in timed_on.items())
    return Expectation(kind=kind, work=work.amount(sizes), seconds=seconds, guessed=guessed), timed_on


def _estimate(sizes: Mapping[str, Scalar], timings: list[_Timing], work: _Work) -> tuple[float, Mapping[str, Scalar]]:
    """Seconds of a trial, and the sizes in which what it was timed on is another."""
    nearest = min(timings, key=lambda timing: _distance(timing.sizes, sizes, work)).sizes
    seconds = fmean(timing.seconds for timing in timings if timing.sizes == nearest)
    if nearest == sizes:
        return seconds, {}
    fixed = _fixed_cost(nearest, seconds, timings, work)
    shown = {name: value for name, value in nearest.items() if sizes.get(name) != value}
    return fixed + (seconds - fixed) * work.amount(sizes) / work.amount(nearest), shown


def _fixed_cost(nearest: Mapping[str, Scalar], seconds: float, timings: list[_Timing], work: _Work) -> float:
    """How many of the seconds do not grow with work: what a line through another amount of work says.

    The other amount is the nearest that differs by a factor of two or more, as the slope between equals is noise.
    """
    alike = [timing for timing in timings if not _unscaled(timing.sizes, nearest, work)]
    amount = work.amount(nearest)
    ratios = {work.amount(timing.sizes): _ratio(work.amount(timing.sizes), amount) for timing in alike}
    others = [other for other, ratio in ratios.items() if ratio >= 2]
    if not others:
        return 0.0 if work.estimator.growth_from else min(_OVERHEAD, 0.75 * seconds)
    other = min(others, key=lambda amount: ratios[amount])
    elsewhere = fmean(timing.seconds for timing in alike if work.amount(timing.sizes) == other)
    slope = (elsewhere - seconds) / (other - amount)
    return min(max(seconds - slope * amount, 0.0), seconds)


def _distance(timed: Mapping[str, Scalar], sizes: Mapping[str, Scalar], work: _Work) -> tuple[int, float, float]:
    """How far apart two trials are: in how many sizes that are no work, how much there, and in how much work."""
    differing = _unscaled(timed, sizes, work)
    ratio = math.prod(_ratio(timed.get(name), sizes.get(name)) for name in sorted(differing))
    return len(differing), ratio, _ratio(work.amount(sizes), work.amount(timed))


def _unscaled(timed: Mapping[str, Scalar], sizes: Mapping[str, Scalar], work: _Work) -> set[str]:
    """The sizes that differ, of which nothing says how time grows with them."""
    names = (timed.keys() | sizes.keys()) - work.parameters
    return {name for name in names if timed.get(name) != sizes.get(name)}


def _has_no_size(value: Scalar) -> bool:
    return isinstance(value, str | tuple)


def _ratio(first: Scalar, second: Scalar) -> float:
    """By what factor two numbers differ, at least 1; that of other values is 1."""
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        return 1.0
    low, high = sorted((max(abs(first), 1.0), max(abs(second), 1.0)))
    return high / low
