r"""How wide the kernels of single coordinates are: one standard deviation, and less where the dependence is finer.

To a kernel of unit width, what varies faster is noise: waves, saws, folds and rings of many turns. With
:math:`A_{kl}(v, w)` the alignment of :math:`x_k` and :math:`y_l` by kernels of widths v and w (`mibench_ratio.pairs`),
coordinate k of x has the width v at which :math:`\max_{l, w} A_{kl}(v, w)` is greatest, and coordinate l of y likewise.
A narrower kernel has more features that nothing depends on, so that a smooth dependence is aligned less by it: only a
clear gain makes a kernel narrower.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench_ratio.options import FitOptions
from mibench_ratio.pairs import Features, aligned

GAIN, NOISE = 1.1, 6.0
"""By which factor alignment must grow from one width to another, and by how much on top, in units of 1 / n."""
_SAMPLES, _MANY = 2, 16
"""Samples a dimension from which widths are chosen, and from which the narrowest is tried."""


def finer(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> tuple[list[int], list[int]]:
    """What widths of x and of y may be divided by."""
    per_dimension = x.shape[-2] / (x.shape[-1] + y.shape[-1])
    if per_dimension < _SAMPLES:
        return [1], [1]
    return [1, 2, 4, 8] if per_dimension >= _MANY else [1, 2, 4], [1, 2]


class Widths(NamedTuple):
    """Widths of the kernels of standardised coordinates, and the alignment of each pair by kernels as much narrower.

    Attributes:
        of_x, of_y: `(*replicas, 1, dx)` and `(*replicas, 1, dy)`.
        aligned: `(*replicas, dx, dy)`.
    """

    of_x: Tensor
    of_y: Tensor
    aligned: Tensor

    @classmethod
    def of(
        cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
    ) -> "Widths":
        """Chooses them from standardised samples; of few samples for as many dimensions all are `options.width`."""
        n, steps = x.shape[-2], finer(x, y) if options.details == "auto" else ([1], [1])
        width_x, width_y = (torch.full_like(block[..., :1, :], options.width) for block in (x, y))
        in_x, in_y = ([Features.of(block, step) for step in of] for block, of in zip((x, y), steps, strict=True))
        table = torch.stack([torch.stack([aligned(a, b) for b in in_y], -1) for a in in_x], -2)
        of_x, of_y = _chosen(table.amax((-3, -1)), NOISE / n), _chosen(table.amax((-4, -2)), NOISE / n)
        along_x = table.take_along_dim(of_x[..., :, None, None, None], -2)
        both = along_x.take_along_dim(of_y[..., None, :, None, None], -1)[..., 0, 0]
        return cls(width_x * 0.5 ** of_x[..., None, :], width_y * 0.5 ** of_y[..., None, :], both)


def _chosen(best: Float[Tensor, "*replicas d steps"], noise: float) -> Int[Tensor, "*replicas d"]:
    """Which step each coordinate takes, given its best alignment at every one."""
    chosen, reached = torch.zeros_like(best[..., 0], dtype=torch.long), best[..., 0]
    for step in range(1, best.shape[-1]):
        clearer = best[..., step] > GAIN * reached + noise
        chosen = torch.where(clearer, step, chosen)
        reached = torch.where(clearer, best[..., step], reached)
    return chosen
