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
_TOGETHER = 8
"""Stacks whose sums are made at once, by reading the kernels of all coordinates once."""


def weighted_sums(
    points: Float[Tensor, "*replicas m dx"],
    samples: Float[Tensor, "*replicas n dx"] | None,
    weights: Float[Tensor, "*replicas dx dy"],
    precision: float,
) -> Iterator[tuple[slice, Float[Tensor, "c *replicas m n"]]]:
    """For stacks of the dy coordinates, `H sum_k W_kl k(x_k) H` from points to samples.

    Args:
        points: where features are evaluated; their means are those of the samples.
        samples: the samples; `None` where these are the points.
        weights: W.
        precision: of the Gaussian kernels, 1 / width^2.
    """
    own = points.movedim(-1, 0).contiguous()
    others = own if samples is None else samples.movedim(-1, 0).contiguous()
    cells, to_sums = own[0].numel() * others.shape[-1], weights.mT
    kept = own.new_empty(*own.shape, others.shape[-1]) if len(own) * cells <= _STORED else None
    of_points, of_samples = torch.empty_like(own), torch.empty_like(others)
    for stack in stacks(len(own), cells, own.device):
        kernels = coordinate_kernels(own[stack], others[stack], precision, out=None if kept is None else kept[stack])
        of_points[stack] = kernels.mean(-1)
        if samples is not None:
            of_samples[stack] = coordinate_kernels(others[stack], others[stack], precision).mean(-1)
    columns = of_points if samples is None else of_samples
    columns = columns - columns.mean(-1, keepdim=True)
    of_points, columns = ((to_sums @ means.movedim(0, -2)).movedim(-2, 0) for means in (of_points, columns))
    every, together = stacks(weights.shape[-1], cells, own.device), 1 if kept is None else _TOGETHER
    for first in range(0, len(every), together):
        some = every[first : first + together]
        start, stop = some[0].start, some[-1].stop
        if kept is None:
            sums = _one_by_one(own, others, weights[..., start:stop], precision)
        else:
            flat = to_sums[..., start:stop, :] @ kept.flatten(-2).movedim(0, -2)
            sums = flat.unflatten(-1, kept.shape[-2:]).movedim(-3, 0)
        sums.sub_(of_points[start:stop, ..., :, None]).sub_(columns[start:stop, ..., None, :])
        yield from ((stack, sums[stack.start - start : stack.stop - start]) for stack in some)


def _one_by_one(own: Tensor, others: Tensor, weights: Tensor, precision: float) -> Tensor:
    """The sums of one stack before their centring, one kernel at a time."""
    parts = (
        weights[..., k, :].movedim(-1, 0)[..., None, None] * coordinate_kernels(own[k], others[k], precision)
        for k in range(len(own))
    )
    return sum(parts, next(parts))
