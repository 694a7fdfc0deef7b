"""What results/pages/rank-coverage.csv holds: how often the 95 % intervals of `mibench rank` hold the expected rank.

`python benchmarks/suites/rank_coverage.py` takes a few minutes on one core. Each row is an estimator in 1,000 simulated
results of one design. Errors are normal; three estimators have errors of known mean sizes, which differ by task, and
two more are equal. The expected rank is that over all tasks of the kind, and over all seeds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ErrorTable
from mibench.comparison.ranking import ranks_of
from mibench.comparison.statistics import Array

PAGE = Path(__file__).resolve().parents[2] / "results" / "pages" / "rank-coverage.csv"
SCALES = {"a": 1.0, "b": 1.3, "c": 2.0, "d": 3.0, "e": 3.0}
DESIGNS = ((1, 3, 0.0), (1, 10, 0.0), (3, 5, 0.2), (6, 3, 0.0), (6, 10, 0.5), (12, 5, 0.2), (30, 3, 0.5))
"""Numbers of tasks and seeds, and the standard deviation over tasks of the logarithm of an error's size."""
CELLS, SIMULATIONS, POPULATION = 2, 1_000, 200_000


def simulated(tasks: int, seeds: int, between: float, rng: np.random.Generator) -> Array:
    """Errors, tasks x cells x seeds x estimators."""
    sizes = np.array(list(SCALES.values())) * rng.lognormal(0, between, (tasks, 1, 1, len(SCALES)))
    return np.abs(sizes * rng.standard_normal((tasks, CELLS, seeds, len(SCALES))))


def expected_ranks(between: float) -> Array:
    """The ranks over a population of tasks."""
    errors = simulated(POPULATION, 1, between, np.random.default_rng(0)).reshape(-1, len(SCALES))
    return 1 + (errors[:, None, :] < errors[:, :, None]).sum(2).mean(0)


def table(errors: Array) -> ErrorTable:
    """Simulated errors as the table that is ranked."""
    tasks, cells, seeds, count = errors.shape
    names = [f"t{task:02}" for task in range(tasks)]
    return ErrorTable(
        quantity="mi",
        estimators=tuple(SCALES),
        tasks=np.repeat(names, cells * seeds),
        cells=np.repeat(np.arange(tasks * cells), seeds),
        seeds=np.tile(np.arange(seeds), tasks * cells),
        errors=errors.reshape(-1, count),
        places=pd.DataFrame({"task": np.repeat(names, cells), "measurement": "mi", "cell": range(tasks * cells)}),
        distances=True,
    )


def coverage(tasks: int, seeds: int, between: float) -> pd.DataFrame:
    """A row an estimator."""
    expected, covered, width = expected_ranks(between), np.zeros(len(SCALES)), np.zeros(len(SCALES))
    for number in range(SIMULATIONS):
        rng = np.random.default_rng(number)
        ranks = ranks_of(table(simulated(tasks, seeds, between, rng)), 1_000, rng)
        low, high = ranks["rank_low"].to_numpy(), ranks["rank_high"].to_numpy()
        covered += (low <= expected) & (expected <= high)
        width += high - low
    rows = {"estimator": list(SCALES), "expected": expected, "covered": covered / SIMULATIONS}
    design = {"tasks": tasks, "seeds": seeds, "between": between, "simulations": SIMULATIONS}
    return pd.DataFrame({**design, **rows, "width": width / SIMULATIONS})


def main() -> None:
    """Writes the frame."""
    pd.concat([coverage(*design) for design in DESIGNS]).to_csv(PAGE, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
