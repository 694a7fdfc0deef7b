r"""Which clusters replicas have: of all coordinates together, or of single pairs of them.

Where each of d coordinates has K clusters of its own, as a signal on a grid or a staircase in noise, all together have
:math:`K^d`, of which few samples show none twice. So each coordinate of y that is clearly aligned with one of x has the
mixture of that pair, :math:`(x_k, y_l)`. Replicas have these, with score and ratio coordinate by coordinate, where they
make independent coordinates of y likelier than the mixture of all coordinates makes y, or one Gaussian.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_ratio.clustering import criterion, mixtures, of_replicas
from mibench_ratio.mixture import PAIRINGS, Mixture, Moments
from mibench_ratio.pairs import distinct
from mibench_ratio.shapes import hidden, shaped

CLEAR = 0.6
"""The alignment of two coordinates from which they may have clusters of their own."""
_MOST = 16
"""How many clusters two coordinates may have."""
CLUSTERED, TRUST = 0.1, 0.25
"""The largest weight of a mixture's ratio, against that of one pair of coordinates, and how far from 1 its coefficient
is thought to be, as a standard deviation."""


@dataclass(frozen=True)
class PairMixtures:
    """Mixtures of pairs of coordinates, with the fields of `Mixture`.

    Attributes:
        of_x: the coordinate of x in each pair, `(*replicas, L)`.
        of_y: that of y, `(L,)`; other coordinates of y have no clusters.
        mixture: of the pairs, which are the last of its replica axes.
    """

    of_x: Int[Tensor, "*replicas L"]
    of_y: Int[Tensor, "L"]
    mixture: Mixture

    @property
    def several(self) -> Bool[Tensor, "*replicas"]:
        """Whether all pairs have clusters."""
        return self.mixture.several.all(-1)

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 and mean(d_l s0_l)."""
        scores, slopes = self.mixture.margin(_coordinates(y, self.of_y))
        return self._of_all(scores[..., 0].mT, y), self._of_all(slopes.mT, y)[..., 0, :]

    def difference(self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]) -> Tensor:
        """g0."""
        return self._of_all(self.mixture.difference(*self._pairs(x, y))[..., 0].mT, y)

    def ratio(
        self,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Float[Tensor, "*replicas n dy"],
        pairings: int,
    ) -> Moments:
        """The moments of g0."""
        moments = self.mixture.ratio(*self._pairs(x, y), _coordinates(score, self.of_y), pairings)
        return Moments(*(self._of_all(each.mT, y)[..., 0, :] for each in moments))

    def likelier(self, y: Float[Tensor, "*replicas n dy"], whole: Mixture | None) -> Bool[Tensor, "*replicas"]:
        """Whether independent coordinates of y are, by BIC, than those of the whole, or than one Gaussian."""
        coordinates = criterion(_coordinates(y, self.of_y), self.mixture.of(slice(1, None))).sum(-1)
        if whole is not None:
            whole = whole.of(whole.components.centres.shape[-1] - y.shape[-1] + self.of_y)
        return coordinates < criterion(y[..., self.of_y], whole)

    def of_replicas(self, which: Bool[Tensor, "*replicas"]) -> "PairMixtures | None":
        """Those of some replicas; `None` where there are none."""
        mixture = of_replicas(self.mixture.components, self.mixture.several & which[..., None])
        return None if mixture is None else PairMixtures(self.of_x, self.of_y, mixture)

    def shaped(self, x: Tensor, y: Tensor) -> "PairMixtures":
        """The same with covariances of their own where that is likelier."""
        return replace(self, mixture=shaped(torch.cat(self._pairs(x, y), -1), self.mixture))

    def _pairs(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return _coordinates(x, self.of_x), _coordinates(y, self.of_y)

    def _of_all(self, values: Float[Tensor, "*replicas m L"], y: Tensor) -> Float[Tensor, "*replicas m dy"]:
        """The values of all coordinates of y: 0 for those that are in no pair."""
        return values.new_zeros(*values.shape[:-1], y.shape[-1]).index_copy(-1, self.of_y, values)


@dataclass(frozen=True)
class Clusters:
    """What replicas have; some may have none, and none has clusters in more than one part.

    Attributes:
        parts: mixtures of all coordinates, of pairs, or both.
    """

    parts: tuple[Mixture | PairMixtures, ...]

    @property
    def several(self) -> Bool[Tensor, "*replicas"]:
        """Whether all that a replica could have clusters in has them."""
        return torch.stack([part.several for part in self.parts]).any(0)

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 `(*replicas, m, dy)` and mean(d_l s0_l) `(*replicas, dy)`."""
        (score, slopes), *others = (part.margin(y) for part in self.parts)
        return sum((other[0] for other in others), score), sum((other[1] for other in others), slopes)

    def difference(self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]) -> Tensor:
        """g0 `(*replicas, m, dy)`."""
        first, *others = (part.difference(x, y) for part in self.parts)
        return sum(others, first)

    def ratio(
        self,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Float[Tensor, "*replicas n dy"],
        pairings: int = PAIRINGS,
    ) -> Moments:
        """The moments of g0, as `Mixture.ratio`."""
        first, *others = (part.ratio(x, y, score, pairings) for part in self.parts)
        return Moments(sum((m.mean for m in others), first.mean), sum((m.variance for m in others), first.variance))


class Mixed(NamedTuple):
    """The clusters' ratio as a column of a fit, whose coefficient is about 1.

    Attributes:
        clusters: what the ratio is of.
        known: the ratio at the samples, `(*replicas, n, dy)`.
        moments: its linear terms, `(*replicas, dy)`.
        weights: of the column in a kernel: the penalty keeps the coefficient within about `TRUST` of 1 where the
            moments are noisy, and leaves it free elsewhere.
    """

    clusters: Clusters
    known: Tensor
    moments: Tensor
    weights: Tensor

    @classmethod
    def of(
        cls,
        clusters: Clusters | None,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Float[Tensor, "*replicas n dy"],
        ridge: float,
        pairings: int = PAIRINGS,
    ) -> "Mixed | None":
        """Of samples, for a fit with this ridge; the product is that of so many pairings."""
        if clusters is None:
            return None
        moments, known = clusters.ratio(x, y, score, pairings), clusters.difference(x, y)
        weights = ridge * TRUST**2 * known.square().mean(-2) / moments.variance.clamp_min(1e-300)
        return cls(clusters, known, moments.mean, weights.clamp(1e-12, CLUSTERED))


def clusters_of(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], aligned: Float[Tensor, "*replicas dx dy"]
) -> Clusters | None:
    """The clusters of standardised samples, given how much coordinates are aligned; `None` where no replica has any.

    Where most samples of y, or of a coordinate, occur more than once, as of a block of few values, there is no density
    to differentiate.
    """
    whole, pairs = _of_all(x, y), _of_pairs(x, y, aligned)
    if pairs is not None:
        likelier = pairs.likelier(y, whole)
        pairs = pairs.of_replicas(likelier)
        if whole is not None:
            whole = of_replicas(whole.components, whole.several & ~likelier)
    z, without = torch.cat([x, y], -1), _continuous(x) & _continuous(y)
    for part in (whole, pairs):
        if part is not None:
            without = without & ~part.several
    whole = None if whole is None else shaped(z, whole)
    pairs = None if pairs is None else pairs.shaped(x, y)
    parts = tuple(part for part in (whole, pairs, hidden(z, without)) if part is not None)
    return Clusters(parts) if parts else None


def _of_all(x: Tensor, y: Tensor) -> Mixture | None:
    found = mixtures(torch.cat([x, y], -1))
    return None if found is None else of_replicas(found.components, found.several & _continuous(y))


def _of_pairs(x: Tensor, y: Tensor, aligned: Tensor) -> PairMixtures | None:
    best, of_x = aligned.max(-2)
    clear = best >= CLEAR
    of_y = clear.reshape(-1, y.shape[-1]).any(0).nonzero()[:, 0]  # waits for a GPU
    if not len(of_y):
        return None
    of_x, each = of_x[..., of_y], _coordinates(y, of_y)
    found = mixtures(torch.cat([_coordinates(x, of_x), each], -1), _MOST)
    if found is None:
        return None
    mixture = of_replicas(found.components, found.several & clear[..., of_y] & _continuous(each))
    return None if mixture is None else PairMixtures(of_x, of_y, mixture)


def _coordinates(block: Float[Tensor, "*replicas n d"], which: Tensor) -> Float[Tensor, "*replicas L n 1"]:
    """Some coordinates on an axis of replicas: the same of all, `(L,)`, or of each its own, `(*replicas, L)`."""
    which = which.expand(*block.shape[:-2], -1)
    return torch.take_along_dim(block.mT, which[..., None], -2)[..., None]


def _continuous(y: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas"]:
    return 2 * distinct(y) > y.shape[-2]
