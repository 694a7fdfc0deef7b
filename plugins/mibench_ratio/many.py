r"""Ratio score matching from many samples: the same fit on features in place of n x n matrices, in O(n p^2 dy) time.

A Gaussian kernel of one coordinate has the features :math:`R^\top k(c, \cdot)` at Q centres c (Nystrom), ordered by
their variance. For coordinate l of y, the product of feature a of :math:`x_k` with feature b of :math:`y_l` has the
prior variance

.. math:: W_{k l} \, v_a(x_k) \, v_b(y_l)

with W from the alignment of :math:`x_k` and :math:`y_l`, and v the variances of features; the p of greatest variance
are kept, whatever pair they belong to, beside the free part (1, x, y, and the mixture's score and ratio where there are
clusters), functions of y_l alone, features of quadratic forms, and waves of whole blocks (`mibench_ratio.blocks`). The
samples pass by in chunks, three times a fit: for the products of free columns, which are made uncorrelated, for those
of all columns, and for the values. Ridges fall with n as they do in `mibench_ratio.ratio`, p grows as n^(1/4), and what
says which pairs depend on each other, and whether a batch looks Gaussian, is taken from a part of the samples, the
kurtosis excepted; and so are the directions along which blocks are turned (`mibench_ratio.directions`), and the
regression where noise is added to a mean (`mibench_ratio.noise`). Left out against the fit on all pairs of samples:
bends, margins that are evened out, whole blocks beyond a dozen coordinates, atoms of x, channels, and the radius and
whole blocks in the margin score.
"""

from collections.abc import Callable, Iterator
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.blocks import MOST, Blocks
from mibench_ratio.charts import Chart
from mibench_ratio.clusters import Clusters, Mixed, clusters_of
from mibench_ratio.columns import Chunk, Columns, RatioColumns, ScoreColumns
from mibench_ratio.determined import continuous
from mibench_ratio.directions import directions
from mibench_ratio.ellipse import Ellipse, ellipse, radius
from mibench_ratio.idle import kept, ready
from mibench_ratio.margin import pair_weights
from mibench_ratio.mixture import PAIRINGS
from mibench_ratio.noise import Added, Left
from mibench_ratio.normality import evidence_against_joint_normality, kurtosis
from mibench_ratio.options import (
    LEAST_ELLIPSE,
    LEAST_WEIGHT,
    MOST_WEIGHT,
    SAMPLES,
    FitOptions,
    blend,
    require_samples,
    share_of,
)
from mibench_ratio.pairs import alignment, own_order
from mibench_ratio.ratio import plug_in
from mibench_ratio.regression import SEEN_AT
from mibench_ratio.repeats import of_each_pair
from mibench_ratio.ridge import one_and
from mibench_ratio.spectra import COLLINEAR, Spectra, spectra
from mibench_ratio.waves import Pairs, Waves, feature_means
from mibench_ratio.widths import Widths

_ALIGNED, _LOOKED_AT = 2**14, 2**11
"""Of how many samples alignment, normality and clusters are judged."""
_NORMAL = 3.0
"""Evidence against normality up to which the plug-in Gaussian answers, and one beyond which the fit does: more than for
256 samples, because many show the same departure more clearly and a needless fit takes seconds."""
_JITTER = 1e-9
_VALUES = 32
"""Fewer different radii, as those of bits, are no variable to take derivatives along."""
_RADIAL = 0.02
"""Alignment of the blocks' radii from which features of quadratic forms are fitted."""


def feature_count(n: int, dy: int, landmarks: int | str) -> int:
    """How many products each coordinate of y gets: a number, or `auto`.

    Example:
        >>> [feature_count(n, 20, "auto") for n in (1000, 100_000, 1_000_000)], feature_count(100_000, 1, "auto")
        ([48, 72, 128], 322)
    """
    if not isinstance(landmarks, str):
        return landmarks
    return int(min(512, max(48, 72 * (n / 1e5) ** 0.25 * (20 / dy) ** 0.5)))


