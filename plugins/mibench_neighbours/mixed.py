r"""Nearest neighbours where x and y may be discrete, continuous or mixed (Gao, Kannan, Oh & Viswanath, NIPS 2017).

.. math:: I = \frac{1}{n} \sum_i \big[ \psi(k_i) + \log n - \psi(n_x) - \psi(n_y) \big]

With e the distance of a pair to its k-th neighbour in the maximum norm, :math:`n_x` and :math:`n_y` count the samples
that are nearer than e in x and in y, the pair's own among them, and :math:`k_i = k`. Where e = 0, they count those that
are equal, and :math:`k_i` the equal pairs.

It estimates a value and no gradient. It is consistent where (x, y) has atoms, lies on lines and planes, or has a
density: wherever p(x, y) has a derivative by p(x) p(y). On continuous pairs it is `ksg` to 1 / 2n, with its bias and
variance. On atoms it is a plug-in estimate from a table, nearly.

Deviations: Algorithm 1 of the paper has :math:`\log(n_x + 1)`, of the others that are at most e away. For a fixed k
this is too small by about 1 / k, and for constant x by :math:`\log(k + 1) - \psi(k)`; the formula above is that of the
authors' program. Coordinates keep their units, as in the paper, unless `scale` is set.
"""

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_neighbours.distances import below, nearest, within
from mibench_neighbours.samples import pairs


@dataclass(frozen=True, kw_only=True)
class MixedParams(CheckedParams):
    """Parameters of the estimator.

    Attributes:
        k: which neighbour.
        scale: whether each coordinate is brought to unit variance first.
    """

    k: Annotated[int, AtLeast(1), Search(1, 20, log=True)] = 3
    scale: bool = False


def ksg_mixed(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: MixedParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats; NaN where a replica is not finite.

    Raises:
        UnfitError: there are no k neighbours.

    Example:
        >>> coin = torch.randint(2, (1000, 1), generator=torch.Generator().manual_seed(0)).float()
        >>> round(ksg_mixed(coin, coin).item(), 2)
        0.69
    """
    params = params or MixedParams()
    samples = pairs(x, y, name="ksg-mixed", fewest=params.k + 1, scale=params.scale)
    both = samples.both
    distance = nearest(both, params.k).distances[..., -1]
    equal = distance == 0
    radius = torch.where(equal, 0.0, below(distance))
    neighbours = torch.where(equal, within(both, radius) + 1, params.k)
    counts = [(within(block, radius) + 1).double().digamma() for block in (samples.x, samples.y)]
    terms = neighbours.double().digamma() - counts[0] - counts[1]
    return samples.answer(terms.mean(-1) + math.log(x.shape[-2]), x.dtype)


class MixedKSG(Estimator):
    """Nearest neighbours in spaces with and without atoms."""

    Params = MixedParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return ksg_mixed(x, y, self.params)
