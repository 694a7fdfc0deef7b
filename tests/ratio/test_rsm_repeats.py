"""Pairs that occur again: a fit is of each once, and its answer the same at every copy."""

from collections.abc import Callable

import pytest
import torch
from mibench_ratio import FitOptions, SmallBatchError, ratio_fit, ratio_gradient
from mibench_ratio.many import many_gradient
from mibench_ratio.repeats import Once, once_each
from torch import Tensor
from torch.testing import assert_close

import mibench


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def waves(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x = normal(n, 2, seed=seed)
    return x, (2 * x).sin() + 0.3 * normal(n, 2, seed=seed + 100)


def bits(n: int) -> tuple[Tensor, Tensor]:
    x = normal(n, 1).sign()
    return x, x + 0.5 * normal(n, 1, seed=1)


def apart(n: int) -> tuple[Tensor, Tensor]:
    return normal(n, 2), normal(n, 2, seed=1)


def drawn(n: int) -> Tensor:
    return torch.randint(n, (n,), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("pairs", [waves, bits, apart])
@pytest.mark.parametrize("again", [lambda n: torch.arange(n).repeat(2), drawn], ids=["twice", "bootstrap"])
def test_the_gradient_is_that_of_each_pair_once(
    pairs: Callable[[int], tuple[Tensor, Tensor]], again: Callable[[int], Tensor]
) -> None:
    x, y = pairs(128)
    which = again(128)
    once = which.unique()
    expected = torch.zeros_like(y)
    expected[once] = ratio_gradient(x[once], y[once])
    assert_close(ratio_gradient(x[which], y[which]), expected[which], rtol=1e-8, atol=1e-10)
    assert_close(ratio_fit(x[which], y[which]).gradient, expected[which], rtol=1e-8, atol=1e-10)


def test_features_of_many_samples_are_of_each_pair_once() -> None:
    x, y = waves(600)
    which = torch.arange(600).repeat(2)
    once = many_gradient(x, y, FitOptions(), 64)
    assert_close(many_gradient(x[which], y[which], FitOptions(), 64), once[which], rtol=1e-8, atol=1e-10)


def test_replicas_without_copies_are_as_they_are_alone() -> None:
    x, y = waves(128)
    others = waves(128, seed=7)
    which = drawn(128)
    stacked = torch.stack([x[which], others[0]]), torch.stack([y[which], others[1]])
    gradients = ratio_gradient(*stacked)
    assert_close(gradients[0], ratio_gradient(x[which], y[which]), rtol=1e-8, atol=1e-10)
    assert_close(gradients[1], ratio_gradient(*others), rtol=1e-8, atol=1e-10)


def test_a_bound_takes_no_copies_for_held_out_samples() -> None:
    x, y = apart(128)
    which = torch.arange(128).repeat(4)
    bounds = mibench.probe("rsm", dx=2, dy=2).mi(
        torch.stack([x[which], normal(512, 2, seed=3)]), y[which].expand(2, -1, -1)
    )
    assert bounds.shape == (2,)
    assert (bounds < 0.1).all()


def test_values_that_occur_again_by_themselves_stay() -> None:
    letters = torch.randint(4, (200, 1), generator=torch.Generator().manual_seed(0)).double()
    assert Once.of(letters, letters) is None
    assert Once.of(letters, torch.randint(3, (200, 1)).double()) is None
    behind_a_threshold = normal(200, 1).clamp_min(0.0)
    assert Once.of(behind_a_threshold, behind_a_threshold) is None
    assert Once.of(normal(200, 1), letters) is None
    assert once_each(*waves(64), FitOptions()) == {}


def test_samples_are_numbered_by_their_pairs_whichever_copy_they_are() -> None:
    x, y = waves(6)
    once = Once.of(x.repeat(2, 1), y.repeat(2, 1))
    assert once is not None
    assert once.numbered(torch.tensor([7, 1, 11, 6, 5])).tolist() == [1, 5, 0]


def test_too_few_different_pairs_are_refused_by_their_number() -> None:
    x, y = normal(10, 5).repeat(3, 1), normal(10, 5, seed=1).repeat(3, 1)
    with pytest.raises(SmallBatchError, match="30 samples of 10 different pairs"):
        ratio_gradient(x, y)
