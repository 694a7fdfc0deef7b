r"""f-DIME: a critic trained on an f-divergence, its mean log ratio over the pairs read as I(X;Y).

:math:`I = \mathbb{E}_p[f(x, y)]`, f trained to ascend, with p the joint and q the product of the marginals, one of

- kl: :math:`1 + \mathbb{E}_p[f] - \mathbb{E}_q[e^f]`,
- gan: :math:`\log 4 - \mathbb{E}_p[\mathrm{softplus}(-f)] - \mathbb{E}_q[\mathrm{softplus}(f)]`, which `jsd` ascends
  too,
- hellinger: :math:`2 - \mathbb{E}_p[e^{-f / 2}] - \mathbb{E}_q[e^{f / 2}]`.

Paper: Letizia, Novello and Tonello, Mutual Information Estimation via f-Divergence and Data Derangements, NeurIPS 2024.
Estimates: value and gradient; f tends to log p/q, whichever the divergence.
Bias: that of the critic, to either side: no bound. Variance: that of a mean of log ratios over n pairs, which grows
only as I(X;Y) does, since no exponential is averaged. Symmetric.
Deviations: the paper's D is exp f, exp -f and exp(-f / 2) in turn. The surrogate is the value.
"""

from dataclasses import dataclass
from typing import Literal

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic, NegativeScores, PositiveScores
from mibench_variational.estimator import ContrastiveCriticParams, PlugInEstimator, SamplingEstimator
from mibench_variational.jsd import jensen_shannon
from mibench_variational.negatives import NegativeSampling, every, log_mean_exp
from mibench_variational.nwj import nwj


@dataclass(frozen=True, kw_only=True)
class FDimeParams(ContrastiveCriticParams):
    """Parameters of f-DIME.

    Attributes:
        divergence: what the critic ascends.
        negatives: one random derangement of the batch, as in the paper, or all pairs of different samples.
    """

    divergence: Literal["kl", "gan", "hellinger"] = "gan"
    negatives: NegativeSampling = "derangement"


@floats_only
def hellinger(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """2 - E_p[exp(-f / 2)] - E_q[exp(f / 2)], a lower bound of twice the squared Hellinger distance."""
    return 2 - log_mean_exp(-positives / 2).exp() - log_mean_exp(negatives / 2).exp()


DIVERGENCES = {"kl": nwj, "gan": jensen_shannon, "hellinger": hellinger}


class FDime(PlugInEstimator[Critic], SamplingEstimator):
    """The plug-in estimate of a critic that an f-divergence has trained."""

    Params = FDimeParams

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The divergence on the batch."""
        return DIVERGENCES[self.params.divergence](*self.contrast(self.critic, x, y, every))
