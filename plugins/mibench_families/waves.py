r"""Waves: twelve clusters in a row that y tells apart by four levels, with x bent into waves (Czyz et al. 2023).

Cluster k of K, whose second coordinate of x is standard normal noise, has

.. math::
    x_1 \mid k \sim N(1.5 \, k, 0.1), \qquad y \mid k \sim N(1.5 \, (k \bmod 4), s^2), \qquad
    p(x_1, y) = \frac{1}{K} \sum_k p(x_1 \mid k) \, p(y \mid k).

An estimator sees :math:`(0.1 \, (x_1 + 5 \sin 3 x_2) - 0.8, \; 0.5 \, x_2)`, a bijection of x. I and dI/ds by
deterministic quadrature in :math:`(x_1, y)`; paths are differentiable in s, through y. It tells apart: clusters that no
straight line separates.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Observer, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.planar import PlanarMixture

_DEVIATION = 0.1**0.5


@dataclass(frozen=True, kw_only=True)
class WavesParams(CheckedParams):
    """One cell.

    Attributes:
        clusters: how many there are.
        s: standard deviation of y in a cluster.
    """

    clusters: Annotated[int, AtLeast(1), AtMost(100)] = 12
    s: Annotated[float, AtLeast(0.01), AtMost(100)] = _DEVIATION


class Waves(PlanarMixture):
    """The Waves of Czyz et al., 2 x 1."""

    Params = WavesParams
    theta = ("s",)

    @property
    def dims(self) -> tuple[int, int]:
        """Two coordinates of x, one of y."""
        return 2, 1

    def components(self, theta: Theta) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The clusters in (x_1, y)."""
        s = theta["s"][..., None]
        k = torch.arange(self.params.clusters, dtype=s.dtype, device=s.device)
        ones = torch.ones_like(k)
        return 1.5 * k, _DEVIATION * ones, 1.5 * (k % 4), s * ones, 0 * ones

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n 2"], Float[Tensor, "*replicas n 1"]]:
        """n pairs before x is bent, differentiable in s through y."""
        k = draws.integers(self.params.clusters, n, 1)
        e = draws.normal(n, 3)
        x = torch.cat([1.5 * k + _DEVIATION * e[..., :1], e[..., 1:2]], -1)
        return x, 1.5 * (k % 4) + theta["s"][..., None, None] * e[..., 2:]

    def observer(self, draws: Draws) -> Observer:  # noqa: ARG002
        """x bent into waves; y as it is."""
        return lambda x, y: (_waves(x), y)

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n 2"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats; x_2 is noise."""
        return self.planar_log_ratio(theta, x[..., 0], y[..., 0])

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n 2"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x_1, y)."""
        return self.planar_log_density(theta, x[..., 0], y[..., 0])


def _waves(x: Float[Tensor, "*replicas n 2"]) -> Float[Tensor, "*replicas n 2"]:
    along = x[..., 0] + 5 * (3 * x[..., 1]).sin()
    return torch.stack([0.1 * along - 0.8, 0.5 * x[..., 1]], -1)
