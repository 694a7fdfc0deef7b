r"""Negatives: pairs (x_i, y_j) that stand for independent draws from p(x)p(y).

- off-diagonal: all n (n - 1) pairs i != j of the batch.
- derangement: one negative for each x, y permuted along a random cycle through the whole batch.

Neither ever pairs a sample with its own partner. A plain random permutation does, about once a batch, and then every
bound converges to the divergence from :math:`(1 - 1/n) \, p(x) p(y) + p(x, y) / n`, which is below log n whatever
I(X;Y) is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import Problem, SamplesX, SamplesY
from mibench.errors import SmallBatchError
from mibench.specs import CheckedParams
from mibench_variational.critics import Critic, NegativeScores, PositiveScores

NegativeSampling: TypeAlias = Literal["off-diagonal", "derangement"]
Reduction: TypeAlias = Callable[[Float[Tensor, "*replicas rows m"]], Float[Tensor, "*replicas k"]]
"""What to keep of the negatives of successive samples: e.g. one number a sample, or all of them."""
RowTerms: TypeAlias = Callable[[Float[Tensor, "*replicas rows n"], int], Float[Tensor, "*any rows"]]
"""What each of some successive samples gives, from the rows of all pairs that begin with a given row."""


@dataclass(frozen=True, kw_only=True)
class NegativeParams(CheckedParams):
    """Where negatives come from.

    Attributes:
        negatives: all pairs of different samples, or one random derangement of the batch.
    """

    negatives: NegativeSampling = "off-diagonal"


@floats_only
def log_mean_exp(values: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape"]:
    """Log of 1/m sum_i exp(v_i), without overflow."""
    return values.logsumexp(-1) - math.log(values.shape[-1])


@floats_only
def log_mean_exp_of_others(values: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape m"]:
    """For each entry, the log-mean-exp of all others on the last axis.

    The largest entry is left out by masking: taking its exponential from the sum would cancel.
    """
    largest = values.argmax(-1, keepdim=True)
    total = values.logsumexp(-1, keepdim=True)
    share = (values - total).exp().scatter(-1, largest, 0.0)  # at most a half
    without_largest = values.scatter(-1, largest, -math.inf).logsumexp(-1, keepdim=True)
    others = (total + torch.log1p(-share)).scatter(-1, largest, without_largest)
    return others - math.log(values.shape[-1] - 1)


def positive_scores(block: Float[Tensor, "*replicas rows n"], first: int = 0) -> Float[Tensor, "*replicas rows"]:
    """f(x_i, y_i) from the rows of all pairs that begin with row `first`."""
    return block.diagonal(first, -2, -1)


def negative_scores(block: Float[Tensor, "*replicas rows n"], first: int = 0) -> Float[Tensor, "*replicas rows n-1"]:
    """f(x_i, y_j), j != i, in no particular order, from the rows of all pairs that begin with row `first`.

    The last column moves to where each row's positive score is, so that nothing masked is left to be averaged.
    """
    others = block[..., :-1]
    rows = min(others.shape[-2], others.shape[-1] - first)
    return others.diagonal_scatter(block[..., :rows, -1], first, -2, -1)


def derangement(n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """A permutation without fixed points: the successor of each sample along a random cycle through all n."""
    require_pairs(n)
    order = torch.randperm(n, generator=generator)
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def deranged(y: SamplesY, problem: Problem) -> SamplesY:
    """Each replica's samples in an order drawn from its own generator."""
    require_pairs(y.shape[-2])
    order = problem.draw(lambda generator: derangement(y.shape[-2], generator))
    return y.gather(-2, order.unsqueeze(-1).expand_as(y))


def every(negatives: Float[Tensor, "*replicas rows m"]) -> Float[Tensor, "*replicas k"]:
    """All negatives of all rows on one axis."""
    return negatives.flatten(-2)


def contrast(critic: Critic, x: SamplesX, y: SamplesY, reduce: Reduction) -> tuple[PositiveScores, NegativeScores]:
    """Positive scores, and what `reduce` keeps of the off-diagonal negative scores.

    Where `reduce` keeps one number a sample and no gradient is recorded, this holds one block of pairs at a time. Every
    sample has n - 1 negatives, so a mean of means, or a log-mean-exp of log-mean-exps, is that of all negatives.
    """
    require_pairs(x.shape[-2])
    positives: list[Tensor] = []
    negatives: list[Tensor] = []
    first = 0
    for block in critic.score_rows(x, y):
        positives.append(positive_scores(block, first).clone())  # a view would keep the whole block
        negatives.append(reduce(negative_scores(block, first)))
        first += block.shape[-2]
    return torch.cat(positives, dim=-1), torch.cat(negatives, dim=-1)


def over_rows(critic: Critic, x: SamplesX, y: SamplesY, terms: RowTerms) -> Float[Tensor, "*any n"]:
    """What each sample gives; without gradients this holds one block of pairs at a time."""
    require_pairs(x.shape[-2])
    given: list[Tensor] = []
    first = 0
    for block in critic.score_rows(x, y):
        given.append(terms(block, first))
        first += block.shape[-2]
    return torch.cat(given, dim=-1)


def require_pairs(n: int) -> None:
    """Refuses a batch that has no negatives.

    Raises:
        SmallBatchError: fewer than two samples.
    """
    if n < 2:
        raise SmallBatchError(f"negatives are pairs of different samples: a batch needs at least 2, this one has {n}")
