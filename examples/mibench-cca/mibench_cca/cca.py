"""`cca-ridge`, mutual information by canonical correlations (Hotelling 1936; Kay, IJCNN 1992).

    I(X;Y) = -1/2 sum_i log(1 - r_i^2)    in nats,

r_i the canonical correlations: the singular values of Lx^-1 S_xy Ly^-T, where S_x = Lx Lx^T. That is exact for jointly
Gaussian (X, Y); for anything else it is the mutual information of the Gaussian with the same second moments, which may
lie on either side of the truth. It estimates value and gradient and trains nothing.

Bias: with the covariances of n pairs, E log det S of a d-dimensional Gaussian exceeds log det of the truth by
`log_determinant_bias(n, d)`, whatever the truth is. Its share is taken off, so that value and gradient are unbiased for
Gaussians if n > dx + dy. `unbiased=false` is the plug-in estimate, too high by about dx dy / 2n.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mibench import Estimator


@dataclass(frozen=True, kw_only=True)
class CCAParams:
    """What a user may set.

    Attributes:
        ridge: share of itself that is added to every variance, so that correlations stay below one.
        unbiased: whether the bias that Gaussians have is taken off.
    """

    ridge: float = 1e-9
    unbiased: bool = True


def canonical_correlations(x: Tensor, y: Tensor, ridge: float) -> Tensor:
    """r `(*replicas, min(dx, dy))`, largest first, in float64.

    Args:
        x: `(*replicas, n, dx)`.
        y: `(*replicas, n, dy)`.
        ridge: share of itself that is added to every variance.
    """
    x, y = (z.double() - z.double().mean(-2, keepdim=True) for z in (x, y))
    n = x.shape[-2]
    factor_x, factor_y = (torch.linalg.cholesky(_with_ridge(z.mT @ z / n, ridge)) for z in (x, y))
    half = torch.linalg.solve_triangular(factor_x, x.mT @ y / n, upper=False)
    whitened = torch.linalg.solve_triangular(factor_y, half.mT, upper=False)
    return torch.linalg.svdvals(whitened)


def log_determinant_bias(n: int, d: int) -> float:
    """E log det S - log det of the true covariance, of n Gaussian samples of d dimensions (Anderson, section 7.5)."""
    degrees = torch.arange(n - d, n, dtype=torch.float64)
    return (torch.digamma(degrees / 2).sum() + d * torch.log(torch.tensor(2.0 / n))).item()


class CCA(Estimator):
    """Closed form, in float64 whatever the batch is in."""

    Params = CCAParams

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        """I(X;Y) in nats `(*replicas)`, of x `(*replicas, n, dx)` and y `(*replicas, n, dy)`.

        Raises:
            ValueError: n <= dx + dy pairs leave canonical correlations undetermined.
        """
        n, dx, dy = x.shape[-2], x.shape[-1], y.shape[-1]
        if n <= dx + dy:
            raise ValueError(f"cca-ridge needs more than dx + dy = {dx + dy} pairs, not {n}")
        correlations = canonical_correlations(x, y, self.params.ridge)
        value = -torch.log1p(-correlations.square()).sum(-1) / 2
        if self.params.unbiased:
            biases = [log_determinant_bias(n, d) for d in (dx, dy, dx + dy)]
            value = value - (biases[0] + biases[1] - biases[2]) / 2
        return value.to(x.dtype)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        """The value itself: it is differentiable in x and y."""
        return self.mi(x, y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True


def _with_ridge(covariance: Tensor, ridge: float) -> Tensor:
    """A share of each variance on the diagonal: no unit of measurement matters."""
    return covariance + ridge * torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
