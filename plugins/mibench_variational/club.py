r"""CLUB: the contrastive log-ratio upper bound, with a Gaussian model of p(y|x).

.. math:: I_\mathrm{CLUB} = \mathbb{E}_{p(x, y)}[\log q(y \mid x)] - \mathbb{E}_{p(x) p(y)}[\log q(y \mid x)]

Paper: Cheng et al., CLUB: A Contrastive Log-ratio Upper Bound of Mutual Information, ICML 2020, sections 3.1 and 3.2.
Estimates: value, and a gradient to minimise I(X;Y) by. Where x and y keep their marginals, as on the correlated
Gaussians, the gradient at q(y|x) = p(y|x) is that of I(X;Y) although the value is not.
Bias: an upper bound in expectation once q(y|x) is p(y|x), looser the larger I(X;Y) is; before that it bounds nothing.
Variance: low. Not symmetric.
Deviations: negatives are other samples' alone, where the paper averages over all pairs, which scales the value by
1 - 1/n; one perceptron gives mean and log variance; the log variance is kept within +-10 by tanh, where the authors'
code keeps it within +-1 and so cannot follow a conditional that is narrower than that.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic, NegativeScores, PositiveScores, ScoreRows
from mibench_variational.estimator import ContrastiveEstimator
from mibench_variational.networks import Perceptron

LOG_VARIANCE_LIMIT = 10.0


@floats_only
def club(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """E_p[log q] - E_q[log q], in nats."""
    return positives.mean(-1) - negatives.mean(-1)


@dataclass(frozen=True)
class GaussianConditional(Critic):
    """log q(y|x) of a Gaussian with diagonal covariance; the network gives its means and log variances."""

    network: Perceptron

    def moments(self, x: SamplesX) -> tuple[Float[Tensor, "*replicas n dy"], Float[Tensor, "*replicas n dy"]]:
        """Means and log variances of y given x."""
        mean, raw = torch.chunk(self.network(x), 2, dim=-1)
        return mean, LOG_VARIANCE_LIMIT * torch.tanh(raw / LOG_VARIANCE_LIMIT)

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """log q(y_i|x_i)."""
        mean, log_variance = self.moments(x)
        squares = (y - mean).square() * (-log_variance).exp()
        return -0.5 * (squares + log_variance + math.log(2 * math.pi)).sum(-1)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """log q(y_j|x_i), its square expanded so that two matrix products give all pairs."""
        mean, log_variance = self.moments(x)
        precision = (-log_variance).exp()
        constant = (mean.square() * precision + log_variance + math.log(2 * math.pi)).sum(-1, keepdim=True)
        left = torch.cat((-0.5 * constant, mean * precision, -0.5 * precision), dim=-1)
        right = torch.cat((torch.ones_like(y[..., :1]), y, y.square()), dim=-1).mT
        for block in torch.split(left, rows, dim=-2):
            yield block @ right


class Club(ContrastiveEstimator):
    """The contrastive log-ratio upper bound."""

    def build(self) -> Critic:
        """Draws the model of p(y|x)."""
        return GaussianConditional(
            Perceptron.initialised(self.params, self.problem, self.problem.dx, 2 * self.problem.dy)
        )

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihood of the pairs."""
        return self.critic.paired(x, y).mean(-1)

    def reduce(self, negatives: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape"]:
        """The mean of one sample's negatives."""
        return negatives.mean(-1)

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The bound on the batch."""
        return club(positives, negatives)
