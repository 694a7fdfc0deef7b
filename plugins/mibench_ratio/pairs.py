"""How much a coordinate of x and one of y depend on each other: centred kernel alignment without its bias.

With features phi whose inner product is a Gaussian kernel, and covariances C,

    A_kl = (|C(phi(x_k), phi(y_l))|^2 - tr C(phi(x_k)) tr C(phi(y_l)) / n) / (|C(phi(x_k))| |C(phi(y_l))|),

whose mean is 0 under independence to first order, and which is near 1 where one coordinate is a bijection of the other
(Gretton et al. 2008; Cortes et al. 2012). O(n dx dy) operations.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

_GOLDEN = (5**0.5 - 1) / 2
_HAND = 2048
"""The fewest samples that are shifted together, so that few samples are all shifted by the same distances."""
_APART = 0.75
"""How far apart frequencies of kernels of a quarter of the unit width or less are, up to three of their deviations: the
kernel then comes again after eight standard deviations of the samples, and waves of all frequencies are seen alike."""
_STORED = 2**25
"""Numbers that the covariances of features may take together; beyond, some coordinates of x are done at a time."""


class Features(NamedTuple):
    """Centred features of each coordinate of a block.

    Attributes:
        waves: `(*replicas, n, d, q)`.
        trace, norm: trace and Frobenius norm of each coordinate's covariance of features, `(*replicas, d)`.
    """

    waves: Tensor
    trace: Tensor
    norm: Tensor

    @classmethod
    def of(cls, block: Float[Tensor, "*replicas n d"], finer: int = 1) -> "Features":
        """Of standardised samples, for a Gaussian kernel of width 1 / finer."""
        frequencies, weights = _quadrature(finer, block.dtype, block.device)
        angles = block[..., None] * frequencies
        waves = torch.cat([angles.cos(), angles.sin()], -1) * weights.sqrt().repeat(2)
        waves = waves - waves.mean(-3, keepdim=True)
        by_coordinate = waves.transpose(-3, -2)
        covariance = by_coordinate.mT @ by_coordinate / waves.shape[-3]
        return cls(waves, covariance.diagonal(dim1=-2, dim2=-1).sum(-1), covariance.flatten(-2).norm(dim=-1))


@cache  # copying them again would wait for a GPU
def _quadrature(finer: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """The positive frequencies, and the weights of a frequency and its negative together."""
    if finer <= 2:
        nodes, weights = np.polynomial.hermite_e.hermegauss(8 + 4 * finer)
    else:
        nodes = np.arange(-4 * finer, 4 * finer + 1) * (_APART / finer)
        weights = np.exp(-(nodes**2) / 2)
    positive = nodes > 0
    of_both = torch.as_tensor(2 * weights[positive] / weights.sum(), dtype=dtype, device=device)
    return torch.as_tensor(finer * nodes[positive], dtype=dtype, device=device), of_both


def alignment(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas dx dy"]:
    """A_kl of every pair, by kernels of unit width; 0 for constant coordinates."""
    of_y = Features.of(y)
    return aligned(of_y if x is y else Features.of(x), of_y)


def aligned(of_x: Features, of_y: Features) -> Float[Tensor, "*replicas dx dy"]:
    """The same of features."""
    sizes, traces, norms = covariances(of_x, of_y)
    return (sizes - traces / of_x.waves.shape[-3]) / norms.clamp_min(1e-12)


def covariances(of_x: Features, of_y: Features) -> tuple[Tensor, Tensor, Tensor]:
    """|C_kl|^2, and the products of the traces and of the norms, of every pair, `(*replicas, dx, dy)` each."""
    q = of_x.waves.shape[-1]
    together = max(1, _STORED // of_y.waves[..., 0, :, :].numel() // q)
    sizes = torch.cat([_sizes(part, of_y.waves) for part in of_x.waves.split(together, -2)], -2)
    traces, norms = (a[..., :, None] * b[..., None, :] for a, b in ((of_x.trace, of_y.trace), (of_x.norm, of_y.norm)))
    return sizes, traces, norms


def _sizes(
    of_x: Float[Tensor, "*replicas n dx p"], of_y: Float[Tensor, "*replicas n dy q"]
) -> Float[Tensor, "*replicas dx dy"]:
    """|C_kl|^2 of every pair."""
    covariance = of_x.flatten(-2).mT @ of_y.flatten(-2) / of_x.shape[-3]
    return covariance.unflatten(-1, of_y.shape[-2:]).unflatten(-3, of_x.shape[-2:]).square().sum((-3, -1))


def gram_alignment(
    of_x: Float[Tensor, "*replicas n n"], of_y: Float[Tensor, "*replicas n n"]
) -> Float[Tensor, "*replicas 1 1"]:
    """The same of two blocks, from their centred Gram matrices."""
    products, traces, norms = gram_covariances(of_x, of_y)
    return ((products - traces / of_x.shape[-1]) / norms.clamp_min(1e-12))[..., None, None]


def gram_covariances(
    of_x: Float[Tensor, "*replicas n n"], of_y: Float[Tensor, "*replicas n n"]
) -> tuple[Tensor, Tensor, Tensor]:
    """The inner product of centred Gram matrices, and the products of their traces and of their norms."""
    traces = [gram.diagonal(dim1=-2, dim2=-1).sum(-1) for gram in (of_x, of_y)]
    norms = [gram.flatten(-2).norm(dim=-1) for gram in (of_x, of_y)]
    products = (of_x.flatten(-2)[..., None, :] @ of_y.flatten(-2)[..., :, None])[..., 0, 0]
    return products, traces[0] * traces[1], norms[0] * norms[1]


def paired(
    x: Float[Tensor, "*replicas n dx"], *others: Float[Tensor, "*replicas n _"]
) -> tuple[Float[Tensor, "*replicas n _"], ...]:
    """The blocks in an order along x, in which `partners` pairs x with others from everywhere.

    Rounding of the samples changes hardly any pair. Samples of one value of x, as of a label, are ordered along the
    first of the others.
    """
    order = _along(others[0]).argsort(dim=-1, stable=True)
    order = order.gather(-1, _along(x).gather(-1, order).argsort(dim=-1, stable=True))[..., None]
    return tuple(torch.take_along_dim(block, order, -2) for block in (x, *others))


def partners(n: int, count: int, device: torch.device) -> Int[Tensor, "count n"]:
    """So many times, whom each of n samples in the order of `paired` is paired with, never itself; a permutation each.

    The mean over these pairs is that over the product of the margins. The samples are dealt out to hands of `_HAND` or
    more. In a hand all are shifted by one distance, in the next by another, so that neighbours along x have partners
    from everywhere, however many samples there are.

    Example:
        >>> partners(8, 2, torch.device("cpu"))
        tensor([[6, 7, 0, 1, 2, 3, 4, 5],
                [2, 3, 4, 5, 6, 7, 0, 1]])
    """
    hands = max(1, n // _HAND)
    samples = torch.arange(n, device=device)
    hand, place = samples % hands, samples // hands
    size = (n - hand + hands - 1) // hands
    first = (hand.double() * _GOLDEN + 0.5).frac()
    distances = torch.arange(count, device=device)[:, None] + first
    shift = (distances * size / count).round().long().clamp_min(1).minimum(size - 1)
    return (place - shift) % size * hands + hand


def own_order(block: Float[Tensor, "*replicas n d"]) -> Int[Tensor, "*replicas n 1"]:
    """An order of the samples that looks random and that the samples fix, however they are handed in.

    Samples of one value lie evenly among the others, so that any part of the order has its share of them.
    """
    first = _hashed(block)
    return _spread(first, first)


def first_of(most: int, *blocks: Float[Tensor, "*replicas n _"]) -> tuple[Float[Tensor, "*replicas m _"], ...]:
    """The first of the samples in their own order, at most so many; the blocks as they are where there are no more."""
    if blocks[0].shape[-2] <= most:
        return blocks
    order = own_order(torch.cat(blocks, -1))[..., :most, :]
    return tuple(torch.take_along_dim(block, order, -2) for block in blocks)


def own_order_of_pairs(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> Int[Tensor, "*replicas n 1"]:
    """The same of pairs, in which x and y may change places unless one pair is another's reverse."""
    in_x, in_y = _hashed(x), _hashed(y)
    return _spread((100 * (1 + in_x) * (1 + in_y)).frac(), in_x)


