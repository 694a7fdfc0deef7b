r"""NWJ: the f-divergence bound, its critic read as the log ratio.

.. math:: I_\mathrm{NWJ} = 1 + \mathbb{E}_p[f(x, y)] - \mathbb{E}_q[e^{f(x, y)}]

with p the joint and q the product of the marginals.

Paper: Nguyen, Wainwright and Jordan, Estimating Divergence Functionals and the Likelihood Ratio by Convex Risk
Minimization, 2010; as a bound of I(X;Y), Poole et al. 2019, Eq. 9.
Estimates: value and gradient; f tends to log p/q itself.
Bias: none beyond the critic's: a lower bound in expectation for every critic. Variance: grows
exponentially with I(X;Y). Symmetric.
Deviations: the paper's critic is 1 + f, as in `mine-f`. The optimum is the same; a critic near 0, as at initialisation,
then reads 0 instead of -1/e, and no output bias has to be learnt.
"""

from mibench.checks import floats_only
from mibench.contracts import PerReplica
from mibench_variational.critics import NegativeScores, PositiveScores
from mibench_variational.estimator import ContrastiveCriticParams, ContrastiveEstimator
from mibench_variational.negatives import log_mean_exp


@floats_only
def nwj(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """1 + E_p[f] - E_q[exp f], in nats."""
    return 1 + positives.mean(-1) - log_mean_exp(negatives).exp()


class Nwj(ContrastiveEstimator):
    """The bound of Nguyen, Wainwright and Jordan."""

    Params = ContrastiveCriticParams

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The bound on the batch."""
        return nwj(positives, negatives)
