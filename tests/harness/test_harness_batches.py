"""Batches: several trials in one program give the numbers of one at a time, and one bad trial costs no other."""

import concurrent.futures
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mibench
from mibench.executors import Executor, Limits, OverdueError, WorkerLostError
from mibench.executors.serial import SerialExecutor
from mibench.plan.request import RunRequest
from mibench.runner import Job, prepare
from mibench.runner.loop import run_batches

TASK = "gaussian[d=2,rho=-0.5|0.3|0.6,n=32,steps=20]"
MINE = "mine[hidden=16x16,learning_rate=0.001]"
BRITTLE = """
from mibench.errors import UnfitError
from dataclasses import dataclass
from mibench import Estimator, EstimatorSpec, hookimpl

@hookimpl
def mibench_estimators():
    return [EstimatorSpec(name="brittle", target="brittle:Brittle", estimates={"value"})]

class Brittle(Estimator):
    @dataclass(frozen=True, kw_only=True)
    class Params:
        pass

    def mi(self, x, y):
        if ((x * y).mean((-1, -2)) < 0).any():
            raise ERROR("negative correlation")
        return (x * y).mean((-1, -2))
"""


def prepared(task: str, **options: Any) -> Job:
    return prepare(RunRequest(estimators=MINE, tasks=task, device="cpu", **options))


def test_a_batch_gives_the_numbers_of_one_at_a_time_up_to_rounding(tmp_path: Path) -> None:
    alone = mibench.run(MINE, TASK, seeds=2, device="cpu", results=tmp_path / "alone")
    together = mibench.run(MINE, TASK, seeds=2, device="cpu", results=tmp_path / "together", batch=6)
    assert together["value"].tolist() == pytest.approx(alone["value"].tolist(), rel=1e-4, abs=1e-5)
    assert together["key"].tolist() == alone["key"].tolist()


def test_batches_hold_at_most_so_many_trials_of_one_shape(tmp_path: Path) -> None:
    job = prepared("gaussian[d=2|3,rho=-0.5|0.3|0.6]", seeds=2, results=tmp_path, batch=4)
    sizes = sorted(len(batch.trials) for batch in job.plan.batches)
    assert sizes == [2, 2, 4, 4]
    assert all(len({trial.cell["d"] for trial in batch.trials}) == 1 for batch in job.plan.batches)


@pytest.mark.parametrize(("error", "status"), [("ValueError", "failed"), ("UnfitError", "skipped")])
def test_a_trial_that_raises_or_does_not_fit_costs_its_batch_nothing(tmp_path: Path, error: str, status: str) -> None:
    plugin = tmp_path / f"brittle_{status}.py"
    plugin.write_text(BRITTLE.replace("ERROR", error).replace("brittle:", f"brittle_{status}:"))
    task = "gaussian[d=2,rho=-0.9|0.9]"
    frame = mibench.run("brittle", task, seeds=2, device="cpu", results=tmp_path, batch=4, plugins=[str(plugin)])
    assert frame.loc[frame["rho"] > 0, "status"].tolist() == ["ok", "ok"]
    assert frame.loc[frame["rho"] < 0, "status"].tolist() == [status, status]


@pytest.mark.parametrize("error", [WorkerLostError("killed"), OverdueError("late")])
def test_a_lost_batch_is_run_again_one_trial_at_a_time(tmp_path: Path, error: Exception) -> None:
    class Losing(SerialExecutor):
        """Loses every batch of more than one trial."""

        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
            if len(args[0].trials) == 1:
                return super().submit(fn, *args, **kwargs)
            future: concurrent.futures.Future[Any] = concurrent.futures.Future()
            future.set_exception(error)
            return future

    executor: Executor = Losing(Limits(workers=1))
    job = prepared(TASK, seeds=1, results=tmp_path, batch=3)
    job.store.prepare()
    records = list(run_batches(job.batches, job.store, executor, job.digests))
    assert [record.outcome.status for record in records] == ["ok"] * 3
