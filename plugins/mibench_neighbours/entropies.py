r"""Mutual information as a sum of entropies by nearest neighbours (Kozachenko & Leonenko 1987).

.. math:: I = H(x) + H(y) - H(x, y), \qquad H(z) = \psi(n) - \psi(k) + \frac{d}{n} \sum_i \log 2 e_i

(Kraskov et al. 2004, Eq. 20), e the distance of a sample to its k-th neighbour in its own space, in the maximum norm,
whose unit ball has the volume 2^d.

It estimates a value and no gradient. Consistent, but each entropy has a bias of its own, of the size at which its
density varies over e, and they do not cancel: this is what `ksg` improves on. In many dimensions the joint entropy is
too large by more than those of the margins, so that I is too small, and below zero.

Deviations: constant coordinates, which carry no information, are left out, as all entropies of theirs are minus
infinity. Samples that k others equal have none either, and are refused.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from mibench_classical.samples import count_varying
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_neighbours.distances import nearest
from mibench_neighbours.samples import pairs, refuse_equals


@dataclass(frozen=True, kw_only=True)
class EntropiesParams(CheckedParams):
    """Parameters of the estimator.

    Attributes:
        k: which neighbour.
        scale: whether each coordinate is brought to unit variance first.
    """

    k: Annotated[int, AtLeast(1), Search(1, 20, log=True)] = 3
    scale: bool = True


def entropies_mi(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: EntropiesParams | None = None
) -> Float[Tensor, "*replicas"]:
    """H(x) + H(y) - H(x, y) in nats; NaN where a replica is not finite.

    Raises:
        UnfitError: there are no k neighbours, or samples that k others equal.
    """
    params = params or EntropiesParams()
    samples = pairs(x, y, name="kl", fewest=params.k + 1, scale=params.scale)
    parts = [_entropy(block, params.k, samples.finite) for block in (samples.x, samples.y, samples.both)]
    return samples.answer(parts[0] + parts[1] - parts[2], x.dtype)


def _entropy(
    z: Float[Tensor, "*replicas n d"], k: int, finite: Bool[Tensor, "*replicas"]
) -> Float[Tensor, "*replicas"]:
    """H(z) of the coordinates that vary; 0 where none does."""
    d = count_varying(z)
    distance = nearest(z, k).distances[..., -1]
    refuse_equals("kl", distance, (d > 0) & finite)
    digammas = torch.tensor([z.shape[-2], k], dtype=torch.float64).digamma()
    return torch.where(d > 0, digammas[0] - digammas[1] + d * (2 * distance).log().mean(-1), 0.0)


class Entropies(Estimator):
    """The sum of three entropies by nearest neighbours."""

    Params = EntropiesParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return entropies_mi(x, y, self.params)
