"""The runner in one process: what is run, what is not, and what becomes of each way to fail."""

import concurrent.futures
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import harness_toys
import pandas as pd
import pytest
from click.testing import Result
from harness_trials import trial_of

from mibench.contracts import Context, Measurement
from mibench.errors import UsageError
from mibench.executors import Limits, OverdueError, WorkerLostError
from mibench.executors.serial import SerialExecutor
from mibench.outcome import Outcome, Status
from mibench.plan.trial import Batch
from mibench.runner import Job, execute
from mibench.specs import EstimatorSpec, Scalar, TaskSpec
from mibench.store import Store
from mibench.store.forecast import forecast
from mibench.store.record import Record

Run = Callable[..., pd.DataFrame]
Prepare = Callable[..., Job]


def serial() -> SerialExecutor:
    return SerialExecutor(Limits(workers=1))


def wanted(job: Job) -> set[tuple[str, int]]:
    return {(trial.spelled, trial.seed) for batch in job.batches for trial in batch.trials}


def mtimes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.json")}


def test_the_order_of_batches_does_not_change_a_number(plan: Prepare, run: Run, tmp_path: Path) -> None:
    asked = ("steady[scale=1|2],lost", "toy[d=2|3]")
    expected = run(*asked, seeds=3).drop(columns="seconds")
    for shuffle in range(3):
        job = plan(*asked, seeds=3, results=tmp_path / f"shuffled-{shuffle}")
        batches = random.Random(shuffle).sample(job.batches, len(job.batches))
        list(execute(replace(job, batches=batches), serial()))
        frame = run(*asked, seeds=3, results=job.store.folder).drop(columns="seconds")
        pd.testing.assert_frame_equal(frame, expected)


def test_the_same_run_again_does_nothing(run: Run, plan: Prepare, results: Path) -> None:
    first, written = run("steady,lost,steep"), mtimes(results)
    assert plan("steady,lost,steep").batches == []
    pd.testing.assert_frame_equal(run("steady,lost,steep"), first)
    assert mtimes(results) == written


