r"""The mean of y given x: kernel ridge regression, chosen by generalised cross-validation.

Beside the free columns 1 and x the mean lies in the space of one of four kernels of standardised x: the mean over
coordinates of Gaussian kernels of unit width, or of a third of it; that over pairs of coordinates of their products; or
one Gaussian kernel of all, whose widths the samples choose (`mibench_ratio.relevance`). With w the eigenvalues of the
kernel behind the projection that leaves out the free columns, and :math:`f = w / (w + \lambda)`, the kernel that is
chosen minimises

.. math:: \log \det (\overline{e e^\top}) / d_y - 2 \log (1 - (p + \textstyle\sum f) / n)

(Craven & Wahba 1979), and the ridge is the smallest that does hardly worse: a mean that is too smooth leaves what makes
slopes too small, while what one fits of the noise is allowed for. Nothing is fitted where no kernel, the last one with
equal widths, sees anything in what a linear regression leaves: its score is

.. math:: \sum_{i \ne j} K_{ij} e_i e_j \Big/ \sqrt{2 \textstyle\sum_{i \ne j} K_{ij}^2 e_i^2 e_j^2},

which noise that varies with x leaves near N(0, 1).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_ratio.kernels import gaussian
from mibench_ratio.pairs import first_of
from mibench_ratio.relevance import block_kernel, equal_precisions, learnt_precisions, projected
from mibench_ratio.ridge import Free, one_and

EXPLAINED = 0.5
"""What share of the variance that a linear regression leaves one explains, of other samples, that explains much."""
SEEN = 3.5
"""The score from which a kernel sees something."""
_FINE = 0.3
"""The width of the finer kernels of single coordinates."""
_RIDGES = tuple(10 ** (k / 2) for k in range(-8, 5))
_HARDLY = 0.03
"""How much worse the logarithm of what is left of other samples may be by a smaller ridge."""
_MOST = 0.5
"""What share of the samples the degrees of freedom may be."""
SEEN_AT = 1024
"""The most samples that a regression is of: eigenvalues of more take longer than the fit that they are for."""
_TOGETHER = 4096
"""Points at which a mean is taken together, whose kernels fit in memory."""


@dataclass(frozen=True)
class Regression:
    """The mean of y given x.

    Attributes:
        x: the samples that it is of, standardised, `(*replicas, m, dx)`.
        fitted: the mean at all samples, `(*replicas, n, dy)`.
        linear: coefficients of 1 and x, `(*replicas, 1 + dx, dy)`.
        weights: of their kernels, `(*replicas, m, dy)`; 0 where the mean is linear.
        kernel: which of the kernels, `(*replicas, 1, 1)`.
        precisions: of the kernel of all coordinates, `(*replicas, 1, dx)`.
        freedom: degrees of freedom of the mean of a coordinate, `(*replicas, 1, 1)`.
        errors: mean products of its errors, counted at samples alone that it is not of, `(*replicas, dy, dy)`.
    """

    x: Tensor
    fitted: Tensor
    linear: Tensor
    weights: Tensor
    kernel: Int[Tensor, "*replicas 1 1"]
    precisions: Float[Tensor, "*replicas 1 dx"]
    freedom: Float[Tensor, "*replicas 1 1"]
    errors: Float[Tensor, "*replicas dy dy"]

    @classmethod
    def straight(cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> "Regression":
        """A linear one."""
        free = Free(one_and(x))
        linear, kernel = free.coefficients(y), torch.zeros_like(x[..., :1, :1], dtype=torch.int64)
        fitted, precisions = free.columns @ linear, torch.ones_like(x[..., :1, :])
        return cls(x, fitted, linear, torch.zeros_like(y), kernel, precisions, free.rank, _no_errors(y))

    def where(self, which: Bool[Tensor, "*replicas 1 1"], straight: "Regression") -> "Regression":
        """This one in some replicas, and a linear one in the others."""
        fitted, linear = self.fitted.where(which, straight.fitted), self.linear.where(which, straight.linear)
        weights, freedom = self.weights.where(which, 0.0), self.freedom.where(which, straight.freedom)
        errors = self.errors.where(which, 0.0)
        return replace(self, fitted=fitted, linear=linear, weights=weights, freedom=freedom, errors=errors)

    def left(self, y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas 1 1"]:
        """What it leaves of y, a coordinate, by generalised cross-validation: of one coordinate the mean square."""
        n = y.shape[-2]
        volume = _log_volume(y - self.fitted).exp()[..., None, None]
        return volume / (1 - self.freedom / n).clamp_min(1 / n).square()

    def explains(self, y: Float[Tensor, "*replicas n dy"], straight: "Regression") -> Bool[Tensor, "*replicas 1 1"]:
        """Whether it explains much of what a linear one leaves."""
        return self.left(y) < (1 - EXPLAINED) * straight.left(y)

    def at(self, x: Float[Tensor, "*replicas m dx"]) -> Float[Tensor, "*replicas m dy"]:
        """The mean at points, some at a time."""
        parts = (
            one_and(some) @ self.linear + _curved(self._kernels(some), self.weights, self.kernel)
            for some in x.split(_TOGETHER, -2)
        )
        return torch.cat([*parts], -2)

    def _kernels(self, points: Tensor) -> list[Float[Tensor, "*replicas m n"]]:
        return [*_of_coordinates(points, self.x), block_kernel(points, self.x, self.precisions)]


def regression(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Regression | None:
    """The regression of y on standardised x; `None` where no replica has more than a linear one to see.

    Of more samples than `SEEN_AT` it is that of some, and `None` too where none explains much.
    """
    if x.shape[-2] > SEEN_AT:
        return _of_some(x, y)
    free = Free(one_and(x))
    basis = free.basis
    left = y - basis @ (basis.mT @ y)
    kernels = [*_of_coordinates(x, x)]
    grams = [projected(kernel, basis) for kernel in kernels]
    of_all = projected(block_kernel(x, x, equal_precisions(x)), basis)
    if not torch.stack([_score(gram, left) for gram in (*grams, of_all)]).amax(0).ge(SEEN).any():  # waits for a GPU
        return None
    precisions = learnt_precisions(x, y)
    kernels.append(block_kernel(x, x, precisions))
    grams.append(projected(kernels[-1], basis))
    best = _Best.of(grams, left, free.rank[..., 0])
    bent = best.bent - basis @ (basis.mT @ best.bent)  # of small eigenvalues rounding mixes vectors with the basis
    fitted, weights = y - left + bent, (left - bent) / best.ridge
    linear = free.coefficients(fitted - _curved(kernels, weights, best.chosen))
    return Regression(x, fitted, linear, weights, best.chosen, precisions, best.freedom, _no_errors(y))


def _of_some(x: Tensor, y: Tensor) -> Regression | None:
    """The regression of `SEEN_AT` of the samples, at all of them."""
    n, (in_x, in_y) = x.shape[-2], first_of(SEEN_AT, x, y)
    found = regression(in_x, in_y)
    if found is None or not found.explains(in_y, Regression.straight(in_x, in_y)).any():
        return None  # it would have no use, and is dear at all samples
    fitted = found.at(x)
    own, left = ((block - mean).mT @ (block - mean) for block, mean in ((in_y, found.fitted), (y, fitted)))
    noise = own / (SEEN_AT - found.freedom)
    return replace(found, fitted=fitted, errors=(left - own - (n - SEEN_AT) * noise) / n)


class _Best(NamedTuple):
    """What cross-validation chooses.

    Attributes:
        bent: the part of the mean that is not linear, less its projection on the free columns, `(*replicas, n, dy)`.
        ridge: its ridge, `(*replicas, 1, 1)`; infinite where nothing is chosen.
        chosen: which of the kernels, likewise.
        freedom: degrees of freedom of the mean of a coordinate, likewise.
    """

    bent: Tensor
    ridge: Float[Tensor, "*replicas 1 1"]
    chosen: Int[Tensor, "*replicas 1 1"]
    freedom: Float[Tensor, "*replicas 1 1"]

    @classmethod
    def of(
        cls, grams: list[Tensor], left: Float[Tensor, "*replicas n dy"], rank: Float[Tensor, "*replicas 1"]
    ) -> "_Best":
        """Of kernels behind the projection, given what a linear regression with so many free columns leaves."""
        best, ridges = torch.full_like(rank, math.inf), torch.tensor(_RIDGES, dtype=left.dtype, device=left.device)
        bent, ridge = torch.zeros_like(left), torch.full_like(rank, math.inf)
        chosen, freedom = torch.zeros_like(rank, dtype=torch.int64), rank
        for number, gram in enumerate(grams):
            values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(gram))
            values, along = values.clamp_min(0), vectors.mT @ left
            kept = values[..., None, :] / (values[..., None, :] + ridges[:, None])
            of_ridges = _criteria(along, kept, rank, left.shape[-2])
            criteria = of_ridges.amin(-1, keepdim=True)
            which = (of_ridges > criteria + _HARDLY).cumprod(-1).sum(-1, keepdim=True)
            better = criteria < best
            kept = torch.take_along_dim(kept, which[..., None], -2).mT
            best, ridge = torch.where(better, criteria, best), torch.where(better, ridges[which], ridge)
            bent = torch.where(better[..., None], vectors @ (kept * along), bent)
            freedom = torch.where(better, rank + kept.sum(-2), freedom)
            chosen = torch.where(better, number, chosen)
        return cls(bent, ridge[..., None], chosen[..., None], freedom[..., None])


def _no_errors(y: Tensor) -> Float[Tensor, "*replicas dy dy"]:
    return y.new_zeros(*y.shape[:-2], y.shape[-1], y.shape[-1])


def _curved(kernels: Iterable[Tensor], weights: Tensor, chosen: Tensor) -> Float[Tensor, "*replicas m dy"]:
    """The part of the mean that is not linear."""
    first, *others = (kernel @ weights.where(chosen == number, 0.0) for number, kernel in enumerate(kernels))
    return sum(others, first)


def _criteria(along: Tensor, kept: Tensor, rank: Tensor, n: int) -> Float[Tensor, "*replicas ridges"]:
    """Of each ridge; infinite where too much of the samples is fitted."""
    left = (1 - kept)[..., None] * along[..., None, :, :]
    freedom = (kept.sum(-1) + rank) / n
    return torch.where(freedom < _MOST, _log_volume(left) - 2 * torch.log1p(-freedom.clamp_max(_MOST)), math.inf)


def _log_volume(left: Float[Tensor, "*any n dy"]) -> Float[Tensor, "*any"]:
    """The logarithm of the determinant of the mean products, a coordinate."""
    return torch.linalg.slogdet(left.mT @ left / left.shape[-2]).logabsdet / left.shape[-1]


def _score(gram: Tensor, left: Tensor) -> Float[Tensor, "*replicas"]:
    """How clearly a kernel sees something in a coordinate of what is left, which may vary more in places."""
    squares, diagonal = left.square(), gram.diagonal(dim1=-2, dim2=-1)[..., None]
    above = (left * (gram @ left) - diagonal * squares).sum(-2)
    variance = 2 * (squares * (gram.square() @ squares) - (diagonal * squares).square()).sum(-2)
    return (above / variance.clamp_min(1e-300).sqrt()).amax(-1)


def _of_coordinates(points: Tensor, samples: Tensor) -> tuple[Float[Tensor, "*replicas m n"], ...]:
    """The matrices of the kernels of single coordinates, and of pairs of them."""
    d = points.shape[-1]
    single = fine = squares = torch.zeros_like(points[..., :1] @ samples[..., :1].mT)
    for of_points, of_samples in zip(points.unbind(-1), samples.unbind(-1), strict=True):
        distances = (of_points[..., :, None] - of_samples[..., None, :]).square()
        own = gaussian(distances, 1.0)
        single, fine, squares = single + own, fine + gaussian(distances, _FINE**-2), squares + own.square()
    pairs = (single.square() - squares) / max(1, d * (d - 1))
    return single / d, fine / d, pairs
