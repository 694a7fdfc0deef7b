r"""Blocks on a shell, as vectors of unit length are: spread out along the radius, where they have no density.

Coordinates are on a shell if :math:`\rho^2 = \sum_l a_l (y_l - c_l)^2` of them hardly varies, a and c fitted: a circle,
a sphere, an ellipsoid along the axes; each of several groups of coordinates may have its own. They are moved along the
radius,

.. math:: y' = c + e^{\lambda(y)} (y - c), \qquad \lambda = (\kappa - 1) \log \rho + \eta,

until the logarithm of their radius has a share of the standard deviation that a normal density has in as many
dimensions, :math:`1 / \sqrt{2 d}`, or `SPREAD` where that is less.

- A shell with some thickness is stretched: :math:`\kappa > 1` and :math:`\eta = 0`, a bijection.
- One without any (to rounding) is filled: :math:`\kappa = 0`, and :math:`\eta` is normal and looks independent, a
  function of y whose derivative plays no part. From y' one can read y, so that :math:`I(X;Y') = I(X;Y)`. The gradient
  is that along the shell; along the radius it is 0.

A group is a combination of :math:`y_l^2` and :math:`y_l` that hardly varies. With M the correlation matrix of both and
:math:`\epsilon` small, :math:`\epsilon^4 (M + \epsilon)^{-4}` projects on all of those, and has a block for each group.
Coordinates of few values, as letters and bits, belong to none.
"""

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.determined import MOST, SAMPLES_A_COORDINATE, continuous, some_of
from mibench_ratio.kernels import units

OF_NORMAL, SPREAD = 0.6, 0.25
"""What the standard deviation of a shell's log radius becomes: a share of a normal density's, or at most this."""
THIN = 0.5
"""Below which share of that a group of coordinates is a shell."""
_FLAT, _NEARLY_FLAT = 1e-9, 0.1
"""Variances of combinations of standardised squares and coordinates that do not vary, and that hardly do."""
_EXACT = 1e-6
"""The standard deviation of a log radius that is rounding, of samples in single precision too."""
_FAR_OF_FLAT, _FAR = 100.0, 2.0
"""How many standard deviations the centre may be away: beyond, samples are near a plane."""
_PART_OF_FLAT, _PART, _TOGETHER = 1e-10, 0.05, 0.5
"""What share of a fair one the square of a member has in a combination, and how nearly those of a group go together."""
_DIGITS = 1e4
"""How often the level that fills a shell goes from 0 to 1 along a radius."""


