r"""Features of the ratio that see blocks through three quadratic forms alone: scale mixtures, outliers, heavy tails.

With the samples' covariances, :math:`q_x = x^\top S_{xx}^{-1} x`, and likewise :math:`q_y` and :math:`q_z` of z = (x,
y),

.. math:: t = \big( \log(1 + q_x / d_x), \; \log(1 + q_y / d_y), \; (q_x + q_y - q_z) / 2 \big),

standardised, the features are :math:`\cos w^\top t` and :math:`\sin w^\top t` at fixed frequencies w of a Gaussian
kernel. The log ratio of two elliptical densities depends on t alone, and the last entry is that of a Gaussian. Nothing
changes under linear maps of x or of y. With :math:`J = \partial t / \partial y_l` and :math:`J_2` its second
derivative,

.. math::
    \partial_l \cos w^\top t = -\sin(w^\top t) \, w^\top J, \qquad
    \partial_l^2 \cos w^\top t = -\cos(w^\top t) \, (w^\top J)^2 - \sin(w^\top t) \, w^\top J_2.

The mean over the product of the margins is that over pairings of x with another y (`pairs.partners`). Where
x and y form clusters together, the last entry goes far beyond what the samples show when they are paired anew, and so
do the derivatives of its waves: t is standardised by its deviation over the samples, or by a share of that over the
product where it is larger.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.kernels import stacks
from mibench_ratio.pairs import paired, partners
from mibench_ratio.radius import least_spread, log_radius
from mibench_ratio.spectra import Spectra, Spectrum

PAIRINGS = 32
"""More than clusters need: tails are heavy here."""
_FARTHEST = 10.0
"""Deviations of the samples to which one of the product may come before it sets the scale of t."""
_LOOKS = 8
"""Most pairings from which the deviation over the product is read."""
WIDTH = 1.5
_FREQUENCIES = 32
_COLLINEAR = 1e-6
_CONSTANT = 1e-8


@dataclass(frozen=True)
class Ellipse:
    """The features, made from standardised samples.

    Attributes:
        moments: joint mean minus product mean of `s_l d_l phi + d_l^2 phi`, `(*replicas, dy, 64)`.
    """

    precision_x: Tensor
    precision_y: Tensor
    precision: Tensor
    centre: Tensor
    frequencies: Tensor
    moments: Tensor

    def derivatives(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Parts of `d_l phi`: cosines and sines `(*replicas, n, 32)`, and w . J as J_2 and J_3 `(*replicas, n, dy)`."""
        t, slopes, _ = _statistics(x, y, self.precision_x, self.precision_y, self.precision)
        angles = (t - self.centre) @ self.frequencies.mT
        return angles.cos(), angles.sin(), *slopes

    def features(self, parts: tuple[Tensor, Tensor, Tensor, Tensor], of: int | slice) -> Float[Tensor, "*c n 64"]:
        """`d_l phi` at points, from their `derivatives`, of a coordinate or of a stack of them."""
        cosines, sines, radial, crossed = parts
        slope = _along(self.frequencies, radial.movedim(-1, 0)[of], crossed.movedim(-1, 0)[of])
        return torch.cat([-sines * slope, cosines * slope], -1) / math.sqrt(_FREQUENCIES)


