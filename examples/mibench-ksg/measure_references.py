"""Prints `mibench_ksg/references.csv`: scikit-learn's estimates on the pairs that the task shows for seeds 0 to 19."""

import csv
import dataclasses
import json
import statistics
import sys

import sklearn
import torch
from mibench_ksg.gamma_exponential import Cell, draw
from sklearn.feature_selection import mutual_info_regression

from mibench.comparison.references import COLUMNS
from mibench.plan.seeds import data_generator

THETAS = (0.5, 1.0, 2.0, 3.0, 10.0)
SEEDS = range(20)
K = 3


def estimates(cell: Cell) -> list[float]:
    """One a seed, in nats."""
    task = "ksg-gamma-exponential"
    generators = (data_generator(task, dataclasses.asdict(cell), seed) for seed in SEEDS)
    pairs = [[side.to(torch.float32).double().numpy() for side in draw(cell, generator)] for generator in generators]
    return [mutual_info_regression(x, y[:, 0], n_neighbors=K, random_state=0)[0] for x, y in pairs]


def main() -> None:
    """One row a theta."""
    table = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    table.writeheader()
    for theta in THETAS:
        cell = Cell(theta=theta)
        values = estimates(cell)
        table.writerow(
            {
                "task": "ksg-gamma-exponential",
                "estimator": "ksg-tree",
                "measurement": "mi",
                "statistic": "mean",
                "value": f"{statistics.mean(values):.4f}",
                "spread": f"{statistics.stdev(values):.4f}",
                "provenance": "third party",
                "source": f"scikit-learn {sklearn.__version__}, mutual_info_regression, n_neighbors={K}",
                "settings": json.dumps({name: getattr(cell, name) for name in ("theta", "d", "n", "log")}),
                "note": f"mean and standard deviation over seeds 0 to {SEEDS[-1]}",
            }
        )


if __name__ == "__main__":
    main()
