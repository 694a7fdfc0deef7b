r"""Mutual information of a kernel density (Moon, Rajagopalan & Lall, Phys. Rev. E 52, 1995).

.. math:: I = \frac{1}{n} \sum_i \log \frac{p(x_i, y_i)}{p(x_i) \, p(y_i)},

each density by Gaussian kernels with the covariance :math:`h^2 S` of its own space, S that of the samples and h the
rule for its dimension d: :math:`n^{-1 / (d + 4)} (4 / (d + 2))^{1 / (d + 4)}` by Silverman, without the second factor
by Scott. In the log domain and in float64.

The value is smooth in the samples, and the surrogate is the value itself, differentiated through kernels and S. It is
biased: kernels blur, which loses information where dependence is strong or has finer structure than S, and the joint
density is blurred more than its margins. The bias shrinks like a power of n that falls with d; the variance is small.
It is no bound, and may lie below zero.

Deviations: a sample is left out of the density at itself. With `own=true` it is not, as in the paper, where a sample
weighs more in the joint density than in the margins: independent pairs of a few dimensions then have half a nat and
more. Coordinates that are constant, or linear functions of others of their block, are left out. Where a linear function
of x is a linear function of y there is no joint density: the value is infinite, and its gradient NaN.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from mibench_baselines.redundant import reduced
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_classical.kernel_density import Width, bandwidth, log_density
from mibench_classical.samples import count_varying, finite


@dataclass(frozen=True, kw_only=True)
class KDEParams(CheckedParams):
    """Parameters of the density.

    Attributes:
        width: the rule for h, `silverman` or `scott`.
        own: whether a sample counts in the density at itself.
    """

    width: Annotated[Width, Search()] = "silverman"
    own: bool = False


def kde_mi(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: KDEParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats of a kernel density, differentiable in the samples; NaN where a replica is not finite.

    Raises:
        UnfitError: there are fewer than two samples more than dimensions.
    """
    params = params or KDEParams()
    n, d = x.shape[-2], x.shape[-1] + y.shape[-1]
    samples = finite(x, y, "kde", d + 2)
    varied = reduced(samples.x, samples.y, x.dtype)
    of_x, of_y, both = (
        log_density(z, bandwidth(params.width, n, count_varying(z)), leave_out=not params.own).mean(-1)
        for z in (varied.x, varied.y, torch.cat([varied.x, varied.y], -1))
    )
    return samples.answer(varied.answer(both - of_x - of_y), x.dtype)


class KDE(Estimator):
    """The information of a kernel density."""

    Params = KDEParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        with torch.no_grad():
            return kde_mi(x, y, self.params)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The value, differentiable in the samples."""
        return kde_mi(x, y, self.params)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True
