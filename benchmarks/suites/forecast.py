"""What results/pages/forecast.csv holds: forecasts after a small run, their ranges, and what the large run took.

`python benchmarks/suites/forecast.py` takes minutes. With options, e.g. `-e mige,mine --small gaussian --large
"gaussian[d=10,rho=0.5]"`, it runs the profile `smoke` of `--small`, forecasts `--large` in the profile `paper` with one
seed, runs it, and writes one row an estimator in place of the one that is there. Where only the number of seeds is
another, cells are forecast from trials of their own. Seconds are processor seconds on one thread, which a busy machine
does not change much.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pandas as pd
import torch

import mibench
from mibench.plan.request import RunRequest
from mibench.runner import prepare
from mibench.store.forecast import forecast

FRAME = Path(__file__).resolve().parents[2] / "results" / "pages" / "forecast.csv"
ESTIMATORS = "rsm,lsmi,ksg,njee,mine,mige,kde"
RUNS = [
    (ESTIMATORS, "student", "student[nu=1.0]", "smoke,paper", "1,1"),
    (ESTIMATORS, "x-mixture", "x-mixture[r=0.5]", "smoke,paper", "1,1"),
    (ESTIMATORS, "gaussian", "gaussian[d=10,rho=0.5]", "smoke,paper", "1,1"),
    (ESTIMATORS, "gaussian", "gaussian", "smoke,smoke", "3,10"),
    (ESTIMATORS, "x-mixture", "x-mixture", "smoke,smoke", "3,10"),
    ("mige", "ib[dataset=digits,epochs=3]", "ib[dataset=digits,epochs=30]", "smoke,smoke", "1,1"),
    ("jsd", "dim[dataset=digits,epochs=1]", "dim[dataset=digits,epochs=4]", "smoke,smoke", "1,1"),
]


def measure(estimators: str, small: str, large: str, profiles: str, seeds: str) -> Iterator[dict[str, object]]:
    """Forecasts a large run after a small one, and what it took, one row an estimator."""
    first, then = profiles.split(",")
    few, many = map(int, seeds.split(","))
    for name in estimators.split(","):
        with tempfile.TemporaryDirectory() as results, mock.patch("time.perf_counter", time.process_time):
            mibench.run(name, small, profile=first, seeds=few, results=results, device="cpu")
            request = RunRequest(estimators=name, tasks=large, profile=then, seeds=many, results=results, device="cpu")
            job = prepare(request)
            expected = forecast(job.batches, job.store).on(1)
            keys = {trial.key for batch in job.batches for trial in batch.trials}
            mibench.run(name, large, profile=then, seeds=many, results=results, device="cpu")
            took = sum(record.seconds or 0.0 for record in job.records if record.key in keys)
        said = {"forecast": expected.seconds, "low": expected.low, "high": expected.high, "actual": took}
        print(f"{name:16}{large:36}", *(f"{value:10.3g} s" for value in said.values()), flush=True)
        yield {"estimator": name, "small": small, "large": large, **said}


def main() -> None:
    """Writes the frame."""
    options = argparse.ArgumentParser()
    options.add_argument("-e", "--estimators", default=ESTIMATORS, help="names, separated by commas")
    options.add_argument("--small", help="the task that is run first; without it, all that the frame holds")
    options.add_argument("--large", help="the task that is forecast, and then run")
    options.add_argument("--profiles", default="smoke,paper", help="of both")
    options.add_argument("--seeds", default="1,1", help="of both")
    given = options.parse_args()
    torch.set_num_threads(1)
    runs = [(given.estimators, given.small, given.large, given.profiles, given.seeds)] if given.small else RUNS
    frame = pd.DataFrame([row for run in runs for row in measure(*run)])
    if given.small and FRAME.exists():
        frame = pd.concat([pd.read_csv(FRAME), frame]).drop_duplicates(["estimator", "small", "large"], keep="last")
    frame.to_csv(FRAME, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
