r"""The divergence of pairs from shuffled pairs, by nearest neighbours (Perez-Cruz, ISIT 2008).

.. math::
    I = D(p(x, y) \,\|\, p(x) \, p(y)) = \frac{d}{n} \sum_i \log \frac{s_i}{r_i} + \log \frac{m}{n - 1}

(Eq. 14), r the distance of a pair to its k-th neighbour among the n - 1 other pairs, s that to the k-th among m
shuffled pairs (x_i, y_j), j other than i, in the maximum norm; d = dx + dy. The densities at a pair are k / (n - 1) and
k / m over the volumes of the two balls, whose constants cancel. The shuffling is one random cycle a call, from the
problem's generators.

It estimates a value and no gradient. Consistent for every k. Unlike in `ksg`, the two distances differ in length, so
that the errors of assuming a constant density over each ball stay: too small for strong dependence, and in many
dimensions off either way. The shuffled pairs are random, which adds variance.

Deviations: the maximum norm, in which the ratio of the volumes is (s / r)^d too. The shuffled pairs are made of the
same samples as the pairs; the two that share x or y with a pair, and so lie near it too often, are left out of its
m = n - 2. Constant coordinates are left out; copies and linear functions of others are not, and multiply the value, as
they count in d. Samples that k others equal have no density, and are refused.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float, Int
from mibench_classical.samples import count_varying
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_neighbours.distances import Neighbours, nearest, nearest_among
from mibench_neighbours.samples import pairs, refuse_equals


@dataclass(frozen=True, kw_only=True)
class DivergenceParams(CheckedParams):
    """Parameters of the estimator.

    Attributes:
        k: which neighbour.
        scale: whether each coordinate is brought to unit variance first.
    """

    k: Annotated[int, AtLeast(1), Search(1, 20, log=True)] = 3
    scale: bool = True


def cycle(n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """A random order of n in one cycle, so that none stays in its place; n > 1."""
    order = torch.randperm(n, generator=generator)
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def divergence_mi(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    partner: Int[Tensor, "..."],
    params: DivergenceParams | None = None,
) -> Float[Tensor, "*replicas"]:
    """D(p(x, y) || p(x) p(y)) in nats; NaN where a replica is not finite.

    Args:
        x: `(*replicas, n, dx)`.
        y: `(*replicas, n, dy)`.
        partner: which sample of y is shuffled to each of x, `(n,)` for all replicas or `(*replicas, n)`.
        params: of the estimator.

    Raises:
        UnfitError: there are no k neighbours, or samples that k others equal.
    """
    params = params or DivergenceParams()
    samples = pairs(x, y, name="knn-kl", fewest=params.k + 2, scale=params.scale)
    partner, n, both = partner.expand(x.shape[:-1]), x.shape[-2], samples.both
    shuffled = torch.cat([samples.x, torch.take_along_dim(samples.y, partner[..., None], -2)], -1)
    r = nearest(both, params.k).distances[..., -1]
    s = _to_strangers(nearest_among(shuffled, both, params.k + 2), partner)[..., params.k - 1]
    refuse_equals("knn-kl", torch.minimum(r, s), samples.vary & samples.finite)
    value = count_varying(both) * (s.log() - r.log()).mean(-1) + math.log((n - 2) / (n - 1))
    return samples.answer(value, x.dtype)


def _to_strangers(neighbours: Neighbours, partner: Tensor) -> Float[Tensor, "*replicas n neighbours"]:
    """Distances to the shuffled pairs that share neither x nor y with a pair, in order, and then infinity."""
    own = torch.arange(partner.shape[-1], device=partner.device)
    shares_y = partner.argsort(-1)[..., None]
    shared = (neighbours.indices == own[:, None]) | (neighbours.indices == shares_y)
    return torch.where(shared, torch.inf, neighbours.distances).sort(-1).values


class Divergence(Estimator):
    """The divergence of pairs from shuffled pairs, by nearest neighbours."""

    Params = DivergenceParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        partner = self.problem.draw(lambda generator: cycle(x.shape[-2], generator))
        return divergence_mi(x, y, partner, self.params)
