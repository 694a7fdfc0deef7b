"""Critics f(x, y) that score a pair: separable, bilinear and joint.

- separable: g(x) . h(y), two perceptrons into one embedding; n + n evaluations score all n^2 pairs.
- bilinear: g(x)^T W h(y), as separable with a learnt matrix between the embeddings.
- joint: f([x, y]), one perceptron on the concatenation; n^2 evaluations. The first layer is linear in x and in y, so it
  is evaluated n + n times, and only the sum and the layers above it are evaluated for every pair.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Problem, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench_variational.networks import Linear, NetworkParams, Perceptron, Trainable

BLOCK = 2**24
"""Most numbers that one block of pairs holds at a time: 64 MiB in float32."""

PositiveScores: TypeAlias = Float[Tensor, "*replicas n"]
"""f(x_i, y_i)."""
NegativeScores: TypeAlias = Float[Tensor, "*replicas m"]
"""f(x_i, y_j), j != i."""
ScoreRows: TypeAlias = Float[Tensor, "*replicas rows m"]
"""f(x_i, y_j) for all j and some successive i."""

CriticKind: TypeAlias = Literal["separable", "bilinear", "joint"]


@dataclass(frozen=True, kw_only=True)
class CriticParams(NetworkParams):
    """What every critic has; the defaults are those of the MIGE authors' experiments with MINE.

    Attributes:
        critic: how x and y meet.
        embedding: width that x and y are mapped to by a separable or bilinear critic. On d-dimensional Gaussians the
            optimal separable critic has rank d + 2, which an embedding below that cannot reach.
    """

    critic: CriticKind = "separable"
    embedding: Annotated[int, AtLeast(1)] = 20


class Critic(Trainable, ABC):
    """Scores pairs of samples, for each replica with that replica's parameters."""

    @property
    def numbers_per_pair(self) -> int:
        """The most numbers held for one pair while it is scored."""
        return 1

    @abstractmethod
    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """f(x_i, y_i)."""

    @abstractmethod
    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """f(x_i, y_j) for all j and `rows` successive i at a time."""

    def score_rows(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], block: int = BLOCK) -> Iterator[ScoreRows]:
        """f(x_i, y_j) for all j and as many successive i at a time as keep within `block` numbers (at least one)."""
        row = math.prod(y.shape[:-1]) * self.numbers_per_pair
        return self.blocks(x, y, max(1, block // row))

    def scores(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"]) -> Float[Tensor, "*replicas n m"]:
        """f(x_i, y_j) for all pairs."""
        return torch.cat(tuple(self.score_rows(x, y)), dim=-2)


@dataclass(frozen=True)
class SeparableCritic(Critic):
    """g(x) . h(y)."""

    left: Perceptron
    right: Perceptron

    def embedded(self, x: SamplesX) -> Float[Tensor, "*replicas n embedding"]:
        """What meets h(y) in a dot product."""
        return self.left(x)

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """g(x_i) . h(y_i)."""
        return (self.embedded(x) * self.right(y)).sum(-1)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """g(x_i) . h(y_j), embedding every sample once."""
        right = self.right(y).mT
        for left in torch.split(self.embedded(x), rows, dim=-2):
            yield left @ right


@dataclass(frozen=True)
class BilinearCritic(SeparableCritic):
    """g(x)^T W h(y)."""

    middle: Float[Tensor, "*replicas embedding embedding"]

    def embedded(self, x: SamplesX) -> Float[Tensor, "*replicas n embedding"]:
        """g(x)^T W."""
        return self.left(x) @ self.middle


@dataclass(frozen=True)
class JointCritic(Critic):
    """f([x, y])."""

    network: Perceptron

    @property
    def numbers_per_pair(self) -> int:
        """The width of the widest layer."""
        return max(layer.bias.shape[-1] for layer in self.network.layers)

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """f([x_i, y_i])."""
        return self.network(torch.cat((x, y), dim=-1)).squeeze(-1)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """f([x_i, y_j]), adding the first layer's shares of x_i and of y_j."""
        first, dx = self.network.layers[0], x.shape[-1]
        right = (y @ first.weight[..., dx:, :] + first.bias).unsqueeze(-3)
        for left in torch.split(x @ first.weight[..., :dx, :], rows, dim=-2):
            pairs = left.unsqueeze(-2) + right  # (*replicas, rows, m, width)
            yield self.network.finish(pairs.flatten(-3, -2)).reshape(pairs.shape[:-1])


def build_critic(params: CriticParams, problem: Problem) -> Critic:
    """Draws the critic that `params.critic` names, one a replica."""
    if params.critic == "joint":
        return JointCritic(Perceptron.initialised(params, problem, problem.dx + problem.dy, 1))
    left = Perceptron.initialised(params, problem, problem.dx, params.embedding)
    right = Perceptron.initialised(params, problem, problem.dy, params.embedding)
    if params.critic == "separable":
        return SeparableCritic(left, right)
    middle = Linear.initialised(problem, params.embedding, params.embedding)
    return BilinearCritic(left, right, middle.weight)
