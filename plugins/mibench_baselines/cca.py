r"""Canonical correlations: the information of a Gaussian, with the bias that samples give it taken off.

.. math:: I = -\frac{1}{2} \sum_i \log(1 - r_i^2) - \mathrm{bias}

with the canonical correlations of the batch (Hotelling 1936; Kay, IJCNN 1992); the sum is the plug-in Gaussian. The
bias is its expected excess for Gaussian samples,

.. math::
    b(d_x) + b(d_y) - b(d_x + d_y), \qquad
    b(d) = \frac{1}{2} \sum_{k=1}^{d} \psi\Big( \frac{n - k}{2} \Big) + \frac{d}{2} \log \frac{2}{n}.

Unbiased for Gaussians, and blind to every dependence that is not correlation. Its gradient is that of the plug-in
Gaussian, which the bias does not move. In float64; needs n > dx + dy. Constant and redundant coordinates are left out
as in `gauss`, and count in no dimension of the bias.
"""

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_baselines.gauss import Gauss, of_full_rank, plug_in
from mibench_baselines.redundant import Reduced


@functools.cache
def log_determinant_bias(n: int, d: int) -> float:
    """E log det S / 2 minus that of the true covariance, for n Gaussian samples of d dimensions, in nats."""
    degrees = torch.arange(n - d, n, dtype=torch.float64)
    return (torch.digamma(degrees / 2).sum().item() + d * math.log(2 / n)) / 2


def bias(samples: Reduced) -> Float[Tensor, "*replicas"]:
    """What Gaussian samples add to the plug-in, by the dimensions that are kept, in nats and in float64."""
    x, y, of_x, of_y, _ = samples
    n, most = x.shape[-2], x.shape[-1] + y.shape[-1]
    zero = x.new_zeros((), dtype=torch.float64)
    parts = torch.stack([zero + log_determinant_bias(n, d) for d in range(most + 1)])
    return parts[of_x] + parts[of_y] - parts[of_x + of_y]


class CCA(Gauss):
    """The plug-in Gaussian without its bias."""

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) by canonical correlations, in nats.

        Raises:
            SmallBatchError: there are no more samples than dimensions.
        """
        samples = of_full_rank(x, y, "cca")
        return plug_in(samples) - bias(samples).to(x.dtype)
