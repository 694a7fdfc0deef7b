"""Bends of correlated Gaussians: bijections after which the mutual information is the same and the samples are not.

Smooth bijections of x and of y leave I unchanged and with it dI/drho, but not what an estimator makes of samples; the
bends are those of Poole et al. (ICML 2019: cubic) and of Czyz et al. (NeurIPS 2023: the others), on both x and y.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Bend: TypeAlias = Literal["none", "cubic", "asinh", "sinh", "half-cube", "normal-cdf"]


def cube(z: Tensor) -> Tensor:
    """z^3."""
    return z**3


def half_cube(z: Tensor) -> Tensor:
    """sign(z) |z|^(3/2)."""
    return z.sign() * z.abs().pow(1.5)


BENDS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "none": torch.positive,
        "cubic": cube,
        "asinh": torch.asinh,
        "sinh": torch.sinh,
        "half-cube": half_cube,
        "normal-cdf": torch.special.ndtr,
    }
)


def rotation(d: int, generator: torch.Generator) -> Float[Tensor, "d d"]:
    """An orthogonal matrix, uniformly distributed."""
    q, r = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    return q * r.diagonal().sign()
