r"""Features of whole blocks, for dependence of more than two coordinates at once: waves at random frequencies.

The kernel of the dependent part, :math:`H k(x) H \, k(y)` with k Gaussian, is the mean over frequencies
:math:`(u, v)` of a normal density of the products of features of x with features of y,

.. math::
    \big( \cos u^\top x - \overline{\cos u^\top x}, \; \sin u^\top x - \overline{\sin u^\top x} \big), \qquad
    \big( \cos v^\top y, \; \sin v^\top y \big),

each of the first with each of the second (Rahimi & Recht 2007). The bars are means over the samples, so that the mean
of a product over the product of the margins is 0. Derivatives in :math:`y_l` differ between coordinates by the factor
:math:`v_l` alone.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.kernels import centred, gaussian, median_distance, squared_distances
from mibench_ratio.options import LEAST_WEIGHT, MOST_WEIGHT, FitOptions
from mibench_ratio.pairs import gram_alignment
from mibench_ratio.waves import ROWS

MOST = 12
"""Coordinates of x and y together beyond which a few frequencies say nothing of a kernel."""
_FINER = 2
"""By which the kernel's precision is that of a fit on all pairs of samples, which are fewer."""


class Parts(NamedTuple):
    """What features at some samples are made of, for all coordinates of y.

    Attributes:
        of_x: the centred waves of x, cosines and sines, `(2, m, rows)`.
        cosines, sines: the waves of y, `(m, rows)` each.
    """

    of_x: Tensor
    cosines: Tensor
    sines: Tensor


class Blocks(NamedTuple):
    """The features, made from standardised samples.

    Attributes:
        of_x, of_y: frequencies, `(m, dx)` and `(m, dy)`; 0 along coordinates of y that do not vary.
        means: of the waves of x over the samples, `(2, m, 1)`.
        scale: of the features.
    """

    of_x: Tensor
    of_y: Tensor
    means: Tensor
    scale: float

    @classmethod
    def of(
        cls, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"], some: Tensor, options: FitOptions, count: int
    ) -> "Blocks":
        """So many frequencies; `some` of the samples say how wide and how heavy the kernel is."""
        dx, dy = x.shape[1], y.shape[1]
        in_x, in_y = (squared_distances(block[some], block[some]) for block in (x, y))
        precision = _FINER / (options.block_width**2 * median_distance(in_x + in_y))
        aligned = gram_alignment(*(centred(gaussian(distances, precision)) for distances in (in_x, in_y)))
        weight = 1.0
        if options.alignment > 0:
            weight = (aligned / options.alignment).clamp(LEAST_WEIGHT, MOST_WEIGHT).item()
        drawn = torch.randn(count, dx + dy, dtype=x.dtype, generator=torch.Generator().manual_seed(0))
        of_x, of_y = (drawn.to(x.device) * precision.sqrt()).split([dx, dy], 1)
        of_y = of_y * (y != 0).any(0)
        means = torch.stack([_waves(of_x, rows).sum(-1) for rows in x.split(ROWS)]).sum(0) / len(x)
        return cls(of_x, of_y, means[..., None], (options.block_weight * weight / count) ** 0.5)

    def to(self, dtype: torch.dtype) -> "Blocks":
        """The features in another precision."""
        return Blocks(self.of_x.to(dtype), self.of_y.to(dtype), self.means.to(dtype), self.scale)

    def parts(self, x: Float[Tensor, "rows dx"], y: Float[Tensor, "rows dy"]) -> Parts:
        """Of samples."""
        of_x = (_waves(self.of_x, x.to(self.of_x)) - self.means) * self.scale
        return Parts(of_x, *_waves(self.of_y, y.to(self.of_y)))

    def derivatives(self, parts: Parts, j: int) -> Float[Tensor, "p rows"]:
        """`d_j phi` of all p = 4 m features."""
        return (parts.of_x[:, None] * self._slopes(parts, j)).flatten(0, 2)

    def sums(self, parts: Parts, score: Float[Tensor, " rows"], j: int) -> Float[Tensor, " p"]:
        """Sums over the samples of `s_j d_j phi + d_j^2 phi`."""
        curvatures = torch.stack([-parts.cosines, -parts.sines]) * self.of_y[:, j, None].square()
        return (parts.of_x[:, None] * (score * self._slopes(parts, j) + curvatures)).sum(-1).flatten()

    def _slopes(self, parts: Parts, j: int) -> Float[Tensor, "2 m rows"]:
        """The derivatives of the waves of y."""
        return torch.stack([-parts.sines, parts.cosines]) * self.of_y[:, j, None]


def _waves(frequencies: Float[Tensor, "m d"], block: Float[Tensor, "rows d"]) -> Float[Tensor, "2 m rows"]:
    angles = frequencies @ block.mT
    return torch.stack([angles.cos(), angles.sin()])
