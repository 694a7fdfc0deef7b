r"""InfoNCE: how well a critic picks the partner of x_i out of the batch.

.. math:: I_\mathrm{NCE} = \frac{1}{n} \sum_i \Big[ f(x_i, y_i) - \log \frac{1}{n} \sum_j e^{f(x_i, y_j)} \Big]

with the partner in the sum over j.

Paper: van den Oord et al., Representation Learning with Contrastive Predictive Coding, 2018, Eqs. 4 and 5.
Estimates: value and gradient; f tends to log p(y|x) plus a function of x.
Bias: a lower bound in expectation for every critic, never above log n. Variance: low. Not symmetric: the softmax is
over y.
Deviations: none. The negatives are all pairs of the batch, so that the bound holds; there is nothing to sample.
"""

from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.critics import Critic
from mibench_variational.estimator import CriticEstimator
from mibench_variational.negatives import log_mean_exp, over_rows, positive_scores


@floats_only
def infonce_rows(block: Float[Tensor, "*replicas rows n"], first: int = 0) -> Float[Tensor, "*replicas rows"]:
    """The terms of the outer sum from the rows of all pairs that begin with row `first`."""
    return positive_scores(block, first) - log_mean_exp(block)


@floats_only
def infonce(scores: Float[Tensor, "*replicas n n"]) -> PerReplica:
    """The bound in nats from the scores of all pairs."""
    return infonce_rows(scores).mean(-1)


class InfoNCE(CriticEstimator):
    """Information noise-contrastive estimation."""

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch."""
        return over_rows(critic, x, y, infonce_rows).mean(-1)
