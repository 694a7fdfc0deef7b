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

    @property
    def rank(self) -> Float[Tensor, "*replicas 1 1"]:
        """How many columns are not collinear."""
        return self.basis.square().sum((-2, -1), keepdim=True)

    def coefficients(self, values: Float[Tensor, "*replicas n c"]) -> Float[Tensor, "*replicas p c"]:
        """Those of values by least squares."""
        return self.back @ (self.basis.mT @ values)


def one_and(*blocks: Float[Tensor, "*replicas n _"]) -> Float[Tensor, "*replicas n p"]:
    """1 and the coordinates of blocks, as columns."""
    return torch.cat([torch.ones_like(blocks[0][..., :1]), *blocks], -1)


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


class Ridge:
    """Fits with one ridge, of one stack of Gram matrices after another, in memory that is used again.

    Args:
        ridge: positive.
        iterations: at least 1.
        all_penalised: whether the free part is penalised too.
    """

    def __init__(self, ridge: float, iterations: int = 1, *, all_penalised: bool = False) -> None:
        self.ridge, self._iterations, self._all = ridge, iterations, all_penalised
        self._room: list[Tensor] = []

    def solve(
        self,
        gram: Float[Tensor, "*replicas n n"],
        penalised: Float[Tensor, "*replicas n"],
        free: Free,
        unpenalised: Float[Tensor, "*replicas p"],
        known: Float[Tensor, "*replicas n"] | None = None,
    ) -> Solution:
        """The fit, by one Cholesky factorisation.

        Args:
            gram: K, which may be overwritten; its first axis is at most as long as in the first call, no other differs.
            penalised: w.
            free: U; leading axes that it does not vary along may be missing.
            unpenalised: b_U.
            known: values beside which the fit is that of what is left; r includes them.
        """
        if self._all:
            gram += free.columns @ free.columns.mT
            penalised = penalised + (free.columns @ unpenalised[..., None])[..., 0]
            free, unpenalised = Free(free.columns[..., :0]), unpenalised[..., :0]
        if known is None:
            return self._beside_nothing(gram, penalised, free, unpenalised)
        n = gram.shape[-1]
        penalised = penalised + (gram @ known[..., None])[..., 0] / n
        unpenalised = unpenalised + (free.columns.mT @ known[..., None])[..., 0] / n
        fitted, alpha, total = self._beside_nothing(gram, penalised, free, unpenalised)
        return Solution(fitted + known, alpha, total + self._iterations * known)

    def _beside_nothing(self, gram: Tensor, penalised: Tensor, free: Free, unpenalised: Tensor) -> Solution:
        n, basis = gram.shape[-1], free.basis
        wanted = -n * free.back.mT @ unpenalised[..., None]
        parts = gram, penalised, basis, wanted
        if gram.numel() == n * n:  # on a CPU products of stacks of one are slower
            parts = gram.reshape(n, n), penalised.reshape(n), basis.reshape(basis.shape[-2:]), wanted.reshape(-1, 1)
        fit = self._solve(*parts)
        fitted, of_basis, total = (part.reshape(*gram.shape[:-2], *part.shape[-2:]) for part in fit)
        return Solution(fitted[..., 0], (free.back @ of_basis)[..., 0], total[..., 0])

    def _solve(self, gram: Tensor, penalised: Tensor, basis: Tensor, wanted: Tensor) -> Solution:
        """The fit on an orthonormal basis, whose products with r are to be `wanted`; in columns."""
        n, factor = gram.shape[-1], self._factor(gram)
        more = factor.shape[-1] - n
        basis, pull = (pad(columns, (0, 0, 0, more)) for columns in (basis, -penalised[..., None] / self.ridge))
        halves = _forward(factor, torch.cat([basis.expand(*pull.shape[:-1], -1), pull], -1))
        of_basis, of_rest = halves[..., :-1], halves[..., -1:]
        inner = of_basis.mT @ of_basis
        diagonal = inner.diagonal(dim1=-2, dim2=-1)
        diagonal.add_(diagonal == 0)
        inner = torch.linalg.cholesky_ex(inner).L
        alpha = torch.cholesky_solve(wanted - of_basis.mT @ of_rest, inner)
        fitted = total = _backward(factor, of_basis @ alpha + of_rest)
        for _ in range(self._iterations - 1):
            of_rest = _forward(factor, fitted - basis @ alpha + pull)
            alpha = torch.cholesky_solve(wanted - of_basis.mT @ of_rest, inner)
            fitted = _backward(factor, of_basis @ alpha + of_rest)
            total = total + fitted
        return Solution(fitted[..., :n, :], alpha, total[..., :n, :])

    def _factor(self, gram: Tensor) -> Tensor:
        """The lower factor of `I + K / (n ridge)`, bordered by `_ASIDE`; the next call overwrites it.

        On a CPU one matrix is factored at a time, which is faster than a batch of them. A symmetric matrix is handed
        over by columns, as the factor is made.
        """
        n, flat = gram.shape[-1], gram.reshape(-1, *gram.shape[-2:])
        if not self._room:
            rows = n + _ASIDE if n % _APART == 0 else n
            system = torch.eye(rows, dtype=gram.dtype, device=gram.device).repeat(len(flat), 1, 1)
            self._room = [system, torch.empty_like(system), system.new_empty(len(flat), dtype=torch.int32)]
        system, factor, failed = (room[: len(flat)] for room in self._room)
        inside = system[:, :n, :n]
        torch.mul(flat, 1 / (n * self.ridge), out=inside)
        inside.diagonal(dim1=-2, dim2=-1).add_(1)
        if gram.device.type != "cpu":
            torch.linalg.cholesky_ex(system.mT, out=(factor.mT, failed))
        else:
            for one, into, info in zip(system, factor, failed, strict=True):
                torch.linalg.cholesky_ex(one.mT, out=(into.mT, info))
        return factor.mT.reshape(*gram.shape[:-2], *factor.shape[-2:])


def _forward(factor: Tensor, columns: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor, columns, upper=False)


def _backward(factor: Tensor, columns: Tensor) -> Tensor:
    return torch.linalg.solve_triangular(factor.mT, columns, upper=True)
