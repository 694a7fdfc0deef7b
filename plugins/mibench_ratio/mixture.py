r"""Clusters: a mixture of Gaussians with one shared covariance, whose score and ratio join the free part of the fits.

z = (x, y) is distributed as :math:`\sum_k \pi_k N(m_k, S)`, fitted by expectation maximisation from k-means, which
starts at samples far apart. The number of components is proposed by BIC of hard clusters and decided by that of the
mixture, which must win by more than tails or skewness do; less is enough where components do not overlap. One component
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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.pairs import paired, partners
from mibench_ratio.waves import ROWS

PAIRINGS = 8
"""How often samples are paired anew for a mean over the product of the margins where all pairs would be too many."""
_ALL_PAIRS, _AT_ONCE = 2**22, 2**17
"""Responsibilities of all pairs of samples that are affordable, and how many are made at once."""
COUNTS = ((2, 3, 4, 5, 6, 8), (10, 12, 14, 16), (20, 24, 28, 32), (40, 48, 64))
"""Numbers of clusters that are tried, in groups that are made at once."""
PER_CLUSTER = 16
GAIN, GAIN_APART, FEWEST = 2.0, 0.3, 5
"""What a mixture must take off BIC for each sample: skewness and tails gain about one, clusters up to eighty. Less is
enough once the entropy of its responsibilities is taken away (ICL, Biernacki, Celeux & Govaert 2000), which leaves
skewness and tails a tenth, if no component holds fewer samples, as outliers do."""
_FLOOR = 1e-4
_TINY = 1e-300
_STEPS = 25
_PROPOSALS = 3
_ROUNDS = 8


class Mixture(NamedTuple):
    """Logarithms of weights `(*replicas, K)`, centres `(*replicas, K, d)` and the shared covariance of samples."""

    log_weights: Tensor
    centres: Tensor
    covariance: Tensor

    def score(self, y: Float[Tensor, "n dy"]) -> tuple[Float[Tensor, "n dy"], Float[Tensor, "n dy"]]:
        """s0 and its derivatives d_l s0_l."""
        dx = self.centres.shape[1] - y.shape[1]
        precision = _inverse(self.covariance[dx:, dx:])
        from_centres = y[:, None] - self.centres[:, dx:]
        pulls = -from_centres @ precision
        shares = torch.softmax(self.log_weights + (pulls * from_centres).sum(-1) / 2, -1)[..., None]
        return _mean_and_slope(shares, pulls, precision.diagonal())

    def joint_score(
        self, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"]
    ) -> tuple[Float[Tensor, "n dy"], Float[Tensor, "n dy"]]:
        """grad_y log of the joint density and its derivatives."""
        dx = x.shape[1]
        precision = _inverse(self.covariance)
        from_centres = torch.cat([x, y], 1)[:, None] - self.centres
        pulls = -from_centres @ precision
        shares = torch.softmax(self.log_weights + (pulls * from_centres).sum(-1) / 2, -1)[..., None]
        return _mean_and_slope(shares, pulls[..., dx:], precision.diagonal()[dx:])

    def moments(self, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"], score: Tensor) -> tuple[Tensor, Tensor]:
        """Means of `s_l g_l + d_l g_l`, g the `joint_score`, over the pairs and over all x with other y, `(dy,)` each.

        Logits and pulls are sums of a part of x and one of y, so that all pairs of samples are affordable.
        """
        n, dx = x.shape
        precision = _inverse(self.covariance)
        pulls = self.centres @ precision
        of_x = pulls[:, :dx] @ x.mT + (self.log_weights - (pulls * self.centres).sum(-1) / 2)[:, None]
        of_y, pulls = pulls[:, dx:] @ y.mT, pulls[:, dx:].mT
        from_x, from_y = -precision[dx:, :dx] @ x.mT, -precision[dx:, dx:] @ y.mT
        of_pairs, of_all = torch.zeros_like(y[0]), torch.zeros_like(y[0])
        rows = max(1, _AT_ONCE // of_y.numel())
        for first in range(0, n, rows):
            some = slice(first, first + rows)
            logits = of_x[:, some, None] + of_y[:, None]
            shares = logits.sub_(logits.amax(0)).exp_()
            shares = shares.div_(shares.sum(0)).flatten(1)
            mean, squares = ((each @ shares).unflatten(-1, (-1, n)) for each in (pulls, pulls.square()))
            values = score.mT[:, None] * (from_x[:, some, None] + from_y[:, None] + mean) + squares - mean.square()
            of_all += values.sum((1, 2))
            of_pairs += values.diagonal(first, 1, 2).sum(-1)
        curvature = precision.diagonal()[dx:]
        return of_pairs / n - curvature, (of_all - of_pairs) / (n * (n - 1)) - curvature


def _inverse(covariance: Tensor) -> Tensor:
    """Of a matrix that has one, so that nothing need be asked of it."""
    return cast("Tensor", torch.linalg.inv_ex(covariance).inverse)


def _mean_and_slope(shares: Tensor, pulls: Tensor, precisions: Tensor) -> tuple[Tensor, Tensor]:
    mean = (shares * pulls).sum(1)
    return mean, (shares * pulls.square()).sum(1) - precisions - mean.square()


@dataclass(frozen=True)
class Clusters:
    """A mixture a replica, in C order; `None` where one component is best."""

    mixtures: tuple[Mixture | None, ...]

    @classmethod
    def of(cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> "Clusters | None":
        """The mixtures of standardised samples; `None` where no replica has any.

        Where most samples of y occur more than once, as in a block of few values, there is no density to differentiate.
        """
        own = y.reshape(-1, *y.shape[-2:])
        each = tuple(
            None if mixture is None or 2 * len(block.unique(dim=0)) <= len(block) else mixture
            for mixture, block in zip(mixtures(torch.cat([x, y], -1)), own, strict=True)
        )
        return None if all(mixture is None for mixture in each) else cls(each)

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 `(*replicas, m, dy)` and mean(d_l s0_l) `(*replicas, dy)`; zeros for one component."""
        score, slopes = self._over(_margin, y)
        return score, slopes

    def ratio(
        self,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Tensor,
        pairings: int,
    ) -> Tensor:
        """The moments of g0, `(*replicas, dy)`; the product is that of so many pairings."""
        return self._over(partial(_ratio_moment, pairings=pairings), x, y, score)[0]

    def difference(self, x: Float[Tensor, "*replicas m dx"], y: Float[Tensor, "*replicas m dy"]) -> Tensor:
        """g0 `(*replicas, m, dy)`."""
        return self._over(_difference, x, y)[0]

    def _over(self, what: Callable[..., tuple[Tensor, ...]], *blocks: Tensor) -> tuple[Tensor, ...]:
        flat = [block.reshape(-1, *block.shape[-2:]) for block in blocks]
        answers = [what(each, *parts) for each, *parts in zip(self.mixtures, *flat, strict=True)]
        shape = blocks[0].shape[:-2]
        return tuple(torch.stack(parts).reshape(*shape, *parts[0].shape) for parts in zip(*answers, strict=True))


