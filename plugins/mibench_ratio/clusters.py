r"""Which clusters replicas have: of all coordinates together, of single pairs of them, or those of a channel.

Where each of d coordinates has K clusters of its own, as a signal on a grid or a staircase in noise, all together have
:math:`K^d`, of which few samples show none twice. So each coordinate of y that is clearly aligned with one of x has the
mixture of that pair, :math:`(x_k, y_l)`. Replicas have these, with score and ratio coordinate by coordinate, where they
make independent coordinates of y likelier than the mixture of all coordinates makes y, or one Gaussian. Where x takes
few values that are mixed, y has the clusters of a channel (`mibench_ratio.channel`).
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench_ratio.channel import Channel, channel
from mibench_ratio.clustering import GAIN_APART, criterion, mixtures, of_replicas
from mibench_ratio.mixture import PAIRINGS, Components, Mixture, Moments
from mibench_ratio.pairs import distinct
from mibench_ratio.ridge import Free, one_and
from mibench_ratio.shapes import hidden, shaped

CLEAR = 0.6
"""The alignment of two coordinates from which they may have clusters of their own."""
_MOST = 16
"""How many clusters two coordinates may have."""
CLUSTERED, TRUST = 0.1, 0.25
"""The largest weight of a mixture's ratio, against that of one pair of coordinates, and how far from 1 its coefficient
is thought to be, as a standard deviation."""
BORNE = 1.5
"""Of the mixtures' gradient, the most that moments may ask for along a direction of s0."""


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
        """Whether y is, by BIC, if these coordinates are independent than under the mixture of all coordinates.

        Where there is none, than if these coordinates are one Gaussian. Not where no pair has clusters.
        """
        apart = criterion(_coordinates(y, self.of_y), self.mixture.of(slice(1, None))).sum(-1)
        likelier = apart < criterion(y[..., self.of_y], None)
        if whole is not None:
            others = sorted(set(range(y.shape[-1])) - set(self.of_y.tolist()))
            if others:
                apart = apart + criterion(y[..., others], None)
            likelier = (apart < criterion(y, whole.of(slice(-y.shape[-1], None)))).where(whole.several, likelier)
        return likelier & self.mixture.several.any(-1)

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
        parts: mixtures of all coordinates, of pairs, and channels.
    """

    parts: tuple[Mixture | PairMixtures | Channel, ...]

    @property
    def several(self) -> Bool[Tensor, "*replicas"]:
        """Whether a replica has clusters in any part."""
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
        borne: which directions of s0 are free columns, as a projection, `(*replicas, dy, dy)`.
    """

    clusters: Clusters
    known: Tensor
    moments: Tensor
    weights: Tensor
    borne: Tensor

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
        borne = _borne(clusters.margin(y)[0], x, y, score, known)
        return cls(clusters, known, moments.mean, weights.clamp(1e-12, CLUSTERED), borne)

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> Float[Tensor, "*replicas m dy"]:
        """s0, as columns of the free part."""
        return self.clusters.margin(y)[0] @ self.borne


def _borne(s0: Tensor, x: Tensor, y: Tensor, score: Tensor, known: Tensor) -> Float[Tensor, "*replicas dy dy"]:
    """The projection onto directions of s0 whose coefficients the samples bear: all, or nearly all.

    What 1, x and y leave of s0 can be next to nothing along some direction, as where x says which cluster a sample of y
    is from. The moments, which are not without error, then ask for a gradient along it without bounds. The true one has
    at most the size of the whole gradient, for which that of the mixtures stands.
    """
    (n, dx), free = x.shape[-2:], Free(one_and(x, y))
    coefficients = free.coefficients(s0)
    left = s0 - free.columns @ coefficients
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(left.mT @ left / n))
    asked = vectors.mT @ coefficients[..., 1 : 1 + dx, :].mT @ (x.mT @ score / n)
    kept = asked.square().sum(-1) <= BORNE**2 * known.square().sum(-1).mean(-1)[..., None] * values
    eye = torch.eye(s0.shape[-1], dtype=s0.dtype, device=s0.device)
    return torch.where(kept.all(-1)[..., None, None], eye, (vectors * kept[..., None, :]) @ vectors.mT)


