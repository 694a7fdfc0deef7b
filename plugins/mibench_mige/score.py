r"""Scores, the gradients of a log density, from its samples alone.

SSGE (Shi et al. 2018; Wen et al. 2020, Eq. 4-7) expands the score in the leading J eigenfunctions of an RBF kernel of
width sigma. At the samples x it has a closed form: with the Gram matrix :math:`K = U \Lambda U^\top`,

.. math::
    s = -K_J^+ G, \qquad G = \sum_m \nabla_m k(x_m, \cdot) = -\frac{1}{\sigma^2} (K x - \mathrm{diag}(K 1) \, x),

so that the score is :math:`s = A x` with the n x n operator
:math:`A = U_J (U_J^\top - \Lambda_J^{-1} U_J^\top \, \mathrm{diag}(K 1)) / \sigma^2`: one symmetric eigendecomposition
and two products, O(n^2 d + n^3) time and O(n^2 + n d) memory, where the textbook's tensor of kernel gradients takes n x
n x d. Between the samples :math:`k(\cdot, x) K_J^+ s` is the Nyström extension.

Conventions of the authors: sigma is the median of all n^2 pairwise distances, the n zeros of the diagonal included
(their floor(n^2 / 2)-th largest); J counts the leading eigenvalues whose cumulative share stays below a threshold, is
at least 1, and belongs to the call and to the replica. Eigenvalues below n times the precision of the greatest are left
out, whatever a rank says: their inverses are rounding. Scores come from the truncated series shrunk towards zero, the
more the fewer the samples and the higher the dimension; they are biased, of low variance.

Deviation: everything is computed in double precision, because single precision moves the scores by several percent.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.devices import free_to_ask
from mibench.errors import SmallBatchError
from mibench.finite import finite_replicas
from mibench.text import number
from mibench_mige.kernels import (
    Radial,
    Width,
    centred,
    distances_of_centred,
    gaussian,
    rbf,
    refuse_overflow,
    require_distances,
    require_points,
    squared_distances,
)
from mibench_mige.kernels import median_width as median_width  # noqa: PLC0414 - a public name of this module

Score = Callable[[Tensor], Tensor]
"""From a block of the samples to its score."""

LEAST_RIDGE = 1e-8
"""Below it, rounding of a Gram matrix, about 1e-14 an entry, is no longer small in `(K + eta I)^-1`."""
_SMALL = 128
"""Rows of the largest matrices that a CPU decomposes faster than a GPU does: sixteen of 64 rows in half the time."""


@floats_only
def ssge_score(
    samples: Float[Tensor, "*replicas n d"],
    *,
    distances: Float[Tensor, "*replicas n n"] | None = None,
    threshold: float = 0.99,
    rank: int | None = None,
    width: Width = None,
) -> Float[Tensor, "*replicas n d"]:
    """The score at the samples by SSGE in closed form.

    Args:
        samples: what the score is the gradient in.
        distances: squared distances that the kernel is evaluated on, by default those of `samples`. With those of
            (x, z) and `samples=z` this is the z block of the joint score; with those of projections, Eq. 8.
        threshold: share of the spectrum that sets the rank J.
        rank: a fixed J instead; fewer where eigenvalues are rounding.
        width: a kernel width instead of the median distance, a number or one a replica.

    Returns:
        Scores without a graph, in the dtype of `samples`; NaN where samples are NaN.

    Raises:
        SmallBatchError: fewer samples than `rank`.
        ValueError: as `refuse_overflow`, or the distances are not those of so many samples.

    Example:
        >>> ssge_score(torch.randn(256, 5, generator=torch.Generator().manual_seed(0))).shape
        torch.Size([256, 5])
    """
    x = centred(samples)
    if distances is None:
        distances = distances_of_centred(x)
        refuse_overflow(distances, samples)
    require_distances("distances", distances, samples)
    kernel = rbf(distances, width)
    return _spectral_score(kernel, decompose(kernel.gram, threshold=threshold, rank=rank), x).to(samples.dtype)


@floats_only
def ssge_scorer(
    distances: Float[Tensor, "*replicas n n"],
    *,
    threshold: float = 0.99,
    rank: int | None = None,
    width: Width = None,
) -> Score:
    """What `ssge_operator` does to a block, without the n x n matrix where the block has fewer coordinates."""
    kernel = rbf(distances, width)
    spectrum = decompose(kernel.gram, threshold=threshold, rank=rank)

    def score(block: Tensor) -> Tensor:
        x = centred(block)
        require_distances("distances", distances, block)
        return _spectral_score(kernel, spectrum, x).to(block.dtype)

    return score


@floats_only
def ssge_score_at(
    points: Float[Tensor, "*replicas m d"],
    samples: Float[Tensor, "*replicas n d"],
    *,
    threshold: float = 0.99,
    rank: int | None = None,
    width: Width = None,
) -> Float[Tensor, "*replicas m d"]:
    """The score at other points by the Nyström extension; at the samples it is `ssge_score`.

    Raises:
        ValueError: as `refuse_overflow`, or the points have other replicas or dimensions.
    """
    kernel = rbf(squared_distances(samples), width)
    require_points("points", points, samples)
    spectrum = decompose(kernel.gram, threshold=threshold, rank=rank)
    weights = spectrum.pseudo_inverse() @ _spectral_operator(kernel, spectrum) @ centred(samples)
    return (gaussian(squared_distances(points, samples), kernel.variance) @ weights).to(points.dtype)


@floats_only
def stein_score(
    samples: Float[Tensor, "*replicas n d"],
    *,
    distances: Float[Tensor, "*replicas n n"] | None = None,
    regularisation: float = 0.01,
    width: Width = None,
) -> Float[Tensor, "*replicas n d"]:
    """The Stein gradient estimator of Li & Turner (2017): `-(K + eta I)^-1 G`, ridge in place of truncation.

    Args:
        samples: what the score is the gradient in.
        distances: squared distances that the kernel is evaluated on, by default those of `samples`.
        regularisation: eta, at least 1e-8; K has a unit diagonal.
        width: a kernel width instead of the median distance, a number or one a replica.

    Raises:
        ValueError: as `refuse_overflow`, or the distances are not those of so many samples.
    """
    distances = squared_distances(samples) if distances is None else distances
    require_distances("distances", distances, samples)
    return apply_operator(stein_operator(distances, regularisation=regularisation, width=width), samples)


@floats_only
def ssge_operator(
    distances: Float[Tensor, "*replicas n n"],
    *,
    threshold: float = 0.99,
    rank: int | None = None,
    width: Width = None,
) -> Float[Tensor, "*replicas n n"]:
    """The operator A of SSGE: the score of any block of the samples is A times that block."""
    kernel = rbf(distances, width)
    return _spectral_operator(kernel, decompose(kernel.gram, threshold=threshold, rank=rank))


@floats_only
def stein_operator(
    distances: Float[Tensor, "*replicas n n"], *, regularisation: float = 0.01, width: Width = None
) -> Float[Tensor, "*replicas n n"]:
    """The operator `(K + eta I)^-1 (K - diag(K 1)) / s^2` of the Stein gradient estimator."""
    if not regularisation >= LEAST_RIDGE:
        raise ValueError(f"regularisation must be at least {number(LEAST_RIDGE)}, got {regularisation}")
    kernel = rbf(distances, width)
    ridge = _finite_or_identity(kernel.gram) + regularisation * _identity(kernel.gram)
    laplacian = kernel.gram - torch.diag_embed(kernel.gram.sum(-1))
    factor = torch.linalg.cholesky_ex(ridge).L
    return torch.cholesky_solve(laplacian, factor) / kernel.variance


@floats_only
def apply_operator(
    operator: Float[Tensor, "*replicas n n"], samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """`A x`, in the dtype of the samples; A's rows sum to zero, so centring changes rounding alone.

    Raises:
        ValueError: the operator is not one of so many samples.
    """
    x = centred(samples)
    require_distances("operator", operator, samples)
    return (operator @ x).to(samples.dtype)


@dataclass(frozen=True)
class Spectrum:
    """The leading part of a Gram matrix, `K_J = U diag(kept / inverse) U^T`.

    Attributes:
        vectors: U, all eigenvectors as columns, `(*replicas, n, n)`.
        kept: whether an eigenvalue is one of the leading J, `(*replicas, n)`.
        inverse: reciprocal eigenvalues of the leading J, 0 for the others, `(*replicas, n)`.
    """

    vectors: Tensor
    kept: Tensor
    inverse: Tensor

    def pseudo_inverse(self) -> Float[Tensor, "*replicas n n"]:
        """`K_J^+`."""
        return self.vectors * self.inverse[..., None, :] @ self.vectors.mT


def decompose(gram: Float[Tensor, "*replicas n n"], *, threshold: float = 0.99, rank: int | None = None) -> Spectrum:
    """Eigendecomposition of each replica's Gram matrix, cut at the rank that this replica calls for."""
    values, vectors = _eigh(_finite_or_identity(gram))
    kept = leading(values, threshold, rank)
    return Spectrum(vectors, kept, torch.where(kept, 1 / values, 0.0))