class Mixed(NamedTuple):
    """The mixtures' ratio as a column of a fit: mixtures, and its linear terms `(*replicas, dy)`."""

    clusters: Clusters
    moments: Tensor

    @classmethod
    def of(
        cls, clusters: Clusters | None, x: Tensor, y: Tensor, score: Tensor, pairings: int = PAIRINGS
    ) -> "Mixed | None":
        """The linear terms of samples; the product is that of so many pairings."""
        return None if clusters is None else cls(clusters, clusters.ratio(x, y, score, pairings))


def _margin(mixture: Mixture | None, y: Tensor) -> tuple[Tensor, Tensor]:
    if mixture is None:
        return torch.zeros_like(y), torch.zeros_like(y[0])
    score, slopes = mixture.score(y)
    return score, slopes.mean(0)


def _difference(mixture: Mixture | None, x: Tensor, y: Tensor) -> tuple[Tensor]:
    if mixture is None:
        return (torch.zeros_like(y),)
    return (mixture.joint_score(x, y)[0] - mixture.score(y)[0],)


def _ratio_moment(mixture: Mixture | None, x: Tensor, y: Tensor, score: Tensor, *, pairings: int) -> tuple[Tensor]:
    """Joint minus product mean, without the parts of s0, which both have in common."""
    if mixture is None:
        return (torch.zeros_like(y[0]),)

    def moment(y: Tensor, score: Tensor) -> Tensor:
        """The mean over pairs of x with these."""
        total = torch.zeros_like(y[0])
        for in_x, in_y, in_score in zip(x.split(ROWS), y.split(ROWS), score.split(ROWS), strict=True):
            joint, slopes = mixture.joint_score(in_x, in_y)
            total += (slopes + in_score * joint).sum(0)
        return total / len(x)

    if len(x) ** 2 * len(mixture.log_weights) <= _ALL_PAIRS:
        of_pairs, of_product = mixture.moments(x, y, score)
        return (of_pairs - of_product,)
    x, y, score = paired(x, y, score)
    product = torch.stack([moment(y[others], score[others]) for others in partners(len(x), pairings, x.device)])
    return (moment(y, score) - product.mean(0),)


