r"""Gaussian kernels of standardised samples, their centring, and their derivatives in one coordinate.

Of :math:`k = \exp(-q \delta^2 / 2)` with :math:`\delta = a_l - b_l` for points a and samples b,

.. math::
    \partial_a \partial_b k = q (1 - q \delta^2) \, k, \qquad
    \partial_a \partial_b^2 k = q \delta \, (2 q k + \partial_a \partial_b k).

The second form makes sums of third derivatives over the samples out of products with vectors, without a matrix of their
own. Everything is in double precision, with any leading replica axes; matrices of several coordinates are stacked on an
axis before these.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from mibench_baselines.redundant import varying
from mibench_baselines.scale import deviation
from torch import Tensor

from mibench.selection import kth_smallest, once_a_pair

_NO_DISTANCE = 1e-12
_SAME = 1e-9
"""By which share of it two distances differ that are equal but for rounding."""
_IN_CACHE, _IN_MEMORY = 2**16, 2**24
"""Numbers in a stack of matrices: on a CPU what its cache holds, elsewhere what fills the device at no great cost."""


class Units(NamedTuple):
    """Where a block's coordinates have their origin, how long their unit is, and which of them vary.

    `(*replicas, 1, d)` each.
    """

    mean: Tensor
    scale: Tensor
    varies: Tensor

    def standardise(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """The block in these units, in double precision and without a graph; 0 for coordinates that do not vary."""
        return torch.where(self.varies, (block.detach().double() - self.mean) / self.scale, 0.0)


def units(block: Float[Tensor, "*replicas n d"]) -> Units:
    """Mean and standard deviation of each coordinate; a constant one (to rounding) keeps its scale."""
    varies, block = varying(block), block.detach().double()
    mean = block.mean(-2, keepdim=True)
    return Units(mean, torch.where(varies, deviation(block - mean), 1.0), varies)


def squared_distances(
    points: Float[Tensor, "*replicas m d"], samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas m n"]:
    """Squared Euclidean distances from points to samples."""
    sums = points.square().sum(-1)[..., :, None] + samples.square().sum(-1)[..., None, :]
    return sums.sub_(2 * points @ samples.mT).clamp_min_(0)


def median_distance(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas 1 1"]:
    """The median squared distance of two different samples; 1 where most samples are the same point.

    Its gradient is the mean over all pairs at that distance, of which there are many where coordinates are rounded.
    """
    pairs = once_a_pair(distances)
    median = kth_smallest(pairs, (pairs.shape[-1] - 1) // 2)[..., None]
    if pairs.requires_grad:
        same = (pairs.detach() - median).abs() <= _SAME * median
        mean = (pairs * same).sum(-1, keepdim=True) / same.sum(-1, keepdim=True).clamp_min(1)
        median = median + (mean - mean.detach())
    return torch.where(median > _NO_DISTANCE, median, 1.0)[..., None]


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


def coordinate_kernels(
    points: Float[Tensor, "*any m"], samples: Float[Tensor, "*any n"], precision: float, *, out: Tensor | None = None
) -> Float[Tensor, "*any m n"]:
    """The Gaussian kernels of single coordinates, from points to samples."""
    return torch.sub(points[..., :, None], samples[..., None, :], out=out).square_().mul_(-precision / 2).exp_()


def stacks(count: int, cells: int, device: torch.device) -> list[slice]:
    """Which coordinates are taken together, of so many with a matrix of so many cells for each.

    Example:
        >>> stacks(3, 256**2, torch.device("cpu"))
        [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
        >>> stacks(3, 256**2, torch.device("cuda"))
        [slice(0, 3, None)]
    """
    most = max(1, (_IN_CACHE if device.type == "cpu" else _IN_MEMORY) // max(1, cells))
    return [slice(start, min(start + most, count)) for start in range(0, count, most)]


class Coordinates:
    """The kernels of one stack of coordinates after another, from points to samples, in memory that is used again.

    Attributes:
        square: delta^2 of the present coordinates, `(c, *replicas, m, n)`.
        kernel: k of the present precision, the same shape.
    """

    def __init__(self) -> None:
        self._room: list[Tensor] = []

    def move(
        self,
        points: Float[Tensor, "c *replicas m"],
        samples: Float[Tensor, "c *replicas n"],
        precision: float | Float[Tensor, "*any 1 1"],
        kernel: Float[Tensor, "c *replicas m n"] | None = None,
    ) -> None:
        """Takes other coordinates, no more than those before, and the precision of their kernels, or these as well."""
        self._points, self._samples = points, samples
        if not self._room:
            self._room = [points.new_empty(*points.shape, samples.shape[-1]) for _ in range(3)]
        self.square, made, self._spare = (room[: len(points)] for room in self._room)
        torch.sub(points[..., :, None], samples[..., None, :], out=self.square)
        self.square.square_()
        self.kernel = torch.mul(self.square, -precision / 2, out=made).exp_() if kernel is None else kernel

    def curvature(self, precision: float | Float[Tensor, "*any 1 1"]) -> Float[Tensor, "c *replicas m n"]:
        """`d_a d_b k / k` of a kernel with this precision in these coordinates; overwritten by the next call."""
        if isinstance(precision, Tensor):
            return torch.mul(self.square, -precision.square(), out=self._spare).add_(precision)
        return torch.sub(self.square.new_full((), precision), self.square, alpha=precision**2, out=self._spare)

    def products(self, kernel: Float[Tensor, "c *replicas m n"]) -> tuple[Tensor, Tensor]:
        """A kernel's sums over the samples, and those weighted by the samples, `(c, *replicas, m)` each."""
        return kernel.sum(-1), times(kernel, self._samples)

    def sums(
        self,
        products: tuple[Tensor, Tensor],
        second: Float[Tensor, "c *replicas m n"],
        precision: float | Float[Tensor, "*any 1 1"],
        score: Float[Tensor, "c *replicas n"] | None = None,
    ) -> Float[Tensor, "c *replicas m"]:
        """Sums over the samples of `d_a d_b^2 k + s d_a d_b k`.

        Args:
            products: of k, times what does not depend on these coordinates.
            second: `d_a d_b k`, likewise.
            precision: of k.
            score: s; zero if not given.
        """
        scale = precision[..., 0] if isinstance(precision, Tensor) else precision
        of_one = 2 * scale * products[0] + second.sum(-1)
        of_samples = 2 * scale * products[1] + times(second, self._samples)
        values = scale * (self._points * of_one - of_samples)
        return values if score is None else values + times(second, score)


def times(
    matrices: Float[Tensor, "*replicas m n"], vectors: Float[Tensor, "*replicas n"]
) -> Float[Tensor, "*replicas m"]:
    """Matrices times vectors; on a CPU one at a time, since products of matrices with few columns are slow there."""
    m, n = matrices.shape[-2:]
    if matrices.numel() == m * n:
        return matrices.reshape(m, n).mv(vectors.reshape(n)).reshape(matrices.shape[:-1])
    if matrices.device.type != "cpu":
        return (matrices @ vectors[..., None])[..., 0]
    pairs = zip(matrices.flatten(0, -3), vectors.flatten(0, -2), strict=True)
    return torch.stack([matrix.mv(vector) for matrix, vector in pairs]).reshape(matrices.shape[:-1])
