"""The kernels of single coordinates, and weighted sums of them, one for each coordinate that they are to multiply.

A sum is centred rather than each kernel: `H sum_k W_k K_k H` takes the weighted sums of the kernels' means.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.kernels import coordinate_kernels, stacks

_STORED = 2**25
"""Numbers that the kernels of all coordinates may take together; beyond, they are made again."""
_TOGETHER = 8
"""Stacks whose sums are made at once, by reading the kernels of all coordinates once."""


class Kernels:
    """The Gaussian kernels of single coordinates, from points to samples, made once if there is room for all.

    Args:
        points: where features are evaluated; their means are those of the samples.
        samples: the samples; `None` where these are the points.
        precision: of the kernels, 1 / width^2.
    """

    def __init__(
        self, points: Float[Tensor, "*replicas m d"], samples: Float[Tensor, "*replicas n d"] | None, precision: float
    ) -> None:
        self._precision = precision
        self._own = points.movedim(-1, 0).contiguous()
        self._others = self._own if samples is None else samples.movedim(-1, 0).contiguous()
        self._cells = self._own[0].numel() * self._others.shape[-1]
        shape = *self._own.shape, self._others.shape[-1]
        self._kept = self._own.new_empty(shape) if len(self._own) * self._cells <= _STORED else None
        self._of_points = self._means(self._own, self._others, self._kept)
        self._of_samples = self._of_points if samples is None else self._means(self._others, self._others)

    def of(self, stack: slice, precision: Tensor | None = None) -> Float[Tensor, "c *replicas m n"] | None:
        """Those of a stack of coordinates, not to be overwritten, if they are kept, and if they have this precision."""
        others = precision is not None and not (free_to_ask(precision) and bool((precision == self._precision).all()))
        return None if self._kept is None or others else self._kept[stack]

    def sums(
        self, weights: Float[Tensor, "*replicas d dy"]
    ) -> Iterator[tuple[slice, Float[Tensor, "c *replicas m n"]]]:
        """For stacks of the dy coordinates, `H sum_k W_kl k_k H` from points to samples; the next may overwrite it."""
        to_sums, means = weights.mT, self._of_samples - self._of_samples.mean(-1, keepdim=True)
        rows, columns = ((to_sums @ of.movedim(0, -2)).movedim(-2, 0) for of in (self._of_points, means))
        every, together = self._stacks(weights.shape[-1]), 1 if self._kept is None else _TOGETHER
        room: Tensor | None = None
        for first in range(0, len(every), together):
            some = every[first : first + together]
            start, stop = some[0].start, some[-1].stop
            if self._kept is None:
                sums = self._one_by_one(weights[..., start:stop])
            else:
                part, flat = to_sums[..., start:stop, :], self._kept.flatten(-2).movedim(0, -2)
                summed = torch.matmul(part, flat, out=None if room is None else room[..., : stop - start, :])
                room = summed if room is None else room
                sums = summed.unflatten(-1, self._kept.shape[-2:]).movedim(-3, 0)
            sums.sub_(rows[start:stop, ..., :, None]).sub_(columns[start:stop, ..., None, :])
            yield from ((stack, sums[stack.start - start : stack.stop - start]) for stack in some)

    def _means(self, points: Tensor, samples: Tensor, out: Tensor | None = None) -> Float[Tensor, "d *replicas m"]:
        """Of each kernel over the samples, which may be kept."""
        means = torch.empty_like(points)
        for stack in self._stacks(len(points)):
            into = None if out is None else out[stack]
            means[stack] = coordinate_kernels(points[stack], samples[stack], self._precision, out=into).mean(-1)
        return means

    def _stacks(self, count: int) -> list[slice]:
        return stacks(count, self._cells, self._own.device)

    def _one_by_one(self, weights: Tensor) -> Tensor:
        """The sums of one stack before their centring, one kernel at a time."""
        parts = (
            weights[..., k, :].movedim(-1, 0)[..., None, None] * coordinate_kernels(own, others, self._precision)
            for k, (own, others) in enumerate(zip(self._own, self._others, strict=True))
        )
        return sum(parts, next(parts))