def mixtures(z: Float[Tensor, "*replicas n d"]) -> tuple[Mixture | None, ...]:
    """The mixture of each replica's standardised samples, in C order; `None` where one component is best."""
    n, d = z.shape[-2:]
    z = z.reshape(-1, n, d)
    groups = [few for group in COUNTS if (few := [count for count in group if count * PER_CLUSTER <= n])]
    if not groups:
        return (None,) * len(z)
    seeds = farthest_first(z, groups[-1][-1])
    members = [k_means(z, seeds, group) for group in groups]
    counts = [count for group in groups for count in group]
    criteria = torch.cat([*(_hard_criterion(z, each) for each in members), _criterion_of_one(z)[:, None]], -1)
    labels = torch.cat([each.argmax(-1) for each in members], -1)
    answers = zip(z, labels, criteria.tolist(), strict=True)  # waits for a GPU, once for all replicas
    return tuple(_mixture(each, own, counts, hard, alone) for each, own, (*hard, alone) in answers)


def _mixture(z: Tensor, labels: Tensor, counts: list[int], hard: list[float], alone: float) -> Mixture | None:
    """The best mixture of one replica from its proposals, given their criteria and that of one component."""
    proposals = sorted(range(len(hard)), key=hard.__getitem__)[:_PROPOSALS]
    numbers = torch.arange(max(counts[i] for i in proposals), device=z.device)
    members = torch.stack([labels[:, i, None] == numbers for i in proposals], 1)
    fits, criteria = expectation_maximisation(z, members.to(z))
    best = _best(z, fits, criteria, alone)
    if best is None:
        return None
    log_weights, centres, covariance = (part[best] for part in fits)
    present = log_weights > -math.inf
    return Mixture(log_weights[present], centres[present], covariance)


def criterion(z: Float[Tensor, "n d"], mixture: Mixture | None) -> Tensor:
    """BIC of one replica's samples under a mixture, or under one component."""
    if mixture is None:
        return _criterion_of_one(z)
    several = Mixture(*(part[None] for part in mixture))
    likelihood, _ = _expect(z, z.mT @ z, several)
    return _penalty(len(z), z.shape[1], len(mixture.log_weights)) - 2 * likelihood.squeeze(0)


def _best(z: Tensor, fits: Mixture, criteria: Float[Tensor, " c"], alone: float) -> int | None:
    """Which mixture is better than one component, given their BIC, if any is."""
    gains = (alone - criteria) / len(z)
    largest = gains.max().item()
    if largest > GAIN:
        return int(gains.argmax())
    if largest <= GAIN_APART:
        return None
    _, shares = _expect(z, z.mT @ z, fits)
    sizes = shares.sum(-3)
    overlap = -2 * torch.xlogy(shares, shares).sum((-3, -1)) / len(z)
    apart = (gains - overlap).where(((sizes == 0) | (sizes >= FEWEST)).all(-1), -math.inf)
    return int(apart.argmax()) if apart.max().item() > GAIN_APART else None


def farthest_first(z: Float[Tensor, "*replicas n d"], count: int) -> Float[Tensor, "*replicas k d"]:
    """Samples each of which is farthest from those before it; the first is the one nearest to the mean."""
    distances = torch.full_like(z[..., 0], math.inf)
    seeds = [_sample(z, z.square().sum(-1).argmin(-1))]
    for _ in range(count - 1):
        distances = torch.minimum(distances, (z - seeds[-1]).square().sum(-1))
        seeds.append(_sample(z, distances.argmax(-1)))
    return torch.cat(seeds, -2)


def _sample(z: Tensor, index: Tensor) -> Float[Tensor, "*replicas 1 d"]:
    return torch.take_along_dim(z, index[..., None, None], -2)


def k_means(
    z: Float[Tensor, "*replicas n d"], seeds: Float[Tensor, "*replicas k d"], counts: Sequence[int]
) -> Float[Tensor, "*replicas n c most"]:
    """Memberships after a few rounds from the first seeds, as many as each count says.

    A centre that loses its samples gets none again.
    """
    most = max(counts)
    numbers = torch.arange(most, device=z.device)
    centres = seeds[..., None, :most, :].expand(*seeds.shape[:-2], len(counts), most, -1)
    absent = torch.stack([numbers >= count for count in counts])
    members, before = z.new_zeros(*z.shape[:-1], len(counts), most), None
    for _ in range(_ROUNDS):
        lengths = torch.where(absent, math.inf, centres.square().sum(-1))
        nearest = (lengths[..., None, :, :] + _products(z, -2 * centres)).argmin(-1, keepdim=True)
        if z.device.type == "cpu" and before is not None and nearest.equal(before):
            break  # other devices would have to be waited for; more rounds leave the same
        before = nearest
        members = (nearest == numbers).to(z)
        sums, sizes = _sums(members, z)
        absent = sizes == 0
        centres = sums / sizes.clamp_min(1)[..., None]
    return members


