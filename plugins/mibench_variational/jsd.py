r"""JSD: a critic trained on the Jensen-Shannon divergence, read in nats of mutual information.

With p the joint and q the product of the marginals, f ascends

.. math:: \log 4 - \mathbb{E}_p[\mathrm{softplus}(-f)] - \mathbb{E}_q[\mathrm{softplus}(f)],

which is at most twice the divergence of p from q. Its optimum is f = log p/q, so the value is the NWJ bound,

.. math:: I = 1 + \mathbb{E}_p[f] - \mathbb{E}_q[e^f].

Papers: Hjelm et al., Deep InfoMax, ICLR 2019, Eq. 4 (objective); Poole et al., On Variational Bounds of Mutual
Information, ICML 2019, Eq. 9 (value). Estimates: value and gradient. The objective only ranks: it is no number of nats
of I(X;Y), and lies below log 4. Bias: none beyond the critic's: a lower bound in expectation for every critic.
Variance: training is stable, but the value's grows exponentially with I(X;Y). Symmetric. Deviations: code in wide use
reads this critic as :math:`\mathbb{E}_p[f] - \mathbb{E}_q[e^{f - 1}]`, which is -1/e off at the optimum. The surrogate
is the value, whose gradient estimates that of I(X;Y); `jsd[gradient=objective]` gives Deep InfoMax's loss instead,
whose gradient is that of twice the Jensen-Shannon divergence.
"""

import math
from dataclasses import dataclass
from typing import Literal

from torch.nn.functional import softplus

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic, NegativeScores, PositiveScores
from mibench_variational.estimator import ContrastiveCriticParams, ContrastiveEstimator
from mibench_variational.negatives import every
from mibench_variational.nwj import nwj


@dataclass(frozen=True, kw_only=True)
class JsdParams(ContrastiveCriticParams):
    """Parameters of JSD.

    Attributes:
        gradient: whether the surrogate is the value, in nats of I(X;Y), or the objective that the critic ascends.
    """

    gradient: Literal["value", "objective"] = "value"


@floats_only
def jensen_shannon(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """log 4 - E_p[softplus(-f)] - E_q[softplus(f)], a lower bound of twice the Jensen-Shannon divergence."""
    return math.log(4) - softplus(-positives).mean(-1) - softplus(negatives).mean(-1)


class Jsd(ContrastiveEstimator):
    """A critic trained on the Jensen-Shannon divergence."""

    Params = JsdParams

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The NWJ bound on the batch."""
        return nwj(positives, negatives)

    def divergence(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The Jensen-Shannon bound on the batch."""
        return jensen_shannon(*self.contrast(critic, x, y, every))

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """What the critic ascends."""
        return self.divergence(self.critic, x, y)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The value or the objective, with the critic held fixed."""
        if self.params.gradient == "objective":
            return self.divergence(self.critic.detached(), x, y)
        return super().surrogate(x, y)
