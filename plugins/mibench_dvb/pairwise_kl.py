r"""The information of a mixture by pairwise divergences, the penalty of the nonlinear information bottleneck.

.. math::
    I \le -\frac{1}{n} \sum_i \log \frac{1}{n} \sum_j
    \exp\big( -\mathrm{KL}(p(y \mid x_i) \,\|\, p(y \mid x_j)) \big)

Papers: Kolchinsky and Tracey, Estimating Mixture Entropy with Pairwise Distances, Entropy 19, 2017 (the bound);
Kolchinsky, Tracey and Wolpert, Nonlinear Information Bottleneck, Entropy 21, 2019 (the penalty).

It estimates value and gradient, and needs a normal p(y|x) from its task and no training. It is an upper bound on what y
tells of which of the n samples x is, and at most log n. On I(X;Y) itself it is one only where I(X;Y) is well below
log n; there it is loose, about twice I(X;Y) where that is small, and exact where samples of x give y that are either
equal or far apart. Its variance is low. Of the batch it reads x alone: the gradient reaches the parameters of p(y|x).

Deviations: the deviations of p(y|x) are the encoder's, one for each x and coordinate, where the paper has one in all.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from mibench.conditionals import normal_coordinates
from mibench.contracts import PerReplica
from mibench.errors import SmallBatchError, UnfitError
from mibench_dvb.bound import ConditionalBound


def pairwise_divergences(
    mean: Float[Tensor, "*replicas n dy"], deviation: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas n n"]:
    """KL(p_i || p_j) in nats of normal distributions with independent coordinates, in float64."""
    mean, variance = mean.double(), deviation.double().square()
    mean = mean - mean.mean(-2, keepdim=True)  # the squares below cancel less
    precision = variance.reciprocal()
    of_i = torch.cat((variance + mean.square(), mean), dim=-1)
    of_j = torch.cat((precision, -2 * mean * precision), dim=-1)
    log_determinant = variance.log().sum(-1)
    constant = (mean.square() * precision).sum(-1) + log_determinant - mean.shape[-1]
    divergences = 0.5 * (of_i @ of_j.mT + constant.unsqueeze(-2) - log_determinant.unsqueeze(-1))
    return divergences.clamp_min(0).diagonal_scatter(torch.zeros_like(log_determinant), 0, -2, -1)


def pairwise_information(divergences: Float[Tensor, "*replicas n n"]) -> PerReplica:
    """The bound in nats.

    Raises:
        SmallBatchError: a single sample, which tells nothing of which sample it is.
    """
    n = divergences.shape[-1]
    if n < 2:
        raise SmallBatchError(f"pairwise-kl compares samples and needs at least 2, not {n}")
    return math.log(n) - (-divergences).logsumexp(-1).mean(-1)


class PairwiseKL(ConditionalBound):
    """The bound by pairwise divergences.

    Raises:
        UnfitError: the task does not know p(y|x).
    """

    name = "pairwise-kl"

    def bound(self, conditional: Distribution) -> PerReplica:
        """The bound in nats.

        Raises:
            UnfitError: p(y|x) is no normal distribution with independent coordinates.
        """
        normal = normal_coordinates(conditional)
        if normal is None:
            raise UnfitError(f"pairwise-kl needs a normal p(y|x) with independent coordinates, not {conditional}")
        return pairwise_information(pairwise_divergences(normal.mean, normal.stddev)).to(normal.mean.dtype)
