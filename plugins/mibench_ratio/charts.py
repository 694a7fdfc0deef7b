r"""The coordinates that fits are made in: bijections of a block, which change no information.

A coordinate z with heavy tails is bent, :math:`t = \mathrm{asinh}(a z) / a`, where that gains likelihood under a normal
density, unless clusters of the straight samples are clearly likelier (`mibench_ratio.mixture`). Then each coordinate is
standardised, the block is whitened if its correlation matrix is nearly singular, and a matrix may turn it
(`mibench_ratio.directions`). The gradient of a log ratio is carried back by the chain rule,
:math:`g_y = \frac{dt}{dy} (g_t M^\top)`; a log density gains :math:`\log \frac{dt}{dy}`. A block of many coordinates
may be reduced to a few principal components, which loses information.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench_ratio.kernels import Units, units
from mibench_ratio.spectra import COLLINEAR, Spectrum

STEEPNESS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
GAIN, GAIN_OF_ONE = 0.05, 4.0
"""What a bend must gain in log likelihood, in nats a sample, and what it must gain in the whole batch on top."""
TIES = 0.05
"""Up to which share of samples may sit on the median: the density of a discrete variable says nothing."""
SINGULAR, SAMPLES_A_DIMENSION = 1e-4, 2
"""Below which share of the largest eigenvalue another one makes a block's correlation matrix nearly singular, where
there are so many samples for each dimension: of fewer, chance does."""
_RANK = 1e-10


class Tails(NamedTuple):
    """`t = asinh(a z) / a` with `z = (y - centre) / scale`, `(*replicas, 1, d)` each; a = 0 for t = y."""

    centre: Tensor
    scale: Tensor
    steepness: Tensor

    def bend(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """t."""
        a, z = self._steep(y)
        return torch.where(self.bent, torch.asinh(a * z) / a, y)

    def slope(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """dt/dy."""
        a, z = self._steep(y)
        return torch.where(self.bent, (1 + (a * z).square()).rsqrt() / self.scale, 1.0)

    def log_slope_gradient(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """d log(dt/dy) / dy."""
        a, z = self._steep(y)
        return torch.where(self.bent, -(a.square() * z) / (1 + (a * z).square()) / self.scale, 0.0)

    @property
    def bent(self) -> Bool[Tensor, "*replicas 1 d"]:
        """Which coordinates."""
        return self.steepness > 0

    def _steep(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(self.bent, self.steepness, 1.0), (y - self.centre) / self.scale


def tails(y: Float[Tensor, "*replicas n d"]) -> Tails:
    """The bend of each coordinate that is likeliest under a normal density, if it is clearly better than none."""
    n, ordered = y.shape[-2], y.sort(-2).values
    low, centre, high = (_quantile(ordered, level) for level in (0.25, 0.5, 0.75))
    varies = ((y == centre).sum(-2, keepdim=True) <= TIES * n + 2) & (high > low)
    scale = torch.where(varies, (high - low) / 1.349, 1.0)
    steepness = _steepness(y.dtype, y.device)
    gain, best = _gains((y - centre) / scale, steepness).max(-2, keepdim=True)
    bends = varies & (gain > GAIN + GAIN_OF_ONE / n)
    return Tails(centre, scale, torch.where(bends, steepness[best], 0.0))


@cache  # copying them again would wait for a GPU
def _steepness(dtype: torch.dtype, device: torch.device) -> Float[Tensor, " steepness"]:
    return torch.tensor(STEEPNESS, dtype=dtype, device=device)


def _quantile(ordered: Float[Tensor, "*replicas n d"], level: float) -> Float[Tensor, "*replicas 1 d"]:
    place = level * (ordered.shape[-2] - 1)
    below, above = (ordered[..., end(place), None, :] for end in (math.floor, math.ceil))
    return below.lerp(above, place % 1)


def _gains(z: Float[Tensor, "*replicas n d"], a: Float[Tensor, " steepness"]) -> Float[Tensor, "*replicas steepness d"]:
    """Nats a sample that a normal density gains by each bend; none where squares are beyond double precision."""
    steep = a[:, None] * z.mT[..., None, :]
    straight, bent = z.std(-2)[..., None], (torch.asinh(steep) / a[:, None]).std(-1)
    ratio = straight.clamp_min(1e-300).log() - bent.clamp_min(1e-300).log()
    return (ratio - torch.log1p(steep.square_()).mean(-1) / 2).nan_to_num(-math.inf).mT


@dataclass(frozen=True)
class Chart:
    """From a block to the coordinates of a fit, and back for gradients.

    Attributes:
        tails: of each coordinate; `None` where none is bent.
        unit: of the bent coordinates.
        turn: a matrix for the standardised ones, `(*replicas, d, k)`; `None` for the identity.
    """

    tails: Tails | None
    unit: Units
    turn: Float[Tensor, "*replicas d k"] | None = None

    @classmethod
    def of(cls, block: Float[Tensor, "*replicas n d"], *, bend: bool, components: int | None = None) -> "Chart":
        """The chart of samples; of wider blocks, to so many principal components, without bending."""
        if components is not None and components < block.shape[-1]:
            standard = cls(None, units(block))
            return standard.turned(_principal(standard(block), components))
        bends = tails(block) if bend else None
        asked = block.device.type == "cpu"  # other devices would have to be waited for; no bend leaves the same numbers
        if bends is None or (asked and not bends.bent.any()):
            return cls(None, units(block))
        return cls(bends, units(bends.bend(block)))

    def turned(self, turn: Float[Tensor, "*replicas k m"] | None) -> "Chart":
        """This chart, and then a matrix, if any."""
        if turn is None:
            return self
        return replace(self, turn=turn if self.turn is None else self.turn @ turn)

    def log_slopes(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas"]:
        """The sum over samples and coordinates of the logarithm of the slope, without a turn."""
        slopes = -self.unit.scale.log().expand(block.shape)
        return (slopes if self.tails is None else slopes + self.tails.slope(block).log()).sum((-2, -1))

    def straight(self, block: Float[Tensor, "*replicas n d"], which: Bool[Tensor, "*replicas 1 1"]) -> "Chart":
        """This chart without bends in some replicas, for the same samples."""
        if self.tails is None:
            return self
        tails = self.tails._replace(steepness=torch.where(which, 0.0, self.tails.steepness))
        return Chart(tails, units(tails.bend(block)))

    @property
    def bent(self) -> Bool[Tensor, "*replicas 1 1"]:
        """Whether any coordinate of a replica is bent."""
        if self.tails is None:
            return torch.zeros_like(self.unit.mean[..., :1], dtype=torch.bool)
        return self.tails.bent.any(-1, keepdim=True)

    def __call__(self, block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n k"]:
        """The block in these coordinates, in double precision and without a graph."""
        block = block.detach().double()
        standard = self.unit.standardise(block if self.tails is None else self.tails.bend(block))
        return standard if self.turn is None else standard @ self.turn

    def pull_back(
        self, block: Float[Tensor, "*replicas n d"], gradient: Float[Tensor, "*replicas n k"]
    ) -> Float[Tensor, "*replicas n d"]:
        """A gradient in these coordinates as one in the block's own, at the block."""
        turned = gradient if self.turn is None else gradient @ self.turn.mT
        straight = turned / self.unit.scale
        return straight if self.tails is None else straight * self.tails.slope(block.detach().double())

    def pull_back_score(self, block: Tensor, score: Tensor) -> Float[Tensor, "*replicas n d"]:
        """The same of the gradient of a log density, to which the bend adds its own."""
        pulled = self.pull_back(block, score)
        return pulled if self.tails is None else pulled + self.tails.log_slope_gradient(block.detach().double())


