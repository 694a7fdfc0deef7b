r"""NJEE: joint entropies of discrete y by the chain rule, each conditional entropy a classifier's cross-entropy.

.. math::
    I = H(Y) - H(Y \mid X), \qquad H(Y) = -\sum_m \mathbb{E} \log q(y_m \mid y_1, \ldots, y_{m-1}), \qquad
    H(Y \mid X) = -\sum_m \mathbb{E} \log q(y_m \mid x, y_1, \ldots, y_{m-1}),

with the coordinates of y in `bins` of equal mass.

Paper: Shalev, Painsky and Ben-Gal, Neural Joint Entropy Estimation, IEEE Trans. Neural Netw. Learn. Syst., 2022.
Estimates: a value and no gradient: bins do not move with y.
Bias: what bins hide is lost, so the limit is I(X; bins of Y), below I(X;Y) unless y is discrete. Either cross-entropy
exceeds its entropy by what its classifier has not learnt, and the difference bounds nothing. Variance: low. Not
symmetric.
Deviations: one classifier for all m, which sees m and the coordinates before it, in place of one for each m; the
entropy of y_1 is learnt as the others are, in place of counted. Bins are those of the first batch of training.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from mibench.contracts import PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import SmallBatchError
from mibench.finite import finite_replicas
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench_variational.estimator import TrainedEstimator
from mibench_variational.networks import NetworkParams, Perceptron, Trainable


@dataclass(frozen=True, kw_only=True)
class NjeeParams(NetworkParams):
    """Parameters of NJEE.

    Attributes:
        bins: of each coordinate of y. Values of a discrete coordinate that are as frequent as a bin are kept apart.
    """

    bins: Annotated[int, AtLeast(2), Search(4, 64, log=True)] = 16


def edges_of_equal_mass(y: SamplesY, bins: int) -> Float[Tensor, "*replicas inner dy"]:
    """The edges between bins of as many samples each, midway between two samples; equal samples may repeat one.

    Raises:
        SmallBatchError: fewer than two samples.
    """
    n = y.shape[-2]
    if n < 2:
        raise SmallBatchError(f"an edge of a bin lies between samples: a batch needs at least 2, not {n}")
    ordered = y.sort(-2).values
    above = (torch.arange(1, bins, device=y.device) * n // bins).clamp(1, n - 1)
    return (ordered[..., above - 1, :] + ordered[..., above, :]) / 2


def bins_of(y: SamplesY, edges: Float[Tensor, "*replicas inner dy"]) -> Int[Tensor, "*replicas n dy"]:
    """How many edges lie below each coordinate."""
    return (y.unsqueeze(-2) > edges.unsqueeze(-3)).sum(-2)


@dataclass(frozen=True)
class Chain(Trainable):
    """Classifiers of y_m by y_1..y_m-1, with x and without."""

    conditional: Perceptron
    marginal: Perceptron

    def log_likelihoods(
        self, x: SamplesX, bins: Int[Tensor, "*replicas n dy"], count: int
    ) -> tuple[Float[Tensor, "*replicas n"], Float[Tensor, "*replicas n"]]:
        """log q(y_i|x_i) and log q(y_i)."""
        dy = bins.shape[-1]
        number = torch.eye(dy, dtype=x.dtype, device=x.device)
        levels = (2 * bins.to(x.dtype) + 1) / count - 1  # between -1 and 1
        before = levels.unsqueeze(-2) * torch.ones_like(number).tril(-1)  # row m holds y_1..y_m-1, then zeros
        known = torch.cat((before, number.expand_as(before)), dim=-1)  # (*replicas, n, dy, 2 dy)
        given_x = torch.cat((x.unsqueeze(-2).expand(*bins.shape, -1), known), dim=-1)
        right = one_hot(bins, count).to(x.dtype)

        def log_likelihood(network: Perceptron, seen: Tensor) -> Tensor:
            logits = network(seen.flatten(-3, -2)).unflatten(-2, bins.shape[-2:])
            return (logits.log_softmax(-1) * right).sum((-2, -1))

        return log_likelihood(self.conditional, given_x), log_likelihood(self.marginal, known)


class Njee(TrainedEstimator[Chain]):
    """Neural joint entropy estimation."""

    Params = NjeeParams

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.edges: Tensor | None = None

    def build(self) -> Chain:
        """Draws both classifiers."""
        dx, dy, bins = self.problem.dx, self.problem.dy, self.params.bins
        return Chain(
            *(Perceptron.initialised(self.params, self.problem, inputs, bins) for inputs in (dx + 2 * dy, 2 * dy))
        )

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one step of Adam; the first batch decides on the bins."""
        if self.edges is None:
            self.edges = edges_of_equal_mass(y.detach(), self.params.bins)
        super().update(x, y)

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihoods of y given x and of y."""
        of_both, of_y = self._log_likelihoods(self.critic, x, y)
        return (of_both + of_y).mean(-1)

    def bound(self, critic: Chain, x: SamplesX, y: SamplesY) -> PerReplica:
        """The difference of cross-entropies; no bound. NaN where y is not finite."""
        of_both, of_y = self._log_likelihoods(critic, x, y)
        return torch.where(finite_replicas(y), (of_both - of_y).mean(-1), torch.nan)

    def _log_likelihoods(self, critic: Chain, x: SamplesX, y: SamplesY) -> tuple[Tensor, Tensor]:
        edges = edges_of_equal_mass(y, self.params.bins) if self.edges is None else self.edges
        return critic.log_likelihoods(x, bins_of(y, edges), self.params.bins)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """Nothing: bins do not move with y."""
        raise NotImplementedError("njee estimates no gradient: bins do not move with y")
