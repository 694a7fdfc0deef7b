r"""Mutual information of a Gaussian copula (Ince et al., Human Brain Mapping 38, 2017).

.. math::
    z = \Phi^{-1}\Big( \frac{\mathrm{rank}}{n + 1} \Big) \text{ in each coordinate}, \qquad
    I = \frac{1}{2} \big( \log \det R_x + \log \det R_y - \log \det R \big) - \mathrm{bias},

R the correlation of the normal scores z, and the bias that of a Gaussian (see `cca`), for which the scores stand.

It estimates a value and no gradient: ranks do not move with the samples, and the gradient of I in the samples has the
densities of the margins in it, which ranks do not know. Exact in the limit where a monotone bend of each coordinate
makes (x, y) Gaussian. Elsewhere it is the information of the Gaussian with the correlation of the scores: for x and y
of one dimension a lower bound on I in the limit, as the margins of the scores are normal. Blind to every dependence
that is no correlation of ranks. Its variance is that of a Gaussian.

Deviations: equal samples share the mean of their ranks, and a constant coordinate says nothing.
"""

import torch
from jaxtyping import Float
from mibench_baselines.cca import log_determinant_bias
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench_classical.samples import finite, ranks


def copula_mi(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats of a Gaussian copula; NaN where a replica is not finite.

    Raises:
        UnfitError: there are fewer than two samples more than dimensions.
    """
    n, dx, dy = x.shape[-2], x.shape[-1], y.shape[-1]
    samples = finite(x.detach(), y.detach(), "copula", dx + dy + 2)
    correlation = _correlation(normal_scores(torch.cat([samples.x, samples.y], -1)))
    parts = [correlation[..., block, block] for block in (slice(dx), slice(dx, None), slice(None))]
    of_x, of_y, both = (torch.linalg.slogdet(part).logabsdet for part in parts)
    bias = log_determinant_bias(n, dx) + log_determinant_bias(n, dy) - log_determinant_bias(n, dx + dy)
    varies = (samples.x.amax(-2) > samples.x.amin(-2)).any(-1) & (samples.y.amax(-2) > samples.y.amin(-2)).any(-1)
    return samples.answer(torch.where(varies, (of_x + of_y - both) / 2 - bias, 0.0), x.dtype)


def normal_scores(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The quantile of the normal distribution at the rank of each sample."""
    n = z.shape[-2]
    return torch.special.ndtri((ranks(z) * n + 0.5) / (n + 1))


def _correlation(scores: Tensor) -> Tensor:
    """Between the coordinates; that of a constant is 0 with all others."""
    centred = scores - scores.mean(-2, keepdim=True)
    size = centred.square().sum(-2, keepdim=True).sqrt()
    unit = centred / torch.where(size > 0, size, 1.0)
    product = unit.mT @ unit
    return product - torch.diag_embed(product.diagonal(dim1=-2, dim2=-1) - 1)


class Copula(Estimator):
    """The information of a Gaussian copula."""

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return copula_mi(x, y)
