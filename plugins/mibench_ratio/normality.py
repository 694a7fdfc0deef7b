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
Both sums vary more where coordinates are correlated: the variance of the first is twice the sum of the squared
correlations of all deviations, that of the last twice the product of such sums over either block.

The sum over many coordinates or pairs loses what one of them shows. So the largest is looked at too
(`mibench_ratio.correlations`), and the same of correlations of e with waves of four higher frequencies, which see
ripples and stairs. Gaussian batches of 64 to 1,024 pairs, of up to 25 dimensions a block, show evidence about as often
as without it.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.correlations import Squares, bends, correlations, cut, degrees, of_largest, of_sum, standardised
from mibench_ratio.spectra import Spectra, Spectrum, spectra

_RANK = 1e-8
_FREQUENCIES = 1.0, 1.5
_FINE = 2.0, 3.0, 4.5, 6.5


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


def evidence_against_channel(
    x: Float[Tensor, "*replicas n dx"], left: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas"]:
    """The largest score of what a regression on standardised samples of x leaves, whatever x is."""
    left = _standardised(left)
    return torch.stack([evidence_against_gaussian(left), _by_pair(x, left), _by_wave(x, left)]).amax(0)


def evidence_against_gaussian(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"]:
    """The largest score of one block, of all coordinates together and one by one."""
    z = _standardised(z)
    (of,) = spectra(z)
    by_coordinate = (_by_coordinate(z, frequency) for frequency in _FREQUENCIES)
    return torch.stack([evidence_against_normality(z, of), *by_coordinate]).amax(0)


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
    return _standardised(y - x @ (of.inverse(_RANK) @ (x.mT @ y / x.shape[-2])))


def _standardised(left: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """Of variance 1; 0 where nothing is left."""
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
    deviations = torch.stack([even, odd], -2) * varies[..., None, None, :]
    squares = Squares(e.shape[-2] * each, e.shape[-2], 2, *degrees(standardised(deviations).flatten(-2)))
    return torch.maximum(of_sum(squares), of_largest(squares))


def _by_pair(x: Float[Tensor, "*replicas n p"], e: Float[Tensor, "*replicas n q"]) -> Float[Tensor, "*replicas"]:
    """Of the correlations of each coordinate's bends with what is left of each other one, and its bends."""
    columns = standardised(bends(x, 1.0)), standardised(torch.cat([e[..., None, :], bends(e, 1.0)], -2))
    return torch.maximum(of_sum(correlations(*columns)), of_largest(correlations(*map(cut, columns))))


def _by_wave(x: Float[Tensor, "*replicas n p"], e: Float[Tensor, "*replicas n q"]) -> Float[Tensor, "*replicas"]:
    """Of the correlations of one coordinate's finer waves with what is left of another one."""
    waves = standardised(torch.cat([bends(x, t) for t in _FINE], -2))
    return of_largest(correlations(cut(waves), cut(e[..., None, :])))
