r"""Ratio score matching: the gradient of mutual information without a difference of two estimated scores.

.. math::
    \nabla I(X;Y) = \mathbb{E}[g \, dy] + \text{the same in } x, \qquad
    g(x, y) = \nabla_y \log p(x, y) - \nabla_y \log p(y),

and g is fitted itself. For a function f with :math:`g = \nabla_y f`, integration by parts in the joint density gives

.. math::
    \frac{1}{2} \mathbb{E} \left| g - \nabla_y \log \frac{p(x, y)}{p(y)} \right|^2
    = \mathrm{const} + \mathbb{E}\big[ |g|^2 / 2 + A f \big], \qquad
    A f = \sum_l \big( s_l(y) \, \partial_l f + \partial_l^2 f \big),

with s the gradient of log p(y). Under the product of the margins :math:`\mathbb{E}[A f] = 0` (Stein's identity in y,
for each x), so its estimate is subtracted: the linear term is a covariance, :math:`\mathrm{Cov}(k_x(x), A k_y(y))`,
which vanishes in expectation under independence whatever s is, and the error of s enters in proportion to the
dependence alone. Each coordinate of y has its own :math:`g_l`, a ridge problem of n unknowns in closed form
(`mibench_ratio.ratio`); s is fitted alike (`mibench_ratio.margin`). Nothing is trained. Hyvarinen (2005) for the
objective; the rest is ours.

- The free (unpenalised) part is 1, x, y. Alone it is exactly the plug-in Gaussian; batches that look jointly Gaussian,
  or independent, get no more than that (`normality`, `dependence`).
- Coordinates with heavy tails are bent, margins evened out, and blocks turned, before the fit
  (`mibench_ratio.coordinates`, `.directions`): bijections, whose gradients are carried back. What is said here of x and
  y then holds in those coordinates.
- Where y is a function of several coordinates of x and noise that is added, the scores of y and of the noise take the
  fit's place (`mibench_ratio.noise`).
- Functions of y alone have no linear term: the fitted g is orthogonal to them, as the true one is. The gradient along a
  linear map of y, and so along its scale, is exactly 0 on the batch, unless x and y share a direction, in which I(X;Y)
  is infinite.
- Invariant to translation and scale of each coordinate, to the order of the samples, to coordinates that say
  nothing (`mibench_ratio.idle`) and, where one block is continuous, to copies of pairs (`mibench_ratio.repeats`); with
  p(y|x) known, `conditional=closed` takes its score from the density and the margin's from the fit.
- Bias: shrinkage, of weak dependence most. Variance: on strong dependence below that of the exact critic's mean. The
  value is a lower bound in expectation, see `mibench_ratio.critic`.

Cost: 2 d Cholesky factorisations of n x n, O(d n^3 / 3) time and O(n^2) memory, in double precision.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Estimator, Problem
from mibench.errors import UnfitError
from mibench.ranges import Above, AtLeast
from mibench.scores import conditional_scores
from mibench.specs import added
from mibench_ratio.critic import held_out_bound
from mibench_ratio.many import many_gradient
from mibench_ratio.margin import margin_score
from mibench_ratio.options import FitOptions
from mibench_ratio.ratio import ratio_gradient
from mibench_ratio.repeats import of_each_pair

VALUED = 1024
"""Samples that a value is taken from with `landmarks`, whose gradient needs no n x n matrix, as the value does."""


@dataclass(frozen=True, kw_only=True)
class RSMParams(FitOptions):
    """Parameters of ratio score matching: those of its fits, and where the joint score comes from.

    Attributes:
        conditional: `joint`, from samples alone, or `closed`, from the p(y|x) that the problem knows.
        value_ridge: the ratio's ridge where a value is asked for: a bound wants smoothness, a gradient little bias.
        landmarks: for many samples: the gradient's fit on a number of features for each coordinate, or on `auto` many,
            in place of n x n matrices (`mibench_ratio.many`). The value is that of at most `VALUED` of the samples.
    """

    conditional: Literal["joint", "closed"] = "joint"
    value_ridge: Annotated[float, Above(0)] = 0.02
    landmarks: Annotated[Literal["auto"] | int | None, AtLeast(1)] = added(None)

    def __post_init__(self) -> None:
        super().__post_init__()
        reduces = self.components is not None or self.own_components is not None
        if self.conditional == "closed" and reduces:
            raise ValueError("components and own_components go with conditional=joint")
        if self.landmarks is None:
            return
        if self.conditional == "closed" or self.linear != "free" or reduces:
            raise ValueError("landmarks go with conditional=joint and linear=free, without components of either block")

    @property
    def otherwise(self) -> str:
        """The same; landmarks leave the linear part free."""
        return super().otherwise if self.landmarks is None else ""


class RSM(Estimator):
    """Ratio score matching."""

    Params = RSMParams

    def __init__(self, params: RSMParams, problem: Problem) -> None:
        super().__init__(params, problem)
        self._conditional = problem.conditional if params.conditional == "closed" else None
        if params.conditional == "closed" and self._conditional is None:
            raise UnfitError(
                "rsm[conditional=closed] needs p(y|x), which this task does not offer: "
                "use conditional=joint, or a task that offers the conditional"
            )

    def surrogate(
        self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The mean of `stop_gradient(g) * block`, over the blocks that require a gradient."""
        total = y.new_zeros(y.shape[:-2])
        if self._conditional is not None:
            in_x, in_y = conditional_scores(self._conditional, x, y)
            in_margin = of_each_pair(lambda _, y: margin_score(y, self.params), x, y, self.params)
            total = total + _inner(in_y - in_margin, y)
            return total if in_x is None else total + _inner(in_x, x)
        for block, other in ((x, y), (y, x)):
            if block.requires_grad:
                total = total + _inner(self._gradient(other, block), block)
        return total

    def _gradient(self, x: Tensor, y: Tensor) -> Tensor:
        if self.params.landmarks is None:
            return ratio_gradient(x, y, self.params)
        return many_gradient(x, y, self.params, self.params.landmarks)

    def mi(self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas"]:
        """A lower bound on I(X;Y) in nats, in expectation; at most the logarithm of half the number of samples."""
        n = x.shape[-2]
        order = self.problem.draw(lambda generator: torch.randperm(n, generator=generator))
        if self.params.landmarks is not None:
            order = order[..., :VALUED]
        smooth = replace(
            self.params,
            ridge=self.params.value_ridge,
            iterations=1,
            ellipse_weight=0.0,
            clusters="none",
            means="none",
        )
        return held_out_bound(x, y, order.expand(*x.shape[:-2], -1), smooth)


def _inner(gradient: Tensor, block: Tensor) -> Tensor:
    return (gradient.detach().to(block.dtype) * block).sum(-1).mean(-1)
