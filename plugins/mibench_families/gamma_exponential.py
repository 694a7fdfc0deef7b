r"""Gamma-exponential pairs: x is the rate of the exponential variable y.

In each of d independent coordinates, with a Gamma variable G of shape a (`shape`) and an exponential E of mean 1,

.. math::
    x = \log G, \qquad y = \log(E / G), \qquad
    I(X;Y) = d \, [\psi(a + 1) - \log a], \qquad \frac{dI}{da} = d \, [\psi'(a + 1) - 1 / a]

(Darbellay & Vajda, IEEE T-IT 2000; Kraskov et al., Phys. Rev. E 2004).

Closed form; paths are differentiable, at small shapes too. Samples are logarithms; `bend=exp` undoes that. A plug-in
Gaussian gives too much of the gradient at small shapes and too little at large ones: near 1 it is a control that is not
Gaussian.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from mibench.families import Draws, Family, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class GammaExponentialParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        shape: of the Gamma distribution; the smaller, the stronger the dependence.
    """

    d: Annotated[int, AtLeast(1)] = 1
    shape: Annotated[float, Above(0), AtMost(1e6)] = 1.0


class GammaExponential(Family):
    """Exponential variables whose rate is a Gamma variable, in logarithms."""

    Params = GammaExponentialParams
    theta = ("shape",)

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in the shape."""
        x = draws.log_gamma(theta["shape"], n, self.params.d)
        return x, draws.exponential(n, self.params.d).log() - x

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        shape = theta["shape"][..., None, None]
        return (x - (x + y).exp() - shape.log() + (shape + 1) * softplus(y)).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to terms free of the shape."""
        shape = theta["shape"][..., None, None]
        return ((shape + 1) * x + y - x.exp() - (x + y).exp() - torch.lgamma(shape)).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        shape = theta["shape"]
        return self.params.d * (torch.digamma(shape + 1) - shape.log())