def clusters_of(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    aligned: Float[Tensor, "*replicas dx dy"],
    *,
    channels: bool = True,
) -> Clusters | None:
    """The clusters of standardised samples; `None` where no replica has any.

    Where most samples of y, or of a coordinate, occur more than once, as of a block of few values, there is no density
    to differentiate.

    Args:
        x: the samples.
        y: their partners.
        aligned: how much coordinates are aligned.
        channels: whether the clusters may be those of a channel.
    """
    found, z = _mixtures(x, y, aligned), torch.cat([x, y], -1)
    through = _channel(x, y, found) if channels else None
    if through is not None:
        found = [part for each in found if (part := _of_replicas(each, ~through.several)) is not None]
    parts = [part.shaped(x, y) if isinstance(part, PairMixtures) else shaped(z, part) for part in found]
    without = _continuous(x) & _continuous(y)
    for part in (*parts, through):
        if part is not None:
            without = without & ~part.several
    present = tuple(part for part in (*parts, through, hidden(z, without)) if part is not None)
    return Clusters(present) if present else None


def _mixtures(x: Tensor, y: Tensor, aligned: Tensor) -> list[Mixture | PairMixtures]:
    """The mixtures of all coordinates, if any, and those of pairs that take their place in some replicas."""
    whole = _of_all(x, y)
    parts: list[Mixture | PairMixtures] = []
    for pairs in _of_pairs(x, y, aligned):
        likelier = pairs.likelier(y, whole)
        if (pairs := pairs.of_replicas(likelier)) is not None:
            parts.append(pairs)
        if whole is not None:
            whole = of_replicas(whole.components, whole.several & ~likelier)
    return parts if whole is None else [whole, *parts]


def _of_replicas(part: Mixture | PairMixtures, which: Bool[Tensor, "*replicas"]) -> Mixture | PairMixtures | None:
    if isinstance(part, PairMixtures):
        return part.of_replicas(which)
    return of_replicas(part.components, part.several & which)


def _channel(x: Tensor, y: Tensor, others: list[Mixture | PairMixtures]) -> Channel | None:
    """The channel of replicas in which y has clusters by it that others do not show in full."""
    found = channel(x, y)
    if found is None:
        return None
    clear, of_channel = GAIN_APART * x.shape[-2], found.criterion(math.log(x.shape[-2]))
    several = found.several & _continuous(y) & (found.criterion(2.0) < criterion(y, None) - clear)
    plain = found.plain
    for part in others:
        if isinstance(part, PairMixtures):
            better = found.mixes(part.of_x, part.of_y)
        else:
            fewer = part.components.log_weights.isfinite().sum(-1) < distinct(x)
            plain = plain | (fewer & part.several)
            better = fewer | (of_channel < criterion(y, part.of(slice(-y.shape[-1], None))) - clear)
        several = several & (better | ~part.several)
    several = several & plain
    return replace(found, several=several) if several.any() else None


def _of_all(x: Tensor, y: Tensor) -> Mixture | None:
    found = mixtures(torch.cat([x, y], -1))
    return None if found is None else of_replicas(found.components, found.several & _continuous(y))


def _of_pairs(x: Tensor, y: Tensor, aligned: Tensor) -> list[PairMixtures]:
    """Mixtures of pairs of the coordinates of y that are clearly aligned, for each set of them that a replica has."""
    best, of_x = aligned.max(-2)
    clear, found = best >= CLEAR, []
    for which in clear.reshape(-1, y.shape[-1]).unique(dim=0):  # waits for a GPU
        of_y = which.nonzero()[:, 0]
        if len(of_y):
            found.append(_of_coordinates(x, y, of_x[..., of_y], of_y, (clear == which).all(-1)))
    return [pairs for pairs in found if pairs is not None]


def _of_coordinates(
    x: Tensor, y: Tensor, of_x: Int[Tensor, "*replicas L"], of_y: Int[Tensor, "L"], where: Bool[Tensor, "*replicas"]
) -> PairMixtures | None:
    """Mixtures of these pairs in some replicas; `None` where there are none."""
    each = _coordinates(y, of_y)
    found = mixtures(torch.cat([_coordinates(x, of_x), each], -1)[where], _MOST)
    if found is None:
        return None
    several = torch.zeros_like(each[..., 0, 0], dtype=torch.bool)
    several[where] = found.several
    components = Components(*(part[0].expand(*where.shape, *part.shape[1:]).clone() for part in found.components))
    for whole, part in zip(components, found.components, strict=True):
        whole[where] = part
    mixture = of_replicas(components, several & _continuous(each))
    return None if mixture is None else PairMixtures(of_x, of_y, mixture)


def _coordinates(block: Float[Tensor, "*replicas n d"], which: Tensor) -> Float[Tensor, "*replicas L n 1"]:
    """Some coordinates on an axis of replicas: the same of all, `(L,)`, or of each its own, `(*replicas, L)`."""
    which = which.expand(*block.shape[:-2], -1)
    return torch.take_along_dim(block.mT, which[..., None], -2)[..., None]


def _continuous(y: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas"]:
    return 2 * distinct(y) > y.shape[-2]
