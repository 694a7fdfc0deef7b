r"""The correlated Gaussian family, and bent copies of it with the same mutual information.

x, eps ~ N(0, I_d) and y = rho x + sqrt(1 - rho^2) eps, so that corr(x_i, y_j) = rho delta_ij and

    I(X;Y) = -d/2 log(1 - rho^2),    dI/drho = rho d / (1 - rho^2)    (Wen et al., ICLR 2020, section 4).

Smooth bijections of x and of y leave I unchanged and with it dI/drho, but not what an estimator makes of samples; the
bends are those of Poole et al. (ICML 2019: cubic) and of Czyz et al. (NeurIPS 2023: the others), on both x and y.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

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


def mutual_information(d: int, rho: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """I(X;Y) in nats: -d/2 log(1 - rho^2)."""
    return -d / 2 * torch.log1p(-(rho**2))


def mutual_information_gradient(d: int, rho: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """dI/drho in nats: rho d / (1 - rho^2)."""
    return rho * d / (1 - rho**2)


def correlation(d: int, nats: float) -> float:
    """The positive rho at which I(X;Y) is `nats`."""
    return math.sqrt(-math.expm1(-2 * nats / d))


def correlate(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"], noise: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """y = rho x + sqrt(1 - rho^2) eps, differentiable in rho."""
    rho = rho[..., None, None]
    return rho * x + (1 - rho**2).sqrt() * noise


def log_ratio(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n"]:
    """log p(x, y) / (p(x) p(y)), the exact critic, in nats."""
    rho = rho[..., None]
    exponent = (2 * rho * (x * y).sum(-1) - rho**2 * (x.square() + y.square()).sum(-1)) / (2 * (1 - rho**2))
    return exponent - x.shape[-1] / 2 * torch.log1p(-(rho**2))


def log_ratio_gradient(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
) -> Float[Tensor, "*replicas n d"]:
    """The gradient of `log_ratio` in y: what a sample contributes to the gradient of I(X;Y)."""
    rho = rho[..., None, None]
    return (rho * x - rho**2 * y) / (1 - rho**2)


def conditional(rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n d"]) -> Distribution:
    """p(y|x) = N(rho x, (1 - rho^2) I), unbent."""
    rho = rho[..., None, None]
    return Independent(Normal(rho * x, (1 - rho**2).sqrt().expand_as(x)), 1)


def rotation(d: int, generator: torch.Generator) -> Float[Tensor, "d d"]:
    """An orthogonal matrix, uniformly distributed."""
    q, r = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))
    return q * r.diagonal().sign()
