r"""MINE: a critic trained on the Donsker-Varadhan representation of I(X;Y).

.. math:: I_\mathrm{DV} = \mathbb{E}_p[f(x, y)] - \log \mathbb{E}_q[e^{f(x, y)}]

with p the joint and q the product of the marginals.

Paper: Belghazi et al., Mutual Information Neural Estimation, ICML 2018, Eq. 10; the moving average is their Eq. 12.
Estimates: value and gradient; f tends to log p/q plus a constant.
Bias: the logarithm of a batch mean raises the estimate, so on a batch it is not a bound in expectation, although
:math:`I_\mathrm{DV} \le I` with exact expectations. Variance: grows as :math:`e^I / n`. Symmetric.
Deviations: none with the defaults, which are the MIGE authors' (Wen et al., ICLR 2020, section 4): their moving average
is over weights, of no effect on what is reported, so that the baseline is plain Donsker-Varadhan. Beyond d = 18 their
embedding of 20 is below the rank d + 2 of the optimal critic; a larger `embedding` and more steps mend that.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, Problem, SamplesX, SamplesY
from mibench.ranges import Above, Below
from mibench_variational.critics import NegativeScores, PositiveScores
from mibench_variational.estimator import ContrastiveCriticParams, ContrastiveEstimator
from mibench_variational.negatives import log_mean_exp


@dataclass(frozen=True, kw_only=True)
class MineParams(ContrastiveCriticParams):
    """Parameters of MINE.

    Attributes:
        ema: decay of the exponential moving average of E_q[exp f], e.g. 0.99; `None` uses the batch's own mean.
    """

    ema: Annotated[float | None, Above(0), Below(1)] = None


@floats_only
def donsker_varadhan(positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
    """E_p[f] - log E_q[exp f], in nats."""
    return positives.mean(-1) - log_mean_exp(negatives)


def moving_log_mean(average: PerReplica | None, batch: PerReplica, decay: float) -> PerReplica:
    """log(decay exp(average) + (1 - decay) exp(batch)), which starts as the first batch's."""
    if average is None:
        return batch
    return torch.logaddexp(average + math.log(decay), batch + math.log1p(-decay))


class Mine(ContrastiveEstimator):
    """Mutual information neural estimation."""

    Params = MineParams

    def __init__(self, params: MineParams, problem: Problem) -> None:
        super().__init__(params, problem)
        self.log_average: Tensor | None = None

    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The Donsker-Varadhan representation on the batch."""
        return donsker_varadhan(positives, negatives)

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """A scalar whose gradient in the critic is `E_p[df] - E_q[exp(f) df] / average` (Eq. 12)."""
        if self.params.ema is None:
            return super().objective(x, y)
        positives, negatives = self.contrast(self.critic, x, y, self.reduce)
        batch = log_mean_exp(negatives)
        self.log_average = moving_log_mean(self.log_average, batch.detach(), self.params.ema)
        return positives.mean(-1) - (batch - self.log_average).exp()
