r"""The margin score: the gradient of log p(y) at the samples, as a ridge fit of Hyvarinen's objective in closed form.

For each coordinate l, the score minimises the mean of :math:`s^2 / 2 + \partial_l s` over the free features 1, y and
the derivative in :math:`y_l` of

.. math:: k(y_l) \Big[ 1 + \sum_{k \ne l} W_{k l} \, H k(y_k) H \Big] + b \, k_\mathrm{block}(y)

and over features of the block's radius (`mibench_ratio.radius`): k Gaussian of unit width, :math:`k_\mathrm{block}`
Gaussian of .7 median distances, H the centring. W follows how much two coordinates are aligned: where they are
independent, what is left is an additive log density, whose score has the least variance. The free part alone is the
score of the Gaussian of the samples' mean and covariance; Stein's identity, the mean of :math:`s_l y_k` is -1 where
l = k and else 0, holds exactly.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench_ratio.charts import Chart, conditioning
from mibench_ratio.kernels import Coordinates, gaussian, median_distance, squared_distances
from mibench_ratio.options import LEAST_WEIGHT, FitOptions, require_samples
from mibench_ratio.pairs import alignment
from mibench_ratio.radius import radius_features
from mibench_ratio.ridge import Free, Solution, one_and
from mibench_ratio.shrunk import few, shrunk_score
from mibench_ratio.spectra import spectra
from mibench_ratio.sums import Kernels
from mibench_ratio.usable import healthy, without_redundant


@floats_only
def margin_score(
    y: Float[Tensor, "*replicas n d"], options: FitOptions | None = None
) -> Float[Tensor, "*replicas n d"]:
    """`grad log p(y)` at the samples, without a graph and in the dtype of y; NaN where a replica is not finite.

    Raises:
        SmallBatchError: fewer samples than the linear part needs.
        TypeError: samples that are not floating point numbers.
    """
    options = options or FitOptions()
    require_samples(y.shape[-2], y.shape[-1], options)
    (samples,), finite = healthy(without_redundant(y))
    chart = Chart.of(samples, bend=options.tails == "auto", spread=options.surfaces == "auto")
    shrunk, inside = options.linear == "shrunk" and few(samples), chart(samples)
    if options.linear != "ridge" and not shrunk:
        (spectrum,) = spectra(inside)
        chart = chart.turned(conditioning(spectrum, samples.shape[-2]))
        inside = chart(samples)
    score = chart.pull_back_score(samples, shrunk_score(inside) if shrunk else fit_score(inside, options).score)
    return torch.where(finite, score, torch.nan).to(y.dtype)


class Margin(NamedTuple):
    """A fitted margin score.

    Attributes:
        score: at the samples, `(*replicas, n, d)`.
        kernels: of their coordinates.
        y: the samples.
        alpha: coefficients of the free part, a column for each coordinate.
        options: what the fit is made of.
    """

    score: Tensor
    kernels: Kernels
    y: Tensor
    alpha: Tensor
    options: FitOptions

    def at(
        self, y: Float[Tensor, "*replicas m d"], known: Float[Tensor, "*replicas m d"] | None = None
    ) -> Float[Tensor, "*replicas m d"]:
        """The score at points; with the other estimate there, if one has joined."""
        n, total = self.y.shape[-2], self.score.movedim(-1, 0)[..., None]
        kernels = Kernels(y, self.y, self.options.width**-2)
        rows = _rows(y, self.y, kernels, self.options)
        pulls = torch.cat([sums + (gram @ total[stack])[..., 0] for stack, gram, sums in rows]).movedim(0, -1) / n
        linear, others = self.alpha[..., : 1 + y.shape[-1], :], self.alpha[..., 1 + y.shape[-1] :, :]
        free = one_and(y) @ linear + (0.0 if known is None else known * others)
        return free - pulls / self.options.ridge_of_score(n).ridge


def fit_score(
    y: Float[Tensor, "*replicas n d"], options: FitOptions, known: tuple[Tensor, Tensor] | None = None
) -> Margin:
    """The margin score of standardised samples.

    Args:
        y: the samples.
        options: what the fit is made of.
        known: another estimate of the score `(*replicas, n, d)`, and its moments mean(d_l s_l) `(*replicas, d)`: it
            joins the free part.
    """
    n, ridge = y.shape[-2], options.ridge_of_score(y.shape[-2])
    free, moments = Free(one_and(y)), _moments(y)
    kernels = Kernels(y, None, options.width**-2)
    solutions: list[Solution] = []
    for stack, gram, sums in _rows(y, y, kernels, options):
        columns, unit = free, moments[stack]
        if known is not None:
            own_column, own_moment = (each.movedim(-1, 0)[stack][..., None] for each in known)
            columns = Free(torch.cat([free.columns.expand(*own_column.shape[:-1], -1), own_column], -1))
            unit = torch.cat([unit, own_moment], -1)
        solutions.append(ridge.solve(gram, sums / n, columns, unit))
    fitted, alpha, _ = (torch.cat(parts).movedim(0, -1) for parts in zip(*solutions, strict=True))
    return Margin(fitted, kernels, y, alpha, options)


def _rows(
    points: Float[Tensor, "*replicas m d"], y: Float[Tensor, "*replicas n d"], kernels: Kernels, options: FitOptions
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """For stacks of coordinates, the Gram matrices of the penalised part from points to samples, and their sums.

    `(c, *replicas, m, n)` and `(c, *replicas, m)`. The next step overwrites the matrices.
    """
    own, precision = Coordinates(), options.width**-2
    at, of = (block.movedim(-1, 0).contiguous() for block in (points, y))
    if len(of) == 1:
        own.move(at, of, precision, kernels.of(slice(None)))
        gram = own.kernel * own.curvature(precision)
        yield slice(None), gram, own.sums(own.products(own.kernel), gram, precision)
        return
    distances = squared_distances(y, y)
    of_block = 1 / (options.block_width**2 * median_distance(distances))
    block = gaussian(distances if points is y else squared_distances(points, y), of_block)
    block.mul_(options.score_block_weight)
    of_one, of_samples = block.sum(-1), (block @ y).movedim(-1, 0)
    weights = pair_weights(y, options)
    radial = _radial_rows(points, y, weights, options)
    grams = block.new_empty(0)
    for stack, pairs in kernels.sums(weights):
        own.move(at[stack], of[stack], precision, kernels.of(stack))
        kernel = pairs.add_(1).mul_(own.kernel)
        grams = grams if len(grams) >= len(kernel) else torch.empty_like(kernel)
        gram = torch.mul(own.curvature(precision), kernel, out=grams[: len(kernel)])
        sums = own.sums(own.products(kernel), gram, precision)
        torch.mul(block, own.curvature(of_block), out=kernel)
        sums += own.sums((of_one, of_samples[stack]), kernel, of_block)
        gram += kernel
        if radial is not None:
            sums += radial(stack, gram, kernel)
        yield stack, gram, sums


def pair_weights(y: Tensor, options: FitOptions) -> Float[Tensor, "*replicas d d"]:
    """How much the kernel of each coordinate k counts for the score of each other one l."""
    d = y.shape[-1]
    others = 1 - torch.eye(d, dtype=y.dtype, device=y.device)
    if options.score_alignment == 0:
        return (options.score_weight * others).expand(*y.shape[:-2], d, d)
    shares = (alignment(y, y) / options.score_alignment).clamp(LEAST_WEIGHT, 1)
    return options.score_weight * others * shares


def _radial_rows(
    points: Tensor, y: Tensor, weights: Tensor, options: FitOptions
) -> Callable[[slice, Tensor, Tensor], Tensor] | None:
    """The part of the block's radius, as heavy as all pairs of coordinates together, which share its Gram matrix."""
    if options.score_radius_weight == 0:
        return None
    (spectrum,) = spectra(y)
    inside = radius_features(y, spectrum)
    at = inside if points is y else radius_features(y, spectrum, points)
    weighted = options.score_radius_weight * weights.sum((-2, -1))[..., None, None] / 2 * at.slopes
    shared = weighted @ inside.slopes.mT
    linear = y.shape[-2] * at.first * (weighted @ inside.moments())
    of_points, of_samples, linear = (block.movedim(-1, 0) for block in (at.first, inside.first, linear))

    def rows(stack: slice, gram: Tensor, spare: Tensor) -> Tensor:
        """Adds to a stack's Gram matrices, and returns what is added to its sums."""
        gram += torch.mul(shared, of_points[stack][..., :, None], out=spare).mul_(of_samples[stack][..., None, :])
        return linear[stack]

    return rows


def _moments(y: Tensor) -> Float[Tensor, "d *replicas p"]:
    """The mean of d_l of 1 and y, for each coordinate l."""
    d = y.shape[-1]
    unit = torch.eye(d + 1, dtype=y.dtype, device=y.device)[1:]
    return unit.reshape(d, *[1] * (y.dim() - 2), d + 1).expand(d, *y.shape[:-2], d + 1)
