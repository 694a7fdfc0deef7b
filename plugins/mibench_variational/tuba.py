r"""TUBA: the tractable unnormalised Barber-Agakov bound, with a learnt baseline for each y.

.. math:: I_\mathrm{TUBA} = 1 + \mathbb{E}_p[f(x, y) - \log a(y)] - \mathbb{E}_q[e^{f(x, y)} / a(y)]

with p the joint and q the product of the marginals.

Paper: Poole et al., On Variational Bounds of Mutual Information, ICML 2019, Eq. 8; `nwj` is a(y) = 1.
Estimates: value and gradient; f - log a tends to log p/q.
Bias: none beyond the critic's: a lower bound in expectation for every critic and baseline. Variance: grows
exponentially with I(X;Y). Not symmetric: the baseline belongs to y.
Deviations: log a is a perceptron of y with the critic's hidden layers, so that a is positive.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic, NegativeScores, PositiveScores, ScoreRows, build_critic
from mibench_variational.estimator import ContrastiveCriticParams, ContrastiveEstimator
from mibench_variational.networks import Perceptron
from mibench_variational.nwj import nwj


@dataclass(frozen=True)
class BaselinedCritic(Critic):
    """f(x, y) - log a, with a baseline of y or of x."""

    critic: Critic
    log_baseline: Perceptron
    of: Literal["x", "y"] = "y"

    @property
    def numbers_per_pair(self) -> int:
        """Those of f."""
        return self.critic.numbers_per_pair

    def paired(self, x: SamplesX, y: SamplesY) -> PositiveScores:
        """f(x_i, y_i) - log a."""
        return self.critic.paired(x, y) - self.log_baseline(y if self.of == "y" else x).squeeze(-1)

    def blocks(self, x: SamplesX, y: Float[Tensor, "*replicas m dy"], rows: int) -> Iterator[ScoreRows]:
        """f(x_i, y_j) - log a."""
        if self.of == "y":
            log_baseline = self.log_baseline(y).mT
            yield from (block - log_baseline for block in self.critic.blocks(x, y, rows))
            return
        of_rows = self.log_baseline(x).split(rows, dim=-2)
        yield from (block - row for block, row in zip(self.critic.blocks(x, y, rows), of_rows, strict=True))


class Tuba(ContrastiveEstimator):
    """The unnormalised Barber-Agakov bound."""

    Params = ContrastiveCriticParams

    def build(self) -> Critic:
        """Draws f, then log a."""
        critic = build_critic(self.params, self.problem)
        return BaselinedCritic(critic, Perceptron.initialised(self.params, self.problem, self.problem.dy, 1))

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The bound on the batch, from scores that the baseline has been taken from."""
        return nwj(positives, negatives)