class Shells(NamedTuple):
    """Groups of coordinates, and how their radius is stretched or filled; `(*replicas, 1, d)` but for `group`.

    Attributes:
        centre, weight: c and a; a group's radius has a geometric mean of 1.
        group: 1 where two coordinates are of one group, and 0 beside those of none, `(*replicas, d, d)`.
        stretch: kappa - 1; 0 where there is no shell.
        fill: the standard deviation of the logarithm that fills one without thickness.
    """

    centre: Tensor
    weight: Tensor
    group: Tensor
    stretch: Tensor
    fill: Tensor

    def moved(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """y'; the same numbers where there is no shell."""
        return y + (y - self.centre) * torch.expm1(self._logarithm(y))

    def pull_back(
        self, y: Float[Tensor, "*replicas n d"], gradient: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n d"]:
        """A gradient at y' as one at y."""
        outwards = (gradient * (y - self.centre)) @ self.group
        return (gradient + outwards * self._slope(y)) * self._logarithm(y).exp()

    def log_volume(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """What sums over the coordinates to the logarithm of the determinant of dy'/dy."""
        count = self.group.sum(-1)[..., None, :].clamp_min(1)
        return self._logarithm(y) + self.stretch.clamp_min(0).log1p() / count

    def log_volume_gradient(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """Its gradient."""
        return self.group.sum(-1)[..., None, :] * self._slope(y)

    def _logarithm(self, y: Tensor) -> Tensor:
        """lambda, for each coordinate that of its group."""
        normal = torch.special.ndtri(self._level(y).clamp(1e-9, 1 - 1e-9))
        return self.stretch * _log_radius(y, self.centre, self.weight, self.group) + self.fill * normal

    def _slope(self, y: Tensor) -> Tensor:
        """The derivatives of lambda."""
        outwards = self.weight * (y - self.centre)
        return self.stretch * outwards * torch.exp(-2 * _log_radius(y, self.centre, self.weight, self.group))

    def _level(self, y: Tensor) -> Tensor:
        """A number from 0 to 1 that looks random, the same for the same direction from the centre."""
        d = y.shape[-1]
        roots = torch.arange(2, d + 2, dtype=y.dtype, device=y.device).sqrt()
        return (((y - self.centre) * self.weight.sqrt() * roots) @ self.group * _DIGITS).remainder(1)


def shells(y: Float[Tensor, "*replicas n d"]) -> Shells | None:
    """The shells of samples in double precision; `None` where there are none."""
    n, d = y.shape[-2:]
    if d == 1 or n < SAMPLES_A_COORDINATE * d:
        return None
    if n > MOST and free_to_ask(y) and shells(some_of(y)) is None:
        return None
    unit = units(y)
    z = unit.standardise(y)
    z = z * continuous(z)[..., None, :]
    squares = units(z.square())
    both = torch.cat([squares.standardise(z.square()), z], -1)
    moments = both.mT @ both / n
    moments.diagonal(dim1=-2, dim2=-1).add_(moments.diagonal(dim1=-2, dim2=-1) == 0)
    nearly, exactly = (
        _shells(z, squares.scale, _flat(moments, level), part / d)
        for level, part in ((_NEARLY_FLAT, _PART), (_FLAT, _PART_OF_FLAT))
    )
    exact = exactly.group.any(-1).any(-1)[..., None, None]
    found = Shells(*map(partial(torch.where, exact), exactly, nearly))
    if free_to_ask(y) and not found.group.any():
        return None
    return found._replace(centre=unit.mean + unit.scale * found.centre, weight=found.weight / unit.scale.square())


def _flat(moments: Float[Tensor, "*replicas e e"], level: float) -> Float[Tensor, "*replicas e e"]:
    """What projects on the eigenvectors whose eigenvalues are well below the level."""
    eye = torch.eye(moments.shape[-1], dtype=moments.dtype, device=moments.device)
    softly = level * torch.cholesky_inverse(torch.linalg.cholesky_ex(moments + level * eye).L)
    sharper = softly @ softly
    return sharper @ sharper


def _shells(z: Tensor, scale: Tensor, flat: Float[Tensor, "*replicas _ _"], part: float) -> Shells:
    """The shells of standardised samples.

    Args:
        z: the samples.
        scale: the unit of their squares.
        flat: projects on combinations of the squares, in these units, and of the samples that hardly vary.
        part: from which share on a coordinate's square belongs to them.
    """
    d = z.shape[-1]
    products = flat[..., :d, :d]
    sizes = products.diagonal(dim1=-2, dim2=-1)[..., None, :]
    member = sizes > part
    sizes = torch.where(member, sizes, 1.0)
    centre = torch.where(member, -flat[..., :d, d:].diagonal(dim1=-2, dim2=-1)[..., None, :] / sizes * scale / 2, 0.0)
    weight = torch.where(member, sizes.sqrt() / scale, 0.0)
    group = (member.mT & member & (products > _TOGETHER * (sizes.mT * sizes).sqrt())).to(z)
    count = group.sum(-1)[..., None, :]
    logarithm = _log_radius(z, centre, weight, group)
    spread = logarithm.std(-2, keepdim=True)
    wanted = (OF_NORMAL * (2 * count).clamp_min(1).rsqrt()).clamp_max(SPREAD)
    disjoint = (group @ group == group * count.mT).all(-1)[..., None, :]
    thick = spread > _EXACT
    near = centre.square() @ group < count * torch.where(thick, _FAR, _FAR_OF_FLAT).square()
    found = (count > 1) & disjoint & (spread < THIN * wanted) & near
    return Shells(
        centre=torch.where(found, centre, 0.0),
        weight=torch.where(found, weight * torch.exp(-2 * logarithm.mean(-2, keepdim=True)), 0.0),
        group=group * found.to(z).mT * found.to(z),
        stretch=torch.where(found, torch.where(thick, wanted / torch.where(thick, spread, 1.0), 0.0) - 1, 0.0),
        fill=torch.where(found & ~thick, wanted, 0.0),
    )


def _log_radius(y: Tensor, centre: Tensor, weight: Tensor, group: Tensor) -> Float[Tensor, "*replicas n d"]:
    """log rho, for each coordinate that of its group; 0 for those of none."""
    square = (weight * (y - centre).square()) @ group
    return torch.where(square > 0, square, 1.0).log() / 2
