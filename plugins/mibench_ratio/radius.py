r"""Features of the margin score that see a block through its radius alone, as the score of an elliptical density does.

With S the samples' covariance, they are :math:`\cos w t` and :math:`\sin w t` of

.. math:: t = \log(1 + y^\top S^{-1} y / d),

centred and standardised, at fixed frequencies w of a Gaussian kernel. Kernels of pairs of coordinates find a common
radius too, but count it once for each pair. Nothing changes under linear maps of y. The derivatives are

.. math::
    \partial_l \cos w t = -w \sin(w t) \, \partial_l t, \qquad
    \partial_l^2 \cos w t = -w^2 \cos(w t) \, (\partial_l t)^2 - w \sin(w t) \, \partial_l^2 t.
"""

import math
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.spectra import Spectrum

WIDTH = 1.5
"""Of the kernel, in standard deviations of t."""
_FREQUENCIES = 16
_COLLINEAR = 1e-10
_LEAST = 0.25


class Radius(NamedTuple):
    """Derivatives of the features, which are products of a function of t with those of t.

    Attributes:
        slopes, curvatures: of the features in t, `(*replicas, m, 32)`.
        first, second: d_l t and d_l^2 t, `(*replicas, m, d)`.
    """

    slopes: Tensor
    curvatures: Tensor
    first: Tensor
    second: Tensor

    def features(self, stack: slice) -> Float[Tensor, "c *replicas n 32"]:
        """`d_l phi` at the samples for a stack of coordinates."""
        return self.slopes * self.first.movedim(-1, 0)[stack][..., None]

    def moments(self) -> Float[Tensor, "*replicas 32 d"]:
        """The means of `d_l^2 phi` over the samples."""
        return (self.curvatures.mT @ self.first.square() + self.slopes.mT @ self.second) / self.slopes.shape[-2]


def log_radius(
    y: Float[Tensor, "*replicas n d"], precision: Float[Tensor, "*replicas d d"]
) -> tuple[Float[Tensor, "*replicas n"], Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
    """`t = log(1 + y' P y / d)`, and its first and second derivatives in each coordinate."""
    d, in_y = y.shape[-1], y @ precision
    q = (in_y * y).sum(-1)
    outer = (d + q)[..., None]
    first = 2 * in_y / outer
    second = 2 * precision.diagonal(dim1=-2, dim2=-1)[..., None, :] / outer - first.square()
    return torch.log1p(q / d), first, second


def least_spread(d: int) -> float:
    """What t is at least standardised by: a share of its standard deviation for normal samples in d dimensions.

    On a sphere, where it is rounding and noise, waves of unit deviation would have derivatives without bounds.
    """
    return _LEAST / math.sqrt(2 * d)


def radius_features(
    y: Float[Tensor, "*replicas n d"], of: Spectrum, points: Float[Tensor, "*replicas m d"] | None = None
) -> Radius:
    """The features of centred samples with this spectrum, at them or at other points."""
    precision = of.inverse(_COLLINEAR)
    t, first, second = log_radius(y, precision)
    spread, mean = t.std(-1, keepdim=True).clamp_min(least_spread(y.shape[-1])), t.mean(-1, keepdim=True)
    if points is not None:
        t, first, second = log_radius(points, precision)
    frequencies = _normal_points(y.dtype, y.device) / (WIDTH * spread[..., None])
    angles = (t - mean)[..., None] * frequencies
    cosines, sines = angles.cos(), angles.sin()
    both = torch.cat([frequencies, frequencies], -1)
    slopes = both * torch.cat([-sines, cosines], -1)
    curvatures = -both.square() * torch.cat([cosines, sines], -1)
    size = math.sqrt(_FREQUENCIES)
    return Radius(slopes / size, curvatures / size, first, second)


@cache  # copying them again would wait for a GPU
def _normal_points(dtype: torch.dtype, device: torch.device) -> Float[Tensor, " frequencies"]:
    """Points of a normal density, evenly placed."""
    return torch.special.ndtri((torch.arange(_FREQUENCIES, dtype=dtype, device=device) + 0.5) / _FREQUENCIES)
