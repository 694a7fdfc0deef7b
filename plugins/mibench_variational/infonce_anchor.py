r"""InfoNCE with an anchor: one class more, that no candidate is the partner, makes the critic the log ratio itself.

Of K candidates either one is the partner of x, or none is, with probability a (`anchor`). The posteriors of class k and
of the anchor are

.. math::
    \frac{e^{f(x, y_k)}}{c + \sum_j e^{f(x, y_j)}}, \qquad \frac{c}{c + \sum_j e^{f(x, y_j)}}, \qquad
    c = \frac{K a}{1 - a}.

f ascends the mean log posterior of the right class, and the value is :math:`I = \mathbb{E}_p[f(x, y)]`, p the joint.

Paper: Ryu, Yeddanapudi, Xu and Wornell, Contrastive Predictive Coding Done Right for Mutual Information Estimation,
2025 (ICLR 2026).
Estimates: value and gradient; f tends to log p/q, q the product of the marginals, where InfoNCE leaves a function of x
open. At K = 1 and anchor = 1/2 it ascends the objective of `jsd`.
Bias: that of the critic, to either side: no bound, and no ceiling at log K. Variance: that of a mean of log ratios over
n pairs. Not symmetric: candidates are y.
Deviations: K = n - 1. The candidates of x_i are all samples but one, each left out in turn; where its partner is left
out, the class is the anchor. The surrogate is the value.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench.ranges import Above, Below
from mibench.search import Search
from mibench_variational.critics import Critic, CriticParams
from mibench_variational.estimator import CriticEstimator, PlugInEstimator
from mibench_variational.negatives import log_mean_exp_of_others, negative_scores, over_rows, positive_scores


@dataclass(frozen=True, kw_only=True)
class AnchorParams(CriticParams):
    """Parameters of InfoNCE with an anchor.

    Attributes:
        anchor: how often no candidate is the partner; towards 0 the objective is InfoNCE's.
    """

    anchor: Annotated[float, Above(0), Below(1), Search(0.05, 0.95)] = 0.5


@floats_only
def anchored_rows(
    block: Float[Tensor, "*replicas rows n"], first: int, anchor: float
) -> Float[Tensor, "*replicas rows"]:
    """The mean log posterior of each row's right class, from rows of all pairs that begin with row `first`."""
    candidates = block.shape[-1] - 1
    log_odds = math.log(anchor) - math.log1p(-anchor)
    # Column j leaves y_j out of the candidates: in column i, where that is the partner, the anchor is right.
    log_total = torch.logaddexp(log_mean_exp_of_others(block), block.new_tensor(log_odds))
    partner = positive_scores(block, first) - math.log(candidates) - negative_scores(log_total, first).mean(-1)
    return (1 - anchor) * partner + anchor * (log_odds - positive_scores(log_total, first))


class AnchoredInfoNCE(PlugInEstimator[Critic], CriticEstimator):
    """The plug-in estimate of a critic that has learnt to say that no candidate is the partner."""

    Params = AnchorParams

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The mean log posterior on the batch."""

        def terms(block: Tensor, first: int) -> Tensor:
            return anchored_rows(block, first, self.params.anchor)

        return over_rows(self.critic, x, y, terms).mean(-1)
