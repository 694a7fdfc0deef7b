r"""I_alpha: a bound between NWJ and InfoNCE, which trades variance for bias.

.. math::
    I_\alpha = 1 + \mathbb{E}_p[f(x, y) - \log b] - \mathbb{E}_q[e^{f(x, y)} / b], \qquad
    b = \alpha m + (1 - \alpha) \, a(x), \qquad m = \frac{1}{K} \sum_k e^{f(x, y_k)},

with p the joint, q the product of the marginals, and K samples in m: y and K - 1 that are independent of x and y.

Paper: Poole et al., On Variational Bounds of Mutual Information, ICML 2019, section 2.4. Estimates: value and gradient;
f - log a tends to log p/q for alpha < 1, and for alpha = 1 to that plus a function of x. Bias: a lower bound in
expectation for every critic, baseline and alpha, never above :math:`\log(K / \alpha)`. alpha = 0 is NWJ, of no bias
beyond the critic's; alpha = 1 is InfoNCE of K samples. Variance: falls from NWJ's to InfoNCE's. Not symmetric: m is
over y. Deviations: x and y change places, so that alpha = 1 is `infonce`. K = n - 1: the samples but one, each left out
in turn, so that m is the same function under p and q and the bound holds exactly; so does the authors' code.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.checks import floats_only
from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast, AtMost
from mibench.search import Search
from mibench_variational.critics import Critic, CriticParams, build_critic
from mibench_variational.estimator import CriticEstimator
from mibench_variational.negatives import (
    log_mean_exp,
    log_mean_exp_of_others,
    negative_scores,
    over_rows,
    positive_scores,
)
from mibench_variational.networks import Perceptron
from mibench_variational.tuba import BaselinedCritic


@dataclass(frozen=True, kw_only=True)
class IAlphaParams(CriticParams):
    """Parameters of I_alpha.

    Attributes:
        alpha: 0 for NWJ, 1 for InfoNCE.
        baseline: whether a(x) is 1 or learnt, as `tuba` learns one of y.
    """

    alpha: Annotated[float, AtLeast(0), AtMost(1), Search(1e-3, 1.0, log=True)] = 0.01
    baseline: Literal["one", "learnt"] = "one"


@floats_only
def interpolated_rows(
    block: Float[Tensor, "*replicas rows n"], first: int, alpha: float
) -> Float[Tensor, "2 *replicas rows"]:
    """What each row adds to E_p[f - log b] and to log E_q[exp f / b], from rows that begin with row `first`."""
    log_alpha, log_rest = (math.log(share) if share > 0 else -math.inf for share in (alpha, 1 - alpha))
    # Column j leaves y_j out of m: of the other columns y_i is the partner, and in column i there is none.
    log_b = torch.logaddexp(log_mean_exp_of_others(block) + log_alpha, block.new_tensor(log_rest))
    joint = positive_scores(block, first) - negative_scores(log_b, first).mean(-1)
    product = log_mean_exp(negative_scores(block, first)) - positive_scores(log_b, first)
    return torch.stack((joint, product))


@floats_only
def interpolated(scores: Float[Tensor, "*replicas n n"], alpha: float) -> PerReplica:
    """The bound in nats from the scores of all pairs."""
    return _total(interpolated_rows(scores, 0, alpha))


def _total(terms: Float[Tensor, "2 *replicas n"]) -> PerReplica:
    return 1 + terms[0].mean(-1) - log_mean_exp(terms[1]).exp()


class IAlpha(CriticEstimator):
    """The interpolated bound."""

    Params = IAlphaParams

    def build(self) -> Critic:
        """Draws f, then log a if it is learnt."""
        critic = build_critic(self.params, self.problem)
        if self.params.baseline == "one":
            return critic
        log_baseline = Perceptron.initialised(self.params, self.problem, self.problem.dx, 1)
        return BaselinedCritic(critic, log_baseline, "x")

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch; a baseline of x alone may be taken from f instead of being multiplied with b."""

        def terms(block: Tensor, first: int) -> Tensor:
            return interpolated_rows(block, first, self.params.alpha)

        return _total(over_rows(critic, x, y, terms))
