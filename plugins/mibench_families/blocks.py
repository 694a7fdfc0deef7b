r"""A label that x and y both show: with probability p both lie in [0, 1]^d, else both in [1, 2]^d, uniformly.

.. math::
    I(X;Y) = -p \log p - (1 - p) \log(1 - p), \qquad
    \frac{dI}{dp} = -\log \frac{p}{1 - p}

Closed form. Adversarial: p weighs a mixture, and no pair moves with it; dI/dp is
:math:`\mathbb{E}[i \, d \log p / dp]` alone. For small p it is the rare event that an estimator of the value has to
notice.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import Above, AtLeast, Below
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class BlocksParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y.
        p: probability of the first block.
    """

    d: Annotated[int, AtLeast(1)] = 1
    p: Annotated[float, Above(0), Below(1)] = 0.1


class Blocks(Family):
    """Two blocks on the diagonal, the first of probability `p`."""

    Params = BlocksParams
    theta = ("p",)
    adversarial = ("p",)
    edges = True

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs."""
        second = (draws.uniform(n, 1) >= theta["p"][..., None, None]).to(draws.dtype)
        x, y = draws.uniform(2, n, self.params.d).unbind(-3)
        return x + second, y + second

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """-log of the block's probability in nats; -infinity where x and y lie in different blocks."""
        return torch.where((x[..., 0] < 1) == (y[..., 0] < 1), -self._log_weight(theta, x), -torch.inf)

    def log_density(
        self,
        theta: Theta,
        x: Float[Tensor, "*replicas n d"],
        y: Float[Tensor, "*replicas n d"],  # noqa: ARG002
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y) of pairs in one block."""
        return self._log_weight(theta, x)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        p = theta["p"]
        return -p * p.log() - (1 - p) * torch.log1p(-p)

    def _log_weight(self, theta: Theta, x: Tensor) -> Tensor:
        p = theta["p"][..., None]
        return torch.where(x[..., 0] < 1, p.log(), torch.log1p(-p))
