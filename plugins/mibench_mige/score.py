"""Scores, the gradients of a log density, from its samples alone.

SSGE (Shi et al. 2018; Wen et al. 2020, Eq. 4-7) expands the score in the leading J eigenfunctions of an RBF kernel of
width s. At the samples x it has a closed form: with the Gram matrix `K = U diag(l) U^T`,

    score = -K_J^+ G,    G = sum_m grad_m k(x_m, .) = -(K x - diag(K 1) x) / s^2,

so that `score = A x` with the n x n operator `A = U_J (U_J^T - diag(1/l_J) U_J^T diag(K 1)) / s^2`: one symmetric
eigendecomposition and two products, O(n^2 d + n^3) time and O(n^2 + n d) memory, where the textbook's tensor of kernel
gradients takes n x n x d. Between the samples `k(., x) K_J^+ score` is the Nyström extension.

Conventions of the authors: s is the median of all n^2 pairwise distances, the n zeros of the diagonal included (their
floor(n^2 / 2)-th largest); J counts the leading eigenvalues whose cumulative share stays below a threshold, is at
least 1, and belongs to the call and to the replica. Scores come from the truncated series shrunk towards zero, the more
the fewer the samples and the higher the dimension; they are biased, of low variance.

Deviation: everything is computed in double precision, because single precision moves the scores by several percent.
"""

from dataclasses import dataclass
from typing import TypeAlias, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.contracts import floats_only

Width: TypeAlias = "float | Float[Tensor, '*replicas'] | None"
"""A kernel's width: a number, one a replica, or `None` for the median distance."""
_ROUNDING = 1e-14


@floats_only
def squared_distances(
    samples: Float[Tensor, "*replicas n d"], others: Float[Tensor, "*replicas m d"] | None = None
) -> Float[Tensor, "*replicas n m"]:
    """Squared Euclidean distances in double precision, of all pairs of samples or from samples to others.

    Equal points, the diagonal among them, are at a distance of exactly zero.
    """
    if samples.ndim < 2:
        raise ValueError(f"samples are (*replicas, n, d), not {tuple(samples.shape)}")
    x = _centred(samples)
    y = x if others is None else others.detach().double() - samples.detach().double().mean(-2, keepdim=True)
    squares = x.square().sum(-1)
    others_squares = squares if others is None else y.square().sum(-1)
    sums = squares[..., :, None] + others_squares[..., None, :]
    products = 2 * x @ y.mT
    distances = torch.sub(sums, products, out=products)
    return distances.masked_fill_(distances <= sums.mul_(_ROUNDING), 0.0)