def conditioning(of: Spectrum, n: int) -> Float[Tensor, "*replicas d d"] | None:
    """What whitens n standardised samples whose correlation matrix is nearly singular; `None` where none is.

    Along their own coordinates the parts of a score are then large and cancel, as fits that are made one by one do not.
    """
    d = of.vectors.shape[-2]
    if d == 1 or n < SAMPLES_A_DIMENSION * d:
        return None
    shares = of.values / of.values[..., -1:].clamp_min(_RANK)
    singular = ((shares > COLLINEAR) & (shares < SINGULAR)).any(-1)[..., None, None]
    if singular.device.type == "cpu" and not singular.any():  # as with bends, others would have to be waited for
        return None
    return torch.where(singular, of.whitening(), torch.eye(d, dtype=of.values.dtype, device=of.values.device))


def _principal(z: Float[Tensor, "*replicas n d"], count: int) -> Float[Tensor, "*replicas d k"]:
    """From standardised coordinates to principal components of unit variance, from the products of samples."""
    n = z.shape[-2]
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(z @ z.mT))
    values, vectors = values[..., -count:], vectors[..., -count:]
    kept = values > _RANK * values[..., -1:].clamp_min(_RANK)
    scales = torch.where(kept, n**0.5 / values.clamp_min(1e-300), 0.0)
    return z.mT @ vectors * scales[..., None, :]
