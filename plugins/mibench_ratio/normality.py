r"""Whether a batch looks jointly Gaussian, in standard scores that are near N(0, 1) where it is.

Of whitened samples w in D dimensions: Mardia's kurtosis,

.. math::
    \Big( \overline{|w|^4} - D (D + 2) \frac{n - 1}{n + 1} \Big) \Big/ \sqrt{8 D (D + 2) / n},

and the statistic of Henze & Zirkler (1990), the weighted distance of the empirical characteristic function from the
normal one in closed form, through the logarithm that makes its null distribution nearly normal. O(n^2 D).

Both look at all dimensions at once, and lose what happens in few. So coordinates are looked at one by one: each of x
and y, and what a linear regression on the other block leaves of it. In each, for t = 1 and t = 1.5, the two deviations

.. math::
    \overline{\cos t e} - e^{-t^2 / 2} + \frac{t^2}{2} e^{-t^2 / 2} \, \overline{e^2 - 1}, \qquad
    \overline{\sin t e} - t e^{-t^2 / 2} \, \overline{e}

have a known variance under normality, the estimated mean and variance included; the sum of their squares is nearly
chi-squared with two degrees of freedom for each coordinate. Last, what the regression leaves is independent of the
other block under normality: correlations of e, of cos e, and of sin e less its linear part, with the last two of the
other block's coordinates have a sum of squares that is nearly chi-squared with six degrees of freedom for each pair.
The last sum varies more where coordinates are correlated: its variance is twice the product of the sums of squared
correlations in either block.

The sum over many coordinates or pairs loses what one of them shows. So the largest of m is looked at too: m times its
p-value, as a standard score less one; and the same of correlations of e with waves of four higher frequencies, which
see ripples and stairs. Products of cosines have heavier tails than normal variables: of h, half a square, it is the
p-value of h / (1 + 6 h / n). Then Gaussian batches of 64 to 1,024 pairs, of up to 25 dimensions a block, show evidence
about as often as without it.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.spectra import Spectra, Spectrum, spectra

_RANK = 1e-8
_FREQUENCIES = 1.0, 1.5
_FINE = 2.0, 3.0, 4.5, 6.5
_CONSTANT = 1e-9
_FURTHEST = 5.0
"""Standard deviations that single values of functions are cut to: those of sin e less its linear part reach nine."""
_HEAVY = 6.0
"""How much heavier the tails of a chi-squared statistic of n samples are, in terms of its square / n."""
_ONE_OF_MANY = 1.0
"""By how much a score of the largest of many must be above that of their sum to count as much."""


def evidence_against_joint_normality(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], of: Spectra
) -> Float[Tensor, "*replicas"]:
    """The largest of all scores, of standardised samples with these spectra."""
    of_x, of_y = _left(y, x, of.y), _left(x, y, of.x)
    coordinates = torch.cat([x, y, of_x, of_y], -1)
    scores = [
        evidence_against_normality(torch.cat([x, y], -1), of.both),
        *(_by_coordinate(coordinates, frequency) for frequency in _FREQUENCIES),
        _by_pair(x, of_y),
        _by_pair(y, of_x),
        _by_wave(x, of_y),
        _by_wave(y, of_x),
    ]
    return torch.stack(scores).amax(0)


def evidence_against_linearity(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], of: Spectra
) -> Float[Tensor, "*replicas"]:
    """The larger of the two scores of what a regression leaves and the other block, whatever the margins are."""
    return torch.maximum(_by_pair(x, _left(x, y, of.x)), _by_pair(y, _left(y, x, of.y)))


def kurtosis(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"]:
    """Mardia's kurtosis, the part that takes O(n d^2)."""
    z = z - z.mean(-2, keepdim=True)
    whitened, rank = _whiten(z, *spectra(z))
    return _kurtosis(whitened.square().sum(-1), rank)


def evidence_against_normality(z: Float[Tensor, "*replicas n d"], of: Spectrum) -> Float[Tensor, "*replicas"]:
    """The larger of |kurtosis| and the characteristic function's score, of centred samples with this spectrum.

    Directions in which they do not vary are left out.
    """
    whitened, rank = _whiten(z, of)
    squares = whitened.square().sum(-1)
    return torch.maximum(_kurtosis(squares, rank).abs(), _henze_zirkler(whitened, squares, rank))


