r"""Bijections of x and of y, by name: I(X;Y) and its gradient stay, what an estimator sees of the pairs does not.

They are those of Poole et al. (ICML 2019: cubic) and Czyz et al. (NeurIPS 2023: normal-cdf, half-cube, asinh, wiggly,
bimodal, spiral, spiral of normal-cdf), and sinh, exp and a swirl. Where a pair contributes to the gradient
:math:`\nabla i^\top dz / d\theta`, the Jacobian J of a bend turns it into
:math:`(J^{-\top} \nabla i)^\top (J \, dz / d\theta)`: the same number.

Heavy tails reach where a bend overflows: `exp` and `sinh` beyond 88 in single precision, and `bimodal` beyond 37 in any
(there its derivative is lost first). A trial with such a sample may diverge, whatever its estimator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Map = Callable[[Tensor], Tensor]
"""From `(*replicas, n, d)` to the same shape, one sample by itself."""


@dataclass(frozen=True)
class Bend:
    """A bijection of x and one of y.

    Attributes:
        x: the map of x.
        y: the map of y.
        dims: the smallest (dx, dy) that they are made for.
    """

    x: Map
    y: Map
    dims: tuple[int, int] = (1, 1)


def cube(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """z^3."""
    return z**3


def half_cube(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """sign(z) |z|^(3/2)."""
    return z.sign() * z.abs().pow(1.5)


def wiggle_x(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """z + 0.4 sin z + 0.2 sin(1.7 z + 1) + 0.03 sin(3.3 z - 2.5)."""
    return z + 0.4 * z.sin() + 0.2 * (1.7 * z + 1).sin() + 0.03 * (3.3 * z - 2.5).sin()


def wiggle_y(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """z - 0.4 sin 0.4 z + 0.17 sin(1.3 z + 3.5) + 0.02 sin(4.3 z - 2.5)."""
    return z - 0.4 * (0.4 * z).sin() + 0.17 * (1.3 * z + 3.5).sin() + 0.02 * (4.3 * z - 2.5).sin()


def split_x(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """F^-1(Phi(z)) for F = 0.3 N(0, 1) + 0.7 N(5, 1): two modes of a standard normal."""
    return _quantile(z, (0.3, 0.7), (0.0, 5.0))


def split_y(z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """F^-1(Phi(z)) for F = 0.5 N(-1, 1) + 0.5 N(3, 1)."""
    return _quantile(z, (0.5, 0.5), (-1.0, 3.0))


def rotate_plane(
    z: Float[Tensor, "*batch d"], plane: tuple[int, int], angle: Float[Tensor, "*batch"]
) -> Float[Tensor, "*batch d"]:
    """Turns every sample in one coordinate plane by an angle of its own."""
    first, second = plane
    columns = list(z.unbind(-1))
    c, s = angle.cos(), angle.sin()
    columns[first], columns[second] = (
        c * z[..., first] - s * z[..., second],
        s * z[..., first] + c * z[..., second],
    )
    return torch.stack(columns, -1)


def spiral_x(z: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Turned in the first plane by |z|^2 / d."""
    return rotate_plane(z, (0, 1), z.square().mean(-1))


def spiral_y(z: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Turned in the second plane, of coordinates 1 and 2, by |z|^2 / d."""
    return rotate_plane(z, (1, 2), z.square().mean(-1))


def swirl(z: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
    """Turned in the planes (0, 1), (2, 3), ..., then in (1, 2), (3, 4), ..., by 3 exp(-r^2 / 2) at radius r."""
    return _swirl_from(_swirl_from(z, 0), 1)


def _swirl_from(z: Tensor, start: int) -> Tensor:
    end = start + (z.shape[-1] - start) // 2 * 2
    first, second = z[..., start:end:2], z[..., start + 1 : end : 2]
    angle = 3 * torch.exp(-(first.square() + second.square()) / 2)
    c, s = angle.cos(), angle.sin()
    turned = torch.stack([c * first - s * second, s * first + c * second], -1).flatten(-2)
    return torch.cat([z[..., :start], turned, z[..., end:]], -1)


def _quantile(z: Tensor, weights: tuple[float, ...], means: tuple[float, ...]) -> Tensor:
    """F^-1(Phi(z)) for a mixture F of unit normals: bisection, Newton's method, and one step that carries the gradient.

    The step from a fixed t is t - (F(t) - Phi(z)) / f(t), whose derivative is Phi'(z) / f(t). Beyond the median the
    equation is solved for 1 - F, so that no digits are lost in the upper tail.
    """
    exact = z.double()
    side = torch.where(exact.detach() > 0, -1.0, 1.0)

    def beyond(t: Tensor) -> Tensor:
        terms = [w * torch.special.ndtr(side * (t - m)) for w, m in zip(weights, means, strict=True)]
        return torch.stack(terms).sum(0)

    def density(t: Tensor) -> Tensor:
        terms = [w * torch.exp(-((t - m) ** 2) / 2) for w, m in zip(weights, means, strict=True)]
        return torch.stack(terms).sum(0) / (2 * torch.pi) ** 0.5

    with torch.no_grad():
        low, high, target = exact + min(means), exact + max(means), torch.special.ndtr(side * exact)
        for _ in range(16):
            middle = (low + high) / 2
            above = side * (beyond(middle) - target) > 0
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        t = (low + high) / 2
        for _ in range(3):
            t = t - side * (beyond(t) - target) / density(t)
    step = side * (beyond(t) - torch.special.ndtr(side * exact)) / density(t)
    return (t - step).to(z.dtype)


BendName: TypeAlias = Literal[
    "none",
    "cubic",
    "asinh",
    "sinh",
    "exp",
    "half-cube",
    "normal-cdf",
    "wiggly",
    "bimodal",
    "spiral",
    "spiral-cdf",
    "swirl",
]
"""What a bend may be called in a cell: every name in `BENDS`."""

BENDS: Mapping[str, Bend] = MappingProxyType(
    {
        "none": Bend(torch.positive, torch.positive),
        "cubic": Bend(cube, cube),
        "asinh": Bend(torch.asinh, torch.asinh),
        "sinh": Bend(torch.sinh, torch.sinh),
        "exp": Bend(torch.exp, torch.exp),
        "half-cube": Bend(half_cube, half_cube),
        "normal-cdf": Bend(torch.special.ndtr, torch.special.ndtr),
        "wiggly": Bend(wiggle_x, wiggle_y),
        "bimodal": Bend(split_x, split_y),
        "spiral": Bend(spiral_x, spiral_y, (2, 3)),
        "spiral-cdf": Bend(
            lambda z: spiral_x(torch.special.ndtr(z)), lambda z: spiral_y(torch.special.ndtr(z)), (2, 3)
        ),
        "swirl": Bend(swirl, swirl, (2, 2)),
    }
)
"""Every bend by its name."""
