"""The penalised part of the ratio's fit: Gram matrices of derivatives of its kernel, by stacks of coordinates of y.

The kernel is that of `mibench_ratio.ratio`; its weights follow how much coordinates and blocks are aligned.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.clusters import Clusters, Mixed
from mibench_ratio.ellipse import Ellipse, ellipse, radius
from mibench_ratio.kernels import Coordinates, centred, gaussian, median_distance, squared_distances, stacks
from mibench_ratio.options import LEAST_ELLIPSE, LEAST_WEIGHT, MOST_WEIGHT, FitOptions
from mibench_ratio.pairs import alignment, gram_alignment
from mibench_ratio.spectra import Spectra
from mibench_ratio.sums import Kernels
from mibench_ratio.widths import Widths


class System(NamedTuple):
    """The penalised part: the Gram matrices of its derivatives, and their linear terms.

    Attributes:
        x, y, score: standardised samples, and the margin score of y.
        widths: of the kernels of single coordinates, and how much pairs of them are aligned by these kernels.
        pair_weights: `(*replicas, dx, dy)`.
        block_precision, block_weight: of the dependent part of the blocks' kernel, `(*replicas, 1, 1)`.
        blocks: the kernels of whole blocks at the samples, as `_blocks` has them.
        ellipse, ellipse_weight: the features of quadratic forms, if any.
        mixed: the feature that is the ratio of mixtures, if there are clusters.
        options: widths and weights of the kernels.
        kernels: those of the coordinates of y, where they have been made.
    """

    x: Tensor
    y: Tensor
    score: Tensor
    widths: Widths
    pair_weights: Tensor
    block_precision: Tensor
    block_weight: Tensor
    blocks: tuple[Tensor, Tensor]
    ellipse: Ellipse | None
    ellipse_weight: Tensor
    mixed: Mixed | None
    options: FitOptions
    kernels: Kernels | None = None

    @classmethod
    def of(
        cls, x: Tensor, y: Tensor, score: Tensor, options: FitOptions, widths: Widths, clusters: Clusters | None
    ) -> "System":
        """Chooses the weights from the samples."""
        in_x, in_y = squared_distances(x, x), squared_distances(y, y)
        precision = 1 / (options.block_width**2 * median_distance(in_x + in_y))
        of_x, of_y = centred(gaussian(in_x, precision)), gaussian(in_y, precision)
        whole = torch.ones_like(precision)
        pair_weights, block, radial = torch.ones_like(widths.aligned), whole, whole
        clustered = clusters is not None and free_to_ask(x) and bool(clusters.several.all())
        quadratic = options.ellipse_weight > 0 and 2 < x.shape[-1] + y.shape[-1] < x.shape[-2] / 2
        of = Spectra.of(x, y) if quadratic and not clustered else None
        if options.alignment > 0:

            def weight(values: Tensor, least: float) -> Tensor:
                return (values / options.alignment).clamp(least, MOST_WEIGHT)

            pair_weights = weight(widths.aligned, LEAST_WEIGHT)
            block = weight(gram_alignment(of_x, centred(of_y)), LEAST_WEIGHT)
            if of is not None:
                radial = weight(alignment(radius(x, of.x), radius(y, of.y)), LEAST_ELLIPSE)
        if clusters is not None:
            radial = radial.where(~clusters.several[..., None, None], 0.0)
        block = options.block_weight * block
        return cls(
            x=x,
            y=y,
            score=score,
            widths=widths,
            pair_weights=pair_weights,
            block_precision=precision,
            block_weight=block,
            blocks=_crossed(of_x, of_y, block, options),
            ellipse=None if of is None else ellipse(x, y, score, of),
            ellipse_weight=options.ellipse_weight * radial,
            mixed=Mixed.of(clusters, x, y, score, options.ridge_of_ratio(x.shape[-2]).ridge),
            options=options,
        )

    def rows(self, x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """For stacks of coordinates of y, the rows of these points, `(c, *replicas, m, n)` and `(c, *replicas, m)`.

        The next step overwrites the matrices.
        """
        n, precisions = self.y.shape[-2], self.precisions
        points, samples, scores = (block.movedim(-1, 0).contiguous() for block in (y, self.y, self.score))
        crossed, of_block = self._blocks(x, y)
        of_one, of_samples = crossed.sum(-1), (crossed @ self.y).movedim(-1, 0)
        most = stacks(len(points), crossed.numel(), crossed.device)[0].stop
        own = Coordinates()
        grams, spares = (crossed.new_empty(most, *crossed.shape) for _ in range(2))
        further = []
        if self.ellipse is not None:
            further.append(self._quadratic(self.ellipse, x, y))
        if self.mixed is not None:
            further.append(self._ratio(self.mixed, x, y))
        for stack, pairs in self.pairs(x):
            precision = precisions[stack]
            known = None if self.kernels is None or y is not self.y else self.kernels.of(stack, precision)
            own.move(points[stack], samples[stack], precision, known)
            gram, spare, score = grams[: len(pairs)], spares[: len(pairs)], scores[stack]
            curvature = own.curvature(precision)
            torch.mul(own.kernel, pairs, out=spare)
            torch.mul(spare, curvature, out=gram)
            sums = own.sums(own.products(spare), gram, precision, score)
            gram.addcmul_(own.kernel, curvature)
            curvature = own.curvature(self.block_precision)
            torch.mul(crossed, curvature, out=spare)
            sums += own.sums((of_one, of_samples[stack]), spare, self.block_precision, score)
            gram.addcmul_(of_block, curvature)
            for rows in further:
                sums += n * rows(stack, gram)
            yield stack, gram, sums / n

    @property
    def precisions(self) -> Float[Tensor, "dy *replicas 1 1"]:
        """Of the kernels of single coordinates of y."""
        return self.widths.of_y.movedim(-1, 0)[..., None] ** -2

    def _quadratic(self, ellipse: Ellipse, x: Tensor, y: Tensor) -> Callable[[slice, Tensor], Tensor]:
        """Adds the rows of the features of quadratic forms to those of a stack, and returns their linear terms."""
        parts = ellipse.derivatives(x, y)
        inside = parts if x is self.x and y is self.y else ellipse.derivatives(self.x, self.y)

        def rows(stack: slice, gram: Tensor) -> Tensor:
            of_samples = ellipse.features(inside, stack)
            of_points = of_samples if parts is inside else ellipse.features(parts, stack)
            of_points = self.ellipse_weight * of_points
            gram.flatten(0, -3).baddbmm_(of_points.flatten(0, -3), of_samples.flatten(0, -3).mT)
            linear = of_points @ ellipse.moments.movedim(-2, 0)[stack][..., None]
            return linear[..., 0]

        return rows

    def _ratio(self, mixed: Mixed, x: Tensor, y: Tensor) -> Callable[[slice, Tensor], Tensor]:
        """The same of the mixtures' ratio."""
        inside = mixed.known.movedim(-1, 0)
        at_points = inside if x is self.x and y is self.y else mixed.clusters.difference(x, y).movedim(-1, 0)
        linear, weights = (each.movedim(-1, 0)[..., None] for each in (mixed.moments, mixed.weights))

        def rows(stack: slice, gram: Tensor) -> Tensor:
            of_points = weights[stack] * at_points[stack]
            gram.addcmul_(of_points[..., :, None], inside[stack][..., None, :])
            return of_points * linear[stack]

        return rows

    def _blocks(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """`B H k_block(x) H k_block(y)`, and the same plus `b k_block(y)`."""
        if x is self.x:
            return self.blocks
        inside = gaussian(squared_distances(self.x, self.x), self.block_precision)
        of_x = centred(gaussian(squared_distances(x, self.x), self.block_precision), inside)
        of_y = gaussian(squared_distances(y, self.y), self.block_precision)
        return _crossed(of_x, of_y, self.block_weight, self.options)

    def pairs(self, x: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """For stacks of coordinates of y, `H sum_k W_kl k(x_k) H` from points to samples, `(c, *replicas, m, n)`."""
        widths = self.widths.of_x
        return Kernels(x / widths, None if x is self.x else self.x / widths, 1.0).sums(self.pair_weights)


def _crossed(of_x: Tensor, of_y: Tensor, weight: Tensor, options: FitOptions) -> tuple[Tensor, Tensor]:
    """`B k_x k_y` of kernels of the blocks, and the same plus `b k_y`."""
    crossed = of_x * of_y * weight
    return crossed, crossed + options.null_weight * of_y