def distinct(block: Float[Tensor, "*replicas n d"]) -> Int[Tensor, "*replicas"]:
    """How many samples differ from each other."""
    return 1 + (_along(block).sort(-1).values.diff(dim=-1) != 0).sum(-1)


def _hashed(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n"]:
    """A number from 0 to 1 a sample, which is the same for the same values."""
    mixed = _along(block) * 1e4
    return mixed - mixed.floor()


def _along(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n"]:
    """Where each sample is along a direction in which different values are apart."""
    roots = torch.arange(1, block.shape[-1] + 1, dtype=torch.float32, device=block.device).sqrt()
    return (block * roots).sum(-1)


def _spread(first: Float[Tensor, "*replicas n"], second: Float[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n 1"]:
    """The order of the first numbers; those that occur k times, by the second, at k places far from each other."""
    order = second.argsort(-1)
    order = order.gather(-1, first.gather(-1, order).argsort(dim=-1, stable=True))
    ordered = first.gather(-1, order)
    places = torch.arange(ordered.shape[-1], device=ordered.device).expand(ordered.shape)
    begins = torch.ones_like(ordered, dtype=torch.bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    rank = places - torch.where(begins, places, 0).cummax(-1).values
    return order.gather(-1, (ordered + rank.float() * _GOLDEN).frac().argsort(dim=-1, stable=True))[..., None]
