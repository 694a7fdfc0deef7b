"""Neighbours in the maximum norm: who is nearest, and how many are within a distance. Samples are in double precision.

All ways give the same numbers to the last bit, since all compare the same differences:

- all distances, a block of rows at a time, on any device: for a GPU, for few samples in many replicas, and for many
  dimensions, where a tree visits most samples anyhow;
- scipy's `cKDTree`, one a replica, on the CPU, to find who is nearest;
- to count, ranks in one and two dimensions (`mibench_neighbours.ranges`), and in more sets of bits on the CPU
  (`mibench_neighbours.bitsets`).

Which is taken follows from the device, n and d alone. `benchmarks/speed/test_speed_neighbours.py` measures them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from torch import Tensor

from mibench_neighbours import bitsets, ranges

Array = np.ndarray[Any, np.dtype[np.float64]]
Counts = np.ndarray[Any, np.dtype[np.int64]]
_BLOCK = 2**18
"""Distances that are held at once: as many as fit into a processor's cache."""
_BLOCK_ON_DEVICE = 2**26
_TREE, _RANKS, _BITSETS = 64, 100, 128
"""From how many samples on all distances are slower, as measured: a dimension than a tree and than ranks, and in any
dimension than sets of bits."""


class Neighbours(NamedTuple):
    """The nearest other samples, in order of their distance, `(*replicas, n, k)` each."""

    distances: Tensor
    indices: Tensor


def nearest(z: Float[Tensor, "*replicas n d"], k: int) -> Neighbours:
    """The k nearest others of each sample. Which of several at one distance are among them is left open."""
    if _by_tree(z):
        answers = [_ask_tree(samples, k) for samples in _replicas(z)]
        return _neighbours(answers, (*z.shape[:-1], k))
    blocks: list[Neighbours] = []
    for rows, distances in _all_distances(z, z):
        own = torch.arange(rows.start, rows.stop, device=z.device)[:, None].expand(*distances.shape[:-1], 1)
        distances.scatter_(-1, own, -1.0)  # a sample comes before all others, also before its equals
        blocks.append(Neighbours(*(part[..., 1:] for part in distances.topk(k + 1, -1, largest=False))))
    return Neighbours(*(torch.cat(part, -2) for part in zip(*blocks, strict=True)))


def nearest_among(
    samples: Float[Tensor, "*replicas n d"], points: Float[Tensor, "*replicas m d"], k: int
) -> Neighbours:
    """The k samples nearest to each point, in order of their distance, `(*replicas, m, k)` each."""
    if _by_tree(samples):
        asked = zip(_replicas(samples), _replicas(points), strict=True)
        answers = [cKDTree(data).query(places, k=range(1, k + 1), p=np.inf) for data, places in asked]
        return _neighbours(answers, (*points.shape[:-1], k))
    blocks = [distances.topk(k, -1, largest=False) for _, distances in _all_distances(points, samples)]
    return Neighbours(*(torch.cat(part, -2) for part in zip(*blocks, strict=True)))


def within(z: Float[Tensor, "*replicas n d"], radius: Float[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n"]:
    """How many other samples are at most the radius away from each; none if it is negative."""
    n, d = z.shape[-2:]
    if d <= 2 and n >= _RANKS * d:
        counts = ranges.in_intervals(z[..., 0], radius) if d == 1 else ranges.in_boxes(z, radius)
    elif z.device.type == "cpu" and n >= _BITSETS:
        counts = bitsets.in_boxes(z, radius)
    else:
        blocks = [(distances <= radius[..., rows, None]).sum(-1) for rows, distances in _all_distances(z, z)]
        counts = torch.cat(blocks, -1)
    return (counts - 1).clamp_min(0)


def below(radius: Tensor) -> Tensor:
    """The next smaller number: what is within it is strictly nearer than the radius."""
    return radius.nextafter(torch.full_like(radius, -torch.inf))


def _by_tree(z: Tensor) -> bool:
    """Whether a tree is faster than all distances: it is on the CPU, for many samples of few dimensions."""
    n, d = z.shape[-2:]
    return z.device.type == "cpu" and n >= _TREE * d


def _replicas(z: Tensor) -> Iterator[Array]:
    return iter(z.reshape(-1, *z.shape[-2:]).numpy())


def _neighbours(answers: list[tuple[Array, Counts]], shape: tuple[int, ...]) -> Neighbours:
    """What trees answer, a replica each, in one tensor."""
    parts = (torch.from_numpy(np.stack(part)).reshape(shape) for part in zip(*answers, strict=True))
    return Neighbours(*parts)


def _ask_tree(samples: Array, k: int) -> tuple[Array, Counts]:
    distances, index = cKDTree(samples).query(samples, k=k + 1, p=np.inf)
    own = index == np.arange(len(samples))[:, None]
    if own[:, 0].all():
        return distances[:, 1:], index[:, 1:]
    distances[own] = -1.0  # where it is not listed, all who are equal it
    order = distances.argsort(-1, kind="stable")[:, 1:]
    return np.take_along_axis(distances, order, -1), np.take_along_axis(index, order, -1)


def _all_distances(points: Tensor, samples: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Distances from points to samples, `(*replicas, rows, n)`, a block of rows at a time."""
    m, n = points.shape[-2], samples.shape[-2]
    budget = _BLOCK if points.device.type == "cpu" else _BLOCK_ON_DEVICE
    step = max(1, budget // (n * max(1, points.shape[:-2].numel())))
    columns = samples.mT.contiguous()
    for start in range(0, m, step):
        rows = slice(start, min(start + step, m))
        asked = points[..., rows, :]
        distances = torch.zeros(*asked.shape[:-1], n, dtype=points.dtype, device=points.device)
        for i in range(points.shape[-1]):
            torch.maximum(distances, (asked[..., i, None] - columns[..., i, None, :]).abs_(), out=distances)
        yield rows, distances
