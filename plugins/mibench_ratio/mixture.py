r"""Clusters: a mixture of Gaussians with one shared covariance, whose score and ratio join the free part of the fits.

z = (x, y) is distributed as :math:`\sum_k \pi_k N(m_k, S)`, which `mibench_ratio.clustering` fits. One component
changes nothing.
With :math:`v_k` the gradient in y of the log density of component k, :math:`u_k` likewise given x, and responsibilities
r, the margin's score and the ratio's gradient are

.. math:: s^0 = \sum_k r_k(y) \, v_k(y), \qquad g^0 = \sum_k r_k(x, y) \, u_k(x, y) - s^0.

The score's fit gets the free column :math:`s^0_l`, whose moment is the mean of :math:`\partial_l s^0_l`; the ratio's
fit gets the free :math:`s^0` (moment 0, so that the gradient within clusters is orthogonal to functions of y) and
:math:`g^0_l`, whose moment is the joint minus the product mean of :math:`s_l g^0_l + \partial_l g^0_l`. The product is
that of all x with all other y, and of many samples that over pairings of them (`pairs.partners`). :math:`g^0_l` is
penalised, if little: what few samples between clusters say of its coefficient, and the kernels then take back
elsewhere, would be without bounds.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_ratio.pairs import paired, partners
from mibench_ratio.waves import ROWS

PAIRINGS = 8
"""How often samples are paired anew for a mean over the product of the margins where all pairs would be too many."""
_ALL_PAIRS, _AT_ONCE = 2**22, 2**17
"""Responsibilities of all pairs of samples that are affordable in a replica, and how many are made at once."""


class Components(NamedTuple):
    """Of mixtures: logarithms of weights, of which absent ones are -inf, centres, and the shared covariance."""

    log_weights: Float[Tensor, "*replicas K"]
    centres: Float[Tensor, "*replicas K d"]
    covariance: Float[Tensor, "*replicas d d"]


@dataclass(frozen=True)
class Mixture:
    """The mixtures of replicas, whose fields are 0 in replicas for which one component is best.

    Attributes:
        components: of all replicas, as many as the largest mixture has; in each the present ones come first.
        counts: how many of them are present in each replica, in C order; 0 where one component is best.
        several: where one component is not best.
    """

    components: Components
    counts: tuple[int, ...]
    several: Bool[Tensor, "*replicas"]

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 `(*replicas, m, dy)` and mean(d_l s0_l) `(*replicas, dy)`."""
        score, slopes = self.score(y)
        return score, slopes.mean(-2)

    def difference(self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]) -> Tensor:
        """g0 `(*replicas, m, dy)`."""
        return self.joint_score(x, y)[0] - self.score(y)[0]

    def of(self, which: slice | Int[Tensor, "k"]) -> "Mixture":
        """The mixtures of some coordinates alone."""
        log_weights, centres, covariance = self.components
        part = Components(log_weights, centres[..., which], covariance[..., which, :][..., which])
        return replace(self, components=part)

    def score(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 and its derivatives d_l s0_l, `(*replicas, m, dy)` each."""
        d = y.shape[-1]
        mean, slope = _score(y, self.of(slice(-d, None)).components, d)
        return self._where_several(mean), self._where_several(slope)

    def joint_score(
        self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]
    ) -> tuple[Tensor, Tensor]:
        """grad_y log of the joint density and its derivatives."""
        mean, slope = _score(torch.cat([x, y], -1), self.components, y.shape[-1])
        return self._where_several(mean), self._where_several(slope)

    def ratio(
        self,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Float[Tensor, "*replicas n dy"],
        pairings: int,
    ) -> Float[Tensor, "*replicas dy"]:
        """The moments of g0, without the parts of s0, which joint and product mean have in common.

        Args:
            x: the samples.
            y: their partners.
            score: the margin score of y.
            pairings: how many make up the product where all pairs are too many.
        """
        affordable = [x.shape[-2] ** 2 * count <= _ALL_PAIRS for count in self.counts]
        if all(affordable):
            return self._over_all_pairs(x, y, score)
        if not any(affordable):
            return self._over_pairings(x, y, score, pairings)
        which = torch.tensor(affordable, device=y.device).reshape(self.several.shape)[..., None]
        return self._over_all_pairs(x, y, score).where(which, self._over_pairings(x, y, score, pairings))

    def moments(self, x: Tensor, y: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        """Means of `s_l g_l + d_l g_l`, g the `joint_score`, over the pairs and over all x with other y.

        Logits and pulls are sums of a part of x and one of y, so that all pairs of samples are affordable.
        """
        n, dx = x.shape[-2:]
        log_weights, centres, covariance = self.components
        precision = _inverse(covariance)
        pulls = centres @ precision
        of_x = pulls[..., :dx] @ x.mT + (log_weights - (pulls * centres).sum(-1) / 2)[..., None]
        of_y, pulls = pulls[..., dx:] @ y.mT, pulls[..., dx:].mT
        from_x, from_y = -precision[..., dx:, :dx] @ x.mT, -precision[..., dx:, dx:] @ y.mT
        of_pairs, of_all = torch.zeros_like(y[..., 0, :]), torch.zeros_like(y[..., 0, :])
        rows = max(1, _AT_ONCE // of_y.numel())
        for first in range(0, n, rows):
            some = slice(first, first + rows)
            logits = of_x[..., some, None] + of_y[..., None, :]
            shares = logits.sub_(logits.amax(-3, keepdim=True)).exp_()
            shares = shares.div_(shares.sum(-3, keepdim=True)).flatten(-2)
            mean, squares = ((each @ shares).unflatten(-1, (-1, n)) for each in (pulls, pulls.square()))
            linear = from_x[..., some, None] + from_y[..., None, :] + mean
            values = score.mT[..., None, :] * linear + squares - mean.square()
            of_all += values.sum((-2, -1))
            of_pairs += values.diagonal(first, -2, -1).sum(-1)
        curvature = precision.diagonal(dim1=-2, dim2=-1)[..., dx:]
        means = of_pairs / n - curvature, (of_all - of_pairs) / (n * (n - 1)) - curvature
        several = self.several[..., None]
        return means[0].where(several, 0.0), means[1].where(several, 0.0)

    def _over_all_pairs(self, x: Tensor, y: Tensor, score: Tensor) -> Tensor:
        of_pairs, of_product = self.moments(x, y, score)
        return of_pairs - of_product

    def _over_pairings(self, x: Tensor, y: Tensor, score: Tensor, pairings: int) -> Tensor:
        x, y, score = paired(x, y, score)
        product = [
            self._moment(x, y[..., others, :], score[..., others, :])
            for others in partners(x.shape[-2], pairings, x.device)
        ]
        return self._moment(x, y, score) - torch.stack(product).mean(0)

    def _moment(self, x: Tensor, y: Tensor, score: Tensor) -> Tensor:
        """The mean over these pairs."""
        total = torch.zeros_like(y[..., 0, :])
        for parts in zip(*(block.split(ROWS, -2) for block in (x, y, score)), strict=True):
            joint, slopes = self.joint_score(*parts[:2])
            total += (slopes + parts[2] * joint).sum(-2)
        return total / x.shape[-2]

    def _where_several(self, field: Float[Tensor, "*replicas m dy"]) -> Tensor:
        return field.where(self.several[..., None, None], 0.0)


def _score(points: Float[Tensor, "*replicas m d"], of: Components, last: int) -> tuple[Tensor, Tensor]:
    """The gradient of the log density in the last coordinates, and its derivatives along them."""
    precision = _inverse(of.covariance)
    from_centres = points[..., None, :] - of.centres[..., None, :, :]
    pulls = (-from_centres.flatten(-3, -2) @ precision).unflatten(-2, from_centres.shape[-3:-1])
    logits = of.log_weights[..., None, :] + (pulls * from_centres).sum(-1) / 2
    shares, pulls = torch.softmax(logits, -1)[..., None], pulls[..., -last:]
    mean = (shares * pulls).sum(-2)
    precisions = precision.diagonal(dim1=-2, dim2=-1)[..., None, -last:]
    return mean, (shares * pulls.square()).sum(-2) - precisions - mean.square()


def _inverse(covariance: Tensor) -> Tensor:
    """Of a matrix that has one, so that nothing need be asked of it."""
    return cast("Tensor", torch.linalg.inv_ex(covariance).inverse)
