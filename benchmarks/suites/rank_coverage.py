"""What results/pages/rank-coverage.csv holds: how often the 95 % intervals of `mibench rank` hold what is expected.

`python benchmarks/suites/rank_coverage.py` takes a few minutes on one core. Each row is an estimator in 1,000 simulated
results of one design. Errors are normal; three estimators have errors of known mean sizes, which differ by task, and
two more are equal; the oracle's errors are as large as those of the first. What is expected is the rank, and the share
of cells near the oracle, over all tasks of the kind, and over all seeds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mibench.comparison.error_table import ORACLE, ErrorTable
from mibench.comparison.shares import NEAR, ranks_of
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


def expected_shares(seeds: int, between: float) -> Array:
    """The shares of cells near the oracle over a population of tasks."""
    rng = np.random.default_rng(0)
    errors = simulated(POPULATION // seeds, seeds, between, rng)
    squares, oracle = (errors**2).mean(2), (oracles(errors, rng) ** 2).mean(2)
    return (squares <= NEAR**2 * oracle).mean((0, 1))


def oracles(errors: Array, rng: np.random.Generator) -> Array:
    """Errors of the oracle in the same runs, as a last axis of one."""
    return np.abs(rng.standard_normal((*errors.shape[:-1], 1)))


def table(errors: Array, oracle: Array) -> ErrorTable:
    """Simulated errors as the table that is ranked."""
    errors = np.concatenate([errors, oracle], axis=-1)
    tasks, cells, seeds, count = errors.shape
    names = [f"t{task:02}" for task in range(tasks)]
    return ErrorTable(
        quantity="mi",
        estimators=(*SCALES, ORACLE),
        tasks=np.repeat(names, cells * seeds),
        cells=np.repeat(np.arange(tasks * cells), seeds),
        seeds=np.tile(np.arange(seeds), tasks * cells),
        errors=errors.reshape(-1, count),
        places=pd.DataFrame({"task": np.repeat(names, cells), "measurement": "mi", "cell": range(tasks * cells)}),
        distances=True,
    )


def coverage(tasks: int, seeds: int, between: float) -> pd.DataFrame:
    """A row an estimator."""
    expected = {"rank": expected_ranks(between), "near": expected_shares(seeds, between)}
    sums = {name: np.zeros((2, len(SCALES))) for name in expected}
    for number in range(SIMULATIONS):
        rng, others = np.random.default_rng(number), np.random.default_rng([number, 1])
        errors = simulated(tasks, seeds, between, rng)
        ranks = ranks_of(table(errors, oracles(errors, others)), 1_000, rng)
        for name, truth in expected.items():
            low, high = ranks[f"{name}_low"].to_numpy(), ranks[f"{name}_high"].to_numpy()
            sums[name] += (low <= truth) & (truth <= high), high - low
    columns = {"estimator": list(SCALES)}
    for name, prefix in (("rank", ""), ("near", "near_")):
        covered, width = sums[name] / SIMULATIONS
        columns |= {f"{prefix}expected": expected[name], f"{prefix}covered": covered, f"{prefix}width": width}
    return pd.DataFrame({"tasks": tasks, "seeds": seeds, "between": between, "simulations": SIMULATIONS, **columns})


def main() -> None:
    """Writes the frame."""
    pd.concat([coverage(*design) for design in DESIGNS]).to_csv(PAGE, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
