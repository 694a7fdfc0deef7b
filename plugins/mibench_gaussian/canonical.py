r"""Correlated Gaussians in canonical coordinates, as a family.

.. math::
    x, e \sim N(0, I_d), \qquad y = \rho x + \sqrt{1 - \rho^2} \, e, \qquad
    I(X;Y) = -\frac{d}{2} \log(1 - \rho^2), \qquad \frac{dI}{d\rho} = \frac{d \rho}{1 - \rho^2}

(Wen et al., ICLR 2020, section 4). Closed form; paths are differentiable. A control: second moments suffice, and the
plug-in Gaussian is the estimator to beat, whatever bend the pairs are seen through.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Conditional
from mibench.families import Draws, Family, Theta
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class CanonicalParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y.
        rho: correlation of x_i and y_i.
    """

    d: Annotated[int, AtLeast(1)] = 20
    rho: gaussians.Correlation = 0.5


class Canonical(Family):
    """Gaussians with correlation rho in every coordinate."""

    Params = CanonicalParams
    theta = ("rho",)
    null = MappingProxyType({"rho": 0.0})

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in rho."""
        x, noise = draws.normal(2, n, self.dims[0]).unbind(-3)
        return x, gaussians.correlate(theta["rho"], x, noise)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        return gaussians.log_ratio(theta["rho"], x, y)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a constant."""
        return self.log_ratio(theta, x, y) - (x.square().sum(-1) + y.square().sum(-1)) / 2

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        return gaussians.mutual_information(theta["rho"], *self.dims)

    def conditional(self, theta: Theta) -> Conditional | None:
        """p(y|x) = N(rho x, (1 - rho^2) I)."""
        return lambda x: gaussians.conditional(theta["rho"], x, self.dims[1])
