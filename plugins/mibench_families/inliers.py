r"""Correlated pairs among independent ones: a share alpha of the pairs is shuffled (Czyz et al. 2023).

.. math::
    p(x, y) = (1 - \alpha) \, N(x, y; S) + \alpha \, N(x; S_{xx}) \, N(y; S_{yy}), \qquad
    i(x, y) = \log\big( (1 - \alpha) R + \alpha \big),

R the density ratio of the Gaussian. K coordinate pairs have the correlation
:math:`\rho = \mathrm{strength}^2 / (1 + \mathrm{strength}^2)`, further coordinates are noise.

:math:`\log R` is :math:`-\frac{K}{2} \log(1 - \rho^2)` plus a difference of two chi-square variables with K degrees of
freedom, scaled by :math:`\rho / 2` each where pairs are correlated, by :math:`\rho / (2 + 2 \rho)` and
:math:`\rho / (2 - 2 \rho)` where they are not; I(X;Y) is an integral over the two. Deterministic quadrature, which
gives the derivatives too. Paths are differentiable in the strength; alpha weighs a mixture, and no path moves with it.
It tells apart: the log ratio is never below :math:`\log \alpha`, so that pairs that are unlikely when correlated hardly
move it; that of a Gaussian falls without an end.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import Above, AtLeast, AtMost, Below
from mibench.specs import CheckedParams
from mibench_families.mathematics import log_chi_square_rule

_NODES = 200


@dataclass(frozen=True, kw_only=True)
class InliersParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        pairs: how many coordinates are correlated.
        strength: of the pairs' common part; their correlation is strength^2 / (1 + strength^2).
        alpha: the share of samples in which x and y are independent.
    """

    dx: Annotated[int, AtLeast(1)] = 3
    dy: Annotated[int, AtLeast(1)] = 3
    pairs: Annotated[int, AtLeast(1)] = 2
    strength: Annotated[float, AtLeast(0), AtMost(100)] = 2.0
    alpha: Annotated[float, Above(0), Below(1)] = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pairs > min(self.dx, self.dy):
            raise ValueError(f"pairs is at most min(dx, dy) = {min(self.dx, self.dy)}, not {self.pairs}")


class Inliers(QuadratureFamily):
    """Correlated pairs among independent ones."""

    Params = InliersParams
    theta = ("strength", "alpha")
    null = MappingProxyType({"strength": 0.0, "alpha": 1.0})
    adversarial = ("alpha",)

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy)."""
        return self.params.dx, self.params.dy

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in the strength through y."""
        (dx, dy), k = self.dims, self.params.pairs
        x, e = draws.normal(n, dx), draws.normal(n, dy)
        shuffled = draws.uniform(n, 1) < theta["alpha"][..., None, None]
        rho = _correlation(theta)[..., None, None]
        paired = torch.where(shuffled, e[..., :k], rho * x[..., :k] + (1 - rho**2).sqrt() * e[..., :k])
        return x, torch.cat([paired, e[..., k:]], -1)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        k, rho = self.params.pairs, _correlation(theta)[..., None]
        x, y = x[..., :k], y[..., :k]
        squares = (x.square() + y.square()).sum(-1)
        gaussian = (rho * (x * y).sum(-1) - rho**2 * squares / 2) / (1 - rho**2) - k / 2 * torch.log1p(-(rho**2))
        return _mixed(theta["alpha"][..., None], gaussian)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        return self.log_ratio(theta, x, y) - (x.square().sum(-1) + y.square().sum(-1)) / 2

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y): the mean of the log ratio in each part of the mixture."""
        alpha, rho, k = theta["alpha"], _correlation(theta), self.params.pairs
        squares, weights = log_chi_square_rule(k, _NODES * fineness)
        plus, minus, weights = squares[:, None], squares, weights[:, None] * weights
        volume = -k / 2 * torch.log1p(-(rho**2))
        paired = _mixed(alpha, volume + rho / 2 * (plus - minus))
        shuffled = _mixed(alpha, volume + rho / 2 * (plus / (1 + rho) - minus / (1 - rho)))
        return (weights * ((1 - alpha) * paired + alpha * shuffled)).sum()


def _correlation(theta: Theta) -> Tensor:
    square = theta["strength"].square()
    return square / (1 + square)


def _mixed(alpha: Tensor, gaussian: Tensor) -> Tensor:
    """log((1 - alpha) R + alpha)."""
    return torch.logaddexp(torch.log1p(-alpha) + gaussian, alpha.log().expand_as(gaussian))
