r"""MINE-f: the f-divergence bound of I(X;Y), as MINE's paper and the MIGE paper use it.

.. math:: I_f = \mathbb{E}_p[f(x, y)] - \mathbb{E}_q[e^{f(x, y) - 1}]

with p the joint and q the product of the marginals.

Paper: Belghazi et al., Mutual Information Neural Estimation, ICML 2018, section 2.2, Eq. 8.
Estimates: value and gradient; f tends to 1 + log p/q.
Bias: none beyond the critic's: a lower bound in expectation for every critic. Variance: grows exponentially with
I(X;Y). Symmetric.
Deviations: none. `nwj` is the same bound with 1 taken from the critic, so that training starts from 0.
"""

from mibench.checks import floats_only
from mibench.contracts import PerReplica
from mibench_variational.critics import NegativeScores, PositiveScores
from mibench_variational.estimator import ContrastiveCriticParams, ContrastiveEstimator
from mibench_variational.negatives import log_mean_exp


@floats_only
def f_divergence(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """E_p[f] - E_q[exp(f - 1)], in nats."""
    return positives.mean(-1) - (log_mean_exp(negatives) - 1).exp()


class MineF(ContrastiveEstimator):
    """The f-divergence variant of mutual information neural estimation."""

    Params = ContrastiveCriticParams

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The bound on the batch."""
        return f_divergence(positives, negatives)
