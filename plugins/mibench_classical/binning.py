r"""Mutual information of a histogram (Fraser & Swinney, Phys. Rev. A 33, 1986).

.. math:: I = H(x) + H(y) - H(x, y), \qquad H = -\sum_c p_c \log p_c, \qquad p_c = n_c / n,

:math:`n_c` the samples in cell c of a grid: bins of equal width between the least and the greatest value of a
coordinate, or of equal mass, between its quantiles. With the correction of Miller and Madow (1955) each entropy gains
:math:`(m - 1) / 2 n`, m the cells that hold samples.

It estimates a value and no gradient: counts do not move with the samples. The plug-in is too large by about
:math:`(m_{xy} - m_x - m_y + 1) / 2 n`, which the correction takes off where cells hold many samples, and too small by
what bins hide. With a number of `bins` that is given, it is a lower bound on I in the limit of many samples. The
default number grows with n, so that a cell of the joint grid holds five samples in the mean, and the excess does not
vanish: with bins of equal mass independent x and y tend to about 1/10 nat, and the estimate is no bound at any n. Its
variance is small.

Deviations: one grid for all cells (the paper splits cells while they hold structure, for which see `adaptive`). x and y
of several dimensions have a grid of all of their coordinates, up to four in all.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.ranges import AtLeast, AtMost
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_classical.samples import cells, finite, refuse_many, ties

_MOST_DIMENSIONS = 4
_SAMPLES_A_CELL = 5
_MOST_BINS = 10_000
"""So that the number of a cell in four dimensions is a whole number of 64 bits."""


@dataclass(frozen=True, kw_only=True)
class BinningParams(CheckedParams):
    """Parameters of the histogram.

    Attributes:
        bins: of each coordinate; for five samples a cell in the mean if `none`.
        mass: bins of `equal-width` or of `equal-mass`.
        correction: of the entropies: `none` or `miller-madow`.
    """

    bins: Annotated[int | None, AtLeast(2), AtMost(_MOST_BINS), Search(among=[None, 4, 6, 8, 12, 16, 24])] = None
    mass: Annotated[Literal["equal-width", "equal-mass"], Search()] = "equal-width"
    correction: Annotated[Literal["none", "miller-madow"], Search()] = "none"


def default_bins(n: int, d: int) -> int:
    """The most bins of each of d coordinates with which a cell holds five of n samples in the mean, 2 to 10,000."""
    bins = round((n / _SAMPLES_A_CELL) ** (1 / d))
    return min(_MOST_BINS, max(2, bins if _SAMPLES_A_CELL * bins**d <= n else bins - 1))


def histogram_mi(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: BinningParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats of the histogram; NaN where a replica is not finite.

    Raises:
        UnfitError: there are fewer than two pairs, or more than four dimensions.
    """
    params = params or BinningParams()
    refuse_many("binning", x.shape[-1], y.shape[-1], _MOST_DIMENSIONS)
    samples, n, d = finite(x.detach(), y.detach(), "binning", 2), x.shape[-2], x.shape[-1] + y.shape[-1]
    bins = params.bins or default_bins(n, d)
    binned = _of_equal_width if params.mass == "equal-width" else _of_equal_mass
    of_x, of_y = binned(samples.x, bins), binned(samples.y, bins)
    corrected = params.correction == "miller-madow"
    parts = [
        _entropy(cells(columns, [bins] * columns.shape[-1]), corrected=corrected)
        for columns in (of_x, of_y, torch.cat([of_x, of_y], -1))
    ]
    return samples.answer(parts[0] + parts[1] - parts[2], x.dtype)


def _of_equal_width(z: Float[Tensor, "*replicas n d"], bins: int) -> Int[Tensor, "*replicas n d"]:
    low, high = z.amin(-2, keepdim=True), z.amax(-2, keepdim=True)
    width = torch.where(high > low, high - low, 1.0)
    return ((z - low) / width * bins).long().clamp_max(bins - 1)


def _of_equal_mass(z: Float[Tensor, "*replicas n d"], bins: int) -> Int[Tensor, "*replicas n d"]:
    """Bins between quantiles; equal samples are in one bin."""
    return ties(z.mT).start.mT * bins // z.shape[-2]


def _entropy(cell: Int[Tensor, "*replicas n"], *, corrected: bool) -> Float[Tensor, "*replicas"]:
    counts, n = ties(cell).number.double(), cell.shape[-1]
    entropy = -(counts / n).log().mean(-1)
    occupied = counts.reciprocal().sum(-1)
    return entropy + (occupied - 1) / (2 * n) if corrected else entropy


class Binning(Estimator):
    """The information of a histogram."""

    Params = BinningParams

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        refuse_many("binning", problem.dx, problem.dy, _MOST_DIMENSIONS)

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return histogram_mi(x, y, self.params)
