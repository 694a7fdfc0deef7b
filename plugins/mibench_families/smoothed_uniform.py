r"""A uniform signal with uniform noise: y = s x + u, in each of d independent coordinates.

x and u are uniform between 0 and 1, and

.. math::
    I(X;Y) = \begin{cases} d \, [\log s + 1 / (2 s)] & s > 1 \\ d s / 2 & s \le 1, \end{cases} \qquad
    \frac{dI}{ds} = \begin{cases} d \, [1 / s - 1 / (2 s^2)] & s > 1 \\ d / 2 & s \le 1 \end{cases}

(additive noise of Czyz et al., NeurIPS 2023, with :math:`s = 1 / (2 \epsilon)`). Closed form; paths are differentiable
in this gauge alone: noise keeps its width, and the map from (x, u) to (x, y) keeps volume, so that all of the gradient
is in p(y). That of log p(y) grows like 1/distance at the far edge: what a pair contributes to dI/ds has an infinite
variance, if just so (its integral diverges as a logarithm does), and a median over seeds is safer than a mean.
`uniform-noise` is the same family with noise of changing width.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class SmoothedUniformParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        s: width of the signal, in units of that of the noise.
    """

    d: Annotated[int, AtLeast(1)] = 1
    s: Annotated[float, Above(0), AtMost(1e6)] = 2.0


class SmoothedUniform(Family):
    """A uniform signal of width `s` with uniform noise of width 1."""

    Params = SmoothedUniformParams
    theta = ("s",)
    null = MappingProxyType({"s": 0.0})
    edges = True

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in s."""
        x, noise = draws.uniform(2, n, self.params.d).unbind(-3)
        return x, theta["s"][..., None, None] * x + noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats; -infinity where y - s x is no noise."""
        s = theta["s"][..., None, None]
        return trapezium_log_ratio(s, y, y - s * x).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return self.params.d * uniform_information(theta["s"])


def trapezium_log_ratio(s: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """-log p(y) for y = s x + noise, coordinate by coordinate, and -infinity where the noise is not in [0, 1].

    p(y) is the smallest of y/s, 1, 1/s and (1 + s - y)/s: a trapezium.
    """
    inside = (noise >= 0) & (noise <= 1)
    ramp = torch.minimum(torch.minimum(y, 1 + s - y) / s.clamp(max=1), torch.ones_like(y))
    ratio = s.clamp(min=1).log() - torch.where(inside, ramp.clamp(min=torch.finfo(y.dtype).tiny), 1.0).log()
    return torch.where(inside, ratio, -torch.inf)


def uniform_information(s: Tensor) -> Tensor:
    """I(X;Y) in nats for a signal s times as wide as the noise."""
    wide = s > 1
    return torch.where(wide, s.clamp(min=1).log() + 1 / (2 * torch.where(wide, s, 1.0)), s / 2)
