r"""Correlated Gaussians with everything in closed form: what the kit holds an estimator against.

x ~ N(0, I_dx); coordinate i of y is `rho x_i + sqrt(1 - rho^2) eps_i` if x has a coordinate i, else eps_i. With
k = min(dx, dy),

    I(X;Y) = -k/2 log(1 - rho^2),    dI/drho = k rho / (1 - rho^2),    both in nats.

rho is a tensor `(*replicas)`: every replica has its own.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal


def mutual_information(rho: Float[Tensor, "*replicas"], dx: int, dy: int) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats."""
    return -min(dx, dy) / 2 * torch.log1p(-(rho**2))


def slope(rho: Float[Tensor, "*replicas"], dx: int, dy: int) -> Float[Tensor, "*replicas"]:
    """dI/drho in nats."""
    return min(dx, dy) * rho / (1 - rho**2)


def correlate(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n dx"], noise: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas n dy"]:
    """y from x and eps, differentiable in rho."""
    c, partner = _coordinates(rho, x, noise.shape[-1])
    return c * partner + (1 - c**2).sqrt() * noise


def log_ratio_gradient(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> Float[Tensor, "*replicas n dy"]:
    """The gradient in y of log p(x, y) / (p(x) p(y)): what a sample contributes to the gradient of I(X;Y)."""
    c, partner = _coordinates(rho, x, y.shape[-1])
    return (c * partner - c**2 * y) / (1 - c**2)


def conditional(rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n dx"], dy: int) -> Distribution:
    """p(y|x), of batch shape `(*replicas, n)` and event shape `(dy,)`."""
    c, partner = _coordinates(rho, x, dy)
    mean = c * partner
    return Independent(Normal(mean, (1 - c**2).sqrt().expand_as(mean)), 1)


def _coordinates(
    rho: Float[Tensor, "*replicas"], x: Float[Tensor, "*replicas n dx"], dy: int
) -> tuple[Float[Tensor, "*replicas 1 dy"], Float[Tensor, "*replicas n dy"]]:
    """For each coordinate of y its correlation with its partner in x, and the partner; zeros where it has none."""
    shared = min(x.shape[-1], dy)
    has_partner = torch.arange(dy, device=x.device) < shared
    partner = torch.nn.functional.pad(x[..., :shared], (0, dy - shared))
    return rho[..., None, None] * has_partner, partner
