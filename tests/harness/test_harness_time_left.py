"""The time that is left of a run: its forecast, and how its own trials correct it. All timings are made up."""

import math
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from harness_trials import trial_of

from mibench.cli.progress import RunProgress, _remaining
from mibench.cli.time_left import TimeLeft
from mibench.outcome import Outcome, Status
from mibench.plan.trial import Batch
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.store import Store
from mibench.store.forecast import Expectation
from mibench.store.record import Record
from mibench.store.spread import relative

FAST, SLOW = ("fast", "t", "cpu"), ("slow", "t", "cpu")


def left(rest: TimeLeft, fractions: Mapping[str, float] | None = None) -> float:
    seconds = rest.seconds(fractions or {})
    assert seconds is not None
    return seconds


def test_unequal_trials_count_by_their_forecast_and_not_by_their_number() -> None:
    small = {f"small {i}": Expectation(kind=FAST, work=1.0, seconds=1.0) for i in range(9)}
    rest = TimeLeft({**small, "large": Expectation(kind=FAST, work=91.0, seconds=91.0)}, workers=1)
    assert left(rest) == pytest.approx(100.0)
    for key in small:
        rest.note(key, 1.0)
    assert left(rest) == pytest.approx(91.0), "nine of ten trials are done, and most of the work is not"
    assert left(rest, {"large": 0.5}) == pytest.approx(45.5)


def test_what_was_measured_corrects_what_is_left() -> None:
    trials = {f"{i}": Expectation(kind=FAST, work=2.0**i, seconds=2.0**i) for i in range(4)}
    rest = TimeLeft(trials, workers=1)
    rest.note("0", 3.0)
    assert left(rest) == pytest.approx(3.0 * (2 + 4 + 8))
    rest.note("1", 3.0)
    assert left(rest) == pytest.approx(2.0 * (4 + 8)), "6 s were measured, and 3 s forecast"


def test_an_estimator_is_corrected_by_its_own_trials_and_else_by_those_of_the_others() -> None:
    trials = {f"fast {i}": Expectation(kind=FAST, work=1.0, seconds=1.0) for i in range(2)}
    trials |= {f"slow {i}": Expectation(kind=SLOW, work=1.0, seconds=10.0) for i in range(2)}
    rest = TimeLeft(trials, workers=1)
    rest.note("fast 0", 2.0)
    assert left(rest) == pytest.approx(2.0 + 20.0 + 20.0)
    rest.note("slow 0", 5.0)
    assert left(rest) == pytest.approx(2.0 + 5.0)


def test_each_cell_of_an_estimator_is_corrected_by_its_own_trials() -> None:
    small, large = (Expectation(kind=FAST, work=s, seconds=s, spread=0.1, shared=0.05) for s in (1.0, 50.0))
    rest = TimeLeft({**{f"s{i}": small for i in range(6)}, **{f"l{i}": large for i in range(6)}}, workers=1)
    for key in ("s0", "s1", "s2"):
        rest.note(key, 2.0)
    assert left(rest) == pytest.approx(2.0 * (3 + 6 * 50)), "of large cells nothing else is known"
    for key in ("l0", "l1", "l2"):
        rest.note(key, 50.0)
    assert left(rest) == pytest.approx(3 * 2.0 + 3 * 50.0, rel=0.02)


def test_a_few_trials_correct_little_where_trials_of_one_cell_differ_much() -> None:
    steady, volatile = (Expectation(kind=FAST, work=1.0, seconds=1.0, spread=s, shared=s / 4) for s in (0.1, 1.5))
    left_after: dict[Expectation, float] = {}
    for trial in (steady, volatile):
        rest = TimeLeft({f"{i}": trial for i in range(11)}, workers=1)
        rest.note("0", 5.0)
        left_after[trial] = left(rest)
    assert left_after[steady] == pytest.approx(50.0, rel=0.05)
    assert left_after[volatile] < 25.0


