"""Negatives never contain a sample's own partner, and none is counted twice or left out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mibench_variational.negatives import (
    contrast,
    deranged,
    derangement,
    every,
    log_mean_exp,
    negative_scores,
    positive_scores,
)
from variational_cases import ExactCritic, build, gaussian_pairs, generators

from mibench.contracts import Problem


@given(st.integers(2, 200), st.integers(0, 2**31))
def test_derangement_is_a_permutation_without_fixed_points(n: int, seed: int) -> None:
    order = derangement(n, torch.Generator().manual_seed(seed))
    assert order.sort().values.equal(torch.arange(n))
    assert not order.eq(torch.arange(n)).any()


def test_every_other_sample_is_as_likely_a_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([derangement(5, generator) for _ in range(2000)])
    share = torch.stack([(draws == j).double().mean(0) for j in range(5)])
    expected = (1 - torch.eye(5)) / 4
    torch.testing.assert_close(share, expected.double(), atol=4 * math.sqrt(3 / 16 / 2000), rtol=0)


@given(st.integers(2, 9), st.data())
def test_negative_scores_drop_the_diagonal_and_nothing_else(n: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, n - 1))
    rows = data.draw(st.integers(1, n - first))
    scores = torch.arange(2 * n * n).reshape(2, n, n).float()
    negatives = negative_scores(scores[:, first : first + rows], first)
    off_diagonal = ~torch.eye(n, dtype=torch.bool)
    for i in range(rows):
        expected = scores[:, first + i][:, off_diagonal[first + i]]
        torch.testing.assert_close(negatives[:, i].sort().values, expected)
    torch.testing.assert_close(
        positive_scores(scores[:, first : first + rows], first),
        scores.diagonal(dim1=-2, dim2=-1)[:, first : first + rows],
    )


def test_row_by_row_contrast_equals_that_of_all_negatives() -> None:
    x, y = gaussian_pairs(0.5, (2, 9, 4), 0, torch.float64)
    own, rows = contrast(ExactCritic(0.5), x, y, log_mean_exp)
    again, negatives = contrast(ExactCritic(0.5), x, y, every)
    assert negatives.shape == (2, 9 * 8)
    torch.testing.assert_close(own, again)
    torch.testing.assert_close(log_mean_exp(rows), log_mean_exp(negatives))


def test_a_batch_of_one_has_no_negatives() -> None:
    with pytest.raises(ValueError, match="at least 2, this one has 1"):
        derangement(1, torch.Generator())


@pytest.mark.parametrize("name", ["mine", "infonce", "club"])
@pytest.mark.parametrize("negatives", ["off-diagonal", "derangement"])
def test_estimators_refuse_a_batch_of_one(name: str, negatives: str) -> None:
    estimator = build(name, negatives=negatives)
    with pytest.raises(ValueError, match="at least 2, this one has 1"):
        estimator.mi(torch.zeros(1, 3), torch.zeros(1, 3))


def test_each_replica_is_deranged_by_its_own_generator() -> None:
    y = torch.arange(7.0).reshape(1, 7, 1).expand(3, 7, 1)
    together = deranged(y, Problem(dx=1, dy=1, generators=generators(0, 1, 2), replicas=(3,)))
    for i in range(3):
        alone = deranged(y[i], Problem(dx=1, dy=1, generators=generators(i)))
        assert together[i].equal(alone)
    assert not together.eq(y).any()
    assert not together[0].equal(together[1])
