"""A hundred thousand records, compared and reported: seconds, and the memory of the largest of the commands."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mibench.outcome import Measurement, Outcome, Status
from mibench.plan.trial import Trial
from mibench.runner.worker import make_record
from mibench.store import Store

ESTIMATORS, DIMENSIONS, POINTS, SEEDS = ("mige", "mine", "mine-f", "nwj"), (5, 8, 10, 16), 32, 196
RECORDS = len(ESTIMATORS) * len(DIMENSIONS) * POINTS * SEEDS
COMMANDS = (
    ("compare", "{results}"),
    ("compare", "{results}", "--baseline", "{results}"),
    ("report", "--results", "{results}", "--output", "{results}/report.html"),
)
PROGRAM = """
import json, resource, subprocess, sys

for command in json.loads(sys.argv[1]):
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    assert code in (0, 1), code  # 1: something is worse, since numbers are drawn
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)
"""


@pytest.fixture(scope="module")
def many_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of curves, as a run of the Gaussian task writes them; numbers are drawn, not measured."""
    store = Store(tmp_path_factory.mktemp("results"))
    draw = random.Random(0)  # noqa: S311
    origin = {"estimator_plugin": "variational", "task_plugin": "gaussian", "estimator_version": 1, "task_version": 1}
    for estimator in ESTIMATORS:
        for d in DIMENSIONS:
            for point in range(POINTS):
                rho = round(-0.8 + 1.6 * point / (POINTS - 1), 10)
                cell = {"d": d, "rho": rho, "n": 256, "steps": 200, "bend": "none", "rotate": False}
                for seed in range(SEEDS):
                    trial = Trial(
                        **origin,
                        estimator=estimator,
                        spelled=estimator,
                        parameters={"width": 512},
                        task="gaussian",
                        cell=cell,
                        seed=seed,
                        device="cpu",
                        dtype="float32",
                    )
                    truth = rho * d / (1 - rho**2)
                    measurements = [
                        Measurement(name, truth + draw.gauss(0, 0.1), truth) for name in ("mi", "mi_gradient")
                    ]
                    path = store.path(trial)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(
                        json.dumps(make_record(trial, Outcome(Status.OK, measurements), seconds=0.1).to_json())
                    )
    return store.folder


def test_comparing_and_reporting_a_hundred_thousand_records(benchmark: BenchmarkFixture, many_records: Path) -> None:
    """The whole commands: start, load, judge by references, judge by a baseline, draw, write."""
    mibench = str(Path(sys.executable).with_name("mibench"))
    commands = [[mibench, *(word.format(results=many_records) for word in command)] for command in COMMANDS]

    def run() -> float:
        program = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
        return float(subprocess.run(program, capture_output=True, check=True, text=True).stdout)  # noqa: S603

    gigabytes = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info |= {"records": RECORDS, "GiB": gigabytes, "target": "under 60 s and 2 GiB"}
