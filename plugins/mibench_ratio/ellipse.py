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
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
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
        of = _Parts.of(x, y, (self.precision_x, self.precision_y, self.precision))
        angles = (of.statistics() - self.centre) @ self.frequencies.mT
        return angles.cos(), angles.sin(), of.radial, of.crossed - of.pull

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
    precisions = of.x.inverse(_COLLINEAR), of.y.inverse(_COLLINEAR), of.both.inverse(_COLLINEAR)
    x, y, score = paired(x, y, score)
    n, samples = x.shape[-2], _Parts.of(x, y, precisions)

    def parts(count: int) -> list[Tensor]:
        """So many pairings, those in one part to be taken together."""
        others = partners(n, count, x.device)
        return [others[stack] for stack in stacks(count, 2 * _FREQUENCIES * x[..., 0].numel(), x.device)]

    t = samples.statistics()
    beyond = torch.cat([samples.paired(part).statistics() for part in parts(min(pairings, _LOOKS))], -2)
    centre = t.mean(-2, keepdim=True)
    spread = t.std(-2, keepdim=True).maximum(beyond.std(-2, keepdim=True) / _FARTHEST)
    for k, block in enumerate((x, y)):
        spread[..., k].clamp_min_(least_spread(block.shape[-1]))
    scale = torch.where(spread > _CONSTANT, spread, math.inf)
    frequencies = _normal_points(_FREQUENCIES, t.dtype, t.device) / (WIDTH * scale)
    sums = samples.operated(score, centre, frequencies)
    for part in parts(pairings):
        sums -= samples.paired(part).operated(score[..., part.flatten(), :], centre, frequencies) / pairings
    return Ellipse(*precisions, centre, frequencies, _operator_mean(sums / n, frequencies))


def radius(block: Float[Tensor, "*replicas n d"], of: Spectrum) -> Float[Tensor, "*replicas n 1"]:
    """`log(1 + q / d)` of a block with this spectrum, standardised."""
    t = log_radius(block, of.inverse(_COLLINEAR))[0][..., None]
    return (t - t.mean(-2, keepdim=True)) / t.std(-2, keepdim=True).clamp_min(1e-12)


class _Parts(NamedTuple):
    """What t and its derivatives in y have of x alone and of y alone: pairing the samples anew makes none of it again.

    With S the inverses of the covariances of x and of y, and T that of z, `(*replicas, n, _)` each:

    Attributes:
        radius_x, radius_y: the first two entries of t.
        within_x, within_y: what the third has of x alone, `x' (S - T_xx) x / 2`, and of y alone.
        pull: `T_yx x`; what the third has of both is minus y times this.
        y: the samples.
        radial, radial_twice: the first and second derivatives of the second entry.
        crossed, crossed_twice: of the third one; the first without the pull, the second the same at all samples.
    """

    radius_x: Tensor
    within_x: Tensor
    pull: Tensor
    radius_y: Tensor
    within_y: Tensor
    y: Tensor
    radial: Tensor
    radial_twice: Tensor
    crossed: Tensor
    crossed_twice: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor, precisions: tuple[Tensor, Tensor, Tensor]) -> "_Parts":
        """Of samples, and the inverses of the covariances of x, y and z."""
        dx, (of_x, of_y, of_z) = x.shape[-1], precisions
        more_x, more_y = of_x - of_z[..., :dx, :dx], of_y - of_z[..., dx:, dx:]
        q_x = ((x @ of_x) * x).sum(-1, keepdim=True)
        radius_y, radial, radial_twice = log_radius(y, of_y)
        crossed = y @ more_y
        return cls(
            radius_x=torch.log1p(q_x / dx),
            within_x=((x @ more_x) * x).sum(-1, keepdim=True) / 2,
            pull=x @ of_z[..., :dx, dx:],
            radius_y=radius_y[..., None],
            within_y=(crossed * y).sum(-1, keepdim=True) / 2,
            y=y,
            radial=radial,
            radial_twice=radial_twice,
            crossed=crossed,
            crossed_twice=more_y.diagonal(dim1=-2, dim2=-1)[..., None, :],
        )

    def paired(self, part: Int[Tensor, "count n"]) -> "_Parts":
        """Every x with each of its partners in this part."""
        times, rows = len(part), part.flatten()
        return self._replace(
            radius_x=torch.cat([self.radius_x] * times, -2),
            within_x=torch.cat([self.within_x] * times, -2),
            pull=torch.cat([self.pull] * times, -2),
            radius_y=self.radius_y[..., rows, :],
            within_y=self.within_y[..., rows, :],
            y=self.y[..., rows, :],
            radial=self.radial[..., rows, :],
            radial_twice=self.radial_twice[..., rows, :],
            crossed=self.crossed[..., rows, :],
        )

    def statistics(self) -> Float[Tensor, "*replicas n 3"]:
        """t."""
        within = self.within_x + self.within_y - (self.pull * self.y).sum(-1, keepdim=True)
        return torch.cat([self.radius_x, self.radius_y, within], -1)

    def operated(self, score: Tensor, centre: Tensor, frequencies: Tensor) -> Float[Tensor, "*replicas _ 64"]:
        """Sums over samples of what `s_l d_l phi + d_l^2 phi` has of them, times cosines and times sines."""
        angles = (self.statistics() - centre) @ frequencies.mT
        waves = torch.cat([angles.cos(), angles.sin()], -1)
        a, c = self.radial, self.crossed - self.pull
        weights = [a * a, a * c, c * c, self.radial_twice + score * a, self.crossed_twice + score * c]
        return torch.cat(weights, -1).mT @ waves


def _operator_mean(
    operated: Float[Tensor, "*replicas _ 64"], frequencies: Float[Tensor, "*replicas 32 3"]
) -> Float[Tensor, "*replicas dy 64"]:
    """The mean over samples of `s_l d_l phi + d_l^2 phi`, from the means of its parts."""
    w_a, w_c = (torch.cat([frequencies, frequencies], -2)[..., None, :, k] for k in (1, 2))
    moments = operated.unflatten(-2, (5, -1))
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
