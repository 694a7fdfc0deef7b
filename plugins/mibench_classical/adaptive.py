r"""Mutual information of an adaptive partition (Darbellay & Vajda, IEEE Trans. Inf. Theory 45, 1999).

.. math:: I = \sum_c p_c \log \frac{p_c}{p_x(c) \, p_y(c)}, \qquad p_c = n_c / n,

over cells c of the plane of ranks, with the shares :math:`p_x(c)` and :math:`p_y(c)` of the samples in the sides of the
cell. The partition begins with the whole square. A cell is split into four, at the middle of its ranks, while a
chi-square test refuses that its samples are independent within it: of its four quarters, or of its sixteen, so that a
pattern that quarters hide is seen. The test compares counts :math:`n_s` with
:math:`n_c \, p_x(s) \, p_y(s) / (p_x(c) \, p_y(c))`.

It estimates a value and no gradient, of x and y of one dimension. The value depends on the order of samples in each
coordinate alone, and so not on any increasing bend. A decreasing one reverses the order, and samples on the edge of a
cell, which belong to the upper one, change it; no ranks are there where n is a power of two. Where x and y are
independent it is near zero, since few tests fail. It is too small where structure is finer than what the tests can see,
and too large by splits that chance made; its variance is that of the log ratio and of the partition.

Deviations: splits are at the middle of the ranks (the quantile of the whole margin), not at that of the samples in the
cell; the sixteen are tested where there are sixteen samples; all cells of one size are tested at once.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from scipy.stats import chi2
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.ranges import Above, Below
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_classical.samples import cells, finite, ranks, refuse_many, sums_by_cell, ties

_FOR_SIXTEEN = 16
_MOST_DIMENSIONS = 2


@dataclass(frozen=True, kw_only=True)
class AdaptiveParams(CheckedParams):
    """Parameters of the partition.

    Attributes:
        level: of the tests: how often independent samples are split all the same.
    """

    level: Annotated[float, Above(0), Below(1), Search(0.001, 0.2, log=True)] = 0.05


def partition_mi(
    x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"], params: AdaptiveParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats of an adaptive partition; NaN where a replica is not finite.

    Raises:
        UnfitError: there are fewer than two pairs, or several dimensions.
    """
    params = params or AdaptiveParams()
    refuse_many("adaptive", x.shape[-1], y.shape[-1], _MOST_DIMENSIONS)
    samples, n = finite(x.detach(), y.detach(), "adaptive", 2), x.shape[-2]
    rank = ranks(torch.cat([samples.x, samples.y], -1))
    total = torch.zeros_like(rank[..., 0])
    undecided = torch.ones_like(total, dtype=torch.bool)
    grids = [_grid(rank, halvings) for halvings in range(n.bit_length() + 2)]
    for grid, quarters, sixteenths in zip(grids, grids[1:], grids[2:], strict=False):
        split = _differ(grid, quarters, _quantile(params.level, 3))
        split |= _differ(grid, sixteenths, _quantile(params.level, 15)) & (grid.held >= _FOR_SIXTEEN)
        total = torch.where(undecided, grid.log_ratio, total)
        undecided = undecided & split
    return samples.answer(total.mean(-1), x.dtype)


class _Grid(NamedTuple):
    """What each sample's own cell of a grid holds, `(*replicas, n)` each.

    Attributes:
        cell: its number.
        held: its samples.
        expected: how many samples it would hold if x and y were independent.
    """

    cell: Tensor
    held: Tensor
    expected: Tensor

    @property
    def log_ratio(self) -> Float[Tensor, "*replicas n"]:
        """log(p_c / (p_x(c) p_y(c)))."""
        return (self.held / self.expected).log()


def _grid(rank: Float[Tensor, "*replicas n 2"], halvings: int) -> _Grid:
    columns = (rank * 2**halvings).long()
    cell = cells(columns, (2**halvings, 2**halvings))
    sides = ties(columns.mT).number.double()
    return _Grid(cell, ties(cell).number.double(), sides.prod(-2) / rank.shape[-2])


def _differ(grid: _Grid, finer: _Grid, quantile: float) -> Bool[Tensor, "*replicas n"]:
    """Whether the test refuses that samples are independent within their cell, by its parts in a finer grid.

    The sum over the parts s of (n_s - e_s)^2 / e_s is the sum over the samples of n_s / e_s, less n_c.
    """
    ratio = finer.held / finer.expected * grid.expected / grid.held
    return sums_by_cell(ratio, grid.cell) - grid.held > quantile


def _quantile(level: float, degrees: int) -> float:
    """Of the chi-square distribution."""
    return float(chi2.ppf(1 - level, degrees))


class Adaptive(Estimator):
    """The information of an adaptive partition."""

    Params = AdaptiveParams

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        refuse_many("adaptive", problem.dx, problem.dy, _MOST_DIMENSIONS)

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return partition_mi(x, y, self.params)
