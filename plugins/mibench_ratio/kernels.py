"""Gaussian kernels of standardised samples, their centring, and their derivatives in one coordinate.

Of k = exp(-q delta^2 / 2) with delta = a_l - b_l for points a and samples b,

    d_a d_b k = q (1 - q delta^2) k,        d_a d_b^2 k = q delta (2 q k + d_a d_b k).

The second form makes sums of third derivatives over the samples out of products with vectors, without a matrix of their
own. Everything is in double precision, with any leading replica axes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

_CONSTANT = 1e-12


class Units(NamedTuple):
    """Where a block's coordinates have their origin and how long their unit is, `(*replicas, 1, d)` each."""

    mean: Tensor
    scale: Tensor

    def standardise(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """The block in these units, in double precision and without a graph."""
        return (block.detach().double() - self.mean) / self.scale


def units(block: Float[Tensor, "*replicas n d"]) -> Units:
    """Mean and standard deviation of each coordinate; a constant one (to rounding) keeps its scale."""
    block = block.detach().double()
    mean = block.mean(-2, keepdim=True)
    scale = (block - mean).square().mean(-2, keepdim=True).sqrt()
    return Units(mean, torch.where(scale > _CONSTANT * block.abs().amax(-2, keepdim=True), scale, 1.0))


def squared_distances(
    points: Float[Tensor, "*replicas m d"], samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas m n"]:
    """Squared Euclidean distances from points to samples."""
    sums = points.square().sum(-1)[..., :, None] + samples.square().sum(-1)[..., None, :]
    return sums.sub_(2 * points @ samples.mT).clamp_min_(0)


def median_distance(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas 1 1"]:
    """The median squared distance of two different samples; 1 where most samples are the same point."""
    n = distances.shape[-1]
    i, j = torch.triu_indices(n, n, 1, device=distances.device)
    median = distances[..., i, j].median(-1).values[..., None, None]
    return torch.where(median > _CONSTANT, median, 1.0)


def gaussian(distances: Tensor, precision: float | Float[Tensor, "*replicas 1 1"]) -> Tensor:
    """`exp(-precision * distances / 2)`."""
    return (distances * (-precision / 2)).exp_()


def centred(
    gram: Float[Tensor, "*replicas m n"], samples: Float[Tensor, "*replicas n n"] | None = None
) -> Float[Tensor, "*replicas m n"]:
    """The Gram matrix of features whose mean over the samples is subtracted: `H K H`, H = I - 11'/n.

    Args:
        gram: from points to samples.
        samples: from samples to samples, where the points are others.
    """
    of_samples = gram if samples is None else samples
    means = of_samples.mean(-2, keepdim=True)
    return (gram - gram.mean(-1, keepdim=True)).sub_(means - means.mean(-1, keepdim=True))


class Coordinate:
    """The kernel of one coordinate after another, from points to samples, in memory that is used again.

    Attributes:
        square: delta^2 of the present coordinate, `(*replicas, m, n)`.
        kernel: k of a given precision, the same shape.
    """

    def __init__(self, like: Float[Tensor, "*replicas m n"], precision: float) -> None:
        self.square, self.kernel, self._spare = (torch.empty_like(like) for _ in range(3))
        self._precision = precision

    def move(self, points: Float[Tensor, "*replicas m"], samples: Float[Tensor, "*replicas n"]) -> None:
        """Takes another coordinate."""
        self._points, self._samples = points, samples
        torch.sub(points[..., :, None], samples[..., None, :], out=self.square)
        self.square.square_()
        torch.mul(self.square, -self._precision / 2, out=self.kernel).exp_()

    def curvature(self, precision: float | Float[Tensor, "*replicas 1 1"]) -> Float[Tensor, "*replicas m n"]:
        """`d_a d_b k / k` of a kernel with this precision in this coordinate; overwritten by the next call."""
        return torch.mul(self.square, -(precision**2), out=self._spare).add_(precision)

    def sums(
        self,
        kernel: Float[Tensor, "*replicas m n"],
        second: Float[Tensor, "*replicas m n"],
        precision: float | Float[Tensor, "*replicas 1 1"],
        score: Float[Tensor, "*replicas n"] | None = None,
    ) -> Float[Tensor, "*replicas m"]:
        """Sums over the samples of `d_a d_b^2 k + s d_a d_b k`.

        Args:
            kernel: k, times what does not depend on this coordinate.
            second: `d_a d_b k`, likewise.
            precision: of k.
            score: s; zero if not given.
        """
        scale = precision[..., 0] if isinstance(precision, Tensor) else precision
        of_one = 2 * scale * kernel.sum(-1) + second.sum(-1)
        of_samples = 2 * scale * times(kernel, self._samples) + times(second, self._samples)
        values = scale * (self._points * of_one - of_samples)
        return values if score is None else values + times(second, score)


def times(
    matrices: Float[Tensor, "*replicas m n"], vectors: Float[Tensor, "*replicas n"]
) -> Float[Tensor, "*replicas m"]:
    """Matrices times vectors; on a CPU one at a time, since products of matrices with few columns are slow there."""
    if matrices.dim() == 2:
        return matrices.mv(vectors)
    if matrices.device.type != "cpu":
        return (matrices @ vectors[..., None])[..., 0]
    pairs = zip(matrices.flatten(0, -3), vectors.flatten(0, -2), strict=True)
    return torch.stack([matrix.mv(vector) for matrix, vector in pairs]).reshape(matrices.shape[:-1])
