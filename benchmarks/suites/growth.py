"""What results/pages/growth.csv holds: seconds of trials by samples and dimensions, from which declarations follow.

`python benchmarks/suites/growth.py` takes minutes; `-e NAMES` measures these estimators again, and `--bend half-cube`
takes pairs that are not Gaussian, for estimators that are quicker on those that are. Gaussians at rho = 0.5 with 5
steps of training; seconds of processor time on one thread, the least of three trials, which a busy machine does not
change much. `--fit` measures nothing and prints the `growth`, `growth_from` and `growth_in_dimensions` that come
nearest to the frame, by the largest factor between a forecast from a cell and another cell.
"""

import argparse
import itertools
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

import pandas as pd
import torch

import mibench
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import EstimatorSpec

FRAME = Path(__file__).resolve().parents[2] / "results" / "pages" / "growth.csv"
DIMENSIONS, SAMPLES, STEPS, SEEDS = (1, 2, 6, 20), (64, 256, 512), 5, 3
GROWTHS, FROM = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0), (0, 25, 50, 75, 100, 150, 200, 300, 500, 1000, 3000)
IN_DIMENSIONS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)


def seconds(estimator: str, d: int, n: int, bend: str) -> float:
    """Of a trial, the least of three; missing where it cannot be run."""
    task = f"gaussian[d={d},rho=0.5,n={n},steps={STEPS},bend={bend}]"
    with tempfile.TemporaryDirectory() as results, mock.patch("time.perf_counter", time.process_time):
        frame = mibench.run(estimator, task, seeds=SEEDS, results=results, device="cpu")
    return float(frame[frame["status"] == "ok"]["seconds"].min())


def measure(name: str, bend: str) -> None:
    """Writes the rows of an estimator in place of those that are there."""
    cells = itertools.product(DIMENSIONS, SAMPLES)
    rows = [{"estimator": name, "bend": bend, "d": d, "n": n, "seconds": seconds(name, d, n, bend)} for d, n in cells]
    frame = pd.DataFrame(rows).dropna()
    if FRAME.exists():
        before = pd.read_csv(FRAME)
        frame = pd.concat([before[before["estimator"] != name], frame])
    frame.sort_values(["estimator", "d", "n"]).to_csv(FRAME, index=False, float_format="%.4g")


def fit(rows: pd.DataFrame) -> tuple[float, float, int, float]:
    """The largest factor between a forecast and a cell, and the three numbers that make it least."""

    def worst(growth: float, start: int, dimensions: float) -> float:
        work = rows["n"] ** growth * rows["d"] ** dimensions + (start**growth if start else 0.0)
        ratio = rows["seconds"] / work
        return ratio.max() / ratio.min()

    return min((worst(*numbers), *numbers) for numbers in itertools.product(GROWTHS, FROM, IN_DIMENSIONS))


def main() -> None:
    """Writes the frame, or prints what fits it."""
    options = argparse.ArgumentParser()
    options.add_argument("-e", "--estimators", help="names, separated by commas; else all")
    options.add_argument("--bend", default="none", help="of the pairs")
    options.add_argument("--fit", action="store_true", help="print what fits the frame")
    given = options.parse_args()
    if given.fit:
        for name, rows in pd.read_csv(FRAME).groupby("estimator"):
            print(name, *fit(rows))
        return
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    specs = [entry.spec for entry in Registry(load_plugins()).entries(EstimatorSpec) if not entry.spec.baseline_of]
    for name in given.estimators.split(",") if given.estimators else sorted(spec.name for spec in specs):
        measure(name, given.bend)


if __name__ == "__main__":
    main()
