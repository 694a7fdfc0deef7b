"""Forecasts of large cells from small ones, and from how much the trials of one cell differ. Timings are made up."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from harness_trials import trial_of

from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.outcome import Outcome, Status
from mibench.plan.trial import Batch
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.store import Store
from mibench.store.forecast import Forecast, forecast
from mibench.store.record import Record
from mibench.store.spread import Span, log_deviation, relative_of_sum

ROOT = Path(__file__).resolve().parents[2]


def batch_of(declared: dict[str, Any], cell: dict[str, Any], seed: int) -> Batch:
    """A batch of one trial of an estimator that declares this of its time."""
    spec = EstimatorSpec(name="e", target="a:B", estimates={"value"}, **declared)
    work: dict[str, Any] = {"steps": "training", "n": "samples", "d+dx+dy": "dimensions"}
    task = TaskSpec(name="t", target="a:C", profiles={}, work=work)
    trial = trial_of(seed=seed, **cell)
    return Batch(trials=(trial,), estimator=spec, task=task)


def forecast_of(
    declared: dict[str, Any],
    wanted: dict[str, Any],
    *timed: tuple[dict[str, Any], float],
    results: Path,
    seeds: int = 1,
) -> Forecast:
    """The forecast of trials of a cell after trials that took these seconds."""
    store = Store(results)
    for seed, (cell, seconds) in enumerate(timed):
        trial = batch_of(declared, cell, seed).trials[0]
        store.write(Record(trial=trial, key=trial.key, outcome=Outcome(Status.OK), seconds=seconds))
    return forecast([batch_of(declared, wanted, 100 + seed) for seed in range(seeds)], store)


@pytest.mark.parametrize(
    ("declared", "took"),
    [
        ({"growth_from": 1, "growth_in_dimensions": 1.0}, lambda n, d: 1e-3 * (1 + n * d)),
        (
            {"growth": 2.0, "growth_from": 100, "growth_in_dimensions": 0.5},
            lambda n, d: 1e-6 * (100**2 + n**2 * d**0.5),
        ),
        ({"growth_from": 300, "growth_in_dimensions": 0.0}, lambda n, d: 1e-5 * (300 + n)),
        (
            {"growth": 3.0, "growth_from": 10, "linear_from": 200, "growth_in_dimensions": 1.0},
            lambda n, d: 1e-8 * (10**3 + d * n * min(n, 200) ** 2),
        ),
    ],
)
@pytest.mark.parametrize("small", [{"n": 64, "d": 1}, {"n": 64, "d": 2}, {"n": 256, "d": 20}])
@pytest.mark.parametrize("large", [{"n": 64, "d": 20}, {"n": 256, "d": 10}, {"n": 4096, "d": 40}])
def test_one_small_cell_forecasts_a_large_one_where_time_grows_as_declared(
    declared: dict[str, Any],
    took: Callable[[int, int], float],
    small: dict[str, int],
    large: dict[str, int],
    results: Path,
) -> None:
    expected = forecast_of(declared, large, (small, took(**small)), results=results)
    assert expected.seconds == pytest.approx(took(**large))
    assert expected.unscaled.get("e", frozenset()) == frozenset()


def test_the_dimensions_of_x_and_y_count_together(results: Path) -> None:
    declared = {"growth_from": 1, "growth": 0.0, "growth_in_dimensions": 1.0}
    timed = ({"n": 64, "dx": 1, "dy": 1}, 3.0)
    assert forecast_of(declared, {"n": 64, "dx": 5, "dy": 9}, timed, results=results).seconds == pytest.approx(15.0)


def test_undeclared_growth_in_dimensions_scales_nothing_and_is_named(results: Path) -> None:
    expected = forecast_of({"growth_from": 1}, {"n": 64, "d": 20}, ({"n": 64, "d": 2}, 3.0), results=results)
    assert expected.seconds == 3.0
    assert expected.unscaled == {"e": {"d"}}


def test_dimensions_that_take_no_time_make_no_other_size(results: Path) -> None:
    declared = {"growth_from": 1, "growth_in_dimensions": 0.0}
    expected = forecast_of(declared, {"n": 64, "d": 20}, ({"n": 64, "d": 2}, 3.0), results=results)
    assert (expected.seconds, expected.elsewhere) == (3.0, {})


def test_trials_whose_time_depends_on_their_samples_add_up_to_their_mean(results: Path) -> None:
    timed = [({"n": 64}, seconds) for seconds in (1.0, 1.0, 10.0)]
    assert forecast_of({}, {"n": 64}, *timed, results=results, seeds=6).seconds == pytest.approx(24.0)


class Timed:
    """A store in which trials of a cell are on record that took these seconds."""

    def __init__(self, cell: dict[str, Any], seconds: Iterable[float]) -> None:
        trials = ((batch_of({}, cell, seed).trials[0], took) for seed, took in enumerate(seconds))
        self._records = [
            Record(trial=trial, key=trial.key, outcome=Outcome(Status.OK), seconds=took) for trial, took in trials
        ]

    def read(self) -> tuple[list[Record], list[str]]:
        """All of them."""
        return self._records, []


def span(
    timed: Iterable[float], seeds: int, wanted: dict[str, Any] | None = None, declared: dict[str, Any] | None = None
) -> Span:
    """What is expected of trials of `wanted` on one worker, after trials of 64 samples in 2 dimensions."""
    cell = {"n": 64, "d": 2}
    batches = [batch_of(declared or DECLARED, {**cell, **(wanted or {})}, 100 + seed) for seed in range(seeds)]
    return forecast(batches, cast("Store", Timed(cell, timed))).on(1)


DECLARED = {"growth_from": 1, "growth_in_dimensions": 1.0}
SEVERAL = [0.1, 0.5, 1.0]
"""Standard deviations of the logarithm of seconds: the last is tenfold between trials of the middle three quarters."""


@pytest.mark.parametrize("deviation", SEVERAL)
@pytest.mark.parametrize(("timed", "seeds"), [(3, 1), (3, 30), (10, 5), (20, 20)])
def test_the_range_of_a_cell_holds_what_its_trials_take_in_most_draws(deviation: float, timed: int, seeds: int) -> None:
    random = np.random.default_rng(0)
    holds = 0
    for _ in range(200):
        seconds = random.lognormal(0, deviation, timed + seeds)
        said = span(seconds[:timed], seeds)
        holds += said.low <= seconds[timed:].sum() <= said.high
    assert holds >= 0.85 * 200


@pytest.mark.parametrize("deviation", SEVERAL)
def test_the_range_of_another_cell_holds_what_its_trials_take_in_most_draws(deviation: float) -> None:
    """Its mean is off what is declared by as much as single trials differ, and by a fifth beside."""
    random = np.random.default_rng(0)
    holds = 0
    for _ in range(200):
        off = 8 * random.lognormal(0, math.hypot(deviation, 0.2))
        said = span(random.lognormal(0, deviation, 4), 10, {"n": 512})
        holds += said.low <= off * random.lognormal(0, deviation, 10).sum() <= said.high
    assert holds >= 0.85 * 200


@pytest.mark.parametrize("timed", [2, 3, 10])
def test_a_forecast_is_a_point_where_times_are_steady(timed: int) -> None:
    steady = np.random.default_rng(0).normal(5.0, 0.1, timed).tolist()
    assert span(steady, 10).sure
    assert span(steady, 10).seconds == pytest.approx(50, rel=0.05)


def test_a_forecast_is_a_range_where_trials_differ_or_are_few_or_of_another_size() -> None:
    assert not span([1.0, 10.0, 2.0], 5).sure
    assert not span([5.0], 10).sure
    assert not span([5.0, 5.1, 4.9, 5.0], 10, {"n": 128}).sure


def test_the_range_holds_a_growth_that_nobody_declares() -> None:
    said = span([1.0] * 5, 1, {"d": 40}, {"growth_from": 1})
    assert said.seconds == 1.0
    assert said.high > 20


def test_trials_of_one_batch_are_one_piece_of_evidence() -> None:
    apart = log_deviation([("cell", 1.0, 1), ("cell", 1.0, 1), ("cell", 3.0, 1), ("cell", 3.0, 1)])
    together = log_deviation([("cell", 1.0, 2), ("cell", 1.0, 2), ("cell", 3.0, 2), ("cell", 3.0, 2)])
    assert together == pytest.approx(log_deviation([("cell", 1.0, 1), ("cell", 3.0, 1)]))
    assert together != apart
    assert log_deviation([("cell", 1.0, 4)] * 4) == log_deviation([])


def test_errors_that_terms_share_add_up_and_others_do_not() -> None:
    shared = [("group", 1.0, 0.5, 0.0)] * 16
    assert relative_of_sum(shared) == pytest.approx(0.5)
    assert relative_of_sum([("group", 1.0, 0.0, 0.5)] * 16) == pytest.approx(0.5 / 4)
    assert relative_of_sum([(number, 1.0, 0.5, 0.0) for number in range(16)]) == pytest.approx(0.5 / 4)


def test_more_workers_share_a_range_but_no_trial() -> None:
    batches = [batch_of(DECLARED, {"n": 64, "d": 2}, 100 + seed) for seed in range(8)]
    expected = forecast(batches, cast("Store", Timed({"n": 64, "d": 2}, [5.0, 5.1, 4.9])))
    assert expected.on(4).seconds == pytest.approx(10.0)
    assert expected.on(100).seconds == pytest.approx(5.0)
    assert expected.on(100).low < 5 < expected.on(100).high


MEASURED = pd.read_csv(ROOT / "results" / "pages" / "growth.csv")
"""What `benchmarks/suites/growth.py` measured of the estimators that are shipped."""


@pytest.mark.parametrize("name", sorted(MEASURED["estimator"].unique()))
def test_what_an_estimator_declares_forecasts_what_was_measured_of_it(name: str, results: Path) -> None:
    """From the cell of the profile `smoke`, 64 samples in two dimensions, the larger cells within a factor of 1.5."""
    spec = Registry(load_plugins()).find(EstimatorSpec, name).spec
    names = ("growth", "growth_from", "growth_in_dimensions", "linear_from")
    declared = {field: getattr(spec, field) for field in names}
    cells = {(int(row["n"]), int(row["d"])): float(row["seconds"]) for row in records_of(name)}
    small = min((cell for cell in cells if cell[1] <= 2), key=lambda cell: (cell[0], -cell[1]))
    timed = ({"n": small[0], "d": small[1]}, cells[small])
    for (n, d), seconds in cells.items():
        if n >= small[0] and d >= small[1] and seconds > 0.01:  # below, a millisecond that the machine adds counts
            expected = forecast_of(declared, {"n": n, "d": d}, timed, results=results).seconds
            assert 1 / 1.5 <= expected / seconds <= 1.5, (n, d, expected, seconds)


def records_of(name: str) -> list[dict[str, Any]]:
    return MEASURED[MEASURED["estimator"] == name].to_dict("records")
