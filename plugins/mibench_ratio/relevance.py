r"""How much each coordinate of x matters to y: the kernel of all of them that makes samples likeliest.

The kernel is :math:`k(a, b) = \exp(-\sum_k q_k (a_k - b_k)^2 / 2)`, and a coordinate that does not matter has precision
:math:`q_k` near 0 (automatic relevance determination; Neal 1996). Of y as a Gaussian process beside the free columns,
with covariance :math:`C = P K P + \lambda I` in units of its own, e what is left of y behind the projection P that
leaves the free columns out, and p of these, the precisions and :math:`\lambda` maximise the restricted likelihood. Less
its logarithm, a coordinate of y and but for a constant, is

.. math:: \frac{\log \det C - p \log \lambda}{2} + \frac{n - p}{2 d_y} \sum_l \log e_l^\top C^{-1} e_l

(Patterson & Thompson 1971). Steps along its slopes begin at equal precisions. With G its derivative in K, times K entry
by entry, that in :math:`\log q_k` is
:math:`-q_k \big( \sum_i (G 1)_i x_{i k}^2 - (x^\top G x)_{k k} \big)`, a product of matrices for all coordinates.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.adam import Adam
from mibench_ratio.kernels import median_distance, squared_distances
from mibench_ratio.pairs import first_of
from mibench_ratio.ridge import Free, one_and

_WIDTH = 0.7
"""Of the kernel that the steps start from, in median distances."""
_NOISE = 0.3
"""What the steps start from as lambda."""
_LEARNT_OF = 256
"""The most samples that are looked at: of more, what is learnt is hardly more exact."""
_STEPS, _RATE = 16, 0.6
"""How many steps there are, and how long the first is at most, in the logarithm."""
_FINEST, _COARSEST = 6.0, -12.0
"""Between which the logarithms of precisions and of lambda stay."""
_NOTHING = 1e-20
"""The share of a coordinate's square below which what is left of it is rounding."""


def equal_precisions(x: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas 1 d"]:
    """Those of a kernel `_WIDTH` median distances wide."""
    return (1 / (_WIDTH**2 * median_distance(squared_distances(x, x)))).expand(*x.shape[:-2], 1, x.shape[-1])


def block_kernel(
    points: Float[Tensor, "*replicas m d"],
    samples: Float[Tensor, "*replicas n d"],
    precisions: Float[Tensor, "*replicas 1 d"],
) -> Float[Tensor, "*replicas m n"]:
    """The Gaussian kernel of all coordinates."""
    roots = precisions.sqrt()
    return squared_distances(points * roots, samples * roots).mul_(-0.5).exp_()


def learnt_precisions(
    x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas 1 d"]:
    """Those under which y, given standardised x, is likeliest."""
    x, y = first_of(_LEARNT_OF, x, y)
    likelihood, climb = Restricted(x, y), Adam(_RATE, _STEPS)
    logs = torch.cat([equal_precisions(x).log(), x.new_full((*x.shape[:-2], 1, 1), math.log(_NOISE))], -1)
    for _ in range(_STEPS):
        logs = (logs + climb.step(likelihood.slope(logs.exp()))).clamp(_COARSEST, _FINEST)
    return logs[..., :-1].exp()


class Restricted:
    """The restricted likelihood of samples."""

    def __init__(self, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n dy"]) -> None:
        free = Free(one_and(x))
        self._x, self._basis, self._rank = x, free.basis, free.rank
        left = y - self._basis @ (self._basis.mT @ y)
        something = left.square().sum(-2, keepdim=True) > _NOTHING * y.square().sum(-2, keepdim=True)
        self._left, self._count = left.where(something, 0.0), something.sum(-1, keepdim=True).clamp_min(1)

    def slope(self, at: Float[Tensor, "*replicas 1 p"]) -> Float[Tensor, "*replicas 1 p"]:
        """The derivatives of its logarithm, a coordinate of y, in the logarithms of the precisions and lambda."""
        precisions, noise = at[..., :-1], at[..., -1:]
        kernel = block_kernel(self._x, self._x, precisions)
        covariance = projected(kernel, self._basis)
        covariance.diagonal(dim1=-2, dim2=-1).add_(noise[..., 0])
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))
        weights = inverse @ self._left
        fit = (self._left * weights).sum(-2, keepdim=True).clamp_min(1e-300)
        weights = weights * ((self._x.shape[-2] - self._rank) / (self._count * fit)).sqrt()
        own = inverse.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] - self._rank / noise
        in_noise = -noise * (own - weights.square().sum((-2, -1), keepdim=True)) / 2
        in_kernel = (projected(inverse, self._basis) - weights @ weights.mT).mul_(kernel)
        sums = in_kernel.sum(-2, keepdim=True) @ self._x.square()
        in_precisions = precisions * (sums - (self._x * (in_kernel @ self._x)).sum(-2, keepdim=True)) / 2
        return torch.cat([in_precisions, in_noise], -1)


def projected(gram: Float[Tensor, "*replicas n n"], basis: Float[Tensor, "*replicas n p"]) -> Tensor:
    """A symmetric matrix behind the projection that leaves out a basis on both sides."""
    through = basis.mT @ gram
    within = through @ basis
    return gram - basis @ through - (through.mT - basis @ within) @ basis.mT
