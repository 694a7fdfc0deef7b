"""Claims about the copula where normal scores are collinear: what others determine is left out, in any order."""

import math
from collections.abc import Callable

import pytest
import torch
from mibench_baselines.cca import log_determinant_bias
from mibench_classical.copula import copula_mi, normal_scores
from sample_cases import correlated, normal
from torch import Tensor
from torch.nn.functional import one_hot
from torch.testing import assert_close

every_precision = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["double", "single"])
SIZES = [60, 101, 400, 2000]


def orders(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The same pairs in four orders, one a replica."""
    generator = torch.Generator().manual_seed(0)
    taken = torch.stack([torch.randperm(len(x), generator=generator) for _ in range(4)])
    return x[taken], y[taken]


def letters(n: int, values: int, seed: int) -> Tensor:
    return one_hot(torch.randint(values, (n,), generator=torch.Generator().manual_seed(seed)), values).double()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("bends", [[torch.exp], [torch.exp, torch.neg], [torch.sinh, torch.exp, torch.tanh]])
def test_monotone_functions_of_a_coordinate_beside_it_change_nothing(
    n: int, bends: list[Callable[[Tensor], Tensor]]
) -> None:
    x, y = correlated(5, n, 1, rho=0.9)
    wider = torch.cat([x, *(bend(x) for bend in bends)], -1)
    assert_close(copula_mi(wider, y), copula_mi(x, y))
    assert_close(copula_mi(wider, torch.cat([y, y.exp()], -1)), copula_mi(x, y))


@every_precision
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("values", [2, 3, 5])
def test_letters_have_the_value_of_all_but_one_in_any_order_of_the_pairs(
    n: int, values: int, dtype: torch.dtype
) -> None:
    for seed in range(3):
        x, noise = letters(n, values, seed), normal(n, 2, seed=seed)
        for y in (noise, torch.cat([2.0 * x.argmax(-1, keepdim=True) + 0.4 * noise[:, :1], noise[:, 1:]], -1)):
            expected = copula_mi(x[:, 1:].to(dtype), y.to(dtype)).expand(4)
            assert_close(copula_mi(*orders(x.to(dtype), y.to(dtype))), expected)
            assert_close(copula_mi(*orders(y.to(dtype), x.to(dtype))), expected)


@every_precision
@pytest.mark.parametrize("n", SIZES)
def test_information_is_infinite_where_scores_of_x_determine_one_of_y_in_any_order_of_the_pairs(
    n: int, dtype: torch.dtype
) -> None:
    x = normal(n, 2).to(dtype)
    code = letters(n, 3, 0).to(dtype)
    ranks_of_x = x[:, :1].argsort(0).argsort(0).to(dtype)
    label = code.argmax(-1, keepdim=True).to(dtype)
    for block, y in ((x, ranks_of_x), (x[:, :1], -ranks_of_x), (code, code[:, :1]), (code, label)):
        assert copula_mi(*orders(block, y)).tolist() == [math.inf] * 4
        assert copula_mi(*orders(y, block)).tolist() == [math.inf] * 4


@every_precision
def test_replicas_of_full_rank_are_the_same_beside_others_that_are_not(dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in correlated(5, 200, 3))
    whole = copula_mi(x, y)
    x[1, :, 2], x[2, :, 0], x[3, 7, 1], y[4, :, 0] = x[1, :, 0].exp(), 0.1, math.nan, -x[4, :, 1]
    values = copula_mi(x, y)
    assert values[0].equal(whole[0])
    assert_close(values[1], copula_mi(x[1, :, :2], y[1]))
    assert_close(values[2], copula_mi(x[2, :, 1:], y[2]))
    assert values[3].isnan()
    assert values[4] == math.inf


@every_precision
def test_the_copula_of_full_rank_is_the_formula_to_the_last_bit(dtype: torch.dtype) -> None:
    x, y = (z.to(dtype) for z in correlated(7, 40, 3))
    scores = normal_scores(torch.cat([x, y], -1).double())
    centred = scores - scores.mean(-2, keepdim=True)
    unit = centred / centred.square().sum(-2, keepdim=True).sqrt()
    product = unit.mT @ unit
    product.diagonal(dim1=-2, dim2=-1).fill_(1)
    of_x, of_y, both = (
        torch.linalg.slogdet(product[..., part, part]).logabsdet for part in (slice(3), slice(3, None), slice(None))
    )
    bias = 2 * log_determinant_bias(40, 3) - log_determinant_bias(40, 6)
    assert copula_mi(x, y).equal(((of_x + of_y - both) / 2 - bias).to(dtype))
