"""Weighted sums of the centred kernels of single coordinates, one sum for each coordinate that they are to multiply."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.kernels import centred, gaussian, stacks

_STORED = 2**25
"""Numbers that the kernels of all coordinates may take together; beyond, they are made again."""


def weighted_sums(
    points: Float[Tensor, "*replicas m dx"],
    samples: Float[Tensor, "*replicas n dx"],
    weights: Float[Tensor, "*replicas dx dy"],
    precision: float,
) -> Iterator[tuple[slice, Float[Tensor, "c *replicas m n"]]]:
    """For stacks of the dy coordinates, `H sum_k W_kl k(x_k) H` from points to samples.

    Args:
        points: where features are evaluated; their means are those of the samples.
        samples: the samples; the same tensor where these are the points.
        weights: W.
        precision: of the Gaussian kernels, 1 / width^2.
    """
    (dx, dy), cells = weights.shape[-2:], points[..., 0].numel() * samples.shape[-2]
    if dx * cells > _STORED:
        for stack in stacks(dy, cells, points.device):
            yield stack, _one_by_one(points, samples, weights[..., stack], precision)
        return
    kernels = [_kernels(points, samples, stack, precision) for stack in stacks(dx, cells, points.device)]
    of_x = torch.cat(kernels)
    kept = of_x.flatten(-2).movedim(0, -2)
    for stack in stacks(dy, cells, points.device):
        sums = (weights.mT[..., stack, :] @ kept).unflatten(-1, of_x.shape[-2:])
        yield stack, sums.movedim(-3, 0)


def _one_by_one(points: Tensor, samples: Tensor, weights: Tensor, precision: float) -> Tensor:
    """The sums of one stack, one kernel at a time."""
    parts = (
        weights[..., k, :].movedim(-1, 0)[..., None, None] * _kernels(points, samples, slice(k, k + 1), precision)
        for k in range(points.shape[-1])
    )
    return sum(parts, next(parts))


def _kernels(points: Tensor, samples: Tensor, stack: slice, precision: float) -> Tensor:
    """The centred kernels of a stack of coordinates."""
    own, others = (block.movedim(-1, 0)[stack] for block in (points, samples))
    inside = gaussian((others[..., :, None] - others[..., None, :]).square_(), precision)
    if points is samples:
        return centred(inside)
    across = gaussian((own[..., :, None] - others[..., None, :]).square_(), precision)
    return centred(across, inside)
