"""Weighted sums of the centred kernels of single coordinates, one sum for each coordinate that they are to multiply.

A sum is centred rather than each kernel: `H sum_k W_k K_k H` takes the weighted sums of the kernels' means.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.kernels import coordinate_kernels, stacks

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
    own, others = (block.movedim(-1, 0).contiguous() for block in (points, samples))
    cells, to_sums = own[0].numel() * others.shape[-1], weights.mT
    kept = own.new_empty(*own.shape, others.shape[-1]) if len(own) * cells <= _STORED else None
    of_points, of_samples = torch.empty_like(own), torch.empty_like(others)
    for stack in stacks(len(own), cells, own.device):
        kernels = coordinate_kernels(own[stack], others[stack], precision, out=None if kept is None else kept[stack])
        of_points[stack] = kernels.mean(-1)
        if points is not samples:
            of_samples[stack] = coordinate_kernels(others[stack], others[stack], precision).mean(-1)
    columns = of_points if points is samples else of_samples
    columns = columns - columns.mean(-1, keepdim=True)
    of_points, columns = ((to_sums @ means.movedim(0, -2)).movedim(-2, 0) for means in (of_points, columns))
    for stack in stacks(weights.shape[-1], cells, own.device):
        if kept is None:
            sums = _one_by_one(own, others, weights[..., stack], precision)
        else:
            flat = to_sums[..., stack, :] @ kept.flatten(-2).movedim(0, -2)
            sums = flat.unflatten(-1, kept.shape[-2:]).movedim(-3, 0)
        yield stack, sums.sub_(of_points[stack][..., :, None]).sub_(columns[stack][..., None, :])


def _one_by_one(own: Tensor, others: Tensor, weights: Tensor, precision: float) -> Tensor:
    """The sums of one stack before their centring, one kernel at a time."""
    parts = (
        weights[..., k, :].movedim(-1, 0)[..., None, None] * coordinate_kernels(own[k], others[k], precision)
        for k in range(len(own))
    )
    return sum(parts, next(parts))
