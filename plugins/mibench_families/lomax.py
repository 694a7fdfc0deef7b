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

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from mibench.families import Draws, Family, Theta
from mibench.specs import CheckedParams
from mibench_families.mathematics import entropic_difference


@dataclass(frozen=True, kw_only=True)
class LomaxParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        alpha: shape; the smaller, the heavier the tail and the stronger the dependence.
    """

    dx: int = 1
    dy: int = 1
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dx < 1 or self.dy < 1:
            raise ValueError(f"dx >= 1 and dy >= 1 are needed, not dx={self.dx}, dy={self.dy}")
        if not 0 < self.alpha <= 1e6:
            raise ValueError(f"alpha lies between 0 and 1e6, not {self.alpha}")


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
