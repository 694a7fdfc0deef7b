"""Selection: against sorting, with replicas, ties and NaN, and each pair once."""

import pytest
import torch
from torch.testing import assert_close

from mibench.selection import kth_smallest, once_a_pair


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(9,), (3, 8), (2, 3, 5)])
@pytest.mark.parametrize("k", [0, 2, 4])
def test_the_kth_smallest_is_the_kth_of_the_sorted(shape: tuple[int, ...], k: int) -> None:
    values = normal(*shape).round(decimals=1)
    kept = values.clone()
    assert_close(kth_smallest(values, k), values.sort(-1).values[..., k], rtol=0, atol=0)
    assert_close(values, kept, rtol=0, atol=0)
    assert_close(kth_smallest(values, k), values.kthvalue(k + 1, -1).values, rtol=0, atol=0)


def test_nan_is_larger_than_any_number() -> None:
    values = torch.tensor([[torch.nan, 2.0, torch.inf], [1.0, torch.nan, torch.nan]])
    assert kth_smallest(values, 0).tolist() == [2.0, 1.0]
    assert kth_smallest(values, 1)[0] == torch.inf
    assert kth_smallest(values, 2).isnan().all()


@pytest.mark.parametrize("n", [2, 3, 6, 7])
def test_each_pair_is_there_once(n: int) -> None:
    matrices = normal(4, n, n)
    matrices = matrices + matrices.mT
    above = matrices[..., *torch.triu_indices(n, n, 1)]
    assert_close(once_a_pair(matrices).sort(-1).values, above.sort(-1).values, rtol=0, atol=0)
