r"""A letter that is drawn again with probability q: x and y are letters of an alphabet of m, in each of d coordinates.

With :math:`s = 1 - q (1 - 1 / m)` the probability that y = x,

.. math::
    I(X;Y) = d \, \Big[ \log m + s \log s + (1 - s) \log \frac{q}{m} \Big], \qquad
    \frac{dI}{dq} = -d \, \Big( 1 - \frac{1}{m} \Big) \log \frac{s m}{q}.

At m = 2 a binary symmetric channel that flips with probability q/2. Closed form. Adversarial: q acts on a discrete
variable, and no path carries it; the likelihood ratio does.
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
class SymmetricChannelParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        m: how many letters there are.
        q: probability that a letter is drawn again.
    """

    d: Annotated[int, AtLeast(1)] = 1
    m: Annotated[int, AtLeast(2)] = 2
    q: Annotated[float, Above(0), AtMost(1)] = 0.2


class SymmetricChannel(Family):
    """Letters that are drawn again with probability `q`."""

    Params = SymmetricChannelParams
    theta = ("q",)
    null = MappingProxyType({"q": 1.0})
    adversarial = ("q",)
    discrete = ("x", "y")

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs of letters 0, ..., m - 1."""
        redrawn = draws.uniform(n, self.params.d) < theta["q"][..., None, None]
        x, other = draws.integers(self.params.m, 2, n, self.params.d).to(draws.dtype).unbind(-3)
        return x, torch.where(redrawn, other, x)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats: log(m s) where y = x, log q elsewhere."""
        q, m = theta["q"][..., None, None], self.params.m
        return torch.where(x == y, (m - q * (m - 1)).log(), q.log()).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant: both margins are uniform."""
        return self.log_ratio(theta, x, y)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        q, m = theta["q"], self.params.m
        same = 1 - q * (1 - 1 / m)
        return self.params.d * (same * (m * same).log() + (1 - same) * q.log())
