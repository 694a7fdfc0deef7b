"""How often an estimate of `gauss` hinges on one row, of normal pairs of so many rows, in one dimension.

Prints a line for each number of rows and each correlation: in what share of the data sets a single row makes more than
a quarter of the estimate's variance. Seconds a line. Usage:

    python benchmarks/suites/one_row.py [ROWS...]
"""

import sys

import torch
from mibench_baselines.gauss import Gauss
from mibench_data.resampling import share_of_one_row

from mibench.contracts import Problem
from mibench.estimation.intervals import MOST_OF_ONE_ROW

DATA_SETS = 200
CORRELATIONS = (0.2, 0.5, 0.8)
GAUSS = Gauss(None, Problem(dx=1, dy=1, generators=()))


def hinges(rows: int, rho: float, seed: int) -> bool:
    """Whether one row makes much of the estimate on the data set of a seed."""
    stream = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, rows, 1, generator=stream, dtype=torch.float64)
    y = rho * x + (1 - rho**2) ** 0.5 * noise

    def ask(chosen: torch.Tensor) -> float:
        return GAUSS.mi(x[chosen], y[chosen]).item()

    return share_of_one_row(ask, ask(torch.arange(rows)), x, y, stream) > MOST_OF_ONE_ROW


if __name__ == "__main__":
    torch.set_num_threads(1)
    for rows in map(int, sys.argv[1:] or (60, 200, 500)):
        for rho in CORRELATIONS:
            share = sum(hinges(rows, rho, seed) for seed in range(DATA_SETS)) / DATA_SETS
            print(f"{rows} rows, correlation {rho}: {share:.1%} of {DATA_SETS} data sets", flush=True)
