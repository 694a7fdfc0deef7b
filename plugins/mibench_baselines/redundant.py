r"""Coordinates that others of their block determine: without them I(X;Y) is the same, and no covariance is singular.

A coordinate is redundant if it is constant, or if those before it leave of its variance no larger share than rounding
makes,

.. math:: d \, \big( 8 \epsilon_{64} + 4 \epsilon^2 \, E[z^2] / \mathrm{var}(z) \big),

d the dimensions of x and y, :math:`\epsilon_{64}` the precision of covariances, which are in float64, and
:math:`\epsilon` that of the samples. Shares are squares of the diagonal of a QR decomposition of the standardised
samples, whose columns are in the order in which an LU decomposition with pivots takes them (Golub & Van Loan, Matrix
Computations, sections 3.4 and 5.2): it leaves redundant ones to the end. No step asks for an answer of the device.
Constant is what varies by no more than rounding, :math:`2 \sqrt{d} \, \epsilon` of its largest number: `varying`, the
rule of other estimators too.

In float32, a coordinate that was computed from others whose means are many times their deviations differs from a
function of them by more than this, and is kept.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_baselines.scale import ordinary

_EARLIER = 1e-3
"""By how much of itself the last column's weight falls, where the order says which column is taken first."""


def varying(z: Float[Tensor, "*replicas n d"], dtype: torch.dtype | None = None) -> Bool[Tensor, "*replicas 1 d"]:
    """Which coordinates vary by more than rounding makes of a constant; those that are not finite count as such.

    Args:
        z: the samples, of any scale.
        dtype: the precision that the samples had, if they have a higher one now.
    """
    z, rounding = z.detach(), 2 * math.sqrt(z.shape[-1]) * torch.finfo(dtype or z.dtype).eps
    low, high = z.aminmax(dim=-2, keepdim=True)
    span, largest = high - low, torch.maximum(high, -low)
    # The deviation is at least the span over sqrt(2 n).
    if free_to_ask(z) and not ((span > 0) & (span <= math.sqrt(2 * z.shape[-2]) * rounding * largest)).any():
        return span != 0  # the usual case
    shares = z.double() / largest.double().clamp_min(torch.finfo(torch.float64).tiny)  # whose squares are numbers
    return ~(shares.std(-2, correction=0, keepdim=True) <= rounding)


def without_constants(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The samples, with 0 in place of coordinates that do not vary, which have no gradient then."""
    kept = varying(z)
    return z if free_to_ask(kept) and kept.all() else z.where(kept, 0)


class Reduced(NamedTuple):
    """Samples in which redundant coordinates are 0, and so is their gradient, and no scale is extreme (`ordinary`).

    Where a linear function of x is one of y, the replica is NaN, and so is its gradient.
    """

    x: Float[Tensor, "*replicas n dx"]
    y: Float[Tensor, "*replicas n dy"]
    rank_x: Int[Tensor, "*replicas"]
    rank_y: Int[Tensor, "*replicas"]
    infinite: Bool[Tensor, "*replicas"]

    def answer(self, values: Float[Tensor, "*replicas"]) -> Float[Tensor, "*replicas"]:
        """The values; infinity where a linear function of x is one of y."""
        return torch.where(self.infinite, torch.inf, values)


def reduced(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], dtype: torch.dtype | None = None
) -> Reduced:
    """x and y with zeros in place of what is redundant in each, and in other units where their scale is extreme.

    Others of full rank, and replicas that are not finite, stay as they are.

    Args:
        x: more samples than dx + dy.
        y: their partners.
        dtype: the precision that the samples had, if they have a higher one now.
    """
    x, y, dx = ordinary(x), ordinary(y), x.shape[-1]
    root, tolerance, regular = _root(torch.cat([x, y], -1).detach(), dtype or x.dtype)
    kept = torch.cat([_kept(root[..., :dx], tolerance[..., :dx]), _kept(root[..., dx:], tolerance[..., dx:])], -1)
    infinite = ~regular & (_kept(root * kept[..., None, :], tolerance).sum(-1) < kept.sum(-1))
    kept = kept | regular[..., None]
    (of_x, of_y), factor = kept.split([dx, y.shape[-1]], -1), torch.where(infinite, torch.nan, 1.0).to(x)
    x, y = (z.where(of_z[..., None, :], 0) * factor[..., None, None] for z, of_z in ((x, of_x), (y, of_y)))
    return Reduced(x, y, of_x.sum(-1), of_y.sum(-1), infinite)


def redundant(z: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas d"]:
    """Which coordinates of a block are redundant; with no more samples than dimensions, which are constant.

    Replicas that are not finite count as of full rank.
    """
    z = z.detach()
    if z.shape[-2] <= z.shape[-1]:
        return ~varying(z)[..., 0, :]
    root, tolerance, regular = _root(ordinary(z), z.dtype)
    if free_to_ask(z) and regular.all():
        return torch.zeros_like(tolerance, dtype=torch.bool)  # the usual case
    return ~_kept(root, tolerance) & ~regular[..., None]


class _Root(NamedTuple):
    """R of the standardised samples, what of its squared diagonal is rounding, and where all of that is far above."""

    matrix: Float[Tensor, "*replicas d d"]
    tolerance: Float[Tensor, "*replicas d"]
    regular: Bool[Tensor, "*replicas"]


def _root(z: Float[Tensor, "*replicas n d"], dtype: torch.dtype) -> _Root:
    """Of samples that had this precision; those that are not finite count as regular."""
    varies, z = varying(z, dtype)[..., 0, :], z.double()
    centred = (z - z.mean(-2, keepdim=True)).where(varies[..., None, :], 0)
    variance = centred.square().sum(-2).where(varies, 1)
    rounding = 4 * torch.finfo(dtype).eps ** 2 * z.square().sum(-2) / variance
    tolerance = z.shape[-1] * (8 * torch.finfo(torch.float64).eps + rounding)
    root = torch.linalg.qr(centred / variance.sqrt()[..., None, :], mode="r").R
    # Shares that are far above rounding in one order are above it in every order.
    regular = (root.diagonal(dim1=-2, dim2=-1).square() > tolerance.sqrt()).all(-1)
    return _Root(root, tolerance, regular | ~(variance.isfinite() & (variance > 0)).all(-1))


def _kept(root: Float[Tensor, "*replicas m d"], tolerance: Float[Tensor, "*replicas d"]) -> Bool[Tensor, "*replicas d"]:
    """Columns that are no linear functions of each other, as many as there are."""
    d = root.shape[-1]
    column = torch.arange(d, dtype=root.dtype, device=root.device)
    # Without structure, so that no entry of a column is 0 before all rows that are left are 0.
    mixture = torch.arange(d * d, dtype=root.dtype, device=root.device).square().sin().view(d, d)
    # Covariances, because signs of rows of R, and its rows at redundant columns, change with the order of the samples.
    # Of two columns that leave as much, as letters that are as frequent do, the first is taken.
    covariances = root.mT @ root * (1 - _EARLIER * column / d)[:, None]
    factors, pivots, _ = torch.linalg.lu_factor_ex(covariances @ mixture)
    order = torch.lu_unpack(factors, pivots, unpack_data=False).P.argmax(-2)
    ordered = torch.linalg.qr(root.take_along_dim(order[..., None, :], -1), mode="r").R
    above = ordered.diagonal(dim1=-2, dim2=-1).square() > tolerance.take_along_dim(order, -1)
    return torch.zeros_like(above).scatter(-1, order, above)
