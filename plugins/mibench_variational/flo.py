r"""FLO: the bound of Fenchel-Legendre optimisation, InfoNCE with the normaliser of each pair learnt.

.. math:: I_\mathrm{FLO} = 1 + \mathbb{E}_p\big[ v(x, y) - e^{v(x, y) - f(x, y)} \, \mathbb{E}_{y'}[e^{f(x, y')}] \big]

with p the joint and y' independent of x and y.

Paper: Guo et al., Tight Mutual Information Estimation With Contrastive Fenchel-Legendre Optimization, NeurIPS 2022.
Estimates: value and gradient; v tends to log p/q, q the product of the marginals, and f to that plus a function of x.
Bias: none beyond that of f and v: a lower bound in expectation for every pair of critics. Variance: grows
exponentially with I(X;Y), as NWJ's. Not symmetric: y' is drawn for every x.
Deviations: the paper's u is -v; v is a critic of its own, of the same kind as f, where the authors' code may have both
from one network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic, PositiveScores, ScoreRows, build_critic
from mibench_variational.estimator import ContrastiveCriticParams, SamplingEstimator


@floats_only
def flo(log_ratio: PositiveScores, positives: PositiveScores, log_means: Float[Tensor, "*replicas n"]) -> PerReplica:
    """1 + E[v - exp(v - f) E_y'[exp f]], in nats.

    Args:
        log_ratio: v(x_i, y_i).
        positives: f(x_i, y_i).
        log_means: the log-mean-exp of f(x_i, y_j) over negatives of each x_i.
    """
    return 1 + (log_ratio - (log_ratio - positives + log_means).exp()).mean(-1)


@dataclass(frozen=True)
class FenchelCritic(Critic):
    """f(x, y), and v(x, y) beside it."""

    critic: Critic
    log_ratio: Critic

    @property
    def numbers_per_pair(self) -> int:
        """Those of f."""
        return self.critic.numbers_per_pair

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """f(x_i, y_i)."""
        return self.critic.paired(x, y)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """f(x_i, y_j)."""
        return self.critic.blocks(x, y, rows)


class Flo(SamplingEstimator):
    """The Fenchel-Legendre bound."""

    Params = ContrastiveCriticParams

    def build(self) -> Critic:
        """Draws f, then v."""
        return FenchelCritic(*(build_critic(self.params, self.problem) for _ in range(2)))

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch."""
        log_ratio = cast("FenchelCritic", critic).log_ratio.paired(x, y)
        return flo(log_ratio, *self.contrast(critic, x, y, self.reduce))