def _kurtosis(squares: Float[Tensor, "*replicas n"], rank: Float[Tensor, "*replicas"]) -> Float[Tensor, "*replicas"]:
    n = squares.shape[-1]
    moment = rank * (rank + 2)
    return (squares.square().mean(-1) - moment * (n - 1) / (n + 1)) / (8 * moment / n).sqrt()


def _whiten(
    z: Float[Tensor, "*replicas n d"], of: Spectrum
) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas"]]:
    kept = of.values > _RANK * of.values[..., -1:].clamp_min(_RANK)
    scales = torch.where(kept, of.values.clamp_min(1e-300).rsqrt(), 0.0)
    return z @ of.vectors * scales[..., None, :], kept.sum(-1).clamp_min(1).to(z)


def _henze_zirkler(
    w: Float[Tensor, "*replicas n d"], squares: Float[Tensor, "*replicas n"], d: Float[Tensor, "*replicas"]
) -> Float[Tensor, "*replicas"]:
    n = w.shape[-2]
    b = ((2 * d + 1) * n / 4) ** (2 / (d + 4)) / 2
    distances = squares[..., :, None] + squares[..., None, :] - 2 * w @ w.mT
    pairs = distances.mul_(-b[..., None, None] / 2).exp_().mean((-2, -1))
    singles = (-b / (2 * (1 + b)))[..., None].mul(squares).exp().mean(-1)
    statistic = n * (pairs - 2 * (1 + b) ** (-d / 2) * singles + (1 + 2 * b) ** (-d / 2))
    a, c, e = 1 + 2 * b, (1 + b) * (1 + 3 * b), d * (d + 2)
    mean = 1 - a ** (-d / 2) * (1 + d * b / a + e * b**2 / (2 * a**2))
    variance = (
        2 * (1 + 4 * b) ** (-d / 2)
        + 2 * a**-d * (1 + 2 * d * b**2 / a**2 + 3 * e * b**4 / (4 * a**4))
        - 4 * c ** (-d / 2) * (1 + 3 * d * b**2 / (2 * c) + e * b**4 / (2 * c**2))
    )
    log_variance = (1 + variance / mean**2).log()
    return (statistic.clamp_min(1e-300).log() - mean.log() + log_variance / 2) / log_variance.sqrt()


def _left(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], of: Spectrum
) -> Float[Tensor, "*replicas n dy"]:
    """What a regression on x, with this spectrum, leaves of y, standardised; 0 where it leaves nothing."""
    left = y - x @ (of.inverse(_RANK) @ (x.mT @ y / x.shape[-2]))
    scale = left.square().mean(-2, keepdim=True).sqrt()
    return torch.where(scale > _RANK, left / scale.clamp_min(_RANK), 0.0)


def _by_coordinate(e: Float[Tensor, "*replicas n d"], t: float) -> Float[Tensor, "*replicas"]:
    """Of all coordinates that vary, or of one alone."""
    k = math.exp(-(t**2) / 2)
    even = (t * e).cos() - k + t**2 / 2 * k * (e.square() - 1)
    odd = (t * e).sin() - t * k * e
    of_even = (1 + k**4) / 2 - k**2 - t**4 / 2 * k**2
    of_odd = (1 - k**4) / 2 - t**2 * k**2
    varies = e.square().sum(-2) > 0
    each = torch.where(varies, even.mean(-2).square() / of_even + odd.mean(-2).square() / of_odd, 0.0)
    count = 2 * varies.sum(-1).clamp_min(1).to(e)
    squares = _Squares(e.shape[-2] * each, e.shape[-2], 2, count, count)
    return torch.maximum(_of_sum(squares), _of_largest(squares))


def _by_pair(x: Float[Tensor, "*replicas n p"], e: Float[Tensor, "*replicas n q"]) -> Float[Tensor, "*replicas"]:
    """Of the correlations of each coordinate's bends with what is left of each other one, and its bends."""
    columns = _standardised(_bends(x, 1.0)), _standardised(torch.cat([e[..., None, :], _bends(e, 1.0)], -2))
    return torch.maximum(_of_sum(_correlations(*columns)), _of_largest(_correlations(*map(_cut, columns))))


