r"""AI: six normals in the plane that draw the letters A and I (Czyz et al. 2023).

.. math:: p(x, y) = \sum_{k=1}^{6} w_k \, N\big((x, y); m_k, S_k\big)

The two legs of the A have the correlations :math:`\rho` and :math:`-\rho`, .95 in the paper; theta is rho. I and its
derivative by deterministic quadrature on a grid; paths are differentiable in rho, through y. It tells apart: components
of very unequal width, and almost no correlation on the whole.
"""

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.planar import PlanarMixture

_LETTERS = (
    # mean of x, variance of x, mean of y, variance of y, sign of the correlation
    (1.0, 0.01, 0.0, 0.2, 0.0),
    (1.0, 0.05, 1.0, 0.001, 0.0),
    (1.0, 0.05, -1.0, 0.001, 0.0),
    (-0.8, 0.03, -0.2, 0.001, 0.0),
    (-1.2, 0.04, 0.0, 0.2, 1.0),
    (-0.4, 0.04, 0.0, 0.2, -1.0),
)


@dataclass(frozen=True, kw_only=True)
class AIParams(CheckedParams):
    """One cell.

    Attributes:
        rho: correlation along the legs of the A.
    """

    rho: Annotated[float, AtLeast(-0.999), AtMost(0.999)] = 0.95


class AI(PlanarMixture):
    """The letters A and I."""

    Params = AIParams
    theta = ("rho",)

    @property
    def dims(self) -> tuple[int, int]:
        """One coordinate each."""
        return 1, 1

    def components(self, theta: Theta) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The strokes of the letters."""
        mean_x, variance_x, mean_y, variance_y, sign = theta["rho"].new_tensor(_LETTERS).T
        return mean_x, variance_x.sqrt(), mean_y, variance_y.sqrt(), sign * theta["rho"][..., None]

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n 1"], Float[Tensor, "*replicas n 1"]]:
        """n pairs, differentiable in rho through y."""
        stroke = draws.integers(len(_LETTERS), n, 1)
        x, e = draws.normal(2, n, 1).unbind(-3)
        mean_x, variance_x, mean_y, variance_y, sign = (part[stroke] for part in x.new_tensor(_LETTERS).T)
        rho = sign * theta["rho"][..., None, None]
        y = rho * x + (1 - rho**2).sqrt() * e
        return mean_x + variance_x.sqrt() * x, mean_y + variance_y.sqrt() * y

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        return self.planar_log_ratio(theta, x[..., 0], y[..., 0])

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y)."""
        return self.planar_log_density(theta, x[..., 0], y[..., 0])
