"""How long a run will take, from the trials that are on record and what tasks say of how their work grows."""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from mibench.outcome import Status
from mibench.plan.selectors import spell_cell
from mibench.plan.trial import Batch, Trial
from mibench.specs import Scalar
from mibench.store import Store
from mibench.store.record import Record
from mibench.store.spread import Span, around, log_deviation, relative, relative_of_sum
from mibench.store.work import BATCH, DeclaredWork, distance, ratio, sizes_of, unscaled

_OVERHEAD = 0.003
"""Seconds of a trial that do not grow with its work, where one size has been timed and nobody declares more."""
_EXTRAPOLATED = 0.25
"""The deviation of the logarithm of what trials of other sizes take, where it is declared how time grows with these."""
_POWER = 0.1
"""That of a declared power of samples and dimensions."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What is expected of a trial.

    Attributes:
        kind: its estimator, task and device.
        work: how much work it is, in units that only compare cells of one task.
        seconds: how long it will take; `None` if none of its kind is on record.
        guessed: whether trials were timed alone that differ in what has no size, such as the data set.
        sizes: what makes it as long as it is; trials of one kind and size are expected to take equally long.
        shared: by how much the seconds of all trials of its kind may be off alike, as a share of them: their mean is
            known from few trials, or from trials of other sizes.
        spread: the standard deviation of the seconds of one trial, as a share of their mean.
    """

    kind: tuple[str, str, str]
    work: float
    seconds: float | None
    guessed: bool = False
    sizes: tuple[tuple[str, Scalar], ...] = ()
    shared: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run will take.

    Attributes:
        trials: what is expected of each trial, by key; skipped trials are left out.
        elsewhere: by estimator, the sizes that it was timed on where they are not those that are wanted.
        unscaled: by estimator, those of them of which the task does not say how time grows with them.
        unknown: by estimator, the tasks on which nothing of it is on record.
    """

    trials: Mapping[str, Expectation]
    elsewhere: Mapping[str, str]
    unscaled: Mapping[str, frozenset[str]]
    unknown: Mapping[str, tuple[str, ...]]

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

    def on(self, workers: int) -> Span:
        """Seconds on so many workers, but for what is guessed: a trial is not shared between them."""
        known = [(trial, trial.seconds) for trial in self.trials.values() if trial.seconds and not trial.guessed]
        parts = [(trial.kind, seconds, trial.shared, _alone(trial)) for trial, seconds in known]
        whole = around(self.seconds, relative_of_sum(parts))
        single = [around(seconds, math.hypot(trial.shared, trial.spread)) for trial, seconds in known]
        longest = max(single, key=lambda span: span.seconds, default=whole)
        ends = ((whole.seconds, longest.seconds), (whole.low, longest.low), (whole.high, longest.high))
        return Span(*(max(total / workers, least) for total, least in ends))


def _alone(trial: Expectation) -> float:
    """The deviation of a trial's own, for a sum: trials of one batch take equally long."""
    together = dict(trial.sizes).get(BATCH, 1)
    return trial.spread * math.sqrt(together) if isinstance(together, int) else trial.spread


@dataclass(frozen=True)
class _Timing:
    """A trial on record: what makes it as long as it is, its seconds, and how many trials shared them."""

    sizes: Mapping[str, Scalar]
    seconds: float
    together: int


@dataclass(frozen=True)
class _OnRecord:
    """What is on record of an estimator, a task and a device.

    Attributes:
        timings: of each trial.
        deviation: that of the logarithm of the seconds of trials of one size.
    """

    timings: list[_Timing]
    deviation: float


def forecast(batches: Iterable[Batch], store: Store) -> Forecast:
    """How long batches will take.

    A trial lasts as long as the mean of those of its estimator, task and device that are of the same size: seconds may
    depend on the samples, and it is means that add up to the total. Where there are none, the seconds of the nearest
    are a fixed cost and a cost that is proportional to the work that task and estimator declare; a second amount of
    work on record tells the two apart. Where the nearest differ in what has no size, such as the data set or the widths
    of a network, that is a guess.

    A forecast is as sure as the trials on record are many and alike. From other sizes it is off by the spread of single
    trials too, since an estimator whose time depends on the samples may do so otherwise there; and where nothing says
    how time grows with a size, by up to the factor by which that size differs. The further samples and dimensions are
    extrapolated, the more it matters that their powers are known to a tenth only.

    Args:
        batches: what is to run.
        store: what has been measured.
    """
    records = [record for record in store.read()[0] if record.outcome.status is Status.OK and record.seconds]
    timed: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        timed[_alike(record.trial)].append(record)
    of_kind: dict[tuple[str, str, str], _OnRecord] = {}
    trials: dict[str, Expectation] = {}
    elsewhere: dict[str, str] = {}
    unscaled: dict[str, frozenset[str]] = defaultdict(frozenset)
    known: dict[object, Expectation] = {}
    for batch in batches:
        work = DeclaredWork({tuple(names.split("+")): kind for names, kind in batch.task.work.items()}, batch.estimator)
        for trial in batch.trials if not batch.trials[0].skip else ():
            sizes = sizes_of(trial.cell, len(batch.trials), work)
            scope = (_alike(trial), _sorted(sizes))
            if scope not in known:
                if _alike(trial) not in of_kind:
                    of_kind[_alike(trial)] = _on_record(timed[_alike(trial)], work)
                known[scope], timed_on = _expect(_alike(trial), sizes, of_kind[_alike(trial)], work)
                if timed_on:
                    elsewhere[trial.spelled] = spell_cell(timed_on)
                    unscaled[trial.spelled] |= timed_on.keys() - work.parameters
            trials[trial.key] = known[scope]
    unknown = defaultdict[str, tuple[str, ...]](tuple)
    for name, task, _ in sorted({trial.kind for trial in known.values() if trial.seconds is None}):
        unknown[name] += (task,)
    return Forecast(trials=trials, elsewhere=elsewhere, unscaled=unscaled, unknown=unknown)


