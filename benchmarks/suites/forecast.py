"""How far a forecast after a small run is off what a large run takes.

`python benchmarks/suites/forecast.py -e mige,mine --small gaussian --large "gaussian[d=10,rho=0.5]"` runs the profile
`smoke` of `--small`, forecasts `--large` in the profile `paper` with one seed, runs it, and prints one line an
estimator. Seconds are processor seconds on one thread, which a busy machine does not change much.
"""

import argparse
import tempfile
import time
from unittest import mock

import torch

import mibench
from mibench.plan.request import RunRequest
from mibench.runner import prepare
from mibench.store.forecast import forecast


def main() -> None:
    """Prints the forecast, what was taken, and their ratio."""
    options = argparse.ArgumentParser()
    options.add_argument("-e", "--estimators", required=True, help="names, separated by commas")
    options.add_argument("--small", required=True, help="the task that is run first")
    options.add_argument("--large", required=True, help="the task that is forecast, and then run")
    options.add_argument("--profiles", default="smoke,paper", help="of both")
    given = options.parse_args()
    small, large = given.profiles.split(",")
    torch.set_num_threads(1)
    for name in given.estimators.split(","):
        with tempfile.TemporaryDirectory() as results, mock.patch("time.perf_counter", time.process_time):
            mibench.run(name, given.small, profile=small, seeds=1, results=results)
            job = prepare(RunRequest(estimators=name, tasks=given.large, profile=large, seeds=1, results=results))
            expected = forecast(job.batches, job.store)
            keys = {trial.key for batch in job.batches for trial in batch.trials}
            mibench.run(name, given.large, profile=large, seeds=1, results=results)
            took = sum(record.seconds or 0.0 for record in job.records if record.key in keys)
            ratio = expected.seconds / took
            print(f"{name:16}{expected.seconds:10.3g} s{took:10.3g} s{ratio:8.2f}  {expected.elsewhere}", flush=True)


if __name__ == "__main__":
    main()
