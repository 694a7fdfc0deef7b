"""What a report of ten thousand trials costs. Targets are recorded beside the times, not asserted: machines differ."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mibench.outcome import Measurement, Outcome, Status
from mibench.plan.trial import Trial
from mibench.runner.worker import make_record
from mibench.store import Store

ESTIMATORS = ("dvb", "mige", "mige[threshold=0.94]", "mine", "smile")
DIMENSIONS, RHOS, SEEDS = (5, 10, 20, 40), 25, 20


@pytest.fixture(scope="module")
def ten_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of the Gaussian task: five estimators on a grid of 100 cells with 20 seeds."""
    store = Store(tmp_path_factory.mktemp("results"))
    for (i, name), d, place, seed in itertools.product(enumerate(ESTIMATORS), DIMENSIONS, range(RHOS), range(SEEDS)):
        rho = round(-0.8 + 1.6 * place / (RHOS - 1), 6)
        trial = Trial(
            estimator=name.partition("[")[0],
            spelled=name,
            estimator_plugin="speed",
            estimator_version=1,
            parameters={"number": i},
            task="gaussian",
            task_plugin="gaussian",
            task_version=1,
            cell={"d": d, "rho": rho, "n": 256, "steps": 200, "bend": "none", "rotate": False},
            seed=seed,
            device="cpu",
            dtype="float32",
        )
        truths = {"mi": -d / 2 * math.log1p(-(rho**2)), "mi_gradient": rho * d / (1 - rho**2)}
        noise = 0.02 * math.sin(7 * seed + 3 * place + i)
        measurements = [Measurement(name, truth * (1 - 0.03 * i + noise), truth) for name, truth in truths.items()]
        path = store.path(trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(make_record(trial, Outcome(Status.OK, measurements), seconds=0.1 * (1 + i)).to_json())
        )
    return store.folder


def test_reporting_ten_thousand_trials(benchmark: BenchmarkFixture, ten_thousand: Path, tmp_path: Path) -> None:
    """The whole command: start, load, draw, write."""
    output = tmp_path / "report.html"
    line = ["report", "--results", str(ten_thousand), "--output", str(output)]

    def run() -> int:
        program = Path(sys.executable).with_name("mibench")
        return subprocess.run([program, *line], capture_output=True, check=True).returncode  # noqa: S603

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert "10000 ok" in output.read_text(encoding="utf-8")
    benchmark.extra_info["megabytes"] = output.stat().st_size / 1e6
    benchmark.extra_info["target"] = "under 5 s, under 3 MB"
