r"""Exponential variables with exponential noise: y = x + s e, in each of d independent coordinates.

x and e are exponential variables of mean 1, :math:`\gamma = 0.5772...` is Euler's constant, and

.. math::
    I(X;Y) = d \, \big[ \gamma + \psi(w) - \log w - \min(\log s, 0) \big], \qquad
    w = \begin{cases} s / (s - 1) & s > 1 \\ 1 / (1 - s) & s < 1, \end{cases}

.. math::
    \frac{dI}{ds} = \begin{cases}
    -d \, [\psi'(w) - 1 / w] / (s - 1)^2 & s > 1 \\
    d \, [\psi'(w) - 1 / w] / (1 - s)^2 - d / s & s < 1
    \end{cases}

(the entropy of a hypoexponential variable; at s = 2 the ordered Weinman exponential of Darbellay & Vajda, IEEE T-IT
2000, and Kraskov et al., Phys. Rev. E 2004). The singularity at s = 1 is removable.

Closed form; paths are differentiable: the edge y = x does not move with s. Skewed, with a correlation that misleads: a
plug-in Gaussian gives too much of the gradient where s is small, and far too little where it is large.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams

SERIES = (-1 / 2, -1 / 12, 0.0, 1 / 120, 0.0, -1 / 252, 0.0, 1 / 240, 0.0, -1 / 132)
"""psi(1/v) + log v = sum of SERIES[k] v^(k+1), asymptotically for small v."""


@dataclass(frozen=True, kw_only=True)
class ExponentialNoiseParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        s: mean of the noise, in units of that of x.
    """

    d: Annotated[int, AtLeast(1)] = 1
    s: Annotated[float, Above(0), AtMost(1e6)] = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.s == 1:
            raise ValueError("s = 1 is a removable singularity of the closed form: take s=1.001, say")


class ExponentialNoise(Family):
    """Exponential variables with exponential noise of mean `s`."""

    Params = ExponentialNoiseParams
    theta = ("s",)
    edges = True

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in s."""
        x, noise = draws.exponential(2, n, self.params.d).unbind(-3)
        return x, x + theta["s"][..., None, None] * noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats; -infinity where y < x."""
        s = theta["s"][..., None, None]
        margin = y.log() - y + _log_mean_exponential((1 / s - 1) * y)
        ratio = -(y - x) / s - margin
        return torch.where(y >= x, ratio, -torch.inf).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to terms free of s; of pairs with y >= x."""
        s = theta["s"][..., None, None]
        return (-(y - x) / s - s.log()).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats, at s = 1 too."""
        s = theta["s"]
        v = torch.where(s > 1, 1 - 1 / s, 1 - s)
        near = v < 0.02
        apart, close = torch.where(near, 0.5, v), torch.where(near, v, 0.0)
        series = sum(coefficient * close ** (k + 1) for k, coefficient in enumerate(SERIES))
        difference = torch.where(near, series, torch.digamma(1 / apart) + apart.log())
        return self.params.d * (np.euler_gamma + difference - torch.where(s > 1, 0.0, s.log()))


def _log_mean_exponential(u: Tensor) -> Tensor:
    """log (1 - exp(-u)) / u, of either sign of u, and 0 at u = 0."""
    size = u.abs()
    near = size < 1e-3
    apart, close = torch.where(near, 1.0, size), torch.where(near, size, 0.0)
    series = -close / 2 + close.square() / 24
    return torch.where(near, series, (-torch.expm1(-apart)).log() - apart.log()) + (-u).clamp(min=0)