def test_more_seeds_run_only_what_is_missing(run: Run, plan: Prepare, results: Path) -> None:
    first = run(seeds=2)
    written = mtimes(results)
    assert wanted(plan(seeds=4)) == {("steady", 2), ("steady", 3)}
    frame = run(seeds=4)
    kept = frame[frame["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first)
    assert {path: mtime for path, mtime in mtimes(results).items() if path in written} == written


def test_rerun_chooses_missing_failed_or_all(run: Run, plan: Prepare) -> None:
    run("steady,raiser,lost,steep", seeds=1)
    asked = {"estimators": "steady,raiser,lost,steep", "seeds": 2}
    new = {(name, 1) for name in ("steady", "raiser", "lost", "steep")}
    assert wanted(plan(**asked)) == {("raiser", 0)} | new
    assert wanted(plan(**asked, rerun="failed")) == {("raiser", 0), ("lost", 0)}
    assert wanted(plan(**asked, rerun="all")) == {(name, 0) for name, _ in new} | new


def test_a_failure_never_counts_as_done_and_a_repaired_estimator_replaces_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(run("raiser")["status"]) == {"failed"}
    monkeypatch.setattr(harness_toys.Raiser, "mi", harness_toys.Steady.mi)
    assert set(run("raiser")["status"]) == {"ok"}


@pytest.mark.parametrize("seeds", [1, 10])
def test_pairs_that_do_not_fit_are_rows_with_the_reason_and_stop_nothing(seeds: int, run: Run, plan: Prepare) -> None:
    frame = run("steep,steady", seeds=seeds)
    assert frame.groupby("estimator")["key"].nunique().to_dict() == {"steady": 2 * seeds, "steep": 2 * seeds}
    assert frame.groupby("estimator")["status"].unique().map(list).to_dict() == {"steady": ["ok"], "steep": ["skipped"]}
    reasons = {record.outcome.error.message for record in plan("steep", seeds=seeds).records}
    assert reasons == {"steep does not estimate the value, which toy requires"}


@pytest.mark.parametrize(
    ("estimator", "status", "kind", "message"),
    [
        ("raiser", "failed", "ValueError", "as I was\nasked to"),
        ("quitter", "failed", "SystemExit", "3"),
        ("ender", "failed", "SystemExit", "os._exit(0) was called"),
        ("lost", "diverged", "Diverged", "not finite: mi"),
    ],
)
def test_each_way_to_fail_is_a_row_with_its_cause_beside_unharmed_trials(
    estimator: str, status: str, kind: str, message: str, run: Run, plan: Prepare
) -> None:
    alone = run("steady")
    frame = run(f"steady,{estimator}", rerun="all")
    assert set(frame[frame["estimator"] == estimator]["status"]) == {status}
    good = frame[frame["estimator"] == "steady"].reset_index(drop=True)
    pd.testing.assert_frame_equal(good.drop(columns="seconds"), alone.drop(columns="seconds"))
    for record in plan(estimator).records:
        assert (record.outcome.error.type, record.outcome.error.message) == (kind, message)
        assert ("harness_toys.py" in record.outcome.error.traceback) == (status == "failed")


def test_diverged_keeps_what_was_finite(run: Run) -> None:
    frame = run("lost", profile="smoke").set_index("measurement")
    assert pd.isna(frame.loc["mi", "value"])
    assert frame.loc["mi", "truth"] == 0.5
    assert pd.notna(frame.loc["draw", "value"])


def only(*measurements: Any) -> Callable[..., list[list[Any]]]:
    def run(self: object, cells: Sequence[Any], context: Context) -> list[list[Any]]:
        del self, context
        return [list(measurements) for _ in cells]

    return run


@pytest.mark.parametrize(
    ("returned", "status"),
    [
        (only(Measurement("mi", 1.0, float("nan"))), "ok"),
        (only(Measurement("mi", float("inf"), 1.0)), "diverged"),
        (only("no measurement"), "failed"),
        (lambda *_: [], "failed"),
        (lambda *_: None, "failed"),
    ],
    ids=["truth is NaN", "infinite", "text", "too few", "nothing"],
)
def test_a_task_that_returns_nonsense_costs_its_own_trials(
    returned: Callable[..., Any], status: str, run: Run, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness_toys.Toy, "run", returned)
    assert set(run()["status"]) == {status}
    for path in results.rglob("*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


class Losing(SerialExecutor):
    """Loses the worker of every other batch, and the second of those to time."""

    def __init__(self) -> None:
        super().__init__(Limits(workers=1))
        self.count = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        self.count += 1
        if self.count % 2:
            return super().submit(fn, *args, **kwargs)
        future: concurrent.futures.Future[list[Record]] = concurrent.futures.Future()
        future.set_exception(WorkerLostError("gone") if self.count % 4 else OverdueError("late"))
        return future


def test_a_lost_worker_is_a_record_like_any_other_and_is_run_again(run: Run, plan: Prepare) -> None:
    job = plan(seeds=2)
    yielded = list(execute(job, Losing()))
    assert sorted(record.outcome.status for record in yielded) == ["crashed", "ok", "ok", "timeout"]
    assert sorted(record.outcome.error.message for record in yielded if record.outcome.error) == ["gone", "late"]
    assert len(plan(seeds=2).batches) == 2
    assert set(run(seeds=2)["status"]) == {"ok"}


def test_what_a_run_yields_is_what_it_records(plan: Prepare) -> None:
    job = plan("steady,raiser,steep,lost")
    yielded = {record.key: json.loads(json.dumps(record.to_json())) for record in execute(job, serial())}
    assert yielded == {record.key: json.loads(job.store.path(record.trial).read_text()) for record in job.records}
    assert len(yielded) == len(job.plan.trials)


def test_an_interruption_ends_the_executor_and_keeps_what_was_measured(plan: Prepare, monkeypatch: Any) -> None:
    job, ended = plan(seeds=5), []
    executor = serial()
    monkeypatch.setattr(executor, "shutdown", lambda **how: ended.append(how))
    running = execute(job, executor)
    next(running)
    with pytest.raises(KeyboardInterrupt), executor:
        running.throw(KeyboardInterrupt())
    assert ended == [{"cancel_futures": True}]
    assert 0 < len(job.records) < len(job.plan.trials)


def test_a_batch_of_many_trials_gives_the_numbers_of_single_trials(run: Run, plan: Prepare, tmp_path: Path) -> None:
    expected = run(seeds=3).drop(columns="seconds")
    job = plan(seeds=3, results=tmp_path / "batched")
    groups: dict[str, list[Any]] = {}
    for batch in job.batches:
        groups.setdefault(str(batch.trials[0].cell), []).append(batch)
    batches = [replace(group[0], trials=tuple(b.trials[0] for b in group)) for group in groups.values()]
    assert [len(batch.trials) for batch in batches] == [3, 3]
    list(execute(replace(job, batches=batches), serial()))
    pd.testing.assert_frame_equal(run(seeds=3, results=job.store.folder).drop(columns="seconds"), expected)


def test_every_record_says_what_ran_it(run: Run, plan: Prepare) -> None:
    run("steady[scale=2.0]")
    for record in plan("steady[scale=2.0]").records:
        assert record.trial.parameters["scale"] == 2.0
        assert record.trial.spelled == "steady[scale=2.0]"
        assert record.trial.estimator_version == record.trial.task_version == 1
        assert {"mibench", "python", "torch", "platform", "processor", "cores", "threads"} <= set(record.environment)


@pytest.mark.parametrize(
    ("estimators", "code"), [("steady", 0), ("steady,steep", 0), ("steady,raiser", 1), ("steady,lost", 1), ("none", 2)]
)
def test_exit_codes(estimators: str, code: int, toy_cli: Callable[..., Result]) -> None:
    assert toy_cli("-e", estimators).exit_code == code
    assert toy_cli("-e", estimators).exit_code == code


def test_a_time_limit_without_isolation_is_refused(run: Run) -> None:
    with pytest.raises(
        UsageError, match='the serial executor keeps no timeout: leave it out, or use `executor="process"`'
    ):
        run(timeout=1.0)


def test_limits_share_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("mibench.executors.machine_memory", lambda: 16 * 2**30)
    monkeypatch.setattr("mibench.executors.has_gpu", lambda: True)
    assert Limits().on_this_machine() == Limits(workers=8, threads=1, memory=2 * 2**30)
    assert Limits(device="cuda").on_this_machine() == Limits(workers=1, threads=8, device="cuda")
    said = Limits(workers=2, threads=3, timeout=3, memory=2**29)
    assert said.on_this_machine() == said
    assert Limits(timeout=1e10).on_this_machine().timeout is None, "no alarm can be set so far ahead"
    with pytest.raises(UsageError, match="at least one worker is needed, not 0"):
        Limits(workers=0)
    monkeypatch.setattr("mibench.executors.has_gpu", lambda: False)
    with pytest.raises(UsageError, match="torch finds no CUDA device here; use --device cpu"):
        Limits(device="cuda").on_this_machine()


def test_the_forecast_knows_what_it_has_measured(run: Run, plan: Prepare) -> None:
    run("slow[seconds=0.02]", seeds=1)
    job = plan("slow[seconds=0.02],steady,steep", seeds=3)
    expected = forecast(job.batches, job.store)
    assert 4 * 0.02 < expected.seconds < 4 * 0.2
    assert expected.unknown == {"steady": ("toy",)}
    assert expected.elsewhere == {}


def timed(estimator: str, seconds: float, **cell: Any) -> tuple[Batch, Record]:
    """A batch of one trial, and a record of it that took so long."""
    needs = frozenset({"training"}) if estimator == "trained" else frozenset[Any]()
    from_ = 100 if estimator == "from 100" else 0
    spec = EstimatorSpec(name=estimator, target="a:B", estimates={"value"}, needs=needs, growth=2.0, growth_from=from_)
    work: dict[str, Any] = {"epochs+probe_epochs": "always", "steps": "training", "n": "samples"}
    task = TaskSpec(name="t", target="a:C", profiles={}, work=work)
    trial = trial_of(estimator, **cell)
    batch = Batch(trials=(trial,), estimator=spec, task=task)
    return batch, Record(trial=trial, key=trial.key, outcome=Outcome(Status.OK), seconds=seconds)


@pytest.mark.parametrize(
    ("estimator", "measured", "wanted", "seconds", "said"),
    [
        ("trained", [({"epochs": 3}, 6.0)], {"epochs": 60}, 120.0, "epochs=3"),
        ("trained", [({"epochs": 3}, 6.0), ({"epochs": 30}, 75.0)], {"epochs": 60}, 150.0, "epochs=30"),
        ("trained", [({"steps": 10}, 1.103)], {"steps": 100}, 10.103, "steps=10"),
        ("trained", [({"steps": 10}, 2.0), ({"steps": 110}, 3.0)], {"steps": 1010}, 12.0, "steps=110"),
        (
            "trained",
            [({"steps": 10}, 2.0), ({"steps": 110}, 3.0), ({"steps": 111}, 9.0)],
            {"steps": 109},
            2.99,
            "steps=110",
        ),
        ("trained", [({"steps": 10}, 3.0), ({"steps": 110}, 2.0)], {"steps": 1010}, 2.0, "steps=110"),
        ("untrained", [({"steps": 10}, 1.0)], {"steps": 100}, 1.0, ""),
        ("untrained", [({"n": 10}, 1.0)], {"n": 100}, 100.0, "n=10"),
        ("untrained", [({"n": 10}, 1.01), ({"n": 100}, 2.0)], {"n": 1000}, 101.0, "n=100"),
        ("untrained", [({"n": 10}, 0.004)], {"n": 100}, 0.103, "n=10"),
        ("from 100", [({"n": 50}, 0.005)], {"n": 100}, 0.008, "n=50"),
        ("from 100", [({"n": 50}, 0.005)], {"n": 1000}, 0.404, "n=50"),
        ("from 100", [({"n": 50}, 1.005), ({"n": 200}, 1.02)], {"n": 1000}, 1.404, "n=200"),
        (
            "trained",
            [({"epochs": 2, "probe_epochs": 2}, 4.0)],
            {"epochs": 10, "probe_epochs": 20},
            30.0,
            "epochs=2,probe_epochs=2",
        ),
        (
            "trained",
            [({"epochs": 3, "p": "a"}, 1.0), ({"epochs": 1, "p": "b"}, 9.0)],
            {"epochs": 2, "p": "b"},
            18.0,
            "epochs=1",
        ),
        ("trained", [({"epochs": 3, "d": 2}, 1.0)], {"epochs": 3, "d": 20}, 1.0, "d=2"),
        ("trained", [({"d": 2}, 1.0), ({"d": 40}, 9.0), ({"d": 3}, 2.0)], {"d": 20}, 9.0, "d=40"),
        ("trained", [({"epochs": 3, "rho": 0.5}, 6.0)], {"epochs": 3, "rho": 0.9}, 6.0, ""),
    ],
)
def test_the_forecast_scales_with_declared_work_and_says_where_it_was_timed(
    estimator: str,
    measured: list[tuple[dict[str, Any], float]],
    wanted: dict[str, Any],
    seconds: float,
    said: str,
    results: Path,
) -> None:
    store = Store(results)
    for cell, took in measured:
        store.write(timed(estimator, took, **cell)[1])
    expected = forecast([timed(estimator, 0.0, **wanted)[0]], store)
    assert expected.seconds == pytest.approx(seconds, rel=3e-3)
    assert expected.elsewhere == ({estimator: said} if said else {})
    assert expected.unscaled.get(estimator, set()) == ({"d"} if said.startswith("d=") else set())
    assert expected.on(2).seconds == expected.seconds, "one trial is not halved over two workers"


@pytest.mark.parametrize(("timed_on", "wanted"), [("digits", "mnist"), ((64, 64), (1024, 1024))])
def test_what_was_timed_on_something_without_a_size_is_a_guess_and_no_part_of_the_total(
    timed_on: Scalar, wanted: Scalar, results: Path
) -> None:
    store = Store(results)
    for estimator, took in (("trained", 5.0), ("untrained", 1.0)):
        store.write(timed(estimator, took, epochs=3, p=timed_on)[1])
    batches = [timed("trained", 0.0, epochs=60, p=wanted)[0], timed("untrained", 0.0, epochs=3, p=timed_on)[0]]
    expected = forecast(batches, store)
    assert expected.seconds == expected.on(2).seconds == 1.0
    assert expected.guesses == {"trained": pytest.approx(100.0, rel=3e-3)}
    assert expected.unscaled["trained"] == {"p"}


@pytest.mark.parametrize(
    ("power", "kind"),
    [(-1.0, "at least 0 and at most 10"), (1e6, "at least 0 and at most 10"), (math.nan, "a finite number")],
)
@pytest.mark.parametrize("name", ["growth", "growth_in_dimensions"])
def test_a_growth_that_no_forecast_can_use_is_refused(name: str, power: float, kind: str) -> None:
    with pytest.raises(ValueError, match=f"estimator 'e': `{name}` is {kind}, not {power}"):
        EstimatorSpec(name="e", target="a:B", estimates={"value"}, **cast("Any", {name: power}))


@pytest.mark.parametrize("name", ["growth_from", "linear_from"])
def test_a_negative_number_of_samples_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"estimator 'e': `{name}` is at least 0, not -5"):
        EstimatorSpec(name="e", target="a:B", estimates={"value"}, **cast("Any", {name: -5}))


def test_a_forecast_says_that_trials_were_timed_in_batches_of_another_size(results: Path) -> None:
    store = Store(results)
    batch, record = timed("untrained", 1.0, n=64)
    store.write(replace(record, together=16))
    assert store.read()[0][0].together == 16
    expected = forecast([batch], store)
    assert (expected.elsewhere, expected.unscaled) == ({"untrained": "--batch=16"}, {"untrained": {"--batch"}})
    other = [replace(batch.trials[0], seed=seed) for seed in range(14)]
    assert forecast([replace(batch, trials=tuple(other))], store).elsewhere == {}, "the last batch of a run is smaller"


def test_a_record_says_how_many_trials_share_its_seconds(run: Run, results: Path) -> None:
    run("steady", seeds=3, batch=2)
    assert sorted(record.together for record in Store(results).read()[0]) == [1, 1, 2, 2, 2, 2]


def test_records_that_are_removed_during_a_run_are_counted(
    toy_cli: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = Store.write, iter(range(3))

    def then_removed(self: Store, record: Record) -> None:
        write(self, record)
        if next(left, None) is not None:
            self.path(record.trial).unlink()

    monkeypatch.setattr(Store, "write", then_removed)
    done = toy_cli("-e", "steady", "--results", str(results))
    assert done.exit_code == 1
    assert "4 trials: 1 ok, 3 missing, whose records were removed meanwhile or cannot be read" in done.stderr
    assert toy_cli("-e", "steady", "--results", str(results)).exit_code == 0


def test_what_a_rerun_of_failures_leaves_alone_is_not_missing(toy_cli: Callable[..., Result], results: Path) -> None:
    assert toy_cli("-e", "steady", "--results", str(results), "--rerun", "failed").exit_code == 0
