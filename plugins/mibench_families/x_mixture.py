r"""The X: a pair that is correlated one way or the other, half of the time each, so that it is not correlated at all.

In each of d independent coordinates, with a fair sign, standard normal x and e, and :math:`q = 1 - r^2`,

.. math::
    y = \pm r x + \sqrt{q} \, e, \qquad
    i(x, y) = -\frac{1}{2} \log q - \frac{r^2 (x^2 + y^2)}{2 q} + \log \cosh \frac{r x y}{q},

.. math::
    I(X;Y) = d \, \Big[ -\frac{1}{2} \log q - \frac{r^2}{q} - \log 2
    + \frac{\sqrt{q}}{\pi} \int_0^\infty 2 \cosh(r u) \, K_0(u) \log(2 \cosh(r u)) \, du \Big]

(Czyz et al., On the Properties and Estimation of Pointwise Mutual Information Profiles, 2023: X at d = 1, r = .9), the
integral over :math:`u = \left| x y \right| / q`, whose density has the Bessel function :math:`K_0`. Deterministic
quadrature, which gives dI/dr too; paths are differentiable. It tells apart: second moments see nothing of it.
"""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Conditional
from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import log_cosh
from mibench_families.mixtures import coordinatewise_mixture

_NODES = 200


@dataclass(frozen=True, kw_only=True)
class XMixtureParams(CheckedParams):
    """One cell.

    Attributes:
        d: independent coordinates of x and of y.
        r: size of the correlation.
    """

    d: Annotated[int, AtLeast(1)] = 1
    r: Annotated[float, AtLeast(-0.9999), AtMost(0.9999)] = 0.9


class XMixture(QuadratureFamily):
    """The X of Czyz et al., in d independent coordinates."""

    Params = XMixtureParams
    theta = ("r",)
    null = MappingProxyType({"r": 0.0})

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in r through y."""
        x, noise = draws.normal(2, n, self.params.d).unbind(-3)
        sign = 2 * draws.integers(2, n, self.params.d) - 1
        r = theta["r"][..., None, None]
        return x, sign * r * x + (1 - r**2).sqrt() * noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        r = theta["r"][..., None, None]
        q = 1 - r**2
        contributions = log_cosh(r * x * y / q) - r**2 * (x.square() + y.square()) / (2 * q) - q.log() / 2
        return contributions.sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        return self.log_ratio(theta, x, y) - (x.square().sum(-1) + y.square().sum(-1)) / 2

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x): N(r x, 1 - r^2) or N(-r x, 1 - r^2) in every coordinate."""
        r = theta["r"][..., None, None]
        return lambda x: coordinatewise_mixture([r * x, -r * x], (1 - r**2).sqrt())

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) by a double exponential rule, u = exp(pi/2 sinh t)."""
        r = theta["r"]
        q = 1 - r**2
        t = torch.linspace(-4.5, 4.5, _NODES * fineness, dtype=torch.float64)
        u = (math.pi / 2 * t.sinh()).exp()
        weights = u * math.pi / 2 * t.cosh() * (t[1] - t[0])
        grow = log_cosh(r * u) + math.log(2)
        density = torch.special.scaled_modified_bessel_k0(u) * (grow - u).exp()
        return self.params.d * (
            -q.log() / 2 - r**2 / q - math.log(2) + q.sqrt() / math.pi * (weights * density * grow).sum()
        )
