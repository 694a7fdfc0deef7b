"""L1Out: the leave-one-out upper bound, p(y|x) against its mean over the other samples of x.

`I_L1Out = E_p[log q(y_i|x_i) - log 1/(n - 1) sum_{j != i} q(y_i|x_j)]`, p the joint.

Papers: Poole et al., On Variational Bounds of Mutual Information, ICML 2019, section 2.5, with p(y|x) known; Cheng
et al., CLUB, ICML 2020, section 2, with a learnt q(y|x).
Estimates: value and gradient.
Bias: an upper bound in expectation if q(y|x) is p(y|x), since the mean over other samples is in the mean p(y), and its
logarithm too small. Loose where few other samples explain y: the excess grows with I(X;Y) and with the dimension, and
shrinks with n. With a learnt q it bounds nothing before q is p. Variance: grows with I(X;Y), as the logarithm reaches
into the tails of q. Not symmetric.
Deviations: q(y|x) may be a mixture and logistic; it ascends its likelihood.
"""

from dataclasses import dataclass
from typing import Literal

from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench_variational.critics import Critic
from mibench_variational.densities import DensityModel, DensityParams, KnownConditional, Turned
from mibench_variational.estimator import TrainedEstimator
from mibench_variational.negatives import contrast, log_mean_exp


@dataclass(frozen=True, kw_only=True)
class L1OutParams(DensityParams):
    """Parameters of L1Out.

    Attributes:
        conditional: whether q(y|x) is learnt, or the p(y|x) that the task knows.
    """

    conditional: Literal["learnt", "known"] = "learnt"


class L1Out(TrainedEstimator[Critic]):
    """The leave-one-out bound.

    Raises:
        UnfitError: p(y|x) shall be the task's, which does not know it.
    """

    Params = L1OutParams

    def build(self) -> Critic:
        """Draws the model of p(y|x), or takes the task's."""
        if self.params.conditional == "learnt":
            return DensityModel.initialised(self.params, self.problem, self.problem.dx)
        if self.problem.conditional is None:
            raise UnfitError("l1out[conditional=known] needs p(y|x), which this task does not offer")
        return KnownConditional(self.problem.conditional, self.problem.dy)

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one step of Adam, unless there is nothing to learn."""
        if self.params.conditional == "learnt":
            super().update(x, y)

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihood of the pairs."""
        return self.critic.paired(x, y).mean(-1)

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch."""
        log_conditional, log_others = contrast(Turned(critic), y, x, log_mean_exp)
        return (log_conditional - log_others).mean(-1)
