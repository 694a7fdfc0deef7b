r"""Mutual information by nearest neighbours (Kraskov, Stoegbauer & Grassberger, Phys. Rev. E 69, 2004).

Variants 1 (Eq. 8) and 2 (Eq. 9), with the mean over all pairs in brackets:

.. math::
    I_1 = \psi(k) + \psi(n) - \left\langle \psi(n_x + 1) + \psi(n_y + 1) \right\rangle, \qquad
    I_2 = \psi(k) - \frac{1}{k} + \psi(n) - \left\langle \psi(n_x) + \psi(n_y) \right\rangle.

Distances are those of the maximum norm. In variant 1, :math:`n_x` and :math:`n_y` count the other samples that are
strictly nearer in x and in y than the k-th neighbour of the pair is in both. In variant 2 they count those at most as
far as the farthest of the k neighbours is in x, and in y.

It estimates a value and no gradient. Each term is an entropy by Kozachenko & Leonenko, and using the joint distance in
the margins has their errors cancel, in full where x and y are independent. What is left underestimates, the more the
stronger the dependence, since the density has to be constant over the neighbours: :math:`e^I` samples or so are needed
(Gao, Ver Steeg & Galstyan, AISTATS 2015), and more in many dimensions. The variance falls as k grows, the bias rises.
Variant 2 has the smaller errors in many dimensions, by the paper.

Deviations: pairs that k others equal have no density, and are refused, where the paper advises to add noise. Where x
or y is constant the value is 0. Which of several neighbours at one distance variant 2 looks at is left open.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast, AtMost
from mibench.search import Search
from mibench.specs import CheckedParams
from mibench_neighbours.distances import below, nearest, within
from mibench_neighbours.samples import pairs, refuse_equals


@dataclass(frozen=True, kw_only=True)
class KSGParams(CheckedParams):
    """Parameters of the estimator.

    Attributes:
        variant: 1 for a cube about each pair, 2 for a rectangle.
        k: which neighbour.
        scale: whether each coordinate is brought to unit variance first.
    """

    variant: Annotated[int, AtLeast(1), AtMost(2)] = 1
    k: Annotated[int, AtLeast(1), Search(1, 20, log=True)] = 3
    scale: bool = True


def ksg(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], params: KSGParams | None = None
) -> Float[Tensor, "*replicas"]:
    """I(X;Y) in nats by nearest neighbours; NaN where a replica is not finite.

    Raises:
        UnfitError: there are no k neighbours, or pairs that k others equal.

    Example:
        >>> x, noise = torch.randn(2, 1000, 1, generator=torch.Generator().manual_seed(0))
        >>> bool(0.25 < ksg(x, x + noise) < 0.45)
        True
    """
    params = params or KSGParams()
    samples = pairs(x, y, name="ksg", fewest=params.k + 1, scale=params.scale)
    neighbours = nearest(samples.both, params.k)
    farthest = neighbours.distances[..., -1]
    refuse_equals("ksg", farthest, samples.vary & samples.finite)
    psi_k, psi_n = torch.tensor([params.k, x.shape[-2]], dtype=torch.float64).digamma().tolist()
    if params.variant == 1:
        counts = [within(block, below(farthest)) + 1 for block in (samples.x, samples.y)]
        return samples.answer(psi_k + psi_n - _sum_of_digammas(counts), x.dtype)
    counts = [within(block, _farthest(block, neighbours.indices)) for block in (samples.x, samples.y)]
    return samples.answer(psi_k - 1 / params.k + psi_n - _sum_of_digammas(counts), x.dtype)


def _sum_of_digammas(counts: list[Tensor]) -> Float[Tensor, "*replicas"]:
    """The mean over samples."""
    return sum((count.double().digamma() for count in counts), torch.zeros((), dtype=torch.float64)).mean(-1)


def _farthest(block: Tensor, index: Tensor) -> Float[Tensor, "*replicas n"]:
    """The distance from each sample to the farthest of those with these indices `(*replicas, n, k)`."""
    others = torch.take_along_dim(block, index.flatten(-2)[..., None], -2).reshape(*index.shape, -1)
    return (others - block[..., :, None, :]).abs().amax((-2, -1))


class KSG(Estimator):
    """Mutual information by nearest neighbours."""

    Params = KSGParams

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats."""
        return ksg(x, y, self.params)
