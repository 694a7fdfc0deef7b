r"""Clusters: a mixture of Gaussians, whose score joins the free part of a fit, and whose ratio the fit begins with.

z = (x, y) is distributed as :math:`\sum_k \pi_k N(m_k, S)`, which `mibench_ratio.clustering` fits, or with a covariance
:math:`S_k` for each component (`mibench_ratio.shapes`). One component changes nothing.
With :math:`v_k` the gradient in y of the log density of component k, :math:`u_k` likewise given x, and responsibilities
r, the margin's score and the ratio's gradient are

.. math:: s^0 = \sum_k r_k(y) \, v_k(y), \qquad g^0 = \sum_k r_k(x, y) \, u_k(x, y) - s^0.

The score's fit gets the free column :math:`s^0_l`, whose moment is the mean of :math:`\partial_l s^0_l`; the ratio's
fit gets the free :math:`s^0` (moment 0, so that the gradient within clusters is orthogonal to functions of y) and
:math:`g^0_l`, whose moment is the joint minus the product mean of :math:`s_l g^0_l + \partial_l g^0_l`. The product is
that of all x with all other y, and of many samples that over pairings of them (`pairs.partners`). The coefficient of
:math:`g^0_l` is drawn to 1, if little: what few samples between clusters say of it, and the kernels then take back
elsewhere, would be without bounds. Where components have covariances of their own it is drawn more, by how noisy the
moment is: pairs of x in one cluster and y in another can be far from all components, with values without bounds.
"""

from collections.abc import Iterator
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
    """Of mixtures: logarithms of weights, of which absent ones are -inf, centres, and covariances: one, or one each."""

    log_weights: Float[Tensor, "*replicas K"]
    centres: Float[Tensor, "*replicas K d"]
    covariances: Float[Tensor, "*replicas S d d"]


