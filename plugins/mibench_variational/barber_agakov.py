r"""The bound of Barber and Agakov: a model of p(y|x) beside the entropy of y, which the task knows.

.. math:: I_\mathrm{BA} = \mathbb{E}_p[\log q(y \mid x)] + H(Y)

with p the joint.

Papers: Barber and Agakov, The IM Algorithm: A Variational Approach to Information Maximization, NIPS 2003; Poole et
al., On Variational Bounds of Mutual Information, ICML 2019, section 2.1.
Estimates: value and gradient; q(y|x) ascends its likelihood.
Bias: a lower bound in expectation for every q, short of I(X;Y) by E_x KL(p(y|x) || q(y|x)): a q that is too simple, or
not trained yet, makes it too small, and nothing makes it too large. Variance: that of a mean over n pairs. Not
symmetric.
Deviations: H(Y) is the mean of -log p(y) over the batch, with log p(y) = log p(y|x) - i(x, y) from a task that knows
p(y|x) and the log ratio i; so the noise of y is in both terms, and the surrogate has the gradient of both. Where the
entropy of y is not known, the same model beside one of q(y) is `doe`, which bounds nothing.
"""

from typing import Any

from mibench.contracts import PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench_variational.critics import Critic
from mibench_variational.densities import DensityModel, DensityParams
from mibench_variational.estimator import TrainedEstimator


class BarberAgakov(TrainedEstimator[Critic]):
    """The lower bound from a known entropy of y.

    Raises:
        UnfitError: the task does not know p(y|x) and the log ratio.
    """

    Params = DensityParams

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.conditional is None or problem.log_ratio is None:
            raise UnfitError(
                "barber-agakov needs p(y|x) and the log ratio, which make p(y); doe learns a model of p(y)"
            )
        self._conditional, self._log_ratio = problem.conditional, problem.log_ratio

    def build(self) -> Critic:
        """Draws the model of p(y|x)."""
        return DensityModel.initialised(self.params, self.problem, self.problem.dx)

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihood of the pairs."""
        return self.critic.paired(x, y).mean(-1)

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch."""
        log_marginal = self._conditional(x).log_prob(y) - self._log_ratio(x, y)
        return (critic.paired(x, y) - log_marginal).mean(-1).to(x.dtype)
