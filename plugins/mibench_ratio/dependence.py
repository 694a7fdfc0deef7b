r"""Whether samples show that x and y depend on each other, in standard scores, whatever the margins are.

Where nothing shows it, a fit finds noise alone, the more the larger the margin score is: of independent coordinates
with two modes or with edges ten times what the plug-in Gaussian finds. The looks are

- correlations of x, cos x and sin x less its linear part with the same of y, of all pairs of coordinates and of the
  clearest one (`mibench_ratio.correlations`);
- of whole blocks, centred kernel alignment (`mibench_ratio.pairs`) with wide and with narrow kernels, which sees
  dependence of more than two coordinates at once;
- correlations of squares of coordinates and of the blocks' radii, in which weak dependence shows most, and of products
  of two coordinates of a block, whitened, with coordinates of the other and their products, for what is between
  rotated coordinates;
- alignment of single coordinates by kernels as narrow as a fit may have, for fast waves.

Each is a sum of squares, whose mean and variance under independence are known; its score is that of the gamma
distribution with these (Wilson & Hilferty 1931). The largest of all looks is the evidence. That against linearity
(`mibench_ratio.normality`) tells of dependence as well.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.correlations import Squares, bends, correlations, cut, of_chance, of_largest, standardised
from mibench_ratio.ellipse import radius
from mibench_ratio.kernels import centred, gaussian, median_distance, squared_distances
from mibench_ratio.pairs import Features, covariances, gram_covariances
from mibench_ratio.spectra import Spectra
from mibench_ratio.widths import finer

_WIDTHS = 1.0, 0.25, 0.1
"""Of the kernels of whole blocks, in median distances."""
_TURNED = 0.5
"""What is taken off scores of products, which are several."""


def evidence_of_dependence(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], of: Spectra, enough: float
) -> Float[Tensor, "*replicas"]:
    """The evidence of standardised samples with these spectra, or one that is enough."""
    evidence = _of_pairs(x, y)
    for look in (_of_blocks, _of_products, _of_details):
        if free_to_ask(evidence) and bool((evidence >= enough).all()):
            break
        evidence = torch.maximum(evidence, look(x, y, of))
    return evidence


def _of_pairs(x: Tensor, y: Tensor) -> Float[Tensor, "*replicas"]:
    columns = [standardised(torch.cat([block[..., None, :], bends(block, 1.0)], -2)) for block in (x, y)]
    return torch.maximum(_of_sum(correlations(*columns)), of_largest(correlations(*map(cut, columns))))


def _of_blocks(x: Tensor, y: Tensor, _: Spectra) -> Float[Tensor, "*replicas"]:
    scores: list[Tensor] = []
    distances = [squared_distances(block, block) for block in (x, y)]
    for width in _WIDTHS:
        of_x, of_y = (centred(gaussian(each, 1 / (width**2 * median_distance(each)))) for each in distances)
        scores.append(_score(*gram_covariances(of_x, of_y), x.shape[-2]))
    return torch.stack(scores).amax(0)


def _of_products(x: Tensor, y: Tensor, of: Spectra) -> Float[Tensor, "*replicas"]:
    dx, dy = x.shape[-1], y.shape[-1]
    evidence = _between((radius(x, of.x), radius(y, of.y)), (x.square(), y.square()))
    if dx + dy == 2 or max(d * (d + 1) / 2 for d in (dx, dy)) > x.shape[-2]:
        return evidence
    (u, uu), (v, vv) = _products(x @ of.x.whitening()), _products(y @ of.y.whitening())
    return torch.maximum(evidence, _between((uu, v), (u, vv), (uu, vv)) - _TURNED)


def _between(*functions: tuple[Tensor, Tensor]) -> Float[Tensor, "*replicas"]:
    """The largest score of the sums of correlations between functions of x and functions of y."""
    columns = ([cut(standardised(each[..., None, :])) for each in pair] for pair in functions)
    return torch.stack([_of_sum(correlations(*pair)) for pair in columns]).amax(0)


def _products(u: Float[Tensor, "*replicas n d"]) -> tuple[Float[Tensor, "*replicas n d"], Tensor]:
    """Coordinates, and all products of two of them."""
    i, j = torch.triu_indices(u.shape[-1], u.shape[-1], device=u.device)
    return u, u[..., i] * u[..., j]


def _of_details(x: Tensor, y: Tensor, _: Spectra) -> Float[Tensor, "*replicas"]:
    steps = finer(x, y)
    if len(steps[0]) == 1:
        return _nothing(x)
    in_x, in_y = ([Features.of(block, step) for step in of] for block, of in zip((x, y), steps, strict=True))
    scores = torch.stack([_score(*covariances(a, b), x.shape[-2]) for a in in_x for b in in_y])
    count = len(scores) * x.shape[-1] * y.shape[-1]
    return of_chance(count * torch.special.ndtr(-scores.amax((-2, -1)).amax(0)))


def _nothing(x: Tensor) -> Float[Tensor, "*replicas"]:
    """The score where a look says nothing, or samples are too few for it."""
    return torch.full_like(x[..., 0, 0], -math.inf)


def _of_sum(squares: Squares) -> Float[Tensor, "*replicas"]:
    return _gamma_score(squares.each.sum(-1), squares.mean, squares.mean.square() / squares.half_variance)


def _score(squared: Tensor, traces: Tensor, norms: Tensor, n: int) -> Tensor:
    """Of a squared covariance of features, given the products of the traces and norms of theirs alone."""
    return _gamma_score(squared, traces / n, (traces / norms.clamp_min(1e-300)).square())


def _gamma_score(value: Tensor, mean: Tensor, freedom: Tensor) -> Tensor:
    """The standard score of a multiple of a chi-squared variable; that of none where the mean is 0."""
    spread = 2 / (9 * freedom.clamp_min(1e-12))
    ratio = (value / mean.clamp_min(1e-300)).clamp_min(0).where(mean > 0, 0.0)
    return ((ratio ** (1 / 3) - 1 + spread) / spread.sqrt()).where(mean > 0, -math.inf)