def _eigh(gram: Float[Tensor, "*replicas n n"]) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, on the Gram matrices' device, which has small ones decomposed by the CPU.

    Either way the host waits for a GPU once: what a CPU has found is copied without waiting.
    """
    near = gram.cpu() if gram.is_cuda and gram.shape[-1] <= _SMALL else gram
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(near))
    return values.to(gram.device, non_blocking=True), vectors.to(gram.device, non_blocking=True)


def leading(values: Float[Tensor, "*replicas n"], threshold: float, rank: int | None) -> Bool[Tensor, "*replicas n"]:
    """Which of the ascending eigenvalues to keep: none that is rounding of the greatest.

    Raises:
        SmallBatchError: fewer eigenvalues than `rank`.
        ValueError: a rank below 1, or a threshold that is no share.
    """
    n = values.shape[-1]
    resolved = values > n * torch.finfo(values.dtype).eps * values[..., -1:]
    if rank is not None:
        if rank < 1:
            raise ValueError(f"rank must be at least 1, got {rank}")
        if rank > n:
            raise SmallBatchError(f"rank={rank} needs at least {rank} samples, or landmarks, not {n}")
        return resolved & (torch.arange(n - 1, -1, -1, device=values.device) < rank)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1, got {threshold}")
    below = values.cumsum(-1)
    kept = resolved & (below - values > (1 - threshold) * below[..., -1:])
    kept[..., -1] = True
    return kept


def _spectral_score(
    kernel: Radial, spectrum: Spectrum, x: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """The score at centred samples."""
    n, d = x.shape[-2:]
    if d >= n:
        return _spectral_operator(kernel, spectrum) @ x
    vectors, summed = spectrum.vectors.mT, kernel.gram.sum(-1, keepdim=True) * x
    weights = vectors @ x - spectrum.inverse[..., None] * (vectors @ summed)
    return spectrum.vectors @ torch.where(spectrum.kept[..., None], weights, 0.0) / kernel.variance


def _spectral_operator(kernel: Radial, spectrum: Spectrum) -> Float[Tensor, "*replicas n n"]:
    products = spectrum.inverse[..., None] * kernel.gram.sum(-2, keepdim=True)
    weights = torch.where(spectrum.kept[..., None], 1 - products, 0.0)
    return (spectrum.vectors @ weights.mul_(spectrum.vectors.mT)).div_(kernel.variance)


def _finite_or_identity(gram: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas n n"]:
    """Solvers crash on NaN; the row sums of the Gram matrix carry it into the result instead."""
    if free_to_ask(gram) and math.isfinite(gram.sum().item()):
        return gram  # the usual case
    finite = finite_replicas(gram)[..., None, None]
    return torch.where(finite, gram, _identity(gram))


def _identity(gram: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "n n"]:
    return torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
