"""What the harness itself costs. Targets are recorded beside the times and not asserted: machines differ."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from mibench import runner
from mibench.api import load
from mibench.contracts import Context, Estimator, Task
from mibench.discovery import Plugin
from mibench.discovery.registry import Registry
from mibench.executors import Limits
from mibench.executors.serial import SerialExecutor
from mibench.outcome import Measurement, Outcome, Status
from mibench.plan import make_plan
from mibench.plan.request import RunRequest
from mibench.plan.trial import Trial
from mibench.runner.loop import pending
from mibench.runner.worker import make_record
from mibench.specs import EstimatorSpec, Profile, TaskSpec
from mibench.store import Store

TRIALS, RECORDS = 200, 10_000


class Idle(Estimator):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros(x.shape[:-2]) * y.shape[0]


class Trivial(Task):
    def run(self, cells: Sequence[Any], context: Context) -> list[list[Measurement]]:
        del context
        return [[Measurement("mi", 0.0, 0.0)] for _ in cells]


def idle_job(results: Path) -> runner.Job:
    estimator = EstimatorSpec(name="idle", target=f"{__name__}:Idle", estimates={"value"})
    task = TaskSpec(name="trivial", target=f"{__name__}:Trivial", profiles={"quick": Profile(seeds=TRIALS)})
    registry = Registry([Plugin("speed", "here", specs=[estimator, task])])
    plan = make_plan(registry, RunRequest(estimators="idle", tasks="trivial"))
    store = Store(results)
    return runner.Job(registry=registry, plan=plan, store=store, batches=pending(plan, store))


def test_runner_overhead_a_trial(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Plan, run and record `TRIALS` trials that do nothing, in the serial executor; divide by `TRIALS`."""
    folders = iter(tmp_path / str(i) for i in range(100))

    def run() -> int:
        job = idle_job(next(folders))
        executor = SerialExecutor(Limits(workers=1))
        return sum(record.outcome.status == "ok" for record in runner.execute(job, executor))

    done = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    assert done == TRIALS
    benchmark.extra_info["milliseconds a trial"] = 1e3 * benchmark.stats["median"] / TRIALS
    benchmark.extra_info["target"] = "under 5 ms a trial"


@pytest.fixture
def many_records(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    common: dict[str, Any] = {
        "estimator": "idle",
        "spelled": "idle",
        "estimator_version": 1,
        "parameters": {"width": 512, "rate": 1e-4},
        "task": "trivial",
        "estimator_plugin": "speed",
        "task_plugin": "speed",
        "task_version": 1,
        "device": "cpu",
        "dtype": "float32",
    }
    measurements = [Measurement(name, 0.5, 0.25) for name in ("mi", "mi_gradient")]
    for seed in range(RECORDS):
        trial = Trial(**common, cell={"d": 20, "rho": 0.5, "n": 256}, seed=seed)
        path = store.path(trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make_record(trial, Outcome(Status.OK, measurements), seconds=0.1).to_json()))
    return store.folder


def test_loading_ten_thousand_records(benchmark: BenchmarkFixture, many_records: Path) -> None:
    frame = benchmark.pedantic(load, args=[many_records], rounds=3, warmup_rounds=1)
    assert len(frame) == 2 * RECORDS
    benchmark.extra_info["target"] = "under 2 s"


@pytest.mark.parametrize("command", ["--help", "list estimators"])
def test_command_line_starts(benchmark: BenchmarkFixture, command: str) -> None:
    program = Path(sys.executable).with_name("mibench")

    def run() -> int:
        return subprocess.run([program, *command.split()], capture_output=True, check=True).returncode  # noqa: S603

    benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    benchmark.extra_info["target"] = "under 0.4 s"
