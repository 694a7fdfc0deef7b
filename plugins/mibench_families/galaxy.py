r"""Two balls: all coordinates of x and y move together, by half of D up or down (Czyz et al. 2023: Galaxy).

With one fair sign for all coordinates, :math:`a = D / 2`, and the sums u of x and v of y,

.. math::
    (x, y) = \pm a \, (1, \ldots, 1) + e, \qquad
    i(x, y) = \log \cosh(a (u + v)) - \log \cosh(a u) - \log \cosh(a v),

whose mean I is three integrals over one normal variable each: given the sign, u + v has the mean
:math:`\pm (d_x + d_y) \, a` and the variance :math:`d_x + d_y`. Deterministic quadrature, which gives dI/dD too; paths
are differentiable. Galaxy is 2 x 1 at D = 3, with x wound into a spiral, which is a bend. All dependence is between
clusters, along one direction.
"""

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
from mibench_families.mathematics import log_cosh, normal_rule
from mibench_families.mixtures import mixture

_NODES = 400


@dataclass(frozen=True, kw_only=True)
class GalaxyParams(CheckedParams):
    """One cell.

    Attributes:
        dx, dy: dimensions of x and of y.
        distance: between the balls' centres, in every coordinate.
    """

    dx: Annotated[int, AtLeast(1)] = 2
    dy: Annotated[int, AtLeast(1)] = 1
    distance: Annotated[float, AtLeast(0), AtMost(100)] = 3.0


class Galaxy(QuadratureFamily):
    """Two balls."""

    Params = GalaxyParams
    theta = ("distance",)
    null = MappingProxyType({"distance": 0.0})

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (dx, dy)."""
        return self.params.dx, self.params.dy

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n dx"], Float[Tensor, "*replicas n dy"]]:
        """n pairs, differentiable in the distance through both sides."""
        sign = 2 * draws.integers(2, n, 1) - 1
        centre = sign * theta["distance"][..., None, None] / 2
        dx, dy = self.dims
        return centre + draws.normal(n, dx), centre + draws.normal(n, dy)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        a = theta["distance"][..., None] / 2
        u, v = x.sum(-1), y.sum(-1)
        return log_cosh(a * (u + v)) - log_cosh(a * u) - log_cosh(a * v)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        a = theta["distance"][..., None] / 2
        squares = x.square().sum(-1) + y.square().sum(-1)
        return log_cosh(a * (x.sum(-1) + y.sum(-1))) - squares / 2 - sum(self.dims) * a**2 / 2

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x): a mixture of the two balls, weighed by exp(+-a u)."""
        a = theta["distance"][..., None, None] / 2

        def given(x: Tensor) -> torch.distributions.Distribution:
            u = x.sum(-1, keepdim=True)
            signs = x.new_tensor([1.0, -1.0])
            means = (a * signs)[..., None].expand(*x.shape[:-1], 2, self.dims[1])
            return mixture(means, torch.ones_like(means), a * u * signs)

        return given

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y): the mean of each log cosh, given the sign."""
        z, weights = normal_rule(_NODES * fineness)
        a, (dx, dy) = theta["distance"] / 2, self.dims

        def mean(k: int) -> Tensor:
            return (weights * log_cosh(a * (k * a + k**0.5 * z))).sum()

        return mean(dx + dy) - mean(dx) - mean(dy)
