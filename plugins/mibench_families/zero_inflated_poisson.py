r"""A count that is sometimes missed: x is exponential of mean 1, y is 0 with probability p and else Poisson of mean x.

.. math::
    p(y \mid x) = (1 - p) \frac{x^y e^{-x}}{y!} + p \, [y = 0], \qquad
    p(y) = \frac{1 - p}{2^{y + 1}} + p \, [y = 0],

.. math:: I(X;Y) = H(Y) - \mathbb{E}[H(Y \mid X = x)]:

a sum, and an integral over x by the trapezoidal rule in log x, which is exact to ten digits with some hundred nodes;
dI/dp is its derivative. I is not (1 - p) times its value at p = 0, 0.3012, as has been published (Gao et al., NeurIPS
2017): at p = .15 it is .22978, not .2560. Adversarial: p acts on a discrete variable; the likelihood ratio holds.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, QuadratureFamily, Theta
from mibench.ranges import AtLeast, Below
from mibench.specs import CheckedParams

LOWEST, HIGHEST = -40.0, 4.2
COUNTS = 220


@dataclass(frozen=True, kw_only=True)
class ZeroInflatedPoissonParams(CheckedParams):
    """One cell.

    Attributes:
        p: probability that the count is missed.
    """

    p: Annotated[float, AtLeast(0), Below(1)] = 0.15


class ZeroInflatedPoisson(QuadratureFamily):
    """An exponential rate and a count that is missed with probability `p`."""

    Params = ZeroInflatedPoissonParams
    theta = ("p",)
    adversarial = ("p",)
    discrete = ("y",)

    @property
    def dims(self) -> tuple[int, int]:
        """The dimensions (1, 1)."""
        return 1, 1

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n 1"], Float[Tensor, "*replicas n 1"]]:
        """n pairs."""
        x = draws.exponential(n, 1)
        return x, draws.poisson(x) * (draws.uniform(n, 1) >= theta["p"][..., None, None])

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """The exact log ratio in nats."""
        p = theta["p"][..., None, None]
        return (_log_given(p, x, y) - _log_margin(p, y)).sum(-1)

    def log_density(
        self, theta: Theta, x: Float[Tensor, "*replicas n 1"], y: Float[Tensor, "*replicas n 1"]
    ) -> Float[Tensor, "*replicas n"]:
        """log p(y|x): p(x) is free of p."""
        return _log_given(theta["p"][..., None, None], x, y).sum(-1)

    def integral(self, theta: Theta, fineness: int) -> Float[Tensor, ""]:
        """I(X;Y) in nats, with 130 or 260 nodes in log x and counts up to 220."""
        p, nodes = theta["p"], 130 * fineness
        logs = torch.linspace(LOWEST, HIGHEST, nodes, dtype=torch.float64)
        x, y = logs.exp()[:, None], torch.arange(COUNTS, dtype=torch.float64)
        weights = (logs - x[:, 0]).exp() * (HIGHEST - LOWEST) / (nodes - 1)
        given, margin = _log_given(p, x, y), _log_margin(p, y)
        return (weights * (given.exp() * given).sum(-1)).sum() - (margin.exp() * margin).sum()


def _log_given(p: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """log p(y|x)."""
    return _inflated(p, torch.xlogy(y, x) - x - torch.lgamma(y + 1), y)


def _log_margin(p: Tensor, y: Tensor) -> Tensor:
    """log p(y); without inflation y is geometric."""
    return _inflated(p, -(y + 1) * torch.log(torch.full_like(y, 2)), y)


def _inflated(p: Tensor, log_count: Tensor, y: Tensor) -> Tensor:
    """log of (1 - p) exp(log_count) + p [y = 0]."""
    seen = torch.log1p(-p) + log_count
    missed = p + (1 - p) * torch.where(y == 0, log_count, 0.0).exp()
    return torch.where(y == 0, missed.log(), seen)
