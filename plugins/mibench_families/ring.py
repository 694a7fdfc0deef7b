r"""A noisy ring: a point on a circle of radius kappa, and noise (Darbellay & Vajda 1999; Kraskov 2004).

With a uniform angle t, standard normal e, the radius r of (x, y), and the Bessel function :math:`I_0`,

.. math::
    (x, y) = \kappa \, (\cos t, \sin t) + e, \qquad
    p(x, y) = \frac{1}{2 \pi} \exp\left( -\frac{(r - \kappa)^2}{2} \right) e^{-\kappa r} I_0(\kappa r),

.. math::
    p(x) = \frac{1}{2 \pi} \int_0^{2 \pi} N(x; \kappa \cos t, 1) \, dt, \qquad
    I(X;Y) = h(X) + h(Y) - h(X, Y),

each entropy an integral over one variable; the mean over t by the trapezoidal rule, which is spectral on a circle. The
derivative in kappa is that of these sums. Paths are differentiable. It tells apart: x and y are uncorrelated, and the
score of the pair bends round.
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
from mibench_families.mathematics import above_zero, legendre_rule
from mibench_families.mixtures import mixture

_NODES = 80


@dataclass(frozen=True, kw_only=True)
class RingParams(CheckedParams):
    """One cell.

    Attributes:
        kappa: radius of the ring, in standard deviations of the noise.
    """

    kappa: Annotated[float, AtLeast(0), AtMost(100)] = 2.0


class Ring(QuadratureFamily):
    """A noisy ring in the plane."""

    Params = RingParams
    theta = ("kappa",)
    null = MappingProxyType({"kappa": 0.0})

    @property
    def dims(self) -> tuple[int, int]:
        """One coordinate each."""
        return 1, 1

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n 1"], Float[Tensor, "*replicas n 1"]]:
        """n pairs, differentiable in kappa through both sides."""
        t = 2 * math.pi * draws.uniform(n, 1)
        in_x, in_y = draws.normal(2, n, 1).unbind(-3)
        kappa = theta["kappa"][..., None, None]
        return kappa * t.cos() + in_x, kappa * t.sin() + in_y

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        kappa = theta["kappa"][..., None]
        margins = _log_margin(kappa, x[..., 0]) + _log_margin(kappa, y[..., 0])
        return self.log_density(theta, x, y) - margins

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y)."""
        return _log_radial(theta["kappa"][..., None], (x.square() + y.square())[..., 0].sqrt())

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x): a mixture of N(kappa sin t, 1) over the angles t, weighed by N(x; kappa cos t, 1)."""
        kappa = theta["kappa"][..., None, None]

        def given(x: Tensor) -> torch.distributions.Distribution:
            t = _angles(kappa)
            means = (kappa * t.sin()).expand(*x.shape[:-1], -1)[..., None]
            return mixture(means, torch.ones_like(means), -(x - kappa * t.cos()).square() / 2)

        return given

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) = 2 h(X) - h(X, Y)."""
        kappa = theta["kappa"]
        reach = kappa.item() + 12.0
        nodes = fineness * (_NODES + math.ceil(4 * reach))
        r, in_r = legendre_rule(max(0.0, kappa.item() - 12.0), reach, nodes)
        x, in_x = legendre_rule(-reach, reach, nodes)
        joint, margin = _log_radial(kappa, r), _log_margin(kappa, x)
        return (in_r * 2 * math.pi * r * joint.exp() * joint).sum() - 2 * (in_x * margin.exp() * margin).sum()


def _angles(kappa: Tensor) -> Float[Tensor, " angles"]:
    """Enough equally spaced angles for the trapezoidal rule to be exact to rounding."""
    largest = float(kappa.detach().abs().max())
    count = 48 + 16 * math.ceil(largest)
    return torch.arange(count, dtype=kappa.dtype, device=kappa.device) * (2 * math.pi / count)


def _log_margin(kappa: Tensor, x: Tensor) -> Tensor:
    """log p(x), elementwise."""
    t = _angles(kappa)
    exponents = -(x[..., None] - kappa[..., None] * t.cos()).square() / 2
    return torch.logsumexp(exponents, -1) - math.log(len(t)) - math.log(2 * math.pi) / 2


def _log_radial(kappa: Tensor, r: Tensor) -> Tensor:
    """log p(x, y) at radius r, elementwise."""
    return -(r - kappa).square() / 2 + torch.special.i0e(above_zero(kappa * r)).log() - math.log(2 * math.pi)
