"""Ratio score matching against MIGE, and SSGE against its own eigendecomposition: processor seconds.

`pytest benchmarks/speed/test_speed_rsm.py -s` prints the ratios; `extra_info` of the benchmark records holds them.
"""

import statistics
import time
from collections.abc import Callable

import pytest
import torch
from mibench_mige import squared_distances, ssge_score
from mibench_ratio import FitOptions, ratio_gradient
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor


def median_seconds(function: Callable[..., object], *arguments: Tensor, rounds: int = 5) -> float:
    function(*arguments)
    seconds: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        function(*arguments)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def crossed(n: int, d: int) -> tuple[Tensor, Tensor]:
    """Dependence without correlation, so that the full fit is made."""
    x, noise, sign = torch.randn(3, n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return x, 0.9 * sign.sign() * x + 0.44 * noise


def mige(x: Tensor, y: Tensor) -> Tensor:
    of_x, of_y = squared_distances(x), squared_distances(y)
    return ssge_score(y, distances=of_x + of_y) - ssge_score(y, distances=of_y)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("d", [1, 2, 5, 20])
@pytest.mark.parametrize("n", [256, 1024])
def test_ratio_score_matching_against_mige(benchmark: BenchmarkFixture, n: int, d: int) -> None:
    x, y = crossed(n, d)
    reference = median_seconds(mige, x, y, rounds=3)
    plain = FitOptions(clusters="none", ellipse_weight=0.0, alignment=0.0)
    simplest = median_seconds(lambda a, b: ratio_gradient(a, b, plain), x, y, rounds=3)
    benchmark.pedantic(ratio_gradient, (x, y), rounds=3, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info |= {"ratio_to_mige": seconds / reference, "ratio_of_the_plain_fit": simplest / reference}
    print(
        f"\nn={n} d={d}: mige {reference * 1e3:.0f} ms, rsm {seconds * 1e3:.0f} ms, {seconds / reference:.2f} times; "
        f"without what adapts {simplest / reference:.2f} times"
    )


@pytest.mark.benchmark(timer=time.process_time)
def test_a_gaussian_batch_against_mige(benchmark: BenchmarkFixture) -> None:
    """No full fit is made."""
    x, noise = torch.randn(2, 256, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = 0.8 * x + 0.6 * noise
    reference = median_seconds(mige, x, y)
    benchmark.pedantic(ratio_gradient, (x, y), rounds=5, warmup_rounds=1)
    ratio = benchmark.stats.stats.median / reference
    benchmark.extra_info["ratio_to_mige"] = ratio
    print(f"\nGaussian, n=256 d=5: {ratio:.2f} times mige")


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n", [64, 128, 256, 512])
def test_ssge_against_its_eigendecomposition(benchmark: BenchmarkFixture, n: int, threads: int) -> None:
    torch.set_num_threads(threads)
    x = torch.randn(n, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    gram = torch.exp(-squared_distances(x) / 20)
    alone = median_seconds(torch.linalg.eigh, gram, rounds=9)
    benchmark.pedantic(ssge_score, (x,), rounds=9, warmup_rounds=1)
    ratio = benchmark.stats.stats.median / alone
    benchmark.extra_info["ratio_to_eigh"] = ratio
    print(f"\nn={n}, {threads} threads: eigh {alone * 1e3:.2f} ms, SSGE {ratio:.2f} times that")
