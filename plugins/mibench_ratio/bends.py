r"""Bends of single coordinates: bijections, each with its slope.

A coordinate z with heavy tails is bent, :math:`t = \mathrm{asinh}(a z) / a`, where that gains likelihood under a normal
density. Other shapes have bends through quantiles (`mibench_ratio.quantiles`).
"""

import math
from functools import cache
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench_ratio.quantiles import Quantiles

STEEPNESS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
GAIN, GAIN_OF_ONE = 0.05, 4.0
"""What a bend must gain in log likelihood, in nats a sample, and what it must gain in the whole batch on top."""
TIES = 0.05
"""Up to which share of samples may sit on the median: the density of a discrete variable says nothing."""


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

    def but(self, which: Bool[Tensor, "*replicas 1 1"]) -> "Tails":
        """The same without bends in some replicas."""
        return self._replace(steepness=torch.where(which, 0.0, self.steepness))

    def _steep(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(self.bent, self.steepness, 1.0), (y - self.centre) / self.scale


class Both(NamedTuple):
    """One bend after another."""

    first: "Bend"
    second: "Bend"

    def bend(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """t."""
        return self.second.bend(self.first.bend(y))

    def slope(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """dt/dy."""
        return self.first.slope(y) * self.second.slope(self.first.bend(y))

    def log_slope_gradient(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """d log(dt/dy) / dy."""
        of_second = self.second.log_slope_gradient(self.first.bend(y))
        return self.first.log_slope_gradient(y) + self.first.slope(y) * of_second

    @property
    def bent(self) -> Bool[Tensor, "*replicas 1 d"]:
        """Which coordinates."""
        return self.first.bent | self.second.bent

    def but(self, which: Bool[Tensor, "*replicas 1 1"]) -> "Both":
        """The same without bends in some replicas."""
        return Both(self.first.but(which), self.second.but(which))


Bend: TypeAlias = Tails | Quantiles | Both
"""A bijection of each coordinate of a block by itself."""


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
