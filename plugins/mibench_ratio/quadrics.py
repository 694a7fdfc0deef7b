r"""Blocks on a quadric: coordinates that are a quadratic function of the others, and ellipsoids in any direction.

A combination of products :math:`y_k y_l` and of coordinates that does not vary, to rounding, is a quadric the samples
lie on. If one coordinate enters it linearly alone, that is a function of the others, as a product or a squared norm,
and leaves no density; the block without it holds the same information. If the products are a positive form
:math:`y^\top A y`, the samples are on an ellipsoid, as a normalised vector is behind a linear layer or within a plane
(layer normalisation). :math:`A^{1/2}` makes it a sphere, which `mibench_ratio.shells` spreads out. Only coordinates of
many values are looked at, in blocks of a dozen and fewer that are not nearly collinear.
"""

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench_ratio.kernels import units

MOST = 12
"""Coordinates of a block beyond which quadrics are not looked for."""
_SAMPLES_A_TERM = 2
_EXACT = 1e-9
"""The variance of a combination of standardised terms that is rounding."""
_DIAGONAL, _FORM = 1e-6, 1e-4
"""How small the mixed terms of a form along the axes are, and the share of its largest eigenvalue that counts as 0."""
_COLLINEAR = 1e-4
"""Eigenvalues of a correlation matrix below this make a block nearly collinear."""
_TINY = 1e-12


def quadratic(z: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas d"]:
    """Which coordinates of standardised samples are a quadratic function of the others, to leave out.

    Args:
        z: the samples, with 0 in place of coordinates that are not looked at.
    """
    left_out = torch.zeros_like(z[..., 0, :], dtype=torch.bool)
    d = z.shape[-1]
    for replica in _on_one(z):
        own, samples = left_out.view(-1, d)[replica], z.reshape(-1, *z.shape[-2:])[replica]
        for _ in range(d - 1):
            kept = samples.where(~own, 0.0)
            rests = torch.stack([_rest(kept, k) for k in range(d)])
            if rests.min() > _EXACT:
                break
            own[rests.argmin()] = True
    return left_out


def rounding(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas d d"] | None:
    """The symmetric matrix that makes an ellipsoid of standardised samples round, where its axes are not the block's.

    The identity in replicas without one, and along coordinates of zeros; `None` where there is none at all.
    """
    d, found = z.shape[-1], False
    matrices = torch.eye(d, dtype=z.dtype, device=z.device).repeat(*z.shape[:-2], 1, 1)
    for replica in _on_one(z):
        samples = z.reshape(-1, *z.shape[-2:])[replica]
        varies = (samples != 0).any(0).nonzero()[:, 0]
        matrix = _round(samples[:, varies])
        if matrix is not None:
            matrices.view(-1, d, d)[replica, varies[:, None], varies] = matrix
            found = True
    return matrices if found else None


def _on_one(z: Float[Tensor, "*replicas n d"]) -> list[int]:
    """The replicas with a combination of terms that does not vary, blocks that are nearly collinear excepted.

    Waits for a GPU, once.
    """
    n, d = z.shape[-2:]
    if not 1 < d <= MOST or n < _SAMPLES_A_TERM * d * (d + 3) // 2:
        return []
    moments, _ = _moments(z)
    terms, linear = torch.eye(moments.shape[-1]).to(moments), torch.eye(d).to(moments)
    varies = torch.linalg.cholesky_ex(moments - _EXACT * terms).info == 0
    collinear = torch.linalg.cholesky_ex(moments[..., -d:, -d:] - _COLLINEAR * linear).info > 0
    return (~varies & ~collinear).flatten().nonzero()[:, 0].tolist()


def _terms(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n e"]:
    """The products of every two coordinates, and the coordinates."""
    i, j = torch.triu_indices(z.shape[-1], z.shape[-1], device=z.device)
    return torch.cat([z[..., i] * z[..., j], z], -1)


def _moments(z: Float[Tensor, "*replicas n d"]) -> tuple[Float[Tensor, "*replicas e e"], Float[Tensor, "*replicas e"]]:
    """The correlations of the terms, 1 on the diagonal also of those that do not vary, and the terms' units."""
    terms = _terms(z)
    unit = units(terms)
    terms = unit.standardise(terms)
    moments = terms.mT @ terms / z.shape[-2]
    diagonal = moments.diagonal(dim1=-2, dim2=-1)
    diagonal.add_(diagonal == 0)
    return moments, unit.scale[..., 0, :]


def _rest(z: Float[Tensor, "n d"], k: int) -> Float[Tensor, ""]:
    """The variance of coordinate k that no quadratic function of the others explains; infinite if it does not vary."""
    others = z[:, [j for j in range(z.shape[-1]) if j != k]]
    moments, _ = _moments(others)
    terms = _terms(others)
    covariance = units(terms).standardise(terms).mT @ z[:, k] / len(z)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(moments))
    shares = (vectors.mT @ covariance).square() / values.clamp_min(_TINY)
    variance = z[:, k].square().mean()
    return torch.where(variance > 0, variance - shares.where(values > _TINY, 0.0).sum(), torch.inf)


def _round(z: Float[Tensor, "n d"]) -> Float[Tensor, "d d"] | None:
    """That matrix of one replica's samples."""
    d = z.shape[-1]
    moments, scale = _moments(z)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(moments))
    flat = vectors[:, values < _EXACT]
    if flat.shape[1] == 0:
        return None
    i, j = torch.triu_indices(d, d, device=z.device)
    squares = torch.cat([(i == j).to(z), z.new_zeros(d)])
    weights = (flat @ (flat.mT @ squares))[: len(i)] / scale[: len(i)]
    form = z.new_zeros(d, d)
    form[i, j] = weights / 2
    form = form + form.mT
    sizes, axes = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(form))
    along_axes = (form - form.diagonal().diag()).abs().amax() < _DIAGONAL * form.abs().amax()
    if along_axes or sizes[0] < -_FORM * sizes[-1] or sizes[-1] <= 0:
        return None
    inside = sizes > _FORM * sizes[-1]
    lengths = torch.where(inside, (sizes / sizes[inside].mean()).clamp_min(_TINY).sqrt(), 1.0)
    return (axes * lengths) @ axes.mT
