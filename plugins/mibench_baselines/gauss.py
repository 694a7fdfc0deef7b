r"""The plug-in Gaussian: the information of the normal distribution with the batch's covariance.

.. math:: I = \frac{1}{2} \big( \log \det S_{xx} + \log \det S_{yy} - \log \det S \big)

(Cover & Thomas, chapter 8), S the covariance of z = (x, y) over the batch. Its gradient in a sample is
:math:`(\mathrm{blkdiag}(S_{xx}, S_{yy})^{-1} - S^{-1}) \, z / n`: linear regression. Exact in the limit for jointly
Gaussian (X, Y), and blind to every dependence that is not correlation: the floor that an estimator must beat. Too high
by about dx dy / 2n; in float64; needs n > dx + dy.
"""

import torch
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.errors import SmallBatchError


def log_determinant(z: Tensor) -> Tensor:
    """log det of the covariance of z `(*replicas, n, d)`, in float64; -inf if it is singular."""
    z = z.double() - z.double().mean(-2, keepdim=True)
    return torch.linalg.slogdet(z.mT @ z / z.shape[-2]).logabsdet


class Gauss(Estimator):
    """The plug-in estimate of a Gaussian."""

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) of the Gaussian with the batch's covariance, in nats.

        Raises:
            SmallBatchError: there are no more samples than dimensions.
        """
        n, d = x.shape[-2], x.shape[-1] + y.shape[-1]
        if n <= d:
            raise SmallBatchError(f"gauss needs at least {d + 1} samples, more than its {d} dimensions, not {n}")
        both = torch.cat([x, y], -1)
        return (log_determinant(x) + log_determinant(y) - log_determinant(both)).to(x.dtype) / 2

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The same, whose gradient estimates that of I."""
        return self.mi(x, y)
