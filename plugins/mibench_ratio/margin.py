"""The margin score: `grad log p(y)` at the samples, as a ridge fit of Hyvarinen's objective in closed form.

Per coordinate l, `s_l` minimises mean(s^2 / 2 + d_l s) over the free features 1, y and the derivative in y_l of

    k(y_l) [1 + c sum_{k != l} H k(y_k) H] + b k_block(y),

k Gaussian of unit width, k_block Gaussian of .7 median distances, H the centring. The free part alone is the score of
the Gaussian of the samples' mean and covariance; Stein's identity `mean(s_l y_k) = -[l = k]` holds exactly.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import floats_only
from mibench_ratio.charts import Chart
from mibench_ratio.kernels import Coordinate, centred, gaussian, median_distance, squared_distances
from mibench_ratio.options import SAMPLES, FitOptions, fit_coordinate, healthy, require_samples


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
    (samples,), finite = healthy(y)
    chart = Chart.of(samples, bend=options.tails == "auto")
    score = chart.pull_back_score(samples, fit_score(chart(samples), options))
    return torch.where(finite, score, torch.nan).to(y.dtype)


def fit_score(
    y: Float[Tensor, "*replicas n d"], options: FitOptions, known: tuple[Tensor, Tensor] | None = None
) -> Float[Tensor, "*replicas n d"]:
    """The margin score of standardised samples.

    Args:
        y: the samples.
        options: what the fit is made of.
        known: another estimate of the score `(*replicas, n, d)`, and its moments mean(d_l s_l) `(*replicas, d)`: it
            joins the free part.
    """
    n, d = y.shape[-2:]
    precision, weight = options.width**-2, options.score_weight
    ridge = options.score_ridge * (SAMPLES / n) ** 1.5
    free = torch.cat([torch.ones_like(y[..., :1]), y], -1)
    distances = squared_distances(y, y)
    own = Coordinate(distances, precision)
    of_block = 1 / (options.block_width**2 * median_distance(distances))
    block = gaussian(distances, of_block).mul_(options.score_block_weight)
    total = torch.ones_like(distances)
    if d > 1:
        for column in y.unbind(-1):
            own.move(column, column)
            total.add_(centred(own.kernel), alpha=weight)
    gram, kernel = torch.empty_like(distances), torch.empty_like(distances)
    scores: list[Tensor] = []
    for j, column in enumerate(y.unbind(-1)):
        own.move(column, column)
        if d == 1:
            kernel.copy_(own.kernel)
        else:
            torch.sub(total, centred(own.kernel), alpha=weight, out=kernel).mul_(own.kernel)
        torch.mul(kernel, own.curvature(precision), out=gram)
        sums = own.sums(kernel, gram, precision)
        if d > 1:
            torch.mul(block, own.curvature(of_block), out=kernel)
            sums += own.sums(block, kernel, of_block)
            gram += kernel
        unit = torch.zeros_like(free[..., 0, :])
        unit[..., 1 + j] = 1
        columns = free
        if known is not None:
            columns, unit = torch.cat([free, known[0][..., j, None]], -1), torch.cat([unit, known[1][..., j, None]], -1)
        fit = fit_coordinate(gram, sums / n, columns, unit, ridge=ridge, iterations=1, options=options)
        scores.append(fit.fitted)
    return torch.stack(scores, -1)
