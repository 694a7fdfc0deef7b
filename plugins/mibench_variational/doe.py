r"""DoE: the difference of two cross-entropies, of a model of q(y) and of one of q(y|x).

.. math:: I = \mathbb{E}_p[\log q(y \mid x)] - \mathbb{E}_p[\log q(y)]

with p the joint; both models ascend their likelihood.

Paper: McAllester and Stratos, Formal Limitations on the Measurement of Mutual Information, AISTATS 2020.
Estimates: value and gradient; log q(y|x) - log q(y) tends to the log ratio where the models can be p(y|x) and p(y).
Bias: to either side: either cross-entropy exceeds its entropy by what its model cannot follow, and the difference
bounds nothing. Variance: that of a mean of log ratios over n pairs: no exponential is averaged. Not symmetric.
Deviations: the paper's models are Gaussian or logistic (`density`), and theirs of q(y) have a mean and a scale; ours is
the network of q(y|x), shown a constant. Mixtures (`components`) are ours.
"""

from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench_variational.densities import DensityParams, LogRatioModel
from mibench_variational.estimator import PlugInEstimator


class Doe(PlugInEstimator[LogRatioModel]):
    """The difference of entropies."""

    Params = DensityParams

    def build(self) -> LogRatioModel:
        """Draws both models."""
        return LogRatioModel.initialised(self.params, self.problem)

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihoods of y given x and of y."""
        return (self.critic.conditional.paired(x, y) + self.critic.log_marginal(y)).mean(-1)
