r"""A saturating sensor: y is the tanh of an amplified x, and noise (as in Wadayama & Takabe 2023).

In each of d independent coordinates, with standard normal x and e and the gain g,

.. math::
    y = \tanh(g x) + s e, \qquad i(x, y) = \log N(y; \tanh(g x), s^2) - \log p(y),

.. math::
    p(y) = \int N(y; \tanh(g t), s^2) \, N(t; 0, 1) \, dt, \qquad
    I(X;Y) = d \, \mathbb{E}[i(x, y)], \qquad \frac{dI}{ds} = d \, \big[ s J(Y) - 1 / s \big]

(de Bruijn; J is the Fisher information of a coordinate of y). p(y) and I are integrals over one variable each, by the
trapezoidal rule. Paths are differentiable in s and in the gain, through y. It tells apart: at high gain y piles up at
-1 and 1, and the derivative in the gain turns negative.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, Normal

from mibench.contracts import Conditional
from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import legendre_rule

_REACH = 9.0


@dataclass(frozen=True, kw_only=True)
class FrontEndParams(CheckedParams):
    """One cell.

    Attributes:
        d: independent coordinates of x and of y.
        gain: slope of the sensor at 0.
        s: standard deviation of the noise.
    """

    d: Annotated[int, AtLeast(1)] = 1
    gain: Annotated[float, AtLeast(0), AtMost(100)] = 2.0
    s: Annotated[float, AtLeast(0.02), AtMost(100)] = 0.3


class FrontEnd(QuadratureFamily):
    """A saturating sensor with noise behind it."""

    Params = FrontEndParams
    theta = ("gain", "s")
    null = MappingProxyType({"gain": 0.0})

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in gain and s through y."""
        x, e = draws.normal(2, n, self.params.d).unbind(-3)
        return x, (theta["gain"][..., None, None] * x).tanh() + theta["s"][..., None, None] * e

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        margin = _log_margin(theta["gain"][..., None, None], theta["s"][..., None, None], y, 1)
        return (self._log_noise(theta, x, y) - margin).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a term without theta."""
        return self._log_noise(theta, x, y).sum(-1)

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x) = N(tanh(gain x), s^2 I)."""
        gain, s = theta["gain"][..., None, None], theta["s"][..., None, None]
        return lambda x: Independent(Normal((gain * x).tanh(), s.expand_as(x)), 1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) = h(Y) - h(Y|X)."""
        s = theta["s"]
        reach = 1 + 9 * s.item()
        y = torch.linspace(-reach, reach, math.ceil(8 * fineness * reach / min(s.item(), 1.0)), dtype=torch.float64)
        in_y = _log_margin(theta["gain"], s, y, fineness)
        entropy = -torch.trapezoid(in_y.exp() * in_y, y)
        return self.params.d * (entropy - s.log() - math.log(2 * math.pi * math.e) / 2)

    def _log_noise(self, theta: Theta, x: Tensor, y: Tensor) -> Tensor:
        s = theta["s"][..., None, None]
        residual = (y - (theta["gain"][..., None, None] * x).tanh()) / s
        return -residual.square() / 2 - s.log() - math.log(2 * math.pi) / 2


def _log_margin(gain: Tensor, s: Tensor, y: Tensor, fineness: int) -> Tensor:
    """log p(y), elementwise: an integral over x, with nodes that resolve the noise where the sensor is steep."""
    steepest, quietest = gain.detach().abs().max().item(), s.detach().min().item()
    t, weights = _rule(steepest, quietest, fineness)
    t, log_weights = t.to(y), weights.log().to(y)
    constant = s.log() + math.log(2 * math.pi) / 2
    residuals = (y[..., None] - (gain[..., None] * t).tanh()) / s[..., None]
    return torch.logsumexp(log_weights - residuals.square() / 2, -1) - constant


@lru_cache(maxsize=1000)
def _rule(gain: float, s: float, fineness: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Gauss-Legendre nodes for an expectation over N(0, 1): close together where tanh is steep, wide apart beyond."""
    edge = min(_REACH, 4 / gain) if gain > 0 else _REACH
    steep = math.ceil(fineness * 2 * edge / min(0.25, 0.5 * s / max(gain, 1e-9))) + 10
    panels = [(-edge, edge, steep)]
    if edge < _REACH:
        panels += [(-_REACH, -edge, 40 * fineness), (edge, _REACH, 40 * fineness)]
    nodes, weights = zip(*(legendre_rule(*panel) for panel in panels), strict=True)
    t = torch.cat(nodes)
    weighed = torch.cat(weights) * (-t.square() / 2).exp()
    return t, weighed / weighed.sum()