def pairings(n: int) -> int:
    """How many pairings of x with another y stand for the product of the margins; two are enough of many samples."""
    return max(2, min(PAIRINGS, 2**17 // n))


def many_gradient(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions, landmarks: int | str
) -> Float[Tensor, "*replicas n dy"]:
    """`grad_y log p(x, y) - grad_y log p(y)` at the samples, without a graph and in the dtype of y.

    Args:
        x: samples.
        y: their partners; features are evaluated in its precision.
        options: of the fits, with `linear=free`. `null_weight`, `score_radius_weight`, `score_block_weight`, `margins`
            and `atoms` are not read, nor is `tails`, but for the noise that a regression leaves.
        landmarks: how many products of features each coordinate of y gets, or `auto`.

    Raises:
        SmallBatchError: fewer samples than the linear part needs.
        TypeError: samples that are not floating point numbers.
    """
    return of_each_pair(lambda x, y: _of_replicas(x, y, options, landmarks), x, y, options)


def _of_replicas(x: Tensor, y: Tensor, options: FitOptions, landmarks: int | str) -> Tensor:
    """The gradient, in which all pairs count."""
    require_samples(x.shape[-2], x.shape[-1] + y.shape[-1], options)
    precision = y.dtype
    x, y, finite = ready(x, y, options)
    chart_x, chart_y = Chart.of(x, bend=False), Chart.of(y, bend=False, spread=options.surfaces == "auto")
    flat = (block.reshape(-1, *block.shape[-2:]) for block in (chart_x(x), chart_y(y)))
    fitted = [_of_kept(a, b, options, landmarks, precision) for a, b in zip(*flat, strict=True)]
    gradient = chart_y.pull_back(y, torch.stack(fitted).reshape(y.shape))
    return torch.where(finite, gradient, torch.nan).to(precision)


def _of_kept(x: Tensor, y: Tensor, options: FitOptions, landmarks: int | str, precision: torch.dtype) -> Tensor:
    """The gradient of one replica's standardised samples, without the coordinates that are 0."""
    of_x, of_y = kept(x), kept(y)
    x, y, gradient = x[:, of_x], y[:, of_y], torch.zeros_like(y)
    gradient[:, of_y] = _gradient(x, y, options, feature_count(len(y), y.shape[1], landmarks), precision).to(gradient)
    return gradient


def _gradient(x: Tensor, y: Tensor, options: FitOptions, count: int, precision: torch.dtype) -> Tensor:
    """The same, with so many products of features for each coordinate of y."""
    order = own_order(torch.cat([x, y], -1))[:, 0]
    linear = one_and(x, y) @ plug_in(Spectra.of(x, y))
    share = _share(x, y, order, options)
    if share == 0:
        return linear
    turn = directions(x, y) if options.directions == "auto" and continuous(x).all() and continuous(y).all() else None
    if turn is None:
        full = _full(x, y, order, options, count, precision)
    else:
        full = _full(x @ turn.of_x, y @ turn.of_y, order, options, count, precision) @ turn.of_y.mT
    return linear + share * (full - linear)


def _full(
    x: Tensor, y: Tensor, order: Tensor, options: FitOptions, count: int, precision: torch.dtype
) -> Float[Tensor, "n dy"]:
    """The full fit's gradient; without clusters, noise that is added takes its place as far as it looks like that."""
    some = order[:_LOOKED_AT]
    widths = Widths.of(x[some], y[some], options)
    clusters = clusters_of(x[some], y[some], widths.aligned, channels=False) if options.looks_for_clusters else None

    def score_of(block: Tensor, clusters: Clusters | None) -> Tensor:
        return _score(block, order, clusters, options, count // 2, precision)

    score = score_of(y, clusters)
    look = options.looks_for_noise and clusters is None
    noise, of_noise = _noise(x, y, score, order, options, score_of) if look else (score, score.new_zeros(1, 1))
    if of_noise == 1:
        return noise
    waves_x, waves_y = (
        Waves.of(block[order], of[0]).to(precision) for block, of in ((x, widths.of_x), (y, widths.of_y))
    )
    some = order[:_ALIGNED]
    weights = _weights(x[some], y[some], widths, options, len(x))
    pairs = Pairs.strongest(waves_x.sizes, waves_y.sizes, weights, count)
    ridge = options.ridge_of_ratio(len(x)).ridge
    mixed = Mixed.of(clusters, x, y, score, ridge, pairings(len(x)))
    blocks = None
    if 2 < x.shape[1] + y.shape[1] <= MOST and options.block_weight > 0:
        blocks = Blocks.of(x, y, order[:_LOOKED_AT], options, count // 2).to(precision)
    quadratic = _quadratic(x, y, score, order, options)
    columns = RatioColumns(x, y, score, waves_x, waves_y, pairs, mixed, quadratic, blocks)
    full = fit(columns, columns.free_moments(), ridge, options.iterations, columns.prior())
    return blend(full, noise, of_noise)


def _noise(
    x: Tensor,
    y: Tensor,
    score: Tensor,
    order: Tensor,
    options: FitOptions,
    score_of: Callable[[Tensor, Clusters | None], Tensor],
) -> tuple[Tensor, Float[Tensor, "1 1"]]:
    """The gradient where noise is added to a mean (`mibench_ratio.noise`), and its share of the answer.

    Args:
        x: the samples.
        y: their partners.
        score: the margin score of y.
        order: of the samples; the first are looked at.
        options: of the score of what is left.
        score_of: the margin score of other samples.
    """
    added = Added.of(x, y, order[:SEEN_AT])
    if added is None or not added.share.any():
        return score, score.new_zeros(1, 1)
    of_left = Left.plain(added.left, options)
    fitted = score_of(of_left.chart(added.left), None) if of_left.needed else None
    in_left, _, share = added.balanced(x, y, of_left.beside(added.left, fitted), score)
    return in_left - score, share


def _share(x: Tensor, y: Tensor, order: Tensor, options: FitOptions) -> Float[Tensor, "1 1"]:
    """How much of the answer is the full fit's: 0 for samples that look jointly Gaussian."""
    if not options.normality:
        return x.new_ones(1, 1)
    some = x[order[:_LOOKED_AT]], y[order[:_LOOKED_AT]]
    evidence = evidence_against_joint_normality(*some, Spectra.of(*some))
    evidence = torch.maximum(evidence, kurtosis(torch.cat([x, y], -1)).abs())
    return share_of(evidence, _NORMAL, _NORMAL + 1)


def _weights(x: Tensor, y: Tensor, widths: Widths, options: FitOptions, n: int) -> Float[Tensor, "dx dy"]:
    if options.alignment == 0:
        return torch.ones_like(widths.aligned)
    least = LEAST_WEIGHT * min(1.0, SAMPLES / n) ** 0.5
    narrow = (widths.of_x.mT < options.width) | (widths.of_y < options.width)
    return (widths.aligned.where(narrow, alignment(x, y)) / options.alignment).clamp(least, MOST_WEIGHT)


def _quadratic(x: Tensor, y: Tensor, score: Tensor, order: Tensor, options: FitOptions) -> tuple[Ellipse, float] | None:
    """The features of quadratic forms and the root of their weight, where the blocks' radii depend on each other."""
    if options.ellipse_weight == 0:
        return None
    some = order[:_ALIGNED]
    of = spectra(x[some], y[some])
    radii = radius(x[some], of[0]), radius(y[some], of[1])
    values = min(len(each.round(decimals=6).unique()) for each in radii)
    aligned = alignment(*radii).item()
    if aligned < _RADIAL or values < _VALUES:
        return None
    weight = options.ellipse_weight * min(1.0, max(LEAST_ELLIPSE, aligned / (options.alignment or aligned)))
    return ellipse(x, y, score, Spectra.of(x, y), pairings(len(x))), weight**0.5


def _score(
    y: Tensor, order: Tensor, clusters: Clusters | None, options: FitOptions, count: int, precision: torch.dtype
) -> Float[Tensor, "n d"]:
    """The margin score of standardised samples, with so many products for each coordinate, evaluated in a precision."""
    d, waves = y.shape[1], Waves.plain(y[order], options.width).to(precision)
    weights = pair_weights(y[order[:_ALIGNED]], options)
    pairs = Pairs.strongest(waves.sizes, waves.sizes, weights, count if d > 1 else 0)
    columns = ScoreColumns(y, waves, pairs, feature_means(waves, y), clusters)
    ridge = options.ridge_of_score(len(y)).ridge
    return fit(columns, columns.free_moments(), ridge, iterations=1)


def fit(
    columns: Columns,
    moments: Float[Tensor, "p dy"],
    ridge: float,
    iterations: int,
    prior: Float[Tensor, "dy q"] | None = None,
) -> Float[Tensor, "n dy"]:
    """The values at the samples of each coordinate's fit (`mibench_ratio.ridge`, in its features).

    Args:
        columns: passes over the samples.
        moments: linear terms of the free columns.
        ridge: of the penalised columns.
        iterations: of iterated Tikhonov.
        prior: what the coefficients of the penalised columns are drawn to, if not to 0.
    """
    basis = _orthonormal(columns.free())
    n, squares, sums, penalised = _sums(columns(basis, sums=True), moments.shape[1])
    linear = torch.cat([(basis.mT @ moments).mT, sums / n], 1)
    penalty = torch.cat([torch.zeros_like(basis[0]), penalised])
    factor = _factor(squares / n + torch.diag(ridge * penalty))
    coefficients = torch.zeros_like(linear)[..., None]
    if prior is not None:
        coefficients[:, basis.shape[1] :, 0] = prior
    for _ in range(iterations):
        pull = ridge * penalty[:, None] * coefficients - linear[..., None]
        coefficients = torch.cholesky_solve(pull, factor)
    weights = coefficients[..., 0]
    parts: list[Tensor] = []
    for chunk in columns(basis, sums=False):
        free, own = weights.to(chunk.free).split([len(chunk.free), weights.shape[1] - len(chunk.free)], 1)
        values = (free @ chunk.free).mT
        penalties = [own[j] @ chunk.own(j)[0] for j in range(len(own))]
        parts.append(values + torch.stack(penalties, 1))
    return torch.cat(parts).double()


def _orthonormal(free: Iterator[Tensor]) -> Float[Tensor, "p q"]:
    """Combinations of the free columns that are uncorrelated and of mean square 1; q < p where they are collinear."""
    n, squares = 0, torch.zeros(())
    for columns in free:
        n, squares = n + columns.shape[1], squares + columns @ columns.mT
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(squares / n))
    kept = values > COLLINEAR * values[-1]
    return vectors[:, kept] * values[kept].rsqrt()


def _factor(systems: Float[Tensor, "dy p p"]) -> Float[Tensor, "dy p p"]:
    """Lower factors, with as little added to the diagonal as they need: sums in single precision may lack rank."""
    diagonal = systems.diagonal(dim1=-2, dim2=-1)
    added, scale = _JITTER, diagonal.mean(-1, keepdim=True)
    diagonal.add_(added)
    while True:
        factor, failed = torch.linalg.cholesky_ex(systems)
        if not failed.any() or not bool(systems.isfinite().all()):
            return factor
        diagonal.add_(9 * added * scale.where(failed[:, None] > 0, 0.0))
        added *= 10


def _sums(chunks: Iterator[Chunk], dy: int) -> tuple[int, Tensor, Tensor, Tensor]:
    """The number of samples, sums of products of columns, sums of `own`, and what is penalised."""
    n, squares, sums, penalised = 0, [torch.zeros(())] * dy, [torch.zeros(())] * dy, torch.zeros(())
    for chunk in chunks:
        n, penalised = n + chunk.free.shape[1], chunk.penalised
        for j in range(dy):
            own, linear = chunk.own(j)
            whole = torch.cat([chunk.free, own])
            squares[j] = squares[j] + (whole @ whole.mT).double()
            sums[j] = sums[j] + cast("Tensor", linear).double()
    return n, torch.stack(squares), torch.stack(sums), penalised.double()