def _products(z: Tensor, centres: Tensor) -> Float[Tensor, "*replicas n c most"]:
    return (z @ centres.flatten(-3, -2).mT).unflatten(-1, centres.shape[-3:-1])


def _sums(members: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of the members `(*replicas, c, k, d)`, and their numbers."""
    return (members.flatten(-2).mT @ z).unflatten(-2, members.shape[-2:]), members.sum(-3)


def _penalty(n: int, d: int, count: int | Tensor) -> float | Tensor:
    return math.log(n) * (count - 1 + count * d + d * (d + 1) / 2)


def _hard_criterion(z: Tensor, members: Tensor) -> Float[Tensor, "*replicas c"]:
    """BIC of hard clusters, of which some may be empty."""
    (n, d), (sums, sizes) = z.shape[-2:], _sums(members, z)
    covariance = ((z.mT @ z)[..., None, :, :] - sums.mT @ (sums / sizes.clamp_min(1)[..., None])) / n
    covariance.diagonal(dim1=-2, dim2=-1).add_(_FLOOR)
    entropy = torch.xlogy(sizes / n, sizes / n).sum(-1)
    return n * (torch.logdet(covariance) - 2 * entropy) + _penalty(n, d, (sizes > 0).sum(-1).float())


def _criterion_of_one(z: Tensor) -> Float[Tensor, "*replicas"]:
    """BIC of one Gaussian."""
    moments = z.mT @ z
    likelihood, _ = _expect(z, moments, _maximise(z, moments, torch.ones_like(z[..., None, :1])))
    return _penalty(z.shape[-2], z.shape[-1], 1) - 2 * likelihood[..., 0]


def expectation_maximisation(
    z: Float[Tensor, "n d"], shares: Float[Tensor, "n c K"]
) -> tuple[Mixture, Float[Tensor, " c"]]:
    """From memberships to c mixtures, in at most `_STEPS` steps, and their BIC; components without samples stay so."""
    moments, counts = z.mT @ z, (shares.sum(-3) > 0).sum(-1).float()
    fit = _maximise(z, moments, shares)
    likelihood, shares = _expect(z, moments, fit)
    climbs = torch.ones_like(likelihood, dtype=torch.bool)
    for _ in range(_STEPS):
        better = _maximise(z, moments, shares)
        total, shares = _expect(z, moments, better)
        climbs = climbs & (total - likelihood >= 1e-4 * len(z))
        if z.device.type == "cpu" and not climbs.any():  # other devices would have to be waited for
            break
        wide = climbs[..., None, None]
        fit = Mixture(
            torch.where(wide[..., 0], better.log_weights, fit.log_weights),
            torch.where(wide, better.centres, fit.centres),
            torch.where(wide, better.covariance, fit.covariance),
        )
        likelihood = torch.where(climbs, total, likelihood)
    return fit, _penalty(len(z), z.shape[1], counts) - 2 * likelihood


def _maximise(z: Tensor, moments: Tensor, shares: Tensor) -> Mixture:
    """The mixtures of responsibilities `(*replicas, n, c, K)`, given the sum of z z'."""
    n, (sums, sizes) = z.shape[-2], _sums(shares, z)
    centres = sums / sizes.clamp_min(_TINY)[..., None]
    covariance = (moments[..., None, :, :] - centres.mT @ sums) / n
    covariance.diagonal(dim1=-2, dim2=-1).add_(_FLOOR)
    return Mixture((sizes / n).log(), centres, covariance)


def _expect(z: Tensor, moments: Tensor, mixture: Mixture) -> tuple[Tensor, Tensor]:
    """The log likelihoods, and responsibilities, in which what all components share does not count."""
    n, d = z.shape[-2:]
    factor = torch.linalg.cholesky_ex(mixture.covariance).L
    precision = torch.cholesky_inverse(factor)
    pulls = mixture.centres @ precision
    levels = mixture.log_weights - (pulls * mixture.centres).sum(-1) / 2
    logs = _products(z, pulls).add_(levels[..., None, :, :])
    largest = logs.amax(-1, keepdim=True)
    shares = logs.sub_(largest).exp_()
    totals = shares.sum(-1, keepdim=True)
    shared = (precision * moments[..., None, :, :]).sum((-2, -1)) / 2
    shared += n * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    likelihood = (largest + totals.log()).sum((-3, -1)) - shared - n * d / 2 * math.log(2 * math.pi)
    return likelihood, shares.div_(totals)
