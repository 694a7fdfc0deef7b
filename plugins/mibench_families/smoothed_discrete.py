r"""A letter with uniform noise: x uniform on 0, ..., m - 1, and y = s x + u, in each of d coordinates.

u is uniform between 0 and 1. The density of y is a staircase, :math:`c(y) / m` where c letters reach y, and
:math:`I(X;Y) = h(Y)`. With :math:`w = 1 / s` and :math:`k = \lfloor w \rfloor`, per coordinate,

.. math::
    I = \begin{cases}
    \log m & w < 1 \\
    \log m - s \, [2 L(k) + M(k)] / m & 1 \le w < m \\
    s \, [(m - 1) \log m - 2 L(m - 1) / m] & m \le w
    \end{cases} \qquad
    L(k) = \sum_{j=1}^{k} j \log j,

.. math:: M(k) = (k + 1 - w) (m - k - 1) \, k \log k + (w - k) (m - k) (k + 1) \log(k + 1)

(the uniform mixture of Gao et al., NeurIPS 2017, at m = 5, s = 1/2: :math:`\log 5 - \frac{4}{5} \log 2`). Closed form,
and dI/ds is its derivative, with kinks in s at the reciprocals of whole numbers. Adversarial: all stairs are edges that
move with s, and the log ratio has no gradient between them.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family, Theta
from mibench.ranges import AtLeast, AtMost
from mibench.specs import CheckedParams


@dataclass(frozen=True, kw_only=True)
class SmoothedDiscreteParams(CheckedParams):
    """One cell.

    Attributes:
        d: dimension of x and of y, coordinate by coordinate independent.
        m: how many letters there are.
        s: distance of neighbouring letters, in units of the width of the noise.
    """

    d: Annotated[int, AtLeast(1)] = 1
    m: Annotated[int, AtLeast(2)] = 5
    s: Annotated[float, AtLeast(1e-6), AtMost(1e6)] = 0.4


class SmoothedDiscrete(Family):
    """Letters at distance `s` with uniform noise of width 1."""

    Params = SmoothedDiscreteParams
    theta = ("s",)
    adversarial = ("s",)
    discrete = ("x",)
    edges = True

    def sample(
        self, theta: Theta, n: int, draws: Draws
    ) -> tuple[Float[Tensor, "*replicas n d"], Float[Tensor, "*replicas n d"]]:
        """n pairs."""
        noise = draws.uniform(n, self.params.d)
        x = draws.integers(self.params.m, n, self.params.d).to(noise.dtype)
        return x, theta["s"][..., None, None] * x + noise

    def log_ratio(
        self, theta: Theta, x: Float[Tensor, "*replicas n d"], y: Float[Tensor, "*replicas n d"]
    ) -> Float[Tensor, "*replicas n"]:
        """log m - log c(y) in nats, summed over coordinates; -infinity where y is out of reach of x."""
        s, m = theta["s"][..., None, None], self.params.m
        noise = y - s * x
        first, last = ((y - 1) / s).ceil().clamp(min=0), (y / s).floor().clamp(max=m - 1)
        reach = (last - first + 1).clamp(min=1)
        inside = (noise >= 0) & (noise <= 1)
        return torch.where(inside, (m / reach).log(), -torch.inf).sum(-1)

    def information(self, theta: Theta) -> Float[Tensor, "*replicas"]:
        """I(X;Y) in nats."""
        s, m = theta["s"], self.params.m
        w = 1 / s
        k = w.detach().floor().clamp(max=m - 1)
        counts = torch.arange(m + 1, dtype=s.dtype, device=s.device)
        each = torch.xlogy(counts, counts)
        sums = each.cumsum(0)
        here, above = each[k.long()], each[k.long() + 1]
        stairs = 2 * sums[k.long()] + (k + 1 - w) * (m - k - 1) * here + (w - k) * (m - k) * above
        overlapping = each[m] / m - s * stairs / m
        all_overlap = s * ((m - 1) * each[m] / m - 2 * sums[m - 1] / m)
        return self.params.d * torch.where(w < m, overlapping, all_overlap)
