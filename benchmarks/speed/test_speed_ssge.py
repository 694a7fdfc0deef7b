"""The closed form of SSGE against the textbook's formula: processor seconds of one thread, and bytes at the peak.

`pytest benchmarks/speed/test_speed_ssge.py -s` prints the ratios; `extra_info` of the benchmark records holds them.
The closed form always computes in double precision. The textbook runs in single precision, as its published
implementations do, and in double: where n is large and d small, the eigendecomposition is most of either formula.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mibench_mige import ssge_score
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary


def textbook_ssge(x: Tensor, threshold: float = 0.99) -> Tensor:
    """Equations 4 to 7 with the n x n x d tensor of kernel gradients; x: (n, d)."""
    n = len(x)
    difference = x[:, None, :] - x[None, :, :]
    distance = difference.norm(dim=-1)
    width = distance.flatten().kthvalue(n * n // 2 + 1).values
    gram = torch.exp(-(distance**2) / (2 * width**2))
    gradients = -difference / width**2 * gram[..., None]
    ascending, columns = torch.linalg.eigh(gram)
    values, vectors = ascending.flip(0), columns.flip(1)
    rank = max(1, int((values.cumsum(0) / values.sum() < threshold).sum()))
    values, vectors = values[:rank], vectors[:, :rank]
    psi = n**0.5 / values * (gram @ vectors)
    psi_gradients = torch.einsum("lmd,mj->ljd", gradients, psi) / values[:, None]
    return -psi @ psi_gradients.mean(0)


class LiveBytes(TorchDispatchMode):
    """Adds up the storages that operations have made and that are still alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: Any = WeakIdKeyDictionary()
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple | list) else [result]:
            if isinstance(made, Tensor):
                storage = made.untyped_storage()
                self.alive[storage] = storage.nbytes()
        self.peak = max(self.peak, sum(self.alive.values()))
        return result


def peak_bytes(score: Callable[[Tensor], Tensor], x: Tensor) -> int:
    with LiveBytes() as live:
        score(x)
    return live.peak


def median_seconds(score: Callable[[Tensor], Tensor], x: Tensor, rounds: int) -> float:
    score(x)
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        score(x)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


@pytest.mark.benchmark(timer=time.process_time)
@pytest.mark.parametrize(("n", "d", "rounds"), [(256, 10, 9), (256, 40, 9), (64, 3136, 3), (128, 3136, 2)])
def test_closed_form_against_the_textbook(benchmark: BenchmarkFixture, n: int, d: int, rounds: int) -> None:
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    assert (ssge_score(x) - textbook_ssge(x.double())).norm() < 1e-5 * ssge_score(x).norm()
    single, double = (median_seconds(textbook_ssge, samples, rounds) for samples in (x, x.double()))
    benchmark.pedantic(ssge_score, (x,), rounds=9, warmup_rounds=1)
    seconds = benchmark.stats.stats.median
    textbook, closed = peak_bytes(textbook_ssge, x), peak_bytes(ssge_score, x)
    benchmark.extra_info |= {
        "ratio_to_single": single / seconds,
        "ratio_to_double": double / seconds,
        "peak_bytes": closed,
        "peak_bytes_of_textbook": textbook,
    }
    print(
        f"\nn={n} d={d}: {single * 1e3:.1f} ms in single, {double * 1e3:.1f} in double precision -> "
        f"{seconds * 1e3:.1f} ms, {single / seconds:.1f} and {double / seconds:.1f} times; "
        f"peak {textbook / 2**20:.1f} MiB -> {closed / 2**20:.1f} MiB"
    )


@pytest.mark.parametrize(("n", "d"), [(64, 10), (128, 20), (256, 20)])
def test_replicas_together_against_one_by_one(benchmark: BenchmarkFixture, n: int, d: int) -> None:
    x = torch.randn(16, n, d, generator=torch.Generator().manual_seed(0))
    alone = median_seconds(lambda batch: torch.stack([ssge_score(samples) for samples in batch]), x, 5)
    together = median_seconds(ssge_score, x, 5)
    benchmark.pedantic(ssge_score, args=[x], rounds=3)
    benchmark.extra_info["times_faster_than_one_by_one"] = alone / together
    print(f"16 replicas of n={n} d={d}: {alone / together:.2f} times one by one")
