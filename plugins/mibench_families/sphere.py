r"""Vectors of unit length, as embeddings are: x uniform on a sphere in d dimensions, and y around it.

y has von Mises and Fisher's density around x (Mardia & Jupp 2000, section 9.3), with respect to the uniform one,

.. math::
    p(y | x) = \frac{e^{\kappa x^\top y}}{Z(\kappa)}, \qquad
    Z(\kappa) = \frac{\int_0^\pi e^{\kappa \cos t} \sin^{d - 2} t \; dt}{\int_0^\pi \sin^{d - 2} t \; dt},

and y alone is uniform, so that the log ratio is that of p(y|x) and

.. math::
    I(X;Y) = \kappa m(\kappa) - \log Z(\kappa), \qquad m = \frac{d \log Z}{d \kappa} = \mathbb{E}[x^\top y], \qquad
    \frac{dI}{d\kappa} = \kappa \, m'(\kappa).

Integrals over the angle t are by the rule of Gauss and Legendre. y is drawn by the inverse distribution function of the
angle, whose implicit derivative makes paths differentiable, and a uniform direction across x. It tells apart: neither x
nor y has a density in the d dimensions that an estimator sees, and a score across the sphere does not exist.
"""

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import legendre_rule

_NODES, _ANGLES = 200, 4096


@dataclass(frozen=True, kw_only=True)
class SphereParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimensions of x and of y, at least 2.
        kappa: concentration of y around x.
    """

    d: Annotated[int, AtLeast(2), AtMost(512)] = 3
    kappa: Annotated[float, AtLeast(0), AtMost(1000)] = 5.0


class Sphere(QuadratureFamily):
    """Vectors of unit length with von Mises and Fisher's density around each other."""

    Params = SphereParams
    theta = ("kappa",)
    null = MappingProxyType({"kappa": 0.0})
    singular = ("x", "y")

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (d, d)."""
        return self.params.d, self.params.d

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in kappa through y."""
        x, across = normalize(draws.normal(2, n, self.params.d), dim=-1).unbind(-3)
        angle = self._angle(theta["kappa"], draws.uniform(n))[..., None]
        across = normalize(across - (across * x).sum(-1, keepdim=True) * x, dim=-1)
        return x, angle.cos() * x + angle.sin() * across

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats, that of the directions of x and y."""
        kappa = theta["kappa"][..., None]
        cosine = (normalize(x, dim=-1) * normalize(y, dim=-1)).sum(-1)
        return kappa * cosine - self._log_mean(kappa, _NODES)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) = kappa m - log Z."""
        kappa = theta["kappa"]
        t, weights = self._rule(kappa, fineness * _NODES)
        shares = (kappa * t.cos() + weights).softmax(-1)
        return kappa * (shares * t.cos()).sum(-1) - self._log_mean(kappa, fineness * _NODES)

    def _rule(self, kappa: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
        """Angles and the logarithms of weights for the uniform mean over the sphere, which sum to 1."""
        t, weights = (part.to(kappa) for part in legendre_rule(0.0, math.pi, nodes))
        return t, (weights.log() + (self.params.d - 2) * t.sin().log()).log_softmax(-1)

    def _log_mean(self, kappa: Tensor, nodes: int) -> Tensor:
        """log Z, elementwise."""
        t, weights = self._rule(kappa, nodes)
        return (kappa[..., None] * t.cos() + weights).logsumexp(-1)

    def _angle(self, kappa: Float[Tensor, "*replicas"], level: Float[Tensor, "*replicas n"]) -> Tensor:
        """Between x and y, where the distribution function has this level; differentiable in kappa."""
        t = torch.linspace(0, math.pi, _ANGLES, dtype=torch.float64, device=level.device)
        area = torch.special.xlogy(self.params.d - 2, t.sin().clamp_min(0))
        density = (kappa.double()[..., None] * t.cos() + area).softmax(-1)
        cells = density[..., 1:] + density[..., :-1]
        function = torch.nn.functional.pad((cells / cells.sum(-1, keepdim=True)).cumsum(-1), (1, 0))
        wanted = level.double()
        place = torch.searchsorted(function.detach(), wanted, right=True).clamp(1, _ANGLES - 1)
        low, high = function.gather(-1, place - 1), function.gather(-1, place)
        share = ((wanted - low) / (high - low)).detach()
        reached = low.lerp(high, share)
        implicit = (reached - reached.detach()) / (high - low).detach()
        return ((place - 1 + share - implicit) * t[1]).to(level.dtype)
