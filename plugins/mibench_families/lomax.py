r"""Lomax (Pareto II) pairs: exponential variables that share a random rate; their copula is Clayton's at 1/alpha.

With exponential E and F of mean 1, and one Gamma variable G of shape alpha for all coordinates,

.. math::
    x_i = \log(E_i / G), \qquad y_j = \log(F_j / G), \qquad H(t) = \log \Gamma(t) - t \, \psi(t),

.. math:: I(X;Y) = H(\alpha) + H(\alpha + d_x + d_y) - H(\alpha + d_x) - H(\alpha + d_y),

which is :math:`\log(1 + 1 / \alpha) - 1 / (1 + \alpha)` for one dimension each (from entropies of the multivariate
Pareto distribution: Darbellay and Vajda, IEEE T-IT 2000). The gradient has :math:`H'(t) = -t \, \psi'(t)` in the place
of H.

Closed form; paths are differentiable. Samples are logarithms, so that no tail overflows; `bend=exp` undoes that. The
dependence sits in one tail; a plug-in Gaussian gives too much of the gradient at small alpha and too little at large
ones: near 1 it is a control.
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
from mibench_families.mathematics import entropic_difference


@dataclass(frozen=True, kw_only=True)
class LomaxParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        alpha: shape; the smaller, the heavier the tail and the stronger the dependence.
    """

    dx: Annotated[int, AtLeast(1)] = 1
    dy: Annotated[int, AtLeast(1)] = 1
    alpha: Annotated[float, Above(0), AtMost(1e6)] = 1.0


class Lomax(Family):
    """Lomax pairs with shape `alpha`, in logarithms."""

    Params = LomaxParams
    theta = ("alpha",)

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy)."""
        return self.params.dx, self.params.dy

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in alpha."""
        rate = draws.log_gamma(theta["alpha"], n, 1)
        x, y = (draws.exponential(n, d).log() - rate for d in self.dims)
        return x, y

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        return _log_density(theta, x, y) - _log_density(theta, x) - _log_density(theta, y)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to terms free of alpha."""
        return _log_density(theta, x, y)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return entropic_difference(theta["alpha"], *map(float, self.dims))


def _log_density(theta: Theta, *sides: Tensor) -> Tensor:
    """log p of the coordinates of all sides, without the sum of the coordinates themselves."""
    z, alpha = torch.cat(sides, -1), theta["alpha"][..., None]
    shape = alpha + z.shape[-1]
    return torch.lgamma(shape) - torch.lgamma(alpha) - shape * softplus(torch.logsumexp(z, -1))
