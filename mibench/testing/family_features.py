"""Bounded functions of one side of the pairs. Products of one of x and one of y see how the two depend.

Those of single coordinates see which of them depend, signed and by size, so that scale counts too; those of mixtures
see what no coordinate shows alone, as where one variable is the product of two.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

FEW = 8
"""So many coordinates are looked at one by one; of more, so many sums of every eighth coordinate."""


@dataclass(frozen=True)
class Features:
    """1, tanh z and tanh(|z| - 1), where z are coordinates and as many mixtures of them, each of about unit size.

    Attributes:
        names: of the functions, in order; that of 1 is empty.
        of: the functions of a side `(*replicas, n, d)`: `(*replicas, n, k)`.
    """

    names: list[str]
    of: Callable[[Float[Tensor, "*replicas n d"]], Float[Tensor, "*replicas n k"]]

    @classmethod
    def about(cls, side: str, pilot: Float[Tensor, "n d"]) -> "Features":
        """Those of a side, which has the size of the pilot: pairs that none of the means are taken over."""
        d = pilot.shape[-1]
        names = [f"{side}{i}" if d <= FEW else f"sum {i} of {side}" for i in range(min(d, FEW))]
        mixed = [f"mixture {i} of {side}" for i in range(len(names))] if d > 1 else []
        single = _standard(pilot)
        directions = _directions(d, len(names))[:, : len(names + mixed)]
        mixture = _standard(single(pilot) @ directions)

        def of(values: Tensor) -> Tensor:
            z = mixture(single(values) @ directions)
            return torch.cat([torch.ones_like(z[..., :1]), z.tanh(), (z.abs() - 1).tanh()], -1)

        named = names + mixed
        return cls(["", *(f"tanh {name}" for name in named), *(f"tanh |{name}|" for name in named)], of)


def _directions(d: int, few: int) -> Float[Tensor, "d twice_few"]:
    """The coordinates or their sums, and orthogonal mixtures of all; the same at every call."""
    sums = torch.eye(few, dtype=torch.float64).repeat(-(-d // few), 1)[:d]
    normals = torch.randn(d, few, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.cat([sums, torch.linalg.qr(normals).Q], -1)


def _standard(pilot: Float[Tensor, "n d"]) -> Callable[[Tensor], Tensor]:
    """Takes off the median and divides by the median distance from it, which letters that are nearly all the same lack.

    Neither is moved by heavy tails.
    """
    center = pilot.median(0).values
    size = (pilot - center).abs().median(0).values
    size = torch.where(size > 0, size, 1.0)
    return lambda values: (values - center) / size
