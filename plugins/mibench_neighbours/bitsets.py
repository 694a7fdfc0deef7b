"""How many samples lie in a box around each sample, in any number of dimensions, by sets of bits, on the CPU.

In each coordinate the samples within a distance of a sample are an interval of their sorted order. As a set of bits,
one for each sample, it is what the first `stop` samples have and the first `start` have not; the box is what the sets
of all coordinates have in common. O(n^2 d), but 64 samples are compared at once, where a tree has to visit all who are
near: in the margins of a joint space those are many. Samples are taken a block at a time, whose sets fit in the cache.

Intervals are those of `mibench_neighbours.ranges`, so that comparisons are made on differences of samples.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench_neighbours.ranges import in_order, interval

Counts = np.ndarray[Any, np.dtype[np.int64]]
Words = np.ndarray[Any, np.dtype[np.uint64]]
_BLOCK = 2048
"""Samples in a block."""
_WORDS = 2**18
"""Of 64 bits, held at once for each coordinate."""


class _Coordinate(NamedTuple):
    """The intervals of one coordinate and which sample stands where in its sorted order, `(replicas, n)` each."""

    start: Counts
    stop: Counts
    order: Counts


def in_boxes(z: Float[Tensor, "*replicas n d"], radius: Float[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n"]:
    """How many samples lie within the radius of each in all coordinates, itself among them."""
    n, d = z.shape[-2:]
    flat, radii = z.reshape(-1, n, d), radius.reshape(-1, n)
    counts = torch.empty(radii.shape, dtype=torch.int64)
    step = max(1, _WORDS // (n * _n_words(min(n, _BLOCK))))
    for i in range(0, len(flat), step):
        counts[i : i + step] = torch.from_numpy(_count(list(_coordinates(flat[i : i + step], radii[i : i + step]))))
    return counts.reshape(radius.shape)


def _coordinates(z: Float[Tensor, "replicas n d"], radius: Float[Tensor, "replicas n"]) -> Iterator[_Coordinate]:
    for values in z.unbind(-1):
        order = in_order(values)
        around = interval(order.values, values, radius)
        yield _Coordinate(around.start.numpy(), around.stop.numpy(), order.indices.numpy())


def _count(coordinates: list[_Coordinate]) -> Counts:
    n_replicas, n = coordinates[0].order.shape
    counts = np.zeros((n_replicas, n), np.int64)
    for start in range(0, n, _BLOCK):
        block = range(start, min(start + _BLOCK, n))
        common = _within(coordinates[0], block)
        for coordinate in coordinates[1:]:
            common &= _within(coordinate, block)
        counts += np.bitwise_count(common).sum(-1, dtype=np.int64)
    return counts


def _within(coordinate: _Coordinate, block: range) -> Words:
    """Which samples of a block lie within the interval of each sample, `(replicas, n, words)`."""
    n_replicas = len(coordinate.order)
    belongs = (coordinate.order >= block.start) & (coordinate.order < block.stop)
    sets = _first_ones(coordinate.order[belongs].reshape(n_replicas, -1) - block.start)
    how_many = np.zeros((n_replicas, belongs.shape[-1] + 1), np.int64)
    np.cumsum(belongs, -1, out=how_many[:, 1:])
    how_many += np.arange(n_replicas)[:, None] * sets.shape[1]  # the rows of a replica begin after those before it
    rows = sets.reshape(-1, sets.shape[-1])
    inside = rows.take(np.take_along_axis(how_many, coordinate.stop, -1), 0)
    inside ^= rows.take(np.take_along_axis(how_many, coordinate.start, -1), 0)
    return inside


def _first_ones(order: Counts) -> Words:
    """The sets of no sample, of the first, of the first two, ..., of all of a block, `(replicas, 1 + m, words)`."""
    n_replicas, m = order.shape
    sets = np.zeros((n_replicas, 1 + m, _n_words(m)), np.uint64)
    bits = np.uint64(1) << (order & 63).astype(np.uint64)
    np.put_along_axis(sets[:, 1:], order[..., None] >> 6, bits[..., None], -1)
    return np.bitwise_or.accumulate(sets, 1, out=sets)


def _n_words(samples: int) -> int:
    return -(-samples // 64)
