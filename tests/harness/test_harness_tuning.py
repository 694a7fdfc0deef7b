"""A tuning finds better parameters at a stated budget, on data that no table has, and goes on where it was killed."""

import itertools
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tuning_toys
from harness_trials import trial_of

import mibench
from mibench.comparison.cell_errors import cell_errors
from mibench.comparison.error_table import error_tables
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import StoreError, UsageError
from mibench.executors.serial import SerialExecutor
from mibench.frames import tidy
from mibench.outcome import ErrorInfo, Measurement, Outcome, Status
from mibench.plan import MOST_TRIALS
from mibench.plan.selectors import parse_selector
from mibench.plan.trial import TUNING_SEEDS, Trial
from mibench.store import Store
from mibench.store.record import Record
from mibench.tuning.answer import Tuning
from mibench.tuning.objective import LARGEST, errors_by_cell, score

TOYS = {"device": "cpu", "plugins": [tuning_toys.FILE]}


def tune(results: Path, estimator: str = "tunable", task: str = "known", **options: Any) -> Tuning:
    return mibench.tune(estimator, task, results=results, **(TOYS | {"trials": 12} | options))


def without_time(tuning: Tuning) -> pd.DataFrame:
    return tuning.history.drop(columns="seconds")


def records(results: Path) -> list[Record]:
    return Store(results).read()[0]


def test_a_tuning_finds_parameters_that_are_much_better_than_the_default(results: Path) -> None:
    tuning = tune(results, trials=40)
    assert tuning.default.estimator == "tunable"
    assert tuning.best.error < 0.2 * tuning.default.error
    assert parse_selector(tuning.best.estimator).sweep["kind"] == ["near"]
    assert tuning.command.startswith(f"mibench run -e '{tuning.best.estimator}' -t known")


def test_the_best_is_never_worse_than_the_default(results: Path) -> None:
    tuning = tune(results, "tunable[rate=0.001,width=4|5,kind=near]", trials=3)
    assert tuning.best.error <= tuning.default.error
    assert tuning.best.estimator == "tunable[rate=0.001,width=4,kind=near]"
    assert tune(results, "tunable[rate=0.001,width=4,kind=near|far]", trials=1).best.error == tuning.best.error


def test_no_run_ever_has_the_data_of_a_tuning(results: Path) -> None:
    tune(results, trials=1)
    tuned = {record.trial.seed for record in records(results)}
    assert tuned == {TUNING_SEEDS, TUNING_SEEDS + 1}
    assert TUNING_SEEDS > MOST_TRIALS
    with pytest.raises(UsageError, match="trials are too many for one run"):
        mibench.run("tunable", "known[d=1]", seeds=MOST_TRIALS + 1, results=results, **TOYS)
    frame = mibench.run("tunable", "known", results=results, **TOYS)
    drawn = frame.loc[frame["measurement"] == "draw", "value"]
    seen = [m.value for record in records(results) for m in record.outcome.measurements if m.name == "draw"]
    assert set(frame["seed"]) == {0, 1}
    assert len(set(seen)) == 2 * len(drawn)


def test_candidates_are_paired_they_see_the_same_data(results: Path) -> None:
    tune(results, trials=3)
    draws = [
        (record.trial.cell["d"], record.trial.seed, m.value)
        for record in records(results)
        for m in record.outcome.measurements
        if m.name == "draw"
    ]
    assert len(set(draws)) == 4


