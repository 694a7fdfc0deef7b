r"""The plug-in Gaussian: the information of the normal distribution with the batch's covariance.

.. math:: I = \frac{1}{2} \big( \log \det S_{xx} + \log \det S_{yy} - \log \det S \big)

(Cover & Thomas, chapter 8), S the covariance of z = (x, y) over the batch. Its gradient in a sample is
:math:`(\mathrm{blkdiag}(S_{xx}, S_{yy})^{-1} - S^{-1}) \, z / n`: linear regression. Exact in the limit for jointly
Gaussian (X, Y), and blind to every dependence that is not correlation: the floor that an estimator must beat. Too high
by about dx dy / 2n; in float64; needs n > dx + dy.

Coordinates that are constant, or linear functions of others of their block, as the last letter of a one-hot code, are
left out in the batches where they are: I is as without them, and their gradient is 0. Where a linear function of x is a
linear function of y, to rounding, I is infinite, and its gradient is NaN.
"""

import torch
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.errors import SmallBatchError
from mibench_baselines.redundant import Reduced, reduced


def log_determinant(z: Tensor) -> Tensor:
    """log det of the covariance of z `(*replicas, n, d)` without the coordinates that are 0, in float64."""
    z = z.double() - z.double().mean(-2, keepdim=True)
    covariance = z.mT @ z / z.shape[-2]
    left_out = torch.diag_embed((z == 0).all(-2).to(z))
    return torch.linalg.slogdet(covariance + left_out).logabsdet


def of_full_rank(x: SamplesX, y: SamplesY, name: str) -> Reduced:
    """The samples without redundant coordinates, for the estimator of this name.

    Raises:
        SmallBatchError: there are no more samples than dimensions.
    """
    n, d = x.shape[-2], x.shape[-1] + y.shape[-1]
    if n <= d:
        raise SmallBatchError(f"{name} needs at least {d + 1} samples, more than its {d} dimensions, not {n}")
    return reduced(x, y)


def plug_in(samples: Reduced) -> PerReplica:
    """I(X;Y) of the Gaussian with the samples' covariance, in nats."""
    x, y = samples.x, samples.y
    both = torch.cat([x, y], -1)
    return samples.answer((log_determinant(x) + log_determinant(y) - log_determinant(both)).to(x.dtype) / 2)


class Gauss(Estimator):
    """The plug-in estimate of a Gaussian."""

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) of the Gaussian with the batch's covariance, in nats.

        Raises:
            SmallBatchError: there are no more samples than dimensions.
        """
        return plug_in(of_full_rank(x, y, "gauss"))

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The same, whose gradient estimates that of I."""
        return self.mi(x, y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True
