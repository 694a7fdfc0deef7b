r"""Models q(y|x) of a density: a network gives the parameters of a mixture whose coordinates are Gaussian or logistic.

.. math:: q(y \mid x) = \sum_k w_k(x) \prod_i \frac{1}{s_{ki}(x)} \, h\left( \frac{y_i - m_{ki}(x)}{s_{ki}(x)} \right)

with the standard Gaussian or logistic density h. A model of q(y) is one of q(y|x) that is shown a constant in place of
x. They are trained by maximum likelihood.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from mibench.contracts import Conditional, Problem, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench_variational.critics import Critic, PositiveScores, ScoreRows
from mibench_variational.networks import NetworkParams, Perceptron

LOG_SCALE_LIMIT = 5.0
"""As the limit of 10 on CLUB's log variance."""

Shape: TypeAlias = Literal["gaussian", "logistic"]


@dataclass(frozen=True, kw_only=True)
class DensityParams(NetworkParams):
    """A model of q(y|x).

    Attributes:
        density: of each coordinate, given x and the component.
        components: of the mixture; within one, coordinates are independent given x.
    """

    density: Shape = "gaussian"
    components: Annotated[int, AtLeast(1), Search(1, 8)] = 1


@dataclass(frozen=True)
class DensityModel(Critic):
    """log q(y|x), whose scores of pairs are a critic's."""

    network: Perceptron
    density: Shape
    components: int
    dy: int

    @classmethod
    def initialised(cls, params: DensityParams, problem: Problem, dx: int) -> "DensityModel":
        """Draws a model of y given `dx` numbers."""
        outputs = params.components * (2 * problem.dy + 1)
        network = Perceptron.initialised(params, problem, dx, outputs)
        return cls(network, params.density, params.components, problem.dy)

    @property
    def numbers_per_pair(self) -> int:
        """A number for each coordinate of each component."""
        return self.components * self.dy

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """log q(y_i|x_i)."""
        return self._log_density(self.network(x), y)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """log q(y_j|x_i)."""
        for raw in torch.split(self.network(x), rows, dim=-2):
            yield self._log_density(raw.unsqueeze(-2), y.unsqueeze(-3))

    def _log_density(self, raw: Float[Tensor, "*of_x outputs"], y: Float[Tensor, "*of_y dy"]) -> Tensor:
        """From what the network gives; `of_x` and `of_y` broadcast."""
        weights, rest = raw[..., : self.components], raw[..., self.components :]
        location, log_scale = rest.unflatten(-1, (2, self.components, self.dy)).unbind(-3)
        log_scale = LOG_SCALE_LIMIT * torch.tanh(log_scale / LOG_SCALE_LIMIT)
        z = (y.unsqueeze(-2) - location) * (-log_scale).exp()
        gaussian = self.density == "gaussian"
        each = -0.5 * (z.square() + math.log(2 * math.pi)) if gaussian else -z - 2 * softplus(-z)
        return (weights.log_softmax(-1) + (each - log_scale).sum(-1)).logsumexp(-1)


@dataclass(frozen=True)
class KnownConditional(Critic):
    """log p(y|x) of a task that knows it; nothing in it is trained."""

    conditional: Conditional
    dy: int

    @property
    def numbers_per_pair(self) -> int:
        """A number for each coordinate."""
        return self.dy

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """log p(y_i|x_i)."""
        return self.conditional(x).log_prob(y)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """log p(y_j|x_i)."""
        each = y.movedim(-2, 0).unsqueeze(-2)  # (m, *replicas, 1, dy)
        for part in torch.split(x, rows, dim=-2):
            yield self.conditional(part).log_prob(each).movedim(0, -1)


@dataclass(frozen=True)
class Turned(Critic):
    """A critic that is asked for (y, x) in place of (x, y), so that its rows are samples of y."""

    critic: Critic

    @property
    def numbers_per_pair(self) -> int:
        """Those of the critic."""
        return self.critic.numbers_per_pair

    def paired(self, x: SamplesY, y: SamplesX) -> PositiveScores:
        """f(y_i, x_i)."""
        return self.critic.paired(y, x)

    def blocks(self, x: SamplesY, y: Float[Tensor, "*replicas m dx"], rows: int) -> Iterator[ScoreRows]:
        """f(y_j, x_i) for all j."""
        for part in torch.split(x, rows, dim=-2):
            yield torch.cat(tuple(self.critic.blocks(y, part, y.shape[-2])), dim=-2).mT


@dataclass(frozen=True)
class LogRatioModel(Critic):
    """log q(y|x) - log q(y), of two models of the same kind."""

    conditional: DensityModel
    marginal: DensityModel

    @classmethod
    def initialised(cls, params: DensityParams, problem: Problem) -> "LogRatioModel":
        """Draws q(y|x), then q(y)."""
        return cls(*(DensityModel.initialised(params, problem, inputs) for inputs in (problem.dx, 1)))

    @property
    def numbers_per_pair(self) -> int:
        """Those of q(y|x)."""
        return self.conditional.numbers_per_pair

    def log_marginal(self, y: SamplesY) -> Float[Tensor, "*replicas n"]:
        """log q(y_i)."""
        return self.marginal.paired(torch.ones_like(y[..., :1]), y)

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """log q(y_i|x_i) - log q(y_i)."""
        return self.conditional.paired(x, y) - self.log_marginal(y)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """log q(y_j|x_i) - log q(y_j)."""
        log_marginal = self.log_marginal(y).unsqueeze(-2)
        yield from (block - log_marginal for block in self.conditional.blocks(x, y, rows))
