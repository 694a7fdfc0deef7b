r"""Correlated Gaussians with everything in closed form: for the task `gaussian`, the conformance kit and the self-test.

x is standard normal in `dx` coordinates; coordinate i of y is :math:`\rho x_i + \sqrt{1 - \rho^2} \, e_i` if x has a
coordinate i, else :math:`e_i`. With :math:`k = \min(d_x, d_y)`, in nats,

.. math:: I(X;Y) = -\frac{k}{2} \log(1 - \rho^2), \qquad \frac{dI}{d\rho} = \frac{k \rho}{1 - \rho^2}

(Wen et al., ICLR 2020, section 4). rho is a tensor `(*replicas)`: every replica has its own.
"""

import math
from typing import Annotated, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench.devices import free_to_ask
from mibench.ranges import Above, Below
from mibench.text import number

_FULL = 0.99999997
"""Little above it, at 1 - 2^-25, a correlation is 1 in single precision, in which samples may be: I is infinite."""
Correlation: TypeAlias = Annotated[float, Above(-_FULL), Below(_FULL)]
"""A parameter that is a correlation of finite I."""


@floats_only
def mutual_information(rho: PerReplica, dx: int, dy: int) -> PerReplica:
    """I(X;Y) in nats.

    Raises:
        TypeError: rho is no tensor.
        ValueError: it lies outside of -1 to 1 (looked at on a CPU alone), or there are fewer dimensions than one.
    """
    _require_gaussian(rho, dx, dy)
    return -min(dx, dy) / 2 * torch.log1p(-(rho**2))


@floats_only
def slope(rho: PerReplica, dx: int, dy: int) -> PerReplica:
    """dI/drho in nats.

    Raises:
        TypeError, ValueError: as `mutual_information`.
    """
    _require_gaussian(rho, dx, dy)
    return min(dx, dy) * rho / (1 - rho**2)


def correlation(nats: float, dx: int, dy: int) -> float:
    """The rho from 0 to below 1 at which I(X;Y) is `nats`.

    Raises:
        ValueError: there is none, or none in single precision (`Correlation`).
    """
    k = min(dx, dy)
    _require_dimensions(dx, dy)
    if not 0 <= nats < math.inf:
        raise ValueError(f"I(X;Y) of 0 nats or more, and finite, is needed, not {nats}")
    rho = math.sqrt(abs(math.expm1(-2 * nats / k)))
    if rho >= _FULL:
        shared = f"{k} dimension{'s' * (k > 1)}"
        raise ValueError(
            f"I(X;Y) of {nats} nats takes correlations of 1 in {shared}: give fewer nats or more dimensions"
        )
    return rho


def _require_gaussian(rho: object, dx: int = 1, dy: int = 1) -> None:
    """Refuses a rho that no Gaussian has, one that is no tensor, and dimensions below 1."""
    if not isinstance(rho, Tensor):
        raise TypeError(f"rho is a tensor of floating point numbers, not {rho!r}: use torch.tensor")
    _require_dimensions(dx, dy)
    if free_to_ask(rho) and (outside := rho.detach().abs() > 1).any():
        raise ValueError(f"rho lies between -1 and 1, not at {number(rho.detach()[outside][0].item())}")


def _require_dimensions(dx: int, dy: int) -> None:
    if min(dx, dy) < 1:
        raise ValueError(f"dx and dy of at least 1 are needed, not {dx} and {dy}")


@floats_only
def correlate(rho: PerReplica, x: SamplesX, noise: SamplesY) -> SamplesY:
    """y from x and eps, differentiable in rho."""
    rho, x = _partners(rho, x, noise.shape[-1])
    return rho * x + (1 - rho**2).sqrt() * noise


@floats_only
def log_ratio(rho: PerReplica, x: SamplesX, y: SamplesY) -> Float[Tensor, "*replicas n"]:
    """log p(x, y) / (p(x) p(y)), the exact critic, in nats."""
    _require_gaussian(rho)
    shared = min(x.shape[-1], y.shape[-1])
    x, y, rho = x[..., :shared], y[..., :shared], rho[..., None]
    exponent = (2 * rho * (x * y).sum(-1) - rho**2 * (x.square() + y.square()).sum(-1)) / (2 * (1 - rho**2))
    return exponent - shared / 2 * torch.log1p(-(rho**2))


@floats_only
def log_ratio_gradient(rho: PerReplica, x: SamplesX, y: SamplesY) -> SamplesY:
    """The gradient of `log_ratio` in y: what a sample contributes to the gradient of I(X;Y)."""
    rho, x = _partners(rho, x, y.shape[-1])
    return (rho * x - rho**2 * y) / (1 - rho**2)


@floats_only
def conditional(rho: PerReplica, x: SamplesX, dy: int) -> Distribution:
    """p(y|x), of batch shape `(*replicas, n)` and event shape `(dy,)`."""
    rho, x = _partners(rho, x, dy)
    mean = rho * x
    return Independent(Normal(mean, (1 - rho**2).sqrt().expand_as(mean)), 1)


def _partners(
    rho: PerReplica, x: SamplesX, dy: int
) -> tuple[Float[Tensor, "*replicas 1 coordinates"], Float[Tensor, "*replicas n dy"]]:
    """For each coordinate of y its correlation with its partner in x, and the partner; zeros where it has none."""
    _require_gaussian(rho)
    rho, shared = rho[..., None, None], min(x.shape[-1], dy)
    if shared == dy:
        return rho, x[..., :dy]
    has_partner = torch.arange(dy, device=x.device) < shared
    return rho * has_partner, torch.nn.functional.pad(x, (0, dy - shared))