def ellipse(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    score: Float[Tensor, "*replicas n dy"],
    of: Spectra,
    pairings: int = PAIRINGS,
) -> Ellipse:
    """The features of these samples, given the margin score of y; the product is that of so many pairings."""
    of_x, of_y, of_z = (spectrum.inverse(_COLLINEAR) for spectrum in of)
    t, *_ = _statistics(x, y, of_x, of_y, of_z)
    x, y, score = paired(x, y, score)
    n = x.shape[-2]

    def parts(count: int) -> list[Tensor]:
        """So many pairings, those in one part to be taken together."""
        others = partners(n, count, x.device)
        return [others[stack] for stack in stacks(count, 2 * _FREQUENCIES * x[..., 0].numel(), x.device)]

    def apart(part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x as often as it is paired in this part, its partners, and their score."""
        flat = part.flatten()
        return torch.cat([x] * len(part), -2), y[..., flat, :], score[..., flat, :]

    looks = parts(min(pairings, _LOOKS))
    beyond = torch.cat([_statistics(*apart(part)[:2], of_x, of_y, of_z)[0] for part in looks], -2)
    centre = t.mean(-2, keepdim=True)
    spread = t.std(-2, keepdim=True).maximum(beyond.std(-2, keepdim=True) / _FARTHEST)
    for k, block in enumerate((x, y)):
        spread[..., k].clamp_min_(least_spread(block.shape[-1]))
    scale = torch.where(spread > _CONSTANT, spread, math.inf)
    frequencies = _normal_points(_FREQUENCIES, t.dtype, t.device) / (WIDTH * scale)

    def mean(x: Tensor, y: Tensor, score: Tensor) -> Tensor:
        return _operator_mean(*_statistics(x, y, of_x, of_y, of_z), score, centre, frequencies)

    shares = (len(part) / pairings * mean(*apart(part)) for part in parts(pairings))
    moments = mean(x, y, score) - sum(shares)
    return Ellipse(of_x, of_y, of_z, centre, frequencies, moments)


def radius(block: Float[Tensor, "*replicas n d"], of: Spectrum) -> Float[Tensor, "*replicas n 1"]:
    """`log(1 + q / d)` of a block with this spectrum, standardised."""
    t = log_radius(block, of.inverse(_COLLINEAR))[0][..., None]
    return (t - t.mean(-2, keepdim=True)) / t.std(-2, keepdim=True).clamp_min(1e-12)


def _statistics(
    x: Tensor, y: Tensor, precision_x: Tensor, precision_y: Tensor, precision: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """t, and the first and second derivatives in y of its last two entries (the first has none)."""
    dx, z = x.shape[-1], torch.cat([x, y], -1)
    in_y, in_z = y @ precision_y, z @ precision
    q_x, q_y, q_z = ((a * b).sum(-1) for a, b in ((x @ precision_x, x), (in_y, y), (in_z, z)))
    of_y, radial, radial_twice = log_radius(y, precision_y)
    t = torch.stack([torch.log1p(q_x / dx), of_y, (q_x + q_y - q_z) / 2], -1)
    diagonal, joint = (p.diagonal(dim1=-2, dim2=-1)[..., None, :] for p in (precision_y, precision))
    return t, (radial, in_y - in_z[..., dx:]), (radial_twice, diagonal - joint[..., dx:])


def _operator_mean(
    t: Tensor,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    score: Tensor,
    centre: Tensor,
    frequencies: Tensor,
) -> Float[Tensor, "*replicas dy 64"]:
    """The mean over samples of `s_l d_l phi + d_l^2 phi`."""
    angles = (t - centre) @ frequencies.mT
    waves = torch.cat([angles.cos(), angles.sin()], -1)
    (a, c), (a2, c2) = first, second
    w_a, w_c = (torch.cat([frequencies, frequencies], -2)[..., None, :, k] for k in (1, 2))

    weights = torch.cat([a * a, a * c, c * c, a2 + score * a, c2 + score * c], -1)
    moments = (weights.mT @ waves / t.shape[-2]).unflatten(-2, (5, -1))
    of_aa, of_ac, of_cc, of_a, of_c = moments.unbind(-3)
    squares = of_aa * w_a**2 + 2 * of_ac * w_a * w_c + of_cc * w_c**2
    slopes = of_a * w_a + of_c * w_c
    of_cosine, of_sine = slopes.chunk(2, -1)
    return (-squares + torch.cat([-of_sine, of_cosine], -1)) / math.sqrt(_FREQUENCIES)


def _along(frequencies: Tensor, radial: Tensor, crossed: Tensor) -> Tensor:
    return radial[..., None] * frequencies[..., None, :, 1] + crossed[..., None] * frequencies[..., None, :, 2]


@cache  # copying them again would wait for a GPU
def _normal_points(count: int, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "count 3"]:
    """Points of a three-dimensional normal density, evenly placed: the additive recurrence of Roberts (2018)."""
    root = 1.2207440846057596
    uniform = (0.5 + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, 4.0)) % 1
    return torch.special.ndtri(torch.as_tensor(uniform)).to(device, dtype)
