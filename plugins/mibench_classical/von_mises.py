r"""Mutual information by a von Mises expansion of a kernel density (Kandasamy et al., NIPS 2015).

.. math::
    I = \frac{1}{n} \sum_i \big[ T(q_i) + \psi(x_i, y_i; q_i) \big]
    = \frac{1}{n} \sum_i \log \frac{q_i(x_i, y_i)}{q_i(x_i) \, q_i(y_i)}

is the leave-one-out estimator (Eq. 5) of T(p) = I, with :math:`q_i` the density without pair i. The influence function
of I is :math:`\psi(x, y; p) = \log \frac{p(x, y)}{p(x) \, p(y)} - T(p)`, so that T falls out, and what is left is the
mean log ratio at samples that are not in the density. Since T is a functional of the joint density, the margins are
those of the joint density: kernels of one width h, by the rule for dx + dy, with the blocks of one covariance S.

The value is smooth in the samples, and the surrogate is the value itself. First-order errors of the density cancel; the
second order remains, so that it converges like n^-1/2 for densities that are smooth for their dimension. It blurs, and
is too small for strong dependence, the more the more dimensions. It is no bound, and may lie below zero.

Deviations: the covariance S is that of all samples; a rule gives the width, where the paper cross-validates. Constant
and redundant coordinates are left out, as in `kde`.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from mibench_baselines.redundant import reduced
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_classical.kernel_density import Width, bandwidth, log_density
from mibench_classical.samples import count_varying, finite


@dataclass(frozen=True, kw_only=True)
class VonMisesParams(CheckedParams):
    """Parameters of the density.

    Attributes:
        width: the rule for h, `silverman` or `scott`.
    """

    width: Annotated[Width, Search()] = "silverman"


def von_mises_mi(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: VonMisesParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats, differentiable in the samples; NaN where a replica is not finite.

    Raises:
        UnfitError: there are fewer than two samples more than dimensions.
    """
    params = params or VonMisesParams()
    samples = finite(x, y, "von-mises", x.shape[-1] + y.shape[-1] + 2)
    varied = reduced(samples.x, samples.y, x.dtype)
    joint = torch.cat([varied.x, varied.y], -1)
    width = bandwidth(params.width, x.shape[-2], count_varying(joint))
    of_x, of_y, both = (log_density(z, width, leave_out=True).mean(-1) for z in (varied.x, varied.y, joint))
    return samples.answer(varied.answer(both - of_x - of_y), x.dtype)


class VonMises(Estimator):
    """The information of a kernel density, corrected to first order."""

    Params = VonMisesParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        with torch.no_grad():
            return von_mises_mi(x, y, self.params)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The value, differentiable in the samples."""
        return von_mises_mi(x, y, self.params)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True
