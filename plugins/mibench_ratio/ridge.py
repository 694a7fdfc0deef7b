"""A quadratic fit with a free and a penalised part, whose linear term is known and whose values at the samples count.

With r = U alpha + V beta at the n samples, minimise

    mean(r^2) / 2 + alpha . b_U + beta . b_V + ridge |beta|^2 / 2.

Only K = V V' and w = V b_V are needed. With M = I + K / (n ridge),

    U' M^-1 U alpha = U' M^-1 w / ridge - n b_U,        r = M^-1 (U alpha - w / ridge).

`iterations` above one repeats the fit with the penalty |beta - last beta|^2 (iterated Tikhonov): directions that the
data determine lose their shrinkage, the others stay suppressed, and each costs one more solve with the same factor.
The stationary condition U' r = -n b_U holds exactly whatever the ridge and the iterations.
"""

from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

_COLLINEAR = 1e-10


class Solution(NamedTuple):
    """A fit.

    Attributes:
        fitted: r at the samples, `(*replicas, n)`.
        alpha: coefficients of the free part, `(*replicas, p)`.
        total: the sum over iterations of r; beta is `-(iterations b_V + V' total / n) / ridge`.
    """

    fitted: Tensor
    alpha: Tensor
    total: Tensor


def solve(
    gram: Float[Tensor, "*replicas n n"],
    penalised: Float[Tensor, "*replicas n"],
    free: Float[Tensor, "*shared n p"],
    unpenalised: Float[Tensor, "*replicas p"],
    *,
    ridge: float,
    iterations: int = 1,
) -> Solution:
    """The fit, by one Cholesky factorisation.

    Args:
        gram: K; overwritten.
        penalised: w.
        free: U; collinear columns are allowed, and leading axes that they do not vary along may be missing.
        unpenalised: b_U.
        ridge: positive.
        iterations: at least 1.
    """
    n, p = free.shape[-2:]
    if gram.numel() != n * n:
        return _solve(gram, penalised, free, unpenalised, ridge=ridge, iterations=iterations)
    only = gram.reshape(n, n), penalised.reshape(n), free.reshape(n, p), unpenalised.reshape(p)
    parts = _solve(*only, ridge=ridge, iterations=iterations)  # on a CPU products of stacks of one are slower
    return Solution(*(part.reshape(*gram.shape[:-2], *part.shape) for part in parts))


def _solve(
    gram: Tensor, penalised: Tensor, free: Tensor, unpenalised: Tensor, *, ridge: float, iterations: int
) -> Solution:
    n = gram.shape[-1]
    system = gram.div_(n * ridge)
    system.diagonal(dim1=-2, dim2=-1).add_(1)
    factor = _cholesky(system)
    pull = -penalised[..., None] / ridge
    solved = torch.cholesky_solve(torch.cat([free.expand(*pull.shape[:-1], -1), pull], -1), factor)
    of_free, of_rest = solved[..., :-1], solved[..., -1:]
    inverse = cast("Tensor", torch.linalg.pinv(free.mT @ of_free, hermitian=True, rtol=_COLLINEAR))
    wanted = -n * unpenalised[..., None]
    alpha = inverse @ (wanted - free.mT @ of_rest)
    fitted = total = of_free @ alpha + of_rest
    for _ in range(iterations - 1):
        of_rest = torch.cholesky_solve(fitted - free @ alpha + pull, factor)
        alpha = inverse @ (wanted - free.mT @ of_rest)
        fitted = of_free @ alpha + of_rest
        total = total + fitted
    return Solution(fitted[..., 0], alpha[..., 0], total[..., 0])


def _cholesky(systems: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas n n"]:
    """Lower factors. On a CPU one matrix at a time, which is faster than a batch of them."""
    if systems.device.type != "cpu" or systems.dim() == 2:
        return torch.linalg.cholesky_ex(systems).L
    return torch.stack([torch.linalg.cholesky_ex(system).L for system in systems.flatten(0, -3)]).reshape(systems.shape)