def _alike(trial: Trial) -> tuple[str, str, str]:
    return trial.spelled, trial.task, trial.device


def _on_record(records: list[Record], work: DeclaredWork) -> _OnRecord:
    timings = [_Timing(sizes_of(it.trial.cell, it.together, work), it.seconds or 0.0, it.together) for it in records]
    return _OnRecord(timings, log_deviation((_sorted(it.sizes), it.seconds, it.together) for it in timings))


def _sorted(sizes: Mapping[str, Scalar]) -> tuple[tuple[str, Scalar], ...]:
    return tuple(sorted(sizes.items()))


def _expect(
    kind: tuple[str, str, str], sizes: Mapping[str, Scalar], known: _OnRecord, work: DeclaredWork
) -> tuple[Expectation, Mapping[str, Scalar]]:
    """What is expected of a trial, and the sizes in which what it was timed on is another."""
    expected = Expectation(kind=kind, work=work.amount(sizes), seconds=None, sizes=_sorted(sizes))
    if not known.timings:
        return expected, {}
    nearest = min(known.timings, key=lambda timing: distance(timing.sizes, sizes, work)).sizes
    timed_on = {name: value for name, value in nearest.items() if sizes.get(name) != value}
    return replace(
        expected,
        seconds=_estimate(sizes, nearest, known.timings, work),
        guessed=any(_has_no_size(value) or _has_no_size(sizes.get(name, value)) for name, value in timed_on.items()),
        shared=_shared(sizes, nearest, known, work),
        spread=relative(known.deviation),
    ), timed_on


def _shared(sizes: Mapping[str, Scalar], nearest: Mapping[str, Scalar], known: _OnRecord, work: DeclaredWork) -> float:
    """By how much the seconds of all trials of a size may be off alike, as a share of them."""
    if nearest != sizes:
        undeclared = math.log(distance(nearest, sizes, work)[1]) / 2
        powers = _POWER * math.log(ratio(work.estimate(sizes), work.estimate(nearest)))
        return relative(math.hypot(known.deviation, _EXTRAPOLATED, undeclared, powers))
    return relative(known.deviation) / math.sqrt(
        sum(1 / timing.together for timing in known.timings if timing.sizes == nearest)
    )


def _estimate(
    sizes: Mapping[str, Scalar], nearest: Mapping[str, Scalar], timings: list[_Timing], work: DeclaredWork
) -> float:
    """Seconds of a trial, from those of the nearest sizes."""
    seconds = fmean(timing.seconds for timing in timings if timing.sizes == nearest)
    if nearest == sizes:
        return seconds
    fixed = _fixed_cost(nearest, seconds, timings, work)
    return fixed + (seconds - fixed) * work.amount(sizes) / work.amount(nearest)


def _fixed_cost(nearest: Mapping[str, Scalar], seconds: float, timings: list[_Timing], work: DeclaredWork) -> float:
    """How many of the seconds do not grow with work: what a line through another amount of work says.

    The other amount is the nearest that differs by a factor of two or more, as the slope between equals is noise.
    """
    alike = [timing for timing in timings if not unscaled(timing.sizes, nearest, work)]
    amount = work.amount(nearest)
    ratios = {work.amount(timing.sizes): ratio(work.amount(timing.sizes), amount) for timing in alike}
    others = [other for other, factor in ratios.items() if factor >= 2]
    if not others:
        return 0.0 if work.estimator.growth_from else min(_OVERHEAD, 0.75 * seconds)
    other = min(others, key=lambda amount: ratios[amount])
    elsewhere = fmean(timing.seconds for timing in alike if work.amount(timing.sizes) == other)
    slope = (elsewhere - seconds) / (other - amount)
    return min(max(seconds - slope * amount, 0.0), seconds)


def _has_no_size(value: Scalar) -> bool:
    return isinstance(value, str | tuple)
