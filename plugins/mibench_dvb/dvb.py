r"""DVB, the upper bound of the deep variational bottleneck (Alemi et al., ICLR 2017, Eq. 14).

.. math::
    I(X;Y) \le R = \mathbb{E}_x \mathrm{KL}(p(y \mid x) \,\|\, r(y)), \qquad
    R - I(X;Y) = \mathrm{KL}(p(y) \,\|\, r(y)),

with a standard normal r. It estimates value and gradient, needs the density p(y|x) from its task and no training; it is
an upper bound in expectation, of low variance (a closed form averaged over x) and tight where the marginal of y is r.
Of the batch it reads x alone: the gradient reaches the parameters of p(y|x), and none flows through the samples y.
"""

import torch
from torch.distributions import Distribution, Independent, Normal, kl_divergence

from mibench.contracts import PerReplica
from mibench.errors import UnfitError
from mibench_dvb.bound import ConditionalBound


def rate(conditional: Distribution) -> PerReplica:
    """E_x KL(p(y|x) || N(0, I)) in nats, for a distribution of batch shape `(*replicas, n)`.

    Raises:
        NotImplementedError: torch knows no closed form for this kind of distribution.
    """
    mean = conditional.mean.detach()
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    return kl_divergence(conditional, prior).mean(-1)


class DVB(ConditionalBound):
    """Variational upper bound from a known conditional.

    Raises:
        UnfitError: the task does not know p(y|x).
    """

    name = "dvb"

    def bound(self, conditional: Distribution) -> PerReplica:
        """The rate in nats.

        Raises:
            UnfitError: torch knows no closed form for p(y|x), such as a mixture.
        """
        try:
            return rate(conditional)
        except NotImplementedError as error:
            raise UnfitError(f"dvb needs a normal p(y|x): {error}") from error
