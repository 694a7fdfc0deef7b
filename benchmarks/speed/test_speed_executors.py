"""What executors cost: trials that only sleep, through real workers. Targets are recorded beside the times.

`TRIALS=10000` takes a quarter of an hour.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mibench import runner
from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.plan import make_plan
from mibench.plan.request import RunRequest
from mibench.runner.loop import pending
from mibench.specs import EstimatorSpec, Profile, TaskSpec
from mibench.store import Store

TRIALS, SECONDS, WORKERS = int(os.environ.get("TRIALS", "400")), 0.1, 2


class Idle(Estimator):
    """Estimates nothing that is asked for."""


class Sleep(Task):
    def run(self, cells: Sequence[Any], context: Context) -> list[list[Measurement]]:
        del context
        time.sleep(SECONDS)
        return [[Measurement("mi", 0.0, 0.0)] for _ in cells]


def sleeping_job(results: Path, trials: int) -> runner.Job:
    estimator = EstimatorSpec(name="idle", target=f"{__name__}:Idle", estimates={"value"})
    task = TaskSpec(name="sleep", target=f"{__name__}:Sleep", profiles={"quick": Profile(seeds=trials)})
    registry = Registry([Plugin("speed", "here", specs=[estimator, task])])
    plan, store = make_plan(registry, RunRequest(estimators="idle", tasks="sleep")), Store(results)
    return runner.Job(registry=registry, plan=plan, store=store, batches=pending(plan, store))


@pytest.mark.parametrize("name", ["process", "dask"])
def test_overhead_of_an_executor(name: str, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """`TRIALS` trials of `SECONDS` on `WORKERS` workers that are warm; a run of 10,000 starts them once."""
    folders = iter(tmp_path / str(i) for i in range(100))
    request = RunRequest(estimators="idle", tasks="sleep", executor=name, workers=WORKERS)
    with runner.make_executor(Registry(load_plugins()), request) as executor:

        def run(trials: int = TRIALS) -> float:
            records = list(runner.execute(sleeping_job(next(folders), trials), executor))
            assert [record.outcome.status for record in records] == ["ok"] * trials
            return sum(record.seconds or 0.0 for record in records)

        run(4 * WORKERS)
        before = time.process_time()
        seconds = benchmark.pedantic(run, rounds=1)
        used = time.process_time() - before
    share = benchmark.stats["mean"] * WORKERS / seconds - 1
    benchmark.extra_info["overhead over the sum of their times"] = f"{share:.1%}"
    benchmark.extra_info["target"] = "at most 5 %"
    benchmark.extra_info["coordinator's milliseconds of CPU a trial"] = round(1e3 * used / TRIALS, 2)
