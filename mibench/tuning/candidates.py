"""The candidates of a tuning, one after the other: each is measured as ordinary trials, on seeds that no run has.

The default comes first. What is on record is not measured again, and the sampler is told the same errors in the same
order, so that the same command goes on where another was killed, and ends as that would have ended.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.executors import Executor
from mibench.outcome import Status
from mibench.plan.selectors import combinations, parse_selector, spell
from mibench.plan.trial import TUNING_SEEDS
from mibench.runner import Job, execute, prepare
from mibench.store.record import Record
from mibench.tuning.objective import Cell, errors_by_cell, score
from mibench.tuning.request import Target, TuneRequest
from mibench.tuning.sampler import Sampler
from mibench.tuning.space import Space, spell_candidate

REPEATS = 10
"""How many proposals that were tried before, one after the other, it takes to draw the next one at random."""
PATIENCE = 1000
"""How many of them end a tuning: there are few values, and all were tried."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One combination of parameters, and what came of it on the tuning's seeds.

    Attributes:
        number: 0 for the default.
        estimator: its selector.
        error: the geometric mean of relative errors; see `mibench.tuning.objective`.
        failed: in how many cells a trial failed or diverged, which count as an error of `LARGEST`.
        samples: how many pairs its trials have seen; `None` where a task does not count them.
        seconds: what its trials took.
        cells: how many cells there are.
        unmade: why it cannot be made at all, so that it was not measured; empty if it can.
        not_ok: the records of its trials that failed, diverged or were skipped.
    """

    number: int
    estimator: str
    error: float
    failed: int
    samples: int | None
    seconds: float
    cells: int
    unmade: str = ""
    not_ok: Sequence[Record] = field(default=(), repr=False)


class Notes(Protocol):
    """Is told each record of a candidate that is measured now."""

    def note(self, record: Record) -> None:
        """Takes a record."""
        ...


Progress = Callable[[Job], AbstractContextManager[Notes | None]]
"""What shows how far the trials of one candidate are."""


@dataclass(frozen=True)
class Tuner:
    """A tuning that fits: what is searched, and which quantity's error is made small.

    Attributes:
        request: what was asked for.
        registry: what the plugins brought.
        params: the estimator's parameters.
        space: those that are searched.
        quantity: `mi` or `mi_gradient`.
        owner: what the estimator is called in messages.
        plain: whether no task sets parameters of the estimator, so that its default is that of `params`.
    """

    request: TuneRequest
    registry: Registry
    params: type[Any]
    space: Space
    quantity: Target
    owner: str
    plain: bool

    def candidates(self, executor: Executor, progress: Progress = lambda _: nullcontext()) -> Iterator[Candidate]:
        """Measures the default, then one candidate after the other until the budget is spent.

        Raises:
            UsageError: the default was measured in no cell, or samples are a budget and are not counted.
            StoreError: results cannot be written, or a newer mibench has recorded a trial.
        """
        base, _ = self._spelled(spell_candidate(self.request.selector, {}))
        records = self._measure(base, executor, progress, candidate=False)
        cells = errors_by_cell(records, self.quantity)
        if not cells:
            raise UsageError(f"{self.owner} cannot be tuned here: {_reason(records, self.quantity)}")
        default = self._judged(0, base, records, cells, "")
        if default.samples is None and self.request.samples is not None:
            raise UsageError("a task here does not count the pairs that trials see; give the budget in seconds")
        yield default
        sampler = Sampler(self.space)
        if self.plain:
            (instance,) = combinations(self.params, parse_selector(base).sweep, self.owner)
            sampler.know({name: getattr(instance, name) for name in self.space}, default.error)
        tried = {default.estimator: default}
        while len(tried) <= self.request.trials and not _is_spent(self.request, tried.values()):
            estimator, unmade = self._new(sampler, tried)
            if not estimator:
                return
            records = [] if unmade else self._measure(estimator, executor, progress, candidate=True)
            tried[estimator] = self._judged(len(tried), estimator, records, cells, unmade)
            sampler.tell(tried[estimator].error)
            yield tried[estimator]

    def _new(self, sampler: Sampler, tried: Collection[str]) -> tuple[str, str]:
        """The next candidate that was not tried, and why it cannot be made; empty if `PATIENCE` proposals were."""
        for number in range(PATIENCE):
            values = sampler.ask(at_random=number >= REPEATS)
            estimator, unmade = self._spelled(spell_candidate(self.request.selector, values))
            if estimator not in tried:
                return estimator, unmade
            sampler.drop()
        return "", ""

    def _spelled(self, estimator: str) -> tuple[str, str]:
        """A candidate as tables spell it, and why it cannot be made; if so, it has failed in every cell.

        Where a task sets parameters, those that are the estimator's own defaults have to be said as well.
        """
        selector = parse_selector(estimator)
        try:
            (instance,) = combinations(self.params, selector.sweep, self.owner)
        except UsageError as error:
            return estimator, str(error)
        return spell(selector.name, instance) if self.plain else estimator, ""

    def _measure(self, estimator: str, executor: Executor, progress: Progress, *, candidate: bool) -> list[Record]:
        """The records of one candidate; what has none is measured.

        Raises:
            StoreError: a newer mibench has recorded one of its trials.
        """
        wanted = replace(self.request.run, estimators=estimator)
        job = prepare(wanted, self.registry, executor if executor.plans else None, first_seed=TUNING_SEEDS)
        job.refuse_newer()
        batches = [replace(batch, candidate=candidate) for batch in job.batches]
        if self.request.rerun == "missing":  # a run would also measure again what failed, and the tuning turn elsewhere
            left = [tuple(trial for trial in batch.trials if job.store.find(trial) is None) for batch in batches]
            batches = [replace(batch, trials=trials) for batch, trials in zip(batches, left, strict=True) if trials]
        job = replace(job, batches=batches)
        with progress(job) if batches else nullcontext() as shown:
            for record in execute(job, executor):
                if shown is not None:
                    shown.note(record)
        return job.records

    def _judged(
        self, number: int, estimator: str, records: Sequence[Record], cells: Collection[Cell], unmade: str
    ) -> Candidate:
        result = score(errors_by_cell(records, self.quantity), cells)
        return Candidate(
            number=number,
            estimator=estimator,
            error=result.error,
            failed=result.failed,
            samples=_samples(records),
            seconds=sum(record.seconds or 0.0 for record in records),
            cells=len(cells),
            unmade=unmade,
            not_ok=tuple(record for record in records if record.outcome.status is not Status.OK),
        )


def _is_spent(request: TuneRequest, candidates: Collection[Candidate]) -> bool:
    """Whether no further candidate may be begun."""
    samples = sum(candidate.samples or 0 for candidate in candidates)
    seconds = sum(candidate.seconds for candidate in candidates)
    limits = ((request.samples, samples), (request.seconds, seconds))
    return any(limit is not None and spent >= limit for limit, spent in limits)


def _samples(records: Sequence[Record]) -> int | None:
    """How many pairs trials have seen; `None` where one that ended well does not say."""
    counts = [
        [measurement.value for measurement in record.outcome.measurements if measurement.name == "samples"]
        for record in records
        if record.outcome.status is Status.OK
    ]
    return int(sum(map(sum, counts))) if all(counts) else None


def _reason(records: Sequence[Record], quantity: str) -> str:
    """Why the default was measured in no cell."""
    skipped = [record.outcome.error.message for record in records if record.outcome.error]
    return skipped[0] if skipped else f"no trial measures {quantity} beside a truth"