class Moments(NamedTuple):
    """Of the ratio of a mixture.

    Attributes:
        mean: joint less product mean of `s_l g_l + d_l g_l`.
        variance: of that over samples; 0 where all components have one covariance, and it is no matter.
    """

    mean: Float[Tensor, "*replicas dy"]
    variance: Float[Tensor, "*replicas dy"]


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
        log_weights, centres, covariances = self.components
        part = Components(log_weights, centres[..., which], covariances[..., which, :][..., which])
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
    ) -> "Moments":
        """The moments of g0, without the parts of s0, which joint and product mean have in common.

        Args:
            x: the samples.
            y: their partners.
            score: the margin score of y.
            pairings: how many make up the product where all pairs are too many.
        """
        affordable = [x.shape[-2] ** 2 * count <= _ALL_PAIRS for count in self.counts]
        if all(affordable):
            return self.over_all_pairs(x, y, score)
        if not any(affordable):
            return self._over_pairings(x, y, score, pairings)
        which = torch.tensor(affordable, device=y.device).reshape(self.several.shape)[..., None]
        both = zip(self.over_all_pairs(x, y, score), self._over_pairings(x, y, score, pairings), strict=True)
        return Moments(*(of_all.where(which, of_some) for of_all, of_some in both))

    @property
    def shaped(self) -> bool:
        """Whether components of any replica have covariances of their own."""
        return self.components.covariances.shape[-3] > 1

    @property
    def _unequal(self) -> Bool[Tensor, "*replicas"]:
        """In which replicas they do."""
        covariances = self.components.covariances
        return (covariances != covariances[..., :1, :, :]).flatten(-3).any(-1)

    def over_all_pairs(self, x: Tensor, y: Tensor, score: Tensor) -> "Moments":
        """The moments; the product is that of all x with all other y."""
        n, own, rows, columns = x.shape[-2], [], [], torch.zeros_like(y).mT
        values = self._shaped_values if self.shaped else self._values
        for first, some in values(x, y, score):
            own.append(some.diagonal(first, -2, -1))
            rows.append(some.sum(-1))
            columns = columns + some.sum(-2)
        pairs = torch.cat(own, -1)
        others = ((sums - pairs) / (n - 1) for sums in (torch.cat(rows, -1), columns))
        return self._judged(*(each.mT for each in (pairs, *others)))

    def _values(
        self, x: Tensor, y: Tensor, score: Tensor
    ) -> Iterator[tuple[int, Float[Tensor, "*replicas dy rows n"]]]:
        """`s_l g_l + d_l g_l` of all y with some rows of x after others, and the first of these; with one covariance.

        Logits and pulls are sums of a part of x and one of y, so that all pairs of samples are affordable.
        """
        n, dx = x.shape[-2:]
        log_weights, centres, covariances = self.components
        precision = _inverse(covariances.squeeze(-3))
        pulls = centres @ precision
        of_x = pulls[..., :dx] @ x.mT + (log_weights - (pulls * centres).sum(-1) / 2)[..., None]
        of_y, pulls = pulls[..., dx:] @ y.mT, pulls[..., dx:].mT
        from_x, from_y = -precision[..., dx:, :dx] @ x.mT, -precision[..., dx:, dx:] @ y.mT
        curvature = precision.diagonal(dim1=-2, dim2=-1)[..., dx:, None, None]
        for some in _rows(n, of_y.numel()):
            logits = of_x[..., some, None] + of_y[..., None, :]
            shares = logits.sub_(logits.amax(-3, keepdim=True)).exp_()
            shares = shares.div_(shares.sum(-3, keepdim=True)).flatten(-2)
            mean, squares = ((each @ shares).unflatten(-1, (-1, n)) for each in (pulls, pulls.square()))
            linear = from_x[..., some, None] + from_y[..., None, :] + mean
            yield some.start, score.mT[..., None, :] * linear + squares - mean.square() - curvature

    def _shaped_values(
        self, x: Tensor, y: Tensor, score: Tensor
    ) -> Iterator[tuple[int, Float[Tensor, "*replicas dy rows n"]]]:
        """The same where components have covariances of their own."""
        n, dx = x.shape[-2:]
        log_weights, centres, covariances = self.components
        precisions = _inverse(covariances)
        in_x, in_y = precisions[..., :dx, :dx], precisions[..., dx:, dx:]
        to_x, to_y = x[..., None, :, :] - centres[..., None, :dx], y[..., None, :, :] - centres[..., None, dx:]
        of_x = (log_weights - log_volumes(covariances))[..., None] - ((to_x @ in_x) * to_x).sum(-1) / 2
        from_x, from_y = -to_x @ precisions[..., :dx, dx:], -to_y @ in_y
        of_y = (from_y * to_y).sum(-1) / 2
        curvatures = in_y.diagonal(dim1=-2, dim2=-1)
        for some in _rows(n, of_y.numel()):
            logits = from_x[..., some, :] @ to_y.mT + of_x[..., some, None] + of_y[..., None, :]
            shares = torch.softmax(logits, -3)
            values: list[Tensor] = []
            for k in range(y.shape[-1]):
                pulls = from_x[..., some, None, k] + from_y[..., None, :, k]
                mean = (shares * pulls).sum(-3)
                slopes = (shares * (pulls.square_() - curvatures[..., k, None, None])).sum(-3) - mean.square()
                values.append(score[..., None, :, k] * mean + slopes)
            yield some.start, torch.stack(values, -3)

    def _over_pairings(self, x: Tensor, y: Tensor, score: Tensor, pairings: int) -> "Moments":
        x, y, score = paired(x, y, score)
        rows, columns = torch.zeros_like(y), torch.zeros_like(y)
        for others in partners(x.shape[-2], pairings, x.device):
            values = self._operated(x, y[..., others, :], score[..., others, :]) / pairings
            rows += values
            columns[..., others, :] += values
        return self._judged(self._operated(x, y, score), rows, columns)

    def _operated(self, x: Tensor, y: Tensor, score: Tensor) -> Float[Tensor, "*replicas n dy"]:
        """`s_l g_l + d_l g_l` of these pairs, g the `joint_score`."""
        values: list[Tensor] = []
        for parts in zip(*(block.split(ROWS, -2) for block in (x, y, score)), strict=True):
            joint, slopes = self.joint_score(*parts[:2])
            values.append(slopes + parts[2] * joint)
        return torch.cat(values, -2)

    def _judged(
        self,
        pairs: Float[Tensor, "*replicas n dy"],
        rows: Float[Tensor, "*replicas n dy"],
        columns: Float[Tensor, "*replicas n dy"],
    ) -> "Moments":
        """The moments, from values of each pair and means over each x, and over each y, with others."""
        variance = (pairs - rows - columns).var(-2) / pairs.shape[-2]
        means = (pairs - rows).mean(-2).where(self.several[..., None], 0.0)
        return Moments(means, variance.where(self._unequal[..., None], 0.0))

    def _where_several(self, field: Float[Tensor, "*replicas m dy"]) -> Tensor:
        return field.where(self.several[..., None, None], 0.0)


def _score(points: Float[Tensor, "*replicas m d"], of: Components, last: int) -> tuple[Tensor, Tensor]:
    """The gradient of the log density in the last coordinates, and its derivatives along them."""
    precisions = _inverse(of.covariances)
    from_centres = points[..., None, :, :] - of.centres[..., :, None, :]
    pulls = -from_centres @ precisions
    logits = of.log_weights[..., None] + (pulls * from_centres).sum(-1) / 2
    if of.covariances.shape[-3] > 1:
        logits = logits - log_volumes(of.covariances)[..., None]
    shares, pulls = torch.softmax(logits, -2)[..., None], pulls[..., -last:]
    mean = (shares * pulls).sum(-3)
    curvatures = precisions.diagonal(dim1=-2, dim2=-1)[..., None, -last:]
    return mean, (shares * (pulls.square() - curvatures)).sum(-3) - mean.square()


def log_volumes(covariances: Float[Tensor, "*any d d"]) -> Float[Tensor, "*any"]:
    """Half the logarithms of their determinants."""
    return torch.linalg.cholesky_ex(covariances).L.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _rows(n: int, cells: int) -> list[slice]:
    """Which of n rows are taken together, of so many numbers each."""
    rows = max(1, _AT_ONCE // cells)
    return [slice(first, first + rows) for first in range(0, n, rows)]


def _inverse(covariance: Tensor) -> Tensor:
    """Of a matrix that has one, so that nothing need be asked of it."""
    return cast("Tensor", torch.linalg.inv_ex(covariance).inverse)
