r"""Blocks on a quadric: coordinates that are a quadratic function of the others, and ellipsoids in any direction.

A combination of products :math:`y_k y_l`, of coordinates and of 1 that vanishes, to rounding, is a quadric the samples
lie on. (All are divided by :math:`1 + |y|^2`, so that an outlier does not hide the other samples.) If one coordinate
enters it linearly alone, that is a function of the others, as a product or a squared norm, and leaves no density; the
block without it holds the same information. If the products are a positive form :math:`y^\top A y`, the samples are on
an ellipsoid, as a normalised vector is behind a linear layer or within a plane (layer normalisation). :math:`A^{1/2}`
makes it a sphere, which `mibench_ratio.shells` spreads out. Only coordinates of many values are looked at, in blocks of
a dozen and fewer that are not nearly collinear.
"""

from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MOST = 12
"""Coordinates of a block beyond which quadrics are not looked for."""
_SAMPLES_A_TERM = 2
_EXACT = 1e-9
"""The mean square of a combination of terms that is rounding."""
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
    varies = _exceed(_moments(_terms(z)), _EXACT)
    spreads = _exceed(_moments(z), _COLLINEAR)
    return (~varies & spreads).flatten().nonzero()[:, 0].tolist()


def _exceed(moments: Float[Tensor, "*replicas e e"], level: float) -> Bool[Tensor, "*replicas"]:
    """Whether all eigenvalues do."""
    eye = torch.eye(moments.shape[-1], dtype=moments.dtype, device=moments.device)
    return torch.linalg.cholesky_ex(moments - level * eye).info == 0


def _terms(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n e"]:
    """The products of every two coordinates, the coordinates, and 1, each over `1 + |z|^2`."""
    i, j = torch.triu_indices(z.shape[-1], z.shape[-1], device=z.device)
    terms = torch.cat([z[..., i] * z[..., j], z, torch.ones_like(z[..., :1])], -1)
    return terms / (1 + z.square().sum(-1, keepdim=True))


def _sizes(terms: Float[Tensor, "*replicas n e"]) -> Float[Tensor, "*replicas 1 e"]:
    """Root mean squares, and 1 for terms of zeros."""
    sizes = terms.square().mean(-2, keepdim=True).sqrt()
    return torch.where(sizes > 0, sizes, 1.0)


def _moments(terms: Float[Tensor, "*replicas n e"]) -> Float[Tensor, "*replicas e e"]:
    """The second moments of terms of size 1, with 1 on the diagonal for terms of zeros."""
    unit = terms / _sizes(terms)
    moments = unit.mT @ unit / terms.shape[-2]
    diagonal = moments.diagonal(dim1=-2, dim2=-1)
    diagonal.add_(diagonal == 0)
    return moments


def _rest(z: Float[Tensor, "n d"], k: int) -> Float[Tensor, ""]:
    """The share of coordinate k that no quadratic function of the others explains; infinite if it does not vary."""
    if not z[:, k].any():
        return z.new_tensor(torch.inf)
    weighted = _terms(z)
    i, j = torch.triu_indices(z.shape[-1], z.shape[-1], device=z.device)
    own = torch.cat([(i == k) | (j == k), torch.arange(z.shape[-1] + 1, device=z.device) == k])
    of_k = weighted[:, len(i) + k]
    moments = _moments(torch.cat([weighted[:, ~own], of_k[:, None]], 1))
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(moments[:-1, :-1]))
    shares = (vectors.mT @ moments[:-1, -1]).square() / values.clamp_min(_TINY)
    return 1 - shares.where(values > _TINY, 0.0).sum()


def _round(z: Float[Tensor, "n d"]) -> Float[Tensor, "d d"] | None:
    """That matrix of one replica's samples."""
    d = z.shape[-1]
    terms = _terms(z)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(_moments(terms)))
    flat = vectors[:, values < _EXACT]
    if flat.shape[1] == 0:
        return None
    i, j = torch.triu_indices(d, d, device=z.device)
    squares = torch.cat([(i == j).to(z), z.new_zeros(d + 1)])
    weights = (flat @ (flat.mT @ squares) / _sizes(terms)[0])[: len(i)]
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
