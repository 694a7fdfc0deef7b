"""A quadratic fit with a free and a penalised part, whose linear term is known and whose values at the samples count.

With r = U alpha + V beta at the n samples, minimise

    mean(r^2) / 2 + alpha . b_U + beta . b_V + ridge |beta|^2 / 2.

Only K = V V' and w = V b_V are needed. With M = I + K / (n ridge),

    U' M^-1 U alpha = U' M^-1 w / ridge - n b_U,        r = M^-1 (U alpha - w / ridge).

With M = L L', products of L^-1 U and L^-1 w give alpha, and r takes a second solve of one column alone.

`iterations` above one repeats the fit with the penalty |beta - last beta|^2 (iterated Tikhonov): directions that the
data determine lose their shrinkage, the others stay suppressed, and each costs one more solve with the same factor.
The stationary condition U' r = -n b_U holds exactly whatever the ridge and the iterations.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from mibench_ratio.spectra import COLLINEAR

_APART, _ASIDE = 64, 8
"""Columns a multiple of so many numbers apart share lines of a CPU's cache. So many more rows, of the unit matrix, move
them apart: 256 rows are factored in two fifths of the time."""


@dataclass(frozen=True)
class Free:
    """The free part's columns U, which may be collinear, and an orthonormal basis of what they span.

    Attributes:
        columns: U, `(*replicas, n, p)`.
    """

    columns: Tensor

    @cached_property
    def back(self) -> Float[Tensor, "*replicas p p"]:
        """From coefficients of the basis to those of the columns; it has columns of zeros where these are collinear."""
        values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(self.columns.mT @ self.columns))
        kept = values > COLLINEAR * values[..., -1:]
        return vectors * torch.where(kept, values.clamp_min(1e-300).rsqrt(), 0.0)[..., None, :]

    @cached_property
    def basis(self) -> Float[Tensor, "*replicas n p"]:
        """Orthonormal columns, and columns of zeros."""
        return self.columns @ self.back


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
    free: Free,
    unpenalised: Float[Tensor, "*replicas p"],
    *,
    ridge: float,
    iterations: int = 1,
) -> Solution:
    """The fit, by one Cholesky factorisation.

    Args:
        gram: K.
        penalised: w.
        free: U; leading axes that it does not vary along may be missing.
        unpenalised: b_U.
        ridge: positive.
        iterations: at least 1.
    """
    n, basis = gram.shape[-1], free.basis
    wanted = -n * free.back.mT @ unpenalised[..., None]
    parts = gram, penalised, basis, wanted
    if gram.numel() == n * n:  # on a CPU products of stacks of one are slower
        parts = gram.reshape(n, n), penalised.reshape(n), basis.reshape(basis.shape[-2:]), wanted.reshape(-1, 1)
    fit = _solve(*parts, ridge=ridge, iterations=iterations)
    fitted, of_basis, total = (part.reshape(*gram.shape[:-2], *part.shape[-2:]) for part in fit)
    return Solution(fitted[..., 0], (free.back @ of_basis)[..., 0], total[..., 0])


def _solve(
    gram: Tensor, penalised: Tensor, basis: Tensor, wanted: Tensor, *, ridge: float, iterations: int
) -> Solution:
    """The fit on an orthonormal basis, whose products with r are to be `wanted`; in columns."""
    n = gram.shape[-1]
    rows = n + _ASIDE if n % _APART == 0 else n
    system = gram.new_zeros(*gram.shape[:-2], rows, rows)
    torch.mul(gram, 1 / (n * ridge), out=system[..., :n, :n])
    system.diagonal(dim1=-2, dim2=-1).add_(1)
    factor = _cholesky(system)
    basis, pull = (pad(columns, (0, 0, 0, rows - n)) for columns in (basis, -penalised[..., None] / ridge))
    halves = _forward(factor, torch.cat([basis.expand(*pull.shape[:-1], -1), pull], -1))
    of_basis, of_rest = halves[..., :-1], halves[..., -1:]
    inner = of_basis.mT @ of_basis
    diagonal = inner.diagonal(dim1=-2, dim2=-1)
    diagonal.add_(diagonal == 0)
    inner = torch.linalg.cholesky_ex(inner).L
    alpha = torch.cholesky_solve(wanted - of_basis.mT @ of_rest, inner)
    fitted = total = _backward(factor, of_basis @ alpha + of_rest)
    for _ in range(iterations - 1):
        of_rest = _forward(factor, fitted - basis @ alpha + pull)
        alpha = torch.cholesky_solve(wanted - of_basis.mT @ of_rest, inner)
        fitted = _backward(factor, of_basis @ alpha + of_rest)
        total = total + fitted
    return Solution(fitted[..., :n, :], alpha, total[..., :n, :])


def _forward(factor: Tensor, columns: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor, columns, upper=False)


def _backward(factor: Tensor, columns: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor.mT, columns, upper=True)


def _cholesky(systems: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas n n"]:
    """Lower factors. On a CPU one matrix at a time, which is faster than a batch of them."""
    if systems.device.type != "cpu" or systems.dim() == 2:
        return torch.linalg.cholesky_ex(systems).L
    return torch.stack([torch.linalg.cholesky_ex(system).L for system in systems.flatten(0, -3)]).reshape(systems.shape)