@floats_only
def median_width(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas"]:
    """The width s: the floor(n^2 / 2)-th largest of all n^2 distances, from their squares.

    Raises:
        ValueError: fewer than two samples, or (on a CPU) a median of zero, i.e. most samples are the same point.
    """
    if distances.shape[-1] < 2:
        raise ValueError(f"scores are estimated from at least 2 samples, not {distances.shape[-1]}")
    pairs = distances.flatten(-2)
    width = pairs.kthvalue(pairs.shape[-1] - pairs.shape[-1] // 2 + 1, -1).values.sqrt()
    return _positive(
        width,
        "the median pairwise distance is zero (most samples are the same point), "
        "so the kernel has no width: pass `width`, or look for collapsed samples",
    )


@floats_only
def neighbour_width(distances: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas"]:
    """The median over samples of the distance within which an eighth of the others lie, from squared distances.

    Where samples form a few clusters, that is a distance inside one.

    Raises:
        ValueError: fewer than two samples, or (on a CPU) a median of zero: most samples coincide with an eighth of the
            others.
    """
    n = distances.shape[-1]
    if n < 2:
        raise ValueError(f"scores are estimated from at least 2 samples, not {n}")
    nearest = distances.kthvalue(1 + max(1, n // 8), -1).values
    width = nearest.median(-1).values.sqrt()
    return _positive(
        width,
        "the distance to the nearest neighbours is zero (most samples occur many times), "
        "so the kernel has no width: use the median distance, or look for collapsed samples",
    )


def _positive(width: Float[Tensor, "*replicas"], otherwise: str) -> Float[Tensor, "*replicas"]:
    """Refuses a width of zero; on a GPU, which would have to be waited for, it is NaN, and so is the score."""
    if width.device.type != "cpu":
        return torch.where(width == 0, torch.nan, width)
    if (width == 0).any():
        raise ValueError(otherwise)
    return width


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
        rank: a fixed J instead.
        width: a kernel width instead of the median distance, a number or one a replica.

    Returns:
        Scores without a graph, in the dtype of `samples`; NaN where samples are NaN.

    Example:
        >>> ssge_score(torch.randn(256, 5, generator=torch.Generator().manual_seed(0))).shape
        torch.Size([256, 5])
    """
    distances = squared_distances(samples) if distances is None else distances
    return apply_operator(ssge_operator(distances, threshold=threshold, rank=rank, width=width), samples)


@floats_only
def ssge_score_at(
    points: Float[Tensor, "*replicas m d"],
    samples: Float[Tensor, "*replicas n d"],
    *,
    threshold: float = 0.99,
    rank: int | None = None,
    width: Width = None,
) -> Float[Tensor, "*replicas m d"]:
    """The score at other points by the Nyström extension; at the samples it is `ssge_score`."""
    kernel = rbf(squared_distances(samples), width)
    spectrum = decompose(kernel.gram, threshold=threshold, rank=rank)
    weights = spectrum.pseudo_inverse() @ _spectral_operator(kernel, spectrum) @ _centred(samples)
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
        regularisation: eta, positive; K has a unit diagonal.
        width: a kernel width instead of the median distance, a number or one a replica.
    """
    distances = squared_distances(samples) if distances is None else distances
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
    if regularisation <= 0:
        raise ValueError(f"regularisation must be positive, got {regularisation}")
    kernel = rbf(distances, width)
    ridge = _finite_or_identity(kernel.gram) + regularisation * _identity(kernel.gram)
    laplacian = kernel.gram - torch.diag_embed(kernel.gram.sum(-1))
    factor = torch.linalg.cholesky_ex(ridge).L
    return torch.cholesky_solve(laplacian, factor) / kernel.variance


@floats_only
def apply_operator(
    operator: Float[Tensor, "*replicas n n"], samples: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """`A x`, in the dtype of the samples; A's rows sum to zero, so centring changes rounding alone."""
    return (operator @ _centred(samples)).to(samples.dtype)


def gaussian(
    distances: Float[Tensor, "*replicas n m"], variance: Float[Tensor, "*replicas 1 1"]
) -> Float[Tensor, "*replicas n m"]:
    """`exp(-|x - y|^2 / (2 s^2))` from squared distances."""
    return distances.neg().div_(2 * variance).exp_()


def widths(distances: Float[Tensor, "*replicas n n"], width: Width) -> Float[Tensor, "*replicas"]:
    """The median distance, or a given width.

    Raises:
        ValueError: a width that is not positive, or no median distance.
    """
    if width is None:
        return median_width(distances)
    if isinstance(width, Tensor):
        return width
    if width <= 0:
        raise ValueError(f"width must be positive, got {width}")
    return distances.new_full(distances.shape[:-2], width)


@dataclass(frozen=True)
class Kernel:
    """An RBF kernel and its Gram matrix.

    Attributes:
        gram: K, `(*replicas, n, n)`.
        variance: s^2, `(*replicas, 1, 1)`.
    """

    gram: Tensor
    variance: Tensor


@floats_only
def rbf(distances: Float[Tensor, "*replicas n n"], width: Width = None) -> Kernel:
    """The RBF kernel of the median width, or of a given one."""
    variance = widths(distances, width).square()[..., None, None]
    return Kernel(gaussian(distances, variance), variance)


@dataclass(frozen=True)
class Spectrum:
    """The leading part of a Gram matrix, `K_J = U diag(kept / inverse) U^T`.

    Attributes:
        vectors: U, all eigenvectors as columns, `(*replicas, n, n)`.
        kept: 1 for the leading J, 0 for the others, `(*replicas, n)`.
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
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(_finite_or_identity(gram)))
    kept = leading(values, threshold, rank)
    return Spectrum(vectors, kept.to(values), torch.where(kept, 1 / values, 0.0))


def leading(values: Float[Tensor, "*replicas n"], threshold: float, rank: int | None) -> Bool[Tensor, "*replicas n"]:
    """Which of the ascending eigenvalues to keep."""
    n = values.shape[-1]
    if rank is not None:
        if not 1 <= rank <= n:
            raise ValueError(f"rank must be between 1 and the {n} samples, got {rank}")
        return (torch.arange(n - 1, -1, -1, device=values.device) < rank).expand(values.shape)
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1, got {threshold}")
    kept = values.flip(-1).cumsum(-1) < threshold * values.sum(-1, keepdim=True)
    kept[..., 0] = True
    return kept.flip(-1)


def _spectral_operator(kernel: Kernel, spectrum: Spectrum) -> Float[Tensor, "*replicas n n"]:
    products = spectrum.inverse[..., None] * kernel.gram.sum(-2, keepdim=True)
    weights = torch.sub(spectrum.kept[..., None], products, out=products)
    return (spectrum.vectors @ weights.mul_(spectrum.vectors.mT)).div_(kernel.variance)


def _finite_or_identity(gram: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "*replicas n n"]:
    """Solvers crash on NaN; the row sums of the Gram matrix carry it into the result instead."""
    if gram.device.type == "cpu" and gram.sum().isfinite():
        return gram  # the usual case; on other devices, asking for it would wait for them
    finite = gram.isfinite().all(-1).all(-1)[..., None, None]
    return torch.where(finite, gram, _identity(gram))


def _identity(gram: Float[Tensor, "*replicas n n"]) -> Float[Tensor, "n n"]:
    return torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)


def _centred(samples: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    x = samples.detach().double()
    return x - x.mean(-2, keepdim=True)
