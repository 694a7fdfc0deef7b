r"""SMILE: the Donsker-Varadhan value of a JSD-trained critic, with the density ratio clipped among the negatives.

.. math:: I_\mathrm{SMILE} = \mathbb{E}_p[f(x, y)] - \log \mathbb{E}_q[\mathrm{clip}(e^{f(x, y)}, e^{-\tau}, e^\tau)]

with p the joint and q the product of the marginals.

Paper: Song and Ermon, Understanding the Limitations of Variational Mutual Information Estimators, ICLR 2020, section 5.
Estimates: value and gradient; f tends to log p/q.
Bias: clipping lowers the second term, so the value overestimates at small tau; no bound. Variance: the mean
over n independent negatives has at most :math:`(e^\tau - e^{-\tau})^2 / 4 n`, whatever I(X;Y) is. Symmetric.
Deviations: none; as in the authors' code the critic ascends the Jensen-Shannon objective. The surrogate is the value,
or with `smile[gradient=objective]` that objective, as for `jsd`.
"""

from dataclasses import dataclass
from typing import Annotated

from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench_variational.critics import NegativeScores, PositiveScores
from mibench_variational.jsd import Jsd, JsdParams
from mibench_variational.mine import donsker_varadhan
from mibench_variational.negatives import log_mean_exp


@dataclass(frozen=True, kw_only=True)
class SmileParams(JsdParams):
    """Parameters of SMILE.

    Attributes:
        tau: the log ratio is clipped to [-tau, tau] among the negatives; a large one clips nothing.
    """

    tau: Annotated[float, AtLeast(0), Search(1.0, 20.0, log=True)] = 5.0


@floats_only
def smile(positives: PositiveScores, negatives: NegativeScores, tau: float) -> PerReplica:
    """E_p[f] - log E_q[clip(exp f)], in nats."""
    return donsker_varadhan(positives, negatives.clamp(-tau, tau))


class Smile(Jsd):
    """The smoothed mutual information estimator."""

    Params = SmileParams

    def reduce(self, negatives: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape"]:
        """The log-mean-exp of one sample's clipped negatives, which clipping again leaves as it is."""
        return log_mean_exp(negatives.clamp(-self.params.tau, self.params.tau))

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The clipped estimate on the batch."""
        return smile(positives, negatives, self.params.tau)
