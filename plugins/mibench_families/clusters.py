r"""Clusters seen through noise: x is near one of K points of R^d, and y is x with more noise.

With k uniform, independent u and e of the normal distribution N(0, I), and :math:`v = w^2 + s^2`,

.. math::
    x = c_k + w u, \qquad y = x + s e, \qquad
    i(x, y) = \log N(y; x, s^2) - \log \frac{1}{K} \sum_j N(y; c_j, v),

.. math::
    I(X;Y) = \frac{d}{2} \log \frac{v}{s^2} + \log K
    - \mathbb{E} \log \sum_j \exp \frac{v \left| e \right|^2 - \left| \sqrt{v} \, e + c_k - c_j \right|^2}{2 v}.

The points lie `radius` from the origin: evenly on a line or a circle in one or two dimensions, in random directions,
the same for all cells, above that. The mean is over normal variables: a deterministic rule in one dimension, else
scrambled Sobol points, whose standard error is known. Paths are differentiable in s. Learned representations look like
this: a kernel as wide as the median distance sees the distances between clusters, not what happens in them.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Independent, Normal

from mibench.contracts import Conditional
from mibench.families import Draws, QuadratureFamily, Solved, Theta
from mibench.ranges import Above, AtLeast, AtMost
from mibench.specs import CheckedParams
from mibench_families.mathematics import normal_rule, sobol_normal

_NODES, _POINTS, _SCRAMBLES = 400, 4096, 16


@dataclass(frozen=True, kw_only=True)
class ClustersParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y.
        clusters: how many points there are.
        radius: their distance from the origin; of the outermost two, on a line.
        within: standard deviation of x in a cluster; 0 for x on the points themselves.
        s: standard deviation of the noise.
    """

    d: Annotated[int, AtLeast(1)] = 2
    clusters: Annotated[int, AtLeast(2), AtMost(100)] = 10
    radius: Annotated[float, Above(0)] = 3.0
    within: Annotated[float, AtLeast(0)] = 0.0
    s: Annotated[float, Above(0)] = 0.5


class Clusters(QuadratureFamily):
    """Clusters of one shape, seen through Gaussian noise."""

    Params = ClustersParams
    theta = ("s",)

    def __init__(self, params: ClustersParams) -> None:
        super().__init__(params)
        self.discrete = ("x",) if params.within == 0 else ()

    def centres(self, like: Tensor) -> Float[Tensor, "clusters d"]:
        """The points that x is near."""
        return (self.params.radius * _directions(self.params.clusters, self.params.d)).to(like)

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs, differentiable in s through y."""
        u, e = draws.normal(2, n, self.params.d).unbind(-3)
        x = self.centres(u)[draws.integers(self.params.clusters, n)] + self.params.within * u
        return x, x + theta["s"][..., None, None] * e

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        s = theta["s"][..., None]
        v = s**2 + self.params.within**2
        squares = (y[..., None, :] - self.centres(y)).square().sum(-1)
        margin = torch.logsumexp(-squares / (2 * v[..., None]), -1) - math.log(self.params.clusters)
        return self.params.d / 2 * (v / s**2).log() - (y - x).square().sum(-1) / (2 * s**2) - margin

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(x, y), up to a term without s."""
        s = theta["s"][..., None]
        return -(y - x).square().sum(-1) / (2 * s**2) - self.params.d * s.log()

    def conditional(self, theta: Theta) -> Conditional:
        """p(y|x) = N(x, s^2 I)."""
        s = theta["s"][..., None, None]
        return lambda x: Independent(Normal(x, s.expand_as(x)), 1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) by a deterministic rule, in one dimension."""
        noise, weights = normal_rule(_NODES * fineness)
        return self.closed(theta["s"], (weights * self.equivocation(theta["s"], noise[:, None])).sum())

    def _solved(self, theta: Theta) -> list[Solved]:
        if self.params.d == 1:
            return super()._solved(theta)
        return [_sobol_solution(self.params, value) for value in theta["s"].detach().reshape(-1).tolist()]

    def closed(self, s: Tensor, equivocation: Tensor) -> Tensor:
        """I(X;Y) from the mean of the log sum over j."""
        v = s**2 + self.params.within**2
        return self.params.d / 2 * (v / s**2).log() + math.log(self.params.clusters) - equivocation

    def equivocation(self, s: Tensor, e: Float[Tensor, "count d"]) -> Float[Tensor, " count"]:
        """The log sum over j, averaged over k, for each e."""
        width = (s**2 + self.params.within**2).sqrt()
        centres = self.centres(e) / width
        means = []
        for centre in centres:
            shifted = e[:, None, :] + centre - centres
            means.append(torch.logsumexp((e.square().sum(-1)[:, None] - shifted.square().sum(-1)) / 2, -1))
        return torch.stack(means).mean(0)


@lru_cache(maxsize=10_000)
def _sobol_solution(params: ClustersParams, value: float) -> Solved:
    """The mean over scrambles of a Sobol rule, and its standard error."""
    family = Clusters(params)
    values, slopes = [], []
    for scramble in range(_SCRAMBLES):
        s = torch.tensor(value, dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            mean = family.equivocation(s, sobol_normal(_POINTS, params.d, scramble)).mean()
            information = family.closed(s, mean)
        values.append(information.item())
        slopes.append(torch.autograd.grad(information, s)[0].item())
    (value, error), (slope, slope_error) = _mean(values), _mean(slopes)
    return Solved(value, {"s": slope}, error, {"s": slope_error})


def _mean(values: list[float]) -> tuple[float, float]:
    """The mean and its standard error."""
    column = torch.tensor(values, dtype=torch.float64)
    return column.mean().item(), (column.std() / len(values) ** 0.5).item()


def _directions(count: int, d: int) -> Float[Tensor, "count d"]:
    """Points at distance 1 from the origin; evenly from -1 to 1 on a line."""
    if d == 1:
        return torch.linspace(-1, 1, count, dtype=torch.float64)[:, None]
    if d == 2:
        t = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
        return torch.stack([t.cos(), t.sin()], -1)
    drawn = torch.randn(count, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn / drawn.norm(dim=-1, keepdim=True)
