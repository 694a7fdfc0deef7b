r"""Bends of single coordinates towards a normal density, whatever shape they have: through quantiles.

Knots are the sample quantiles at :math:`\Phi(z_k)`, z_k evenly spaced. Between them a monotone cubic goes through
:math:`(q_k, z_k)` (Fritsch & Butland 1984), beyond the outermost a straight line. The map is a bijection with a
continuous slope, so that information stays what it was, and where the dependence is a Gaussian copula the bent block is
nearly Gaussian, whatever its margins.
"""

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

KNOTS, OUTERMOST = 9, 2.0
"""How many, and where the last is, in standard deviations of a normal density."""
GAIN, WORTH = 0.02, float(KNOTS)
"""What a bend must gain in log likelihood under a normal density, in nats a sample, and in the whole batch on top."""
_APART = 1e-6
"""How far knots are apart, in standard deviations: where they are nearer, a value occurs many times."""


class Quantiles(NamedTuple):
    """The bends of a block's coordinates.

    Attributes:
        knots: q, `(*replicas, d, K)`.
        slopes: dt/dy at them, the same shape.
        bent: which coordinates, `(*replicas, 1, d)`; the others stay as they are.
    """

    knots: Float[Tensor, "*replicas d K"]
    slopes: Float[Tensor, "*replicas d K"]
    bent: Bool[Tensor, "*replicas 1 d"]

    def bend(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """t."""
        place, width, before, after, heights = self._pieces(y)
        inside = place.clamp(0, 1)
        low, high = heights
        cubic = (
            low
            + (high - low) * inside.square() * (3 - 2 * inside)
            + width * inside * (1 - inside) * (before * (1 - inside) - after * inside)
        )
        beyond = width * (before * place.clamp_max(0) + after * (place - 1).clamp_min(0))
        return torch.where(self.bent, (cubic + beyond).mT, y)

    def slope(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """dt/dy."""
        place, width, before, after, (low, high) = self._pieces(y)
        s = place.clamp(0, 1)
        middle = 6 * s * (1 - s) * (high - low) / width
        return torch.where(self.bent, (middle + (1 - s) * (1 - 3 * s) * before + s * (3 * s - 2) * after).mT, 1.0)

    def log_slope_gradient(self, y: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """d log(dt/dy) / dy."""
        place, width, before, after, (low, high) = self._pieces(y)
        inside = (place >= 0) & (place <= 1)
        second = (6 - 12 * place) * (high - low) / width + (6 * place - 4) * before + (6 * place - 2) * after
        curvature = torch.where(inside, second / width, 0.0).mT
        return torch.where(self.bent, curvature / self.slope(y), 0.0)

    def but(self, which: Bool[Tensor, "*replicas 1 1"]) -> "Quantiles":
        """The same without bends in some replicas."""
        return self._replace(bent=self.bent & ~which)

    def _pieces(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Where each sample is in its piece, from 0 to 1, and the piece's width, slopes and heights at both ends.

        `(*replicas, d, n)` each.
        """
        own = y.mT.contiguous()
        piece = torch.searchsorted(self.knots, own).clamp(1, self.knots.shape[-1] - 1) - 1
        start, end = (self.knots.gather(-1, piece + k) for k in (0, 1))
        before, after = (self.slopes.gather(-1, piece + k) for k in (0, 1))
        levels = _levels(y.dtype, y.device)
        width = end - start
        return (own - start) / width, width, before, after, (levels[piece], levels[piece + 1])


def quantiles(y: Float[Tensor, "*replicas n d"]) -> Quantiles:
    """The bends of those coordinates that gain clearly by one."""
    n = y.shape[-2]
    levels = _levels(y.dtype, y.device)
    ordered, places = y.mT.sort(-1).values, torch.special.ndtr(levels) * n - 0.5
    below = places.floor().clamp(0, n - 2).long()
    knots = torch.lerp(ordered[..., below], ordered[..., below + 1], (places - below).clamp(0, 1)).contiguous()
    widths = knots.diff(dim=-1)
    apart = (widths > _APART * ordered.std(-1, keepdim=True)).all(-1)[..., None, :]
    evenly = torch.linspace(0, 1, KNOTS, dtype=y.dtype, device=y.device)
    knots = torch.where(apart.mT, knots, evenly)
    every = Quantiles(knots, _slopes(knots, levels), apart)
    straight, bent = (block.std(-2, keepdim=True).clamp_min(1e-300).log() for block in (y, every.bend(y)))
    gain = straight - bent + every.slope(y).log().mean(-2, keepdim=True)
    return every._replace(bent=apart & (gain > GAIN + WORTH / n))


def _slopes(knots: Float[Tensor, "*any K"], levels: Float[Tensor, " K"]) -> Float[Tensor, "*any K"]:
    """Between two pieces a weighted harmonic mean of theirs, at the ends that of the last piece."""
    widths = knots.diff(dim=-1)
    rises = levels.diff() / widths
    left, right = 2 * widths[..., 1:] + widths[..., :-1], widths[..., 1:] + 2 * widths[..., :-1]
    middle = (left + right) / (left / rises[..., :-1] + right / rises[..., 1:])
    return torch.cat([rises[..., :1], middle, rises[..., -1:]], -1)


@cache  # copying them again would wait for a GPU
def _levels(dtype: torch.dtype, device: torch.device) -> Float[Tensor, " K"]:
    return torch.linspace(-OUTERMOST, OUTERMOST, KNOTS, dtype=dtype, device=device)
