r"""A value from a fitted gradient: a critic whose gradient it is, in a bound on samples that neither has seen.

The critic F is a quadratic form plus :math:`\sum_m c_m K((x, y), (x_m, y_m))`, K the kernel of the ratio's dependent
part. Its coefficients are the ridge fit of :math:`\nabla_y F` to the gradient g at the samples of one half of the
batch. On the other

.. math::
    I \ge \mathbb{E}\bigg[ \frac{1}{n} \sum_i \Big( F(x_i, y_i) - \log \frac{1}{n} \sum_j e^{F(x_i, y_j)} \Big) \bigg]

(van den Oord et al. 2018) whatever F is: a lower bound in expectation, of low variance, and never above the logarithm
of half the batch size. So that no extrapolation spoils it, the logarithm of F's mean exponential over the first half is
subtracted for each x, and F is cut off at the logarithm of half the batch size on both sides. Adding any function of x
to F changes nothing, so that the gradient in y is all that a critic needs. The halves change places, and x and y do;
what is returned is the mean. The bound is loose where the dependence is not correlation.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mibench.finite import nan_unless_finite
from mibench_ratio.kernels import Coordinates, centred, gaussian, squared_distances
from mibench_ratio.options import FitOptions, require_samples
from mibench_ratio.ratio import Fit, Ratio, fits_apart
from mibench_ratio.repeats import once_each, others_than, said_of_pairs
from mibench_ratio.ridge import one_and
from mibench_ratio.system import System

_RIDGE = 1e-4


def held_out_bound(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    order: Int[Tensor, "*replicas m"],
    options: FitOptions,
) -> Float[Tensor, "*replicas"]:
    """The lower bound on I(X;Y) in nats, from the halves of the samples whose numbers are given, in this order.

    Pairs that occur again count once: a half that held copies of the other's would show too much.

    Raises:
        SmallBatchError: half of the batch has fewer samples than the linear part needs.
    """
    x, y = x.detach(), y.detach()
    if not (repeated := once_each(x, y, options)):
        return nan_unless_finite(_of_both_halves(x, y, order, options), x, y)
    bounds = y.new_zeros(y.shape[:-2])
    if (others := others_than(repeated, y)).any():
        bounds[others] = _of_both_halves(x[others], y[others], order[others], options)
    for place, once in repeated.items():
        pairs = x[place][once.first], y[place][once.first]
        with said_of_pairs(len(once.first), len(once.back)):
            bounds[place] = _of_both_halves(*pairs, once.numbered(order[place]), options)
    return nan_unless_finite(bounds, x, y)


def _of_both_halves(x: Tensor, y: Tensor, order: Tensor, options: FitOptions) -> Float[Tensor, "*replicas"]:
    """The bound of pairs of which each counts."""
    x, y = (torch.take_along_dim(block, order[..., None], -2) for block in (x, y))
    dx, dy = x.shape[-1], y.shape[-1]
    require_samples(x.shape[-2], max(sum(options.dimensions(*d)) for d in ((dx, dy), (dy, dx))), options, halves=True)
    half = x.shape[-2] // 2
    bounds = [
        _of_one_half(a, b, seen, other, options)
        for a, b in ((x, y), (y, x))
        for seen, other in ((slice(half), slice(half, None)), (slice(half, None), slice(half)))
    ]
    return (sum(bounds[1:], bounds[0]) / len(bounds)).to(y.dtype)


def _of_one_half(x: Tensor, y: Tensor, seen: slice, other: slice, options: FitOptions) -> Float[Tensor, "*replicas"]:
    """The bound on the other half, of critics of replicas that keep the same coordinates of the half that is seen."""
    bounds = x.new_zeros(x.shape[:-2], dtype=torch.float64)
    for which, fit in fits_apart(x[..., seen, :], y[..., seen, :], options):
        bounds[which] = _bound(fit, x[which][..., other, :], y[which], (seen, other))
    return bounds


def _bound(fit: Fit, x: Tensor, y: Tensor, halves: tuple[slice, slice]) -> Float[Tensor, "*replicas"]:
    """The bound on one half, of a critic from the other that is normalised there and keeps to what a bound can show."""
    seen, other = (critic(fit, x, y[..., half, :]) for half in halves)
    count = math.log(seen.shape[-1])
    level = seen.logsumexp(-1, keepdim=True) - count
    return contrastive_bound((other - level).clamp(-count, count))


def contrastive_bound(scores: Float[Tensor, "*replicas m m"]) -> Float[Tensor, "*replicas"]:
    """InfoNCE in nats, from the scores of x_i (rows) with y_j (columns)."""
    paired = scores.diagonal(dim1=-2, dim2=-1)
    return (paired - scores.logsumexp(-1)).mean(-1) + math.log(scores.shape[-1])


def critic(
    fit: Fit, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas k dy"]
) -> Float[Tensor, "*replicas m k"]:
    """Scores of every x_i with every y_j, whose gradient in y follows a fit; in nats, up to a function of x."""
    x, y = fit.chart_x(x), fit.chart_y(y)
    scores = _quadratic(x, y, fit.linear)
    if fit.ratio is None:
        return scores
    potential = _quadratic(x, y, fit.ratio.linear) + _interpolate(fit.ratio, x, y)
    return scores + fit.share * (potential - scores)


def _quadratic(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """The potential of a gradient that is linear, with these coefficients of 1, x, y; antisymmetric parts have none."""
    dx = x.shape[-1]
    constant, in_x, in_y = alpha[..., :1, :], alpha[..., 1 : 1 + dx, :], alpha[..., 1 + dx :, :]
    alone = (y * constant).sum(-1) + ((y @ in_y) * y).sum(-1) / 2
    return x @ in_x @ y.mT + alone[..., None, :]


def _interpolate(ratio: Ratio, x: Tensor, y: Tensor) -> Tensor:
    """The kernel part: fitted to what the quadratic leaves of the gradient, evaluated at all pairs."""
    system, n = ratio.system, ratio.fitted.shape[-2]
    left = ratio.fitted - one_and(system.x, system.y) @ ratio.linear
    precisions = system.precisions
    of_x, of_y = _blocks(system, system.x, system.y)
    normal, wanted, gram = (torch.zeros_like(of_x) for _ in range(3))
    wanted = wanted[..., :1]
    gram += of_x * of_y
    columns, left = system.y.movedim(-1, 0), left.movedim(-1, 0)[..., None]
    own = Coordinates()
    for stack, pairs in system.pairs(system.x):
        own.move(columns[stack], columns[stack], precisions[stack])
        paired = own.kernel * pairs
        gram += paired.sum(0)
        delta = columns[stack][..., :, None] - columns[stack][..., None, :]
        slopes = -delta * (precisions[stack] * paired + system.block_precision * of_x * of_y)
        normal += (slopes.mT @ slopes).sum(0) / n
        wanted = wanted + (slopes.mT @ left[stack]).sum(0) / n
    normal += _RIDGE * gram
    normal.diagonal(dim1=-2, dim2=-1).add_(1e-8 * normal.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None] + 1e-12)
    weights = torch.linalg.solve(normal, wanted)[..., 0]
    of_x, of_y = _blocks(system, x, y)
    scores = (of_x * weights[..., None, :]) @ of_y.mT
    points = y.movedim(-1, 0)
    across = Coordinates()
    for stack, pairs in system.pairs(x):
        across.move(points[stack], columns[stack], precisions[stack])
        scores = scores + ((pairs * weights[..., None, :]) @ across.kernel.mT).sum(0)
    return scores


def _blocks(system: System, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """`B H k_block(x) H` and `k_block(y)`, from points to samples."""
    inside = gaussian(squared_distances(system.x, system.x), system.block_precision)
    across = gaussian(squared_distances(x, system.x), system.block_precision)
    return (
        system.block_weight * centred(across, inside),
        gaussian(squared_distances(y, system.y), system.block_precision),
    )
