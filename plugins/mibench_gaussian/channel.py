r"""The linear Gaussian channel: a matrix W times x, and noise.

.. math::
    y = W x + \sigma e, \qquad x \sim N(0, S), \qquad
    I(X;Y) = \frac{1}{2} \log \det M, \qquad M = I + \frac{1}{\sigma^2} W S W^\top,

.. math:: \frac{dI}{dW} = \frac{1}{\sigma^2} M^{-1} W S

(Cover & Thomas; gradients in Palomar & Verdu, IEEE T-IT 2006). Closed form; paths are differentiable. A control: second
moments suffice. It has a whole matrix of gradients, in W.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from mibench import gaussians
from mibench.contracts import Conditional
from mibench.families import Draws, Theta
from mibench.ranges import Above, AtLeast
from mibench.specs import CheckedParams
from mibench_gaussian.covariance import GaussianFamily


@dataclass(frozen=True, kw_only=True)
class ChannelParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        sigma: standard deviation of the noise.
        r: correlation of neighbouring coordinates of x, r^k of those k apart.
        draw: which weights: the generator that draws them, from N(0, 1/dx), has this seed.
    """

    dx: Annotated[int, AtLeast(1)] = 5
    dy: Annotated[int, AtLeast(1)] = 5
    sigma: Annotated[float, Above(0)] = 1.0
    r: gaussians.Correlation = 0.0
    draw: int = 0


class Channel(GaussianFamily):
    """A linear channel with Gaussian noise; theta is `sigma`, and `weights` of shape (dy, dx)."""

    Params = ChannelParams
    theta = ("sigma", "weights")

    def at(self, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> dict[str, Tensor]:
        """The cell's sigma, `()`, and weights, `(dy, dx)`."""
        generator = torch.Generator().manual_seed(self.params.draw)
        weights = torch.randn(self.dy, self.dx, dtype=torch.float64, generator=generator) / math.sqrt(self.dx)
        return {
            "sigma": torch.tensor(self.params.sigma, dtype=dtype, device=device),
            "weights": weights.to(dtype=dtype, device=device),
        }

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in sigma and in the weights; x does not move."""
        x = draws.normal(n, self.dx) @ torch.linalg.cholesky(self._input(theta)).mT
        return x, x @ theta["weights"].mT + theta["sigma"][..., None, None] * draws.normal(n, self.dy)

    def covariance(self, theta: Theta) -> Float[Tensor, "*replicas d d"]:
        """Blocks S, S W', W S and W S W' + sigma^2 I."""
        weights, given = theta["weights"], self._input(theta)
        forward = weights @ given
        noise = theta["sigma"].square()[..., None, None] * torch.eye(self.dy).to(weights)
        given = given.expand(*weights.shape[:-2], self.dx, self.dx)
        above, below = torch.cat([given, forward.mT], -1), torch.cat([forward, forward @ weights.mT + noise], -1)
        return torch.cat([above, below], -2)

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x) = N(W x, sigma^2 I)."""

        def given(x: Tensor) -> Distribution:
            mean = x @ theta["weights"].mT
            return Independent(Normal(mean, theta["sigma"][..., None, None].expand_as(mean)), 1)

        return given

    def _input(self, theta: Theta) -> Float[Tensor, "dx dx"]:
        """S, the covariance of x."""
        place = torch.arange(self.dx)
        apart = (place[:, None] - place).abs()
        return torch.tensor(self.params.r, dtype=torch.float64).pow(apart).to(theta["weights"])
