"""Nearest neighbours against scikit-learn's trees, a replica at a time: processor seconds of one thread.

`pytest benchmarks/speed/test_speed_neighbours.py -s` prints the ratios; `extra_info` of the records holds them.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from mibench_neighbours.ksg import ksg
from pytest_benchmark.fixture import BenchmarkFixture
from sklearn.neighbors import KDTree
from torch import Tensor


def median_seconds(function: Callable[[], object], rounds: int = 3) -> float:
    function()
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def by_scikit_learn(x: Tensor, y: Tensor, k: int = 3) -> list[np.ndarray]:
    """The distances and the counts that the estimate is made of, of every replica."""
    counts: list[np.ndarray] = []
    for of_x, of_y in zip(x.numpy(), y.numpy(), strict=True):
        both = np.hstack([of_x, of_y])
        distances = KDTree(both, metric="chebyshev").query(both, k=k + 1)[0][:, -1]
        nearer = np.nextafter(distances, 0)
        counts += [KDTree(z, metric="chebyshev").query_radius(z, nearer, count_only=True) for z in (of_x, of_y)]
    return counts


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(
    ("replicas", "n", "d"),
    [
        (1, 10_000, 1),
        (1, 10_000, 2),
        (1, 10_000, 3),
        (1, 10_000, 5),
        (8, 10_000, 2),
        (64, 64, 1),
        (64, 64, 2),
        (64, 64, 5),
        (16, 256, 1),
        (16, 256, 2),
        (16, 256, 5),
    ],
)
def test_neighbours_against_scikit_learn(benchmark: BenchmarkFixture, replicas: int, n: int, d: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, replicas, n, d, generator=generator, dtype=torch.float64)
    y = 0.6 * x + 0.8 * noise
    reference = median_seconds(lambda: by_scikit_learn(x, y))
    benchmark.pedantic(ksg, (x, y), rounds=3, warmup_rounds=1)
    ratio = benchmark.stats.stats.median / reference
    benchmark.extra_info["ratio_to_scikit_learn"] = ratio
    print(f"\n{replicas} x n={n}, d={d} + {d}: scikit-learn {reference * 1e3:.0f} ms, ksg {ratio:.2f} times that")
