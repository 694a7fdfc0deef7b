"""How many samples lie in a box around each sample, in one and two dimensions, from their ranks: O(n log n).

In sorted order, what lies within a distance of a sample is an interval. In two dimensions the intervals of both
coordinates make a box, and a wavelet matrix (Claude, Navarro & Ordonez, Inf. Syst. 47, 2015) counts its samples: digit
by digit of the second rank, from the highest, the samples are sorted by that digit, those of one digit in the order
they had, and an interval of positions becomes an interval among the samples of each digit.

Comparisons are made on the differences of samples themselves, as where distances are written out, and not on sums that
round otherwise: half of the distances that are asked for end at a sample.
"""

import operator
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

_BITS = 3
"""Of a digit: fewer make more passes, more make longer tables, and three are the fastest, as measured."""
_ROUNDING = 4
"""Units in the last place: more than a sum of two numbers is off."""


class Sorted(NamedTuple):
    """One coordinate of samples in ascending order, and which sample stands where, `(*replicas, n)` each."""

    values: Tensor
    indices: Tensor

    @property
    def ranks(self) -> Int[Tensor, "*replicas n"]:
        """Where each sample stands."""
        places = torch.arange(self.indices.shape[-1], device=self.indices.device).expand_as(self.indices)
        return torch.empty_like(self.indices).scatter_(-1, self.indices, places)


class Interval(NamedTuple):
    """The samples from `start` to before `stop` in sorted order, `(*replicas, n)` each; empty if they are equal."""

    start: Tensor
    stop: Tensor


def in_order(values: Float[Tensor, "*replicas n"]) -> Sorted:
    """The samples in ascending order."""
    return Sorted(*values.sort(dim=-1, stable=True))


def interval(
    ordered: Float[Tensor, "*replicas n"], centre: Float[Tensor, "*replicas n"], radius: Float[Tensor, "*replicas n"]
) -> Interval:
    """Which of the ordered samples lie within the radius around each centre; a negative radius holds none."""
    start = _how_many(ordered, centre, -radius, operator.lt)
    stop = _how_many(ordered, centre, radius, operator.le)
    return Interval(start, torch.maximum(start, stop))


def _how_many(
    ordered: Tensor, centre: Tensor, offset: Tensor, holds: Callable[[Tensor, Tensor], Tensor]
) -> Int[Tensor, "*replicas n"]:
    """How many of the ordered samples, the first ones, have a difference to the centre of which this holds.

    A binary search for the sum of centre and offset, less what it may have been rounded by, ends at most a few samples
    too early. The rest is found in steps that double and halve.
    """
    n, epsilon = ordered.shape[-1], _ROUNDING * torch.finfo(ordered.dtype).eps
    aim = centre + offset - epsilon * centre.abs() - epsilon * offset.abs()
    count = torch.searchsorted(ordered, aim.contiguous())
    step, rises = 1, True
    while step:
        last = count + (step - 1)
        further = holds(ordered.gather(-1, last.clamp_max(n - 1)) - centre, offset) & (last < n)
        count = torch.where(further, count + step, count)
        rises = rises and bool(further.any())
        step = 2 * step if rises else step // 2
    return count


def in_intervals(
    values: Float[Tensor, "*replicas n"], radius: Float[Tensor, "*replicas n"]
) -> Int[Tensor, "*replicas n"]:
    """How many values lie within the radius of each, itself among them."""
    around = interval(in_order(values).values, values, radius)
    return around.stop - around.start


def in_boxes(z: Float[Tensor, "*replicas n 2"], radius: Float[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n"]:
    """How many samples lie within the radius of each in both coordinates, itself among them."""
    first, second = (in_order(z[..., i]) for i in range(2))
    of_first, of_second = (interval(order.values, z[..., i], radius) for i, order in enumerate((first, second)))
    limits = [bound for bound in of_second for _ in of_first]
    counts = _count(second.ranks.gather(-1, first.indices), torch.cat([*of_first] * 2, -1), torch.cat(limits, -1))
    a, b, c, d = counts.chunk(4, -1)
    return (d - c) - (b - a)


def _count(
    ranks: Int[Tensor, "*replicas n"], positions: Int[Tensor, "*replicas m"], limits: Int[Tensor, "*replicas m"]
) -> Int[Tensor, "*replicas m"]:
    """How many of the ranks before each position are below its limit."""
    counts = torch.zeros_like(limits)
    n_digits = -(-ranks.shape[-1].bit_length() // _BITS)  # of n, the largest limit
    for shift in range((n_digits - 1) * _BITS, -1, -_BITS):
        digits = ranks >> shift & (2**_BITS - 1)
        table = _smaller_before(digits)
        below, positions = _descend(table, positions, limits >> shift & (2**_BITS - 1))
        counts = counts + below
        places = torch.arange(digits.shape[-1], device=digits.device).expand_as(digits)
        ranks = torch.empty_like(ranks).scatter_(-1, _descend(table, places, digits)[1], ranks)
    return counts


def _smaller_before(digits: Int[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas digits positions"]:
    """How many digits before each position, from 0 to n, are smaller than each digit, from 0 to one above the last."""
    each = torch.arange(2**_BITS + 1, device=digits.device)[:, None]
    return torch.nn.functional.pad((digits[..., None, :] < each).cumsum(-1, dtype=torch.int32), (1, 0))


def _descend(table: Tensor, positions: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
    """How many before each position have a smaller digit, and the position among all in order of their digits."""
    n_positions = table.shape[-1]
    entries, at = table.flatten(-2), digits * n_positions + positions
    smaller, up_to = entries.gather(-1, at).long(), entries.gather(-1, at + n_positions).long()
    return smaller, table[..., -1].long().gather(-1, digits) + up_to - smaller