@pytest.mark.parametrize("ended_after", [1, 9, 21])
def test_a_killed_tuning_goes_on_and_ends_as_an_uninterrupted_one(
    tmp_path: Path, ended_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tune(tmp_path / "whole")
    submit, count = SerialExecutor.submit, itertools.count()

    def interrupted(*args: Any) -> Any:
        if next(count) == ended_after:
            raise KeyboardInterrupt
        return submit(*args)

    with monkeypatch.context() as patch:
        patch.setattr(SerialExecutor, "submit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tune(tmp_path / "killed")
    kept = {record.key: record.started for record in records(tmp_path / "killed")}
    assert len(kept) == ended_after
    again = tune(tmp_path / "killed")
    pd.testing.assert_frame_equal(without_time(again), without_time(whole))
    assert again.best.estimator == whole.best.estimator
    assert {record.key for record in records(tmp_path / "killed")} == {r.key for r in records(tmp_path / "whole")}


def test_what_a_newer_mibench_has_recorded_is_no_failure_of_a_candidate(results: Path) -> None:
    tune(results, trials=2)
    place = Store(results).path(records(results)[0].trial)
    place.write_text(place.read_text().replace('"schema": 1', '"schema": 99'))
    with pytest.raises(StoreError, match=r"was written by a newer mibench .* is left alone; choose another `results`"):
        tune(results, trials=2)


def test_what_is_on_record_is_not_measured_again_also_where_it_failed(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = tmp_path / "marks"
    monkeypatch.setenv("TOYS_MARKS", str(marks))
    first = tune(results, "fragile")
    assert 0 < sum(candidate.failed > 0 for candidate in first.candidates) < len(first.candidates)
    measured = len(marks.read_text().splitlines())
    assert measured == 4 * len(first.candidates)
    pd.testing.assert_frame_equal(first.history, tune(results, "fragile").history)
    assert len(marks.read_text().splitlines()) == measured
    tune(results, "fragile", rerun="failed")
    failed = sum(record.outcome.status.failed for record in records(results))
    assert len(marks.read_text().splitlines()) == measured + failed


def test_more_trials_begin_with_those_of_fewer(results: Path) -> None:
    few, many = tune(results, trials=4), tune(results, trials=15)
    pd.testing.assert_frame_equal(many.history.head(5), few.history)


def test_workers_in_processes_give_the_same_answer(tmp_path: Path) -> None:
    here = tune(tmp_path / "here", trials=3)
    elsewhere = tune(tmp_path / "elsewhere", trials=3, executor="process", workers=2)
    pd.testing.assert_frame_equal(without_time(elsewhere), without_time(here))


def test_the_error_of_a_cell_is_that_of_tables_over_the_size_of_the_truth(results: Path) -> None:
    tune(results, trials=1)
    registry = Registry(load_plugins([tuning_toys.FILE]))
    default = [record for record in records(results) if record.trial.spelled == "tunable"]
    (table,) = error_tables(tidy(default), registry)
    expected = cell_errors(table).sort_values("d")["relative"].tolist()
    ours = errors_by_cell(default, "mi")
    assert [error for _, error in sorted(ours.items())] == pytest.approx(expected)


def trial(d: int, seed: int = 0, task: str = "known") -> Trial:
    return trial_of("mine", task, seed, d=d)


def record(of: Trial, *answers: Measurement, status: Status = Status.OK) -> Record:
    error = None if status is Status.OK else ErrorInfo("Why", "because")
    return Record(trial=of, key=of.key, outcome=Outcome(status, answers, error))


def mi(value: float, truth: float | None = 1.0, name: str = "mi", epoch: int | None = None) -> Measurement:
    return Measurement(name, value, truth, epoch=epoch)


def test_errors_are_averaged_by_logarithms_over_levels_cells_and_tasks() -> None:
    measured = [
        record(trial(1, 0), mi(1.1)),
        record(trial(1, 1), mi(0.9)),  # a cell with the relative error .1
        record(trial(2), mi(2.8, 2.0)),  # .4
        record(trial(1, task="levels"), mi(1.1, name="mi/1"), mi(5.0, 2.0, name="mi/2")),  # .1 and 1.5
    ]
    errors = errors_by_cell(measured, "mi")
    assert score(errors, errors).error == pytest.approx(((0.1 * 0.4) ** 0.5 * (0.1 * 1.5) ** 0.5) ** 0.5)


def test_a_truth_of_0_counts_in_nats_and_curves_and_other_quantities_do_not_count() -> None:
    for rounding in (0.0, 1e-13):
        measured = [record(trial(1), mi(0.02, rounding), mi(9.0, epoch=3), mi(7.0, None), mi(5.0, name="mi_gradient"))]
        assert errors_by_cell(measured, "mi") == {("p:known", '{"d":1}'): pytest.approx(0.02)}


def test_failures_count_as_the_largest_error_and_skipped_cells_not_at_all() -> None:
    statuses = (Status.FAILED, Status.DIVERGED, Status.TIMEOUT, Status.CRASHED)
    lost = [record(trial(d), mi(1.0), status=status) for d, status in enumerate(statuses)]
    failed = errors_by_cell([record(trial(0, 1), mi(1.0)), *lost], "mi")
    assert list(failed.values()) == [math.inf] * 4
    assert score(failed, failed).error == pytest.approx(LARGEST)
    assert score(failed, failed).failed == 4
    assert errors_by_cell([record(trial(1), status=Status.SKIPPED)], "mi") == {}
    good = errors_by_cell([record(trial(d), mi(1.1)) for d in range(4)], "mi")
    assert score({}, good) == score(failed, good)  # a candidate is not better for what it leaves out
    assert score(errors_by_cell([record(trial(0), mi(1e9))], "mi"), [("p:known", '{"d":0}')]).failed == 0


def test_parameters_that_do_not_fit_together_fail_in_every_cell(results: Path) -> None:
    tuning = tune(results, "ordered", trials=20)
    unfit = [candidate for candidate in tuning.candidates if candidate.failed]
    assert unfit
    assert [candidate.error for candidate in unfit] == pytest.approx([LARGEST] * len(unfit))
    assert "failed in some cell" in tuning.spent
    assert not tuning.best.failed


def test_no_candidate_is_begun_when_the_samples_are_spent(results: Path) -> None:
    tuning = tune(results, samples=100)
    assert [candidate.samples for candidate in tuning.candidates] == [32, 32, 32, 32]
    assert "3 candidates beside the default: 128 pairs seen" in tuning.spent


def test_no_candidate_is_begun_when_the_seconds_are_spent(results: Path) -> None:
    assert len(tune(results, seconds=1e-9).candidates) == 1
    spent = tune(results, trials=3)
    limit = sum(candidate.seconds for candidate in spent.candidates[:2])
    assert len(tune(results, seconds=limit).candidates) == 2  # seconds are those on record


def test_a_tuning_ends_also_where_every_candidate_is_overdue(results: Path) -> None:
    tuning = tune(results, "late", "known[d=1]", seeds=1, executor="process", workers=1, timeout=1.0, seconds=2.0)
    default, *others = tuning.candidates
    assert default.failed == 0
    assert [candidate.failed for candidate in others] == [1] * len(others)
    assert [candidate.seconds >= 1.0 for candidate in others] == [True] * len(others)
    assert 1 <= len(others) <= 2


def test_a_value_fixes_a_parameter_and_several_are_searched_among(results: Path) -> None:
    tuning = tune(results, "tunable[width=4,rate=0.1|0.001,centred=true|false]")
    sweeps = [parse_selector(candidate.estimator).sweep for candidate in tuning.candidates]
    assert sweeps[0] == {"width": ["4"]}
    assert {sweep["width"][0] for sweep in sweeps} == {"4"}
    assert {sweep.get("rate", ["0.1"])[0] for sweep in sweeps} == {"0.1", "0.001"}
    assert {sweep.get("centred", ["false"])[0] for sweep in sweeps} == {"true", "false"}


def test_a_default_that_is_spelled_out_is_the_default(results: Path) -> None:
    tuning = tune(results, "plain[width=1,rate=0.01|0.001]", trials=6)
    assert [candidate.estimator for candidate in tuning.candidates] == ["plain", "plain[rate=0.001]"]


def test_an_estimator_without_ranges_is_searched_among_given_values(results: Path) -> None:
    tuning = tune(results, "plain[rate=0.01|0.001]", trials=6)
    assert tuning.best.estimator == "plain[rate=0.001]"
    assert len(tuning.candidates) == 2  # no candidate is tried twice, and there are no others


def test_no_candidate_is_tried_twice(results: Path) -> None:
    tuning = tune(results, "plain[rate=0.1|0.01|0.001,width=1|2|3]", trials=50)
    assert len({candidate.estimator for candidate in tuning.candidates}) == len(tuning.candidates) == 9
