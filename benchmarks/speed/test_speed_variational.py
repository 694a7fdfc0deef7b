"""How much training many replicas in one program saves over training them one after another, on one thread.

At 100-wide critics the saving is the overhead of small operations: it is large for small batches and fades once the
matrix products fill the processor.
"""

import time
from collections.abc import Callable

import pytest
import torch
from mibench_variational.mine import Mine, MineParams
from pytest_benchmark.fixture import BenchmarkFixture

from mibench.contracts import Problem

D, STEPS = 20, 10


def training(replicas: tuple[int, ...], n: int, width: int) -> Callable[[], None]:
    count = replicas[0] if replicas else 1
    generators = tuple(torch.Generator().manual_seed(seed) for seed in range(count))
    estimator = Mine(MineParams(hidden=(width, width)), Problem(dx=D, dy=D, generators=generators, replicas=replicas))
    x, y = torch.randn(2, *replicas, n, D, generator=torch.Generator().manual_seed(0))

    def steps() -> None:
        for _ in range(STEPS):
            estimator.update(x, y)

    return steps


def seconds(function: Callable[[], None], rounds: int = 10) -> float:
    function()
    taken: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return min(taken)


@pytest.mark.parametrize("n", [32, 64, 256])
@pytest.mark.parametrize("replicas", [8, 32, 64])
def test_training_replicas_together(benchmark: BenchmarkFixture, replicas: int, n: int) -> None:
    alone = seconds(training((), n, 100))
    benchmark.pedantic(training((replicas,), n, 100), rounds=5, warmup_rounds=1)
    benchmark.extra_info["times_faster_than_one_by_one"] = replicas * alone / benchmark.stats.stats.min


def test_training_mine_at_the_authors_settings(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(training((), 256, 512), rounds=3, warmup_rounds=1)
    benchmark.extra_info["seconds_for_200_steps"] = 200 / STEPS * benchmark.stats.stats.min