@pytest.mark.parametrize("deviation", [0.05, 1.0])
def test_the_first_records_bring_the_time_left_closer_to_what_it_is(deviation: float) -> None:
    """On a machine that takes twice as long, after a tenth of the trials."""
    random, before, after = np.random.default_rng(0), list[float](), list[float]()
    mean, spread = math.exp(deviation**2 / 2), relative(math.hypot(deviation, 0.1))
    trial = Expectation(kind=FAST, work=1.0, seconds=mean, spread=spread, shared=spread / 4)
    for _ in range(300):
        took = 2 * random.lognormal(0, deviation, 100)
        rest = TimeLeft({f"{i}": trial for i in range(100)}, workers=1)
        before.append(abs(math.log(left(rest) / took.sum())))
        for i in range(10):
            rest.note(f"{i}", took[i])
        after.append(abs(math.log(left(rest) / took[10:].sum())))
    assert np.mean(after) < 0.6 * np.mean(before)
    assert deviation > 0.1 or np.max(after) < math.log(1.1)


def test_an_estimator_without_a_timing_is_not_counted_until_its_first_record_and_named() -> None:
    trials = {f"{i}": Expectation(kind=FAST, work=work, seconds=None) for i, work in enumerate((1.0, 3.0, 30.0))}
    trials |= {f"other {i}": Expectation(kind=SLOW, work=5e6, seconds=None) for i in range(2)}
    rest = TimeLeft(trials, workers=1)
    assert rest.seconds({}) is None
    rest.note("0", None)
    assert rest.seconds({}) is None, "a failed trial says nothing of the others' time"
    rest.note("1", 6.0)
    assert left(rest) == pytest.approx(2.0 * 30.0), "another estimator's work is in units of its own"
    assert rest.uncounted == ["slow"]
    rest.note("other 0", 7.0)
    assert left(rest) == pytest.approx(2.0 * 30.0 + 7.0)
    assert rest.uncounted == []


def test_what_is_not_counted_is_named_beside_the_time_left_or_numbered_where_it_is_much() -> None:
    assert _remaining(19.0, 0.0, ["slow"]) == "about 19 s left, not counting slow"
    assert _remaining(19.0, 0.0, ["a", "b", "c"]) == "about 19 s left, not counting 3 estimators"


def test_before_any_timing_the_work_that_is_done_sets_the_pace() -> None:
    trials = {
        "a": Expectation(kind=FAST, work=10.0, seconds=None),
        "b": Expectation(kind=SLOW, work=30.0, seconds=None),
    }
    rest = TimeLeft(trials, workers=1, resumed={"a": 0.2})
    assert rest.seconds({"a": 0.2}, elapsed=50.0) is None, "nothing was done in this run"
    assert rest.seconds({"a": 0.6}, elapsed=80.0) == pytest.approx(80.0 * (40 - 6) / (6 - 2))


def test_workers_share_trials_and_not_one_trial() -> None:
    rest = TimeLeft({f"{i}": Expectation(kind=FAST, work=1.0, seconds=6.0) for i in range(4)}, workers=3)
    assert left(rest) == pytest.approx(8.0)
    for key in "012":
        rest.note(key, 6.0)
    assert left(rest) == pytest.approx(6.0)
    rest.note("3", 6.0)
    assert left(rest) == 0.0


def test_the_progress_of_a_run_is_corrected_by_its_first_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Ticks(threading.Event):
        """Lets the watcher look twice, at once, and then ends it."""

        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.count += 1
            if self.count == 2:
                progress.note(ended)
            return self.count > 2

    estimator = EstimatorSpec(name="e", target="a:B", estimates={"value"})
    task = TaskSpec(name="t", target="a:C", profiles={}, work={"epochs": "always"})
    trials = [trial_of(epochs=epochs) for epochs in (1, 10, 90)]
    measured, first, _ = trials
    store = Store(tmp_path)
    store.write(Record(trial=measured, key=measured.key, outcome=Outcome(Status.OK), seconds=3600.0))
    ended = Record(trial=first, key=first.key, outcome=Outcome(Status.OK), seconds=20 * 3600.0)
    batches = [Batch(trials=(trial,), estimator=estimator, task=task) for trial in trials[1:]]
    progress = RunProgress(batches, store, workers=1)
    monkeypatch.setattr(progress, "_ended", Ticks())
    with progress:
        pass
    assert capsys.readouterr().err.splitlines() == [
        "0/2 trials, 0 not ok, about 100.0 h left",
        "1/2 trials, 0 not ok, about 180.0 h left",
    ]
