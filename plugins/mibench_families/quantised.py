r"""A uniform variable and the bin it falls into, in each of d coordinates.

.. math::
    x = \mathrm{scale} \cdot U, \qquad y = \lfloor m U \rfloor, \qquad
    I(X;Y) = d \log m, \qquad \frac{dI}{d\,\mathrm{scale}} = 0,

U uniform between 0 and 1. Closed form. Exact dependence on a discrete variable: the value saturates what n samples can
show. The gradient in the scale is a truth of 0 that an estimator has to find.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class QuantisedParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        m: how many bins there are.
        scale: of x.
    """

    d: Annotated[int, AtLeast(1)] = 1
    m: Annotated[int, AtLeast(2)] = 8
    scale: Annotated[float, AtLeast(1e-6), AtMost(1e6)] = 1.0


class Quantised(Family):
    """A uniform variable of width `scale`, and which of m bins it falls into."""

    Params = QuantisedParams
    theta = ("scale",)
    discrete = ("y",)
    edges = True

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, of which x is differentiable in the scale: a place within the bin, and the bin."""
        y = draws.integers(self.params.m, n, self.params.d).to(draws.dtype)
        return theta["scale"][..., None, None] * (y + draws.uniform(n, self.params.d)) / self.params.m, y

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log m a coordinate, in nats; -infinity where y is not the bin of x, to rounding."""
        m = self.params.m
        off = (m * x / theta["scale"][..., None, None] - y - 0.5).abs() - 0.5
        inside = off <= 8 * m * torch.finfo(x.dtype).eps
        return torch.where(inside, math.log(m) + 0 * x, -torch.inf).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return self.params.d * (math.log(self.params.m) + 0 * theta["scale"])
