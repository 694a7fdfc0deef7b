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

Deviations: equal samples share the mean of their ranks. Coordinates whose scores are constant, or linear functions of
those of others of their block, as exp x beside x or the last letter of a one-hot code, are left out as in `cca`, and
count in no dimension of the bias. Where a linear function of the scores of x is one of those of y, to rounding, I
is infinite.
"""

import torch
from jaxtyping import Float
from mibench_baselines.cca import bias
from mibench_baselines.redundant import reduced
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench_classical.samples import finite, ranks


def copula_mi(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats of a Gaussian copula: infinite where scores of x determine one of y, NaN for what is not finite.

    Raises:
        UnfitError: there are fewer than two samples more than dimensions.
    """
    dx, dy = x.shape[-1], y.shape[-1]
    samples = finite(x.detach(), y.detach(), "copula", dx + dy + 2)
    scores = reduced(normal_scores(samples.x), normal_scores(samples.y))
    # Coordinates stay contiguous, as `ranks` leaves them: sums in another layout are rounded otherwise.
    correlation = _correlation(torch.cat([scores.x.mT, scores.y.mT], -2).mT)
    parts = [correlation[..., block, block] for block in (slice(dx), slice(dx, None), slice(None))]
    of_x, of_y, both = (torch.linalg.slogdet(part).logabsdet for part in parts)
    varies = (scores.rank_x > 0) & (scores.rank_y > 0)
    values = torch.where(varies, (of_x + of_y - both) / 2 - bias(scores), 0.0)
    return samples.answer(scores.answer(values), x.dtype)


def normal_scores(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The quantile of the normal distribution at the rank of each sample."""
    n = z.shape[-2]
    return torch.special.ndtri((ranks(z) * n + 0.5) / (n + 1))


def _correlation(scores: Tensor) -> Tensor:
    """Between the coordinates; that of a constant, as of one that is left out, is 0 with all others."""
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
