"""How many samples lie in a box around each sample, in one and two dimensions, from their ranks: O(n log n).

In sorted order, what lies within a distance of a sample is an interval, which a binary search finds. In two dimensions
the intervals of both coordinates make a box, and a wavelet matrix (Claude, Navarro & Ordonez, Inf. Syst. 47, 2015)
counts its samples: at each bit of the second rank, from the highest, the samples are split in a stable way by that bit,
and an interval of positions becomes an interval of each half.

Comparisons are made on the differences of samples themselves, as where distances are written out, and not on sums that
round otherwise: half of the distances that are asked for end at a sample.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Interval(NamedTuple):
    """The samples from `start` to before `stop` in sorted order, `(*replicas, n)` each; empty if they are equal."""

    start: Tensor
    stop: Tensor


def interval(values: Float[Tensor, "*replicas n"], radius: Float[Tensor, "*replicas n"]) -> Interval:
    """What lies within the radius around each value; a negative radius holds nothing."""
    ordered = values.sort(-1).values
    start = _how_many(ordered, values, lambda difference: difference < -radius)
    stop = _how_many(ordered, values, lambda difference: difference <= radius)
    return Interval(start, torch.maximum(start, stop))


def _how_many(ordered: Tensor, values: Tensor, holds: Callable[[Tensor], Tensor]) -> Tensor:
    """How many of the ordered samples, the first ones, have a difference to each value of which this holds."""
    n = ordered.shape[-1]
    low, high = (torch.full(values.shape, bound, device=values.device) for bound in (0, n))
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        chosen = ordered.gather(-1, middle.clamp_max(n - 1))
        further = holds(chosen - values) & (low < high)
        low, high = torch.where(further, middle + 1, low), torch.where(further, high, middle)
    return low


def in_intervals(
    values: Float[Tensor, "*replicas n"], radius: Float[Tensor, "*replicas n"]
) -> Int[Tensor, "*replicas n"]:
    """How many values lie within the radius of each, itself among them."""
    around = interval(values, radius)
    return around.stop - around.start


def in_boxes(z: Float[Tensor, "*replicas n 2"], radius: Float[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n"]:
    """How many samples lie within the radius of each in both coordinates, itself among them."""
    first, second = (interval(z[..., i], radius) for i in range(2))
    rank = z[..., 1].argsort(dim=-1, stable=True).argsort(-1)
    row = rank.gather(-1, z[..., 0].argsort(dim=-1, stable=True))
    below_stop = below_start = torch.zeros_like(rank)
    at_stop, at_start = first, first
    n = z.shape[-2]
    for bit in reversed(range(n.bit_length())):
        ones = row >> bit & 1
        zeros = torch.nn.functional.pad((1 - ones).cumsum(-1), (1, 0))
        at_stop, more = _descend(at_stop, zeros, second.stop >> bit & 1)
        below_stop = below_stop + more
        at_start, more = _descend(at_start, zeros, second.start >> bit & 1)
        below_start = below_start + more
        row = row.scatter(-1, _descend_each(zeros, ones), row)
    return below_stop - below_start


def _descend_each(zeros: Tensor, ones: Tensor) -> Tensor:
    """Where a stable sort by the bit puts each position."""
    before = zeros[..., :-1]
    return torch.where(ones.bool(), zeros[..., -1:] + torch.arange(ones.shape[-1], device=ones.device) - before, before)


def _descend(positions: Interval, zeros: Tensor, bit: Tensor) -> tuple[Interval, Tensor]:
    """The interval in the half of the limit's bit, and how many of its samples lie in the half below it."""
    before = [zeros.gather(-1, place) for place in positions]
    n_zeros = zeros[..., -1:]
    upper = bit.bool()
    start, stop = (
        torch.where(upper, n_zeros + place - zero, zero) for place, zero in zip(positions, before, strict=True)
    )
    return Interval(start, stop), torch.where(upper, before[1] - before[0], 0)
