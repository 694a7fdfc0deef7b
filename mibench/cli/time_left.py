"""How long the rest of a run will take: its forecast, corrected by what its own trials have taken."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping

from mibench.store.forecast import Expectation
from mibench.store.spread import log_deviation, relative

_UNKNOWN = relative(log_deviation([]))
"""The relative deviation of trials that is assumed where none are on record; less is no reason to doubt a trial."""
_OTHER_MACHINE = 0.5
"""The relative deviation of a run's time from one machine to another, or with what else the machine does."""
_BETWEEN_CELLS = 0.4
"""The relative deviation of a cell's time from what the estimator's other cells say of it."""


class TimeLeft:
    """The time that is left of a run.

    An estimator whose trials have taken twice their forecast so far is expected to go on like that, and each of its
    cells as the cell's own trials have. Where trials of one cell differ much, a few of them correct little. An
    estimator that has no record in this run is corrected as the others are on average; one that has no timing at all is
    not counted, since the work of two estimators cannot be compared.

    Before there is any timing, what running trials have done of their work so far sets the pace.

    Args:
        expected: what is expected of each trial of the run, by key.
        workers: how many trials run at once.
        resumed: how much of each trial was done when the run began, by key.
    """

    def __init__(
        self, expected: Mapping[str, Expectation], workers: int, resumed: Mapping[str, float] | None = None
    ) -> None:
        self._workers = workers
        self._resumed = resumed or {}
        self._waiting = dict(expected)
        self._counts = Counter(expected.values())
        self._measured: dict[tuple[str, ...], float] = defaultdict(float)
        self._forecast: dict[tuple[str, ...], float] = defaultdict(float)
        self._ended = Counter[tuple[str, ...]]()
        self._of_cell: dict[Expectation, list[float]] = defaultdict(list)
        self._with_forecast = [0.0, 0.0]

    def note(self, key: str, seconds: float | None) -> None:
        """Takes note that a trial ended, and how long it took; `None` if that says nothing about other trials."""
        trial = self._waiting.pop(key, None)
        if trial is None:
            return
        self._counts[trial] -= 1
        if seconds is None:
            return
        self._of_cell[trial].append(seconds)
        self._ended[trial.kind] += 1
        self._measured[trial.kind] += seconds
        self._forecast[trial.kind] += trial.work if trial.seconds is None else trial.seconds
        if trial.seconds is not None:
            self._with_forecast[0] += seconds
            self._with_forecast[1] += trial.seconds

    def seconds(self, fractions: Mapping[str, float], elapsed: float = 0.0) -> float | None:
        """Seconds until all trials are done of which something is known; `None` while nothing is.

        Args:
            fractions: how much of each running trial is done, by key.
            elapsed: seconds since the run began.
        """
        counts, parts = self._counts.copy(), list[float]()
        for key, fraction in fractions.items():
            if trial := self._waiting.get(key):
                counts[trial] -= 1
                parts.append(self._corrected(trial, 1 - fraction))
        waiting = [(self._corrected(trial), count) for trial, count in counts.items() if count > 0]
        if self._waiting and all(map(math.isnan, [*(seconds for seconds, _ in waiting), *parts])):
            return self._by_pace(fractions, elapsed)
        waiting = [(seconds, count) for seconds, count in waiting if not math.isnan(seconds)]
        parts = [seconds for seconds in parts if not math.isnan(seconds)]
        whole = sum(seconds * count for seconds, count in waiting) + sum(parts)
        longest = max([*(seconds for seconds, _ in waiting), *parts], default=0.0)
        return max(whole / self._workers, longest)

    @property
    def uncounted(self) -> list[str]:
        """The estimators that are left and have no timing at all."""
        kinds = {trial.kind for trial in self._waiting.values() if trial.seconds is None}
        return sorted({kind[0] for kind in kinds if not self._forecast[kind]})

    def _by_pace(self, fractions: Mapping[str, float], elapsed: float) -> float | None:
        """Seconds that are left if work goes on as it has; `None` if none was done."""
        running = [(key, fraction) for key, fraction in fractions.items() if key in self._waiting]
        done = sum(self._waiting[key].work * fraction for key, fraction in running)
        since = done - sum(self._waiting[key].work * self._resumed.get(key, 0.0) for key, _ in running)
        total = sum(trial.work * count for trial, count in self._counts.items())
        return elapsed * (total - done) / since if since > 0 else None

    def _corrected(self, trial: Expectation, share: float = 1.0) -> float:
        """Seconds that a share of a trial will take; NaN if nothing is known of it."""
        forecast = trial.work if trial.seconds is None else trial.seconds
        if self._forecast[trial.kind]:
            return share * self._of_own(trial, forecast)
        if trial.seconds is None:
            return math.nan
        measured, expected = self._with_forecast
        return share * forecast * (measured / expected if expected else 1.0)

    def _of_own(self, trial: Expectation, forecast: float) -> float:
        """Seconds of a trial whose estimator has records in this run.

        Beside the estimator's trials the forecast counts as much as trials as uncertain as it; beside the cell's own
        trials does what the estimator's say of it.
        """
        weight = max(trial.spread**2 - _UNKNOWN**2, 0.0) / (trial.shared**2 + _OTHER_MACHINE**2)
        prior = weight * self._forecast[trial.kind] / self._ended[trial.kind]
        expected = forecast * (self._measured[trial.kind] + prior) / (self._forecast[trial.kind] + prior)
        own, weight = self._of_cell.get(trial, []), (trial.spread / _BETWEEN_CELLS) ** 2
        return (weight * expected + sum(own)) / (weight + len(own)) if own else expected
