"""The penalised part of the ratio's fit: Gram matrices of derivatives of its kernel, a coordinate of y at a time.

The kernel is that of `mibench_ratio.ratio`; its weights follow how much coordinates and blocks are aligned.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from mibench_ratio.ellipse import Ellipse, ellipse, radius
from mibench_ratio.kernels import Coordinate, centred, gaussian, median_distance, squared_distances
from mibench_ratio.options import LEAST_ELLIPSE, LEAST_WEIGHT, FitOptions
from mibench_ratio.pairs import alignment, gram_alignment

_STORED = 2**25
"""Numbers that the kernels of all coordinates may take together; beyond, they are made again."""


class System(NamedTuple):
    """The penalised part: the Gram matrices of its derivatives, and their linear terms.

    Attributes:
        x, y, score: standardised samples, and the margin score of y.
        pair_weights: `(*replicas, dx, dy)`.
        block_precision, block_weight: of the dependent part of the blocks' kernel, `(*replicas, 1, 1)`.
        ellipse, ellipse_weight: the features of quadratic forms, if any.
        options: widths and weights of the kernels.
    """

    x: Tensor
    y: Tensor
    score: Tensor
    pair_weights: Tensor
    block_precision: Tensor
    block_weight: Tensor
    ellipse: Ellipse | None
    ellipse_weight: Tensor
    options: FitOptions

    @classmethod
    def of(cls, x: Tensor, y: Tensor, score: Tensor, options: FitOptions) -> "System":
        """Chooses the weights from the samples."""
        in_x, in_y = squared_distances(x, x), squared_distances(y, y)
        precision = 1 / (options.block_width**2 * median_distance(in_x + in_y))
        whole = torch.ones_like(precision)
        pair_weights, block, radial = whole.expand(*whole.shape[:-2], x.shape[-1], y.shape[-1]), whole, whole
        quadratic = options.ellipse_weight > 0 and 2 < x.shape[-1] + y.shape[-1] < x.shape[-2] / 2
        if options.alignment > 0:

            def weight(values: Tensor, least: float) -> Tensor:
                return (values / options.alignment).clamp(least, 1)

            pair_weights = weight(alignment(x, y), LEAST_WEIGHT)
            grams = centred(gaussian(in_x, precision)), centred(gaussian(in_y, precision))
            block = weight(gram_alignment(*grams), LEAST_WEIGHT)
            radial = weight(alignment(radius(x), radius(y)), LEAST_ELLIPSE) if quadratic else whole
        return cls(
            x=x,
            y=y,
            score=score,
            pair_weights=pair_weights,
            block_precision=precision,
            block_weight=options.block_weight * block,
            ellipse=ellipse(x, y, score) if quadratic else None,
            ellipse_weight=options.ellipse_weight * radial,
            options=options,
        )

    def rows(self, x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """For each coordinate of y, the rows of these points, `(*replicas, m, n)` and `(*replicas, m)`.

        The next step overwrites the matrix.
        """
        precision, n = self.options.width**-2, self.y.shape[-2]
        crossed, of_block = self._blocks(x, y)
        parts = None if self.ellipse is None else self.ellipse.derivatives(x, y)
        inside = None if self.ellipse is None else self.ellipse.derivatives(self.x, self.y)
        own = Coordinate(crossed, precision)
        gram, spare = torch.empty_like(crossed), torch.empty_like(crossed)
        for j, pairs in enumerate(self.pairs(x)):
            own.move(y[..., j], self.y[..., j])
            score = self.score[..., j]
            curvature = own.curvature(precision)
            torch.mul(own.kernel, pairs, out=spare)
            torch.mul(spare, curvature, out=gram)
            sums = own.sums(spare, gram, precision, score)
            gram += own.kernel.mul_(curvature)
            curvature = own.curvature(self.block_precision)
            torch.mul(crossed, curvature, out=spare)
            sums += own.sums(crossed, spare, self.block_precision, score)
            gram += torch.mul(of_block, curvature, out=spare)
            if self.ellipse is not None and parts is not None and inside is not None:
                of_points = self.ellipse_weight * self.ellipse.features(parts, j)
                gram += of_points @ self.ellipse.features(inside, j).mT
                sums += n * (of_points @ self.ellipse.moments[..., j, :, None])[..., 0]
            yield gram, sums / n

    def _blocks(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """`B H k_block(x) H k_block(y)`, and the same plus `b k_block(y)`."""
        in_x = gaussian(squared_distances(self.x, self.x), self.block_precision)
        if x is self.x:
            of_x = centred(in_x)
        else:
            of_x = centred(gaussian(squared_distances(x, self.x), self.block_precision), in_x)
        of_y = gaussian(squared_distances(y, self.y), self.block_precision)
        crossed = of_x.mul_(of_y).mul_(self.block_weight)
        return crossed, of_y.mul_(self.options.null_weight).add_(crossed)

    def pairs(self, x: Tensor) -> Iterator[Tensor]:
        """For each coordinate of y, `H sum_k W_kl k(x_k) H` from points to samples."""
        dx, cells = x.shape[-1], x.shape[-2] * self.x.shape[-2]
        few = dx * cells * max(1, self.x[..., 0, 0].numel()) <= _STORED
        kept = torch.stack([self._kernel(x, k) for k in range(dx)], -3).flatten(-2) if few else None
        for weights in self.pair_weights.unbind(-1):
            if kept is not None:
                yield (weights[..., None, :] @ kept).unflatten(-1, (x.shape[-2], -1))[..., 0, :, :]
            else:
                yield sum(
                    (weights[..., k, None, None] * self._kernel(x, k) for k in range(1, dx)),
                    weights[..., 0, None, None] * self._kernel(x, 0),
                )

    def _kernel(self, x: Tensor, k: int) -> Tensor:
        """The centred kernel of a coordinate of x."""
        precision, samples = self.options.width**-2, self.x[..., k]
        inside = gaussian((samples[..., :, None] - samples[..., None, :]).square_(), precision)
        if x is self.x:
            return centred(inside)
        across = gaussian((x[..., k][..., :, None] - samples[..., None, :]).square_(), precision)
        return centred(across, inside)