def _by_wave(x: Float[Tensor, "*replicas n p"], e: Float[Tensor, "*replicas n q"]) -> Float[Tensor, "*replicas"]:
    """Of the correlations of one coordinate's finer waves with what is left of another one."""
    waves = _standardised(torch.cat([_bends(x, t) for t in _FINE], -2))
    return _of_largest(_correlations(_cut(waves), _cut(e[..., None, :])))


def _bends(e: Float[Tensor, "*replicas n d"], t: float) -> Float[Tensor, "*replicas n 2 d"]:
    """cos te and sin te less its linear part."""
    return torch.stack([(t * e).cos(), (t * e).sin() - t * math.exp(-(t**2) / 2) * e], -2)


class _Squares(NamedTuple):
    """What is chi-squared under normality.

    Attributes:
        each: `(*replicas, m)`; 0 for what does not vary.
        n: samples that they are of.
        freedom: degrees of freedom of each, an even number.
        mean, half_variance: of the sum of all, `(*replicas)` each; equal where they are independent.
    """

    each: Tensor
    n: int
    freedom: int
    mean: Tensor
    half_variance: Tensor


def _correlations(a: Float[Tensor, "*replicas n f p"], b: Float[Tensor, "*replicas n g q"]) -> _Squares:
    """Those of f functions of p coordinates with g functions of q others, for each pair of coordinates.

    Functions are of mean 0 and variance 1, or 0.
    """
    of_a, of_b = a.flatten(-2), b.flatten(-2)
    squares = (of_a.mT @ of_b).square() / a.shape[-3]
    of_pairs = squares.unflatten(-1, b.shape[-2:]).unflatten(-3, a.shape[-2:]).sum((-4, -2))
    degrees = (of_one * of_other for of_one, of_other in zip(_degrees(of_a), _degrees(of_b), strict=True))
    return _Squares(of_pairs.flatten(-2), a.shape[-3], a.shape[-2] * b.shape[-2], *degrees)


def _degrees(columns: Float[Tensor, "*replicas n m"]) -> tuple[Tensor, Tensor]:
    """How many columns vary, and the sum of the squared correlations of all with all, as these samples have them."""
    count = (columns.square().sum(-2) > 0).sum(-1).clamp_min(1).to(columns)
    correlations = (columns.mT @ columns / columns.shape[-2]).square().sum((-2, -1))
    return count, correlations.maximum(count)


def _standardised(functions: Float[Tensor, "*replicas n f d"]) -> Float[Tensor, "*replicas n f d"]:
    """Of mean 0 and variance 1; 0 where they are constant."""
    functions = functions - functions.mean(-3, keepdim=True)
    scale = functions.square().mean(-3, keepdim=True).sqrt()
    return torch.where(scale > _CONSTANT, functions / scale.clamp_min(_CONSTANT), 0.0)


def _cut(functions: Float[Tensor, "*replicas n f d"]) -> Float[Tensor, "*replicas n f d"]:
    """No further from 0 than `_FURTHEST`, so that no single sample makes a pair the largest."""
    return functions.clamp(-_FURTHEST, _FURTHEST)


def _of_sum(squares: _Squares) -> Float[Tensor, "*replicas"]:
    """The standard score of their sum."""
    return (squares.each.sum(-1) - squares.mean) / (2 * squares.half_variance).sqrt()


def _of_largest(squares: _Squares) -> Float[Tensor, "*replicas"]:
    """The standard score of the largest of them, less `_ONE_OF_MANY`."""
    half = squares.each.amax(-1) / 2
    half = half / (1 + _HEAVY * half / squares.n)
    tail = torch.stack([half**k / math.factorial(k) for k in range(squares.freedom // 2)]).sum(0)
    chance = squares.mean / squares.freedom * (-half).exp() * tail
    return -torch.special.ndtri(chance.clamp(1e-300, 0.5)) - _ONE_OF_MANY
