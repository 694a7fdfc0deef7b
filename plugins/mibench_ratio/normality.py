"""Whether a batch looks jointly Gaussian, in standard scores that are near N(0, 1) where it is.

Of whitened samples w in D dimensions: Mardia's kurtosis::

    (mean |w|^4 - D (D + 2) (n - 1) / (n + 1)) / sqrt(8 D (D + 2) / n),

and the statistic of Henze & Zirkler (1990), the weighted distance of the empirical characteristic function from the
normal one in closed form, through the logarithm that makes its null distribution nearly normal. O(n^2 D).
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

_RANK = 1e-8


def evidence_against_normality(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"]:
    """The larger of |kurtosis| and the characteristic function's score.

    Args:
        z: standardised samples; directions in which they do not vary are left out.
    """
    whitened, rank = _whiten(z)
    squares = whitened.square().sum(-1)
    n = z.shape[-2]
    moment = rank * (rank + 2)
    kurtosis = (squares.square().mean(-1) - moment * (n - 1) / (n + 1)) / (8 * moment / n).sqrt()
    return torch.maximum(kurtosis.abs(), _henze_zirkler(whitened, squares, rank))


def _whiten(z: Float[Tensor, "*replicas n d"]) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas"]]:
    z = z - z.mean(-2, keepdim=True)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(z.mT @ z / z.shape[-2]))
    kept = values > _RANK * values[..., -1:].clamp_min(_RANK)
    scales = torch.where(kept, values.clamp_min(1e-300).rsqrt(), 0.0)
    return z @ vectors * scales[..., None, :], kept.sum(-1).clamp_min(1).to(z)


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
    spread = (1 + variance / mean**2).log()
    return (statistic.clamp_min(1e-300).log() - mean.log() + spread / 2) / spread.sqrt()
