"""MINE-f: the f-divergence bound of I(X;Y), as MINE's paper and the MIGE paper use it.

`I_f = E_p[f(x, y)] - E_q[exp(f(x, y) - 1)]`, p the joint and q the product of the marginals.

Paper: Belghazi et al., Mutual Information Neural Estimation, ICML 2018, section 2.2, Eq. 8.
Estimates: value and gradient; f tends to 1 + log p/q.
Bias: none beyond the critic's: a lower bound in expectation for every critic. Variance: grows exponentially with
I(X;Y). Symmetric.
Deviations: none. `nwj` is the same bound with 1 taken from the critic, so that training starts from 0.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from mibench_variational.critics import CriticParams
from mibench_variational.estimator import ContrastiveEstimator
from mibench_variational.negatives import NegativeParams, log_mean_exp


@dataclass(frozen=True, kw_only=True)
class MineFParams(CriticParams, NegativeParams):
    """Parameters of MINE-f."""


def f_divergence(
    paired: Float[Tensor, "*replicas n"], negatives: Float[Tensor, "*replicas m"]
) -> Float[Tensor, "*replicas"]:
    """E_p[f] - E_q[exp(f - 1)], in nats."""
    return paired.mean(-1) - (log_mean_exp(negatives) - 1).exp()


class MineF(ContrastiveEstimator):
    """The f-divergence variant of mutual information neural estimation."""

    Params = MineFParams

    def value(
        self, paired: Float[Tensor, "*replicas n"], negatives: Float[Tensor, "*replicas m"]
    ) -> Float[Tensor, "*replicas"]:
        """The bound on the batch."""
        return f_divergence(paired, negatives)
