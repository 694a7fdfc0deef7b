"""Finds the mixture of Gaussians with one shared covariance that replicas have in place of one Gaussian, if any.

It is fitted by expectation maximisation from k-means, which starts at samples far apart. The number of components is
proposed by BIC of hard clusters and decided by that of the mixture, which must win by more than tails or skewness do;
less is enough where components do not overlap. All replicas are fitted together.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.mixture import Components, Mixture

COUNTS = ((2, 3, 4, 5, 6, 8), (10, 12, 14, 16), (20, 24, 28, 32), (40, 48, 64))
"""Numbers of clusters that are tried, in groups that are made at once."""
PER_CLUSTER = 16
GAIN, GAIN_APART, CLEARLY, FEWEST = 2.0, 0.3, 0.85, 5
"""What a mixture must take off BIC for each sample: skewness and tails gain about one, clusters up to eighty. Less is
enough of what counts the uncertainty of responsibilities (ICL, Biernacki, Celeux & Govaert 2000), which leaves skewness
and tails a tenth. Components that hold fewer samples may be outliers: without them, such a share of the whole gain must
be left, as it is of steps that a few samples fall on."""
FLOOR = 1e-4
_TINY = 1e-300
_STEPS, _HASTE = 25, 10
_PROPOSALS = 3
_ROUNDS = 8
STORED = 2**25
"""Responsibilities that replicas may take together; beyond, some replicas are fitted at a time."""


def mixtures(z: Float[Tensor, "*replicas n d"], most: int = COUNTS[-1][-1]) -> Mixture | None:
    """The mixtures of replicas of standardised samples, of so many components at most; `None` where all have one."""
    most = min(most, z.shape[-2] // PER_CLUSTER)
    groups = [few for group in COUNTS if (few := [count for count in group if count <= most])]
    if not groups:
        return None
    seeds = farthest_first(z, groups[-1][-1])
    members = [k_means(z, seeds, group) for group in groups]
    labels = torch.cat([each.argmax(-1) for each in members], -1)
    criteria = torch.cat([_hard_criterion(z, each) for each in members], -1)
    proposals = criteria.argsort(dim=-1, stable=True)[..., None, :_PROPOSALS]
    labels = torch.take_along_dim(labels, proposals, -1)
    numbers = torch.arange(int(labels.max()) + 1, device=z.device)  # waits for a GPU, once for all replicas
    shape, z, labels = z.shape[:-2], z.reshape(-1, *z.shape[-2:]), labels.reshape(-1, *labels.shape[-2:])
    together = max(1, STORED // (z.shape[-2] * labels.shape[-1] * len(numbers)))
    parts = zip(z.split(together), labels.split(together), strict=True)
    best = [_best(some, (own[..., None] == numbers).to(z)) for some, own in parts]
    whole = (torch.cat(part) for part in zip(*best, strict=True))
    log_weights, centres, covariances, several = (part.reshape((*shape, *part.shape[1:])) for part in whole)
    return of_replicas(Components(log_weights, centres, covariances), several)


def of_replicas(of: Components, several: Bool[Tensor, "*replicas"]) -> Mixture | None:
    """The mixtures of some replicas, present components first; `None` where there are none."""
    present = (of.log_weights > -math.inf) & several[..., None]
    counts = tuple(present.sum(-1).flatten().tolist())  # waits for a GPU
    most = max(counts)
    if most == 0:
        return None
    first = (~present).byte().argsort(dim=-1, stable=True)[..., :most]
    log_weights = of.log_weights.gather(-1, first).where(several[..., None], 0.0)
    centres, covariances = torch.take_along_dim(of.centres, first[..., None], -2), of.covariances
    if covariances.shape[-3] > 1:
        covariances = torch.take_along_dim(covariances, first[..., None, None], -3)
    return Mixture(Components(log_weights, centres, covariances), counts, several)


def criterion(z: Float[Tensor, "*replicas n d"], mixture: Mixture | None) -> Float[Tensor, "*replicas"]:
    """BIC of the samples of each replica under its mixture with one covariance, or under one component."""
    (n, d), of_one = z.shape[-2:], _criterion_of_one(z)
    if mixture is None:
        return of_one
    log_weights, centres, covariances = mixture.components
    of = Components(log_weights[..., None, :], centres[..., None, :, :], covariances[..., None, :, :, :])
    likelihood, _ = _expect(z, z.mT @ z, of)
    counts = (log_weights > -math.inf).sum(-1)
    of_several = _penalty(n, d, counts) - 2 * likelihood.squeeze(-1)
    return of_several.where(mixture.several, of_one)


def _best(z: Float[Tensor, "r n d"], members: Float[Tensor, "r n c K"]) -> tuple[Tensor, ...]:
    """The components of the best mixture of each replica from its proposals, and whether they beat one Gaussian."""
    n, moments = z.shape[-2], z.mT @ z
    of_one = _criterion_of_one(z)[:, None]
    fits, criteria = expectation_maximisation(z, members, of_one - GAIN_APART * n)
    gains = (of_one - criteria) / n
    largest, best = gains.max(-1)
    several = largest > GAIN
    doubtful = ~several & (largest > GAIN_APART)
    if doubtful.any():  # waits for a GPU
        _, shares = _expect(z, moments, fits)
        sizes = shares.sum(-3)
        small = (sizes > 0) & (sizes < FEWEST)
        shares = shares.where(~small[:, None], 0.0)
        together = shares.sum(-1, keepdim=True)
        apart = (_hard_criterion(z, together) - _hard_criterion(z, shares)) / n
        largest, furthest = apart.where(~small.any(-1) | (apart > CLEARLY * gains), -math.inf).max(-1)
        best, several = best.where(several, furthest), several | (doubtful & (largest > GAIN_APART))
    return *(taken(part, best) for part in fits), several


def taken(part: Float[Tensor, "r c *rest"], which: Int[Tensor, "r"]) -> Float[Tensor, "r *rest"]:
    """One of c for each replica."""
    return torch.take_along_dim(part, which.reshape(-1, *[1] * (part.dim() - 1)), 1).squeeze(1)


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
        if free_to_ask(z) and before is not None and nearest.equal(before):
            break  # more rounds leave the same
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
    """BIC of clusters of given members, without the samples that are in none; clusters may be empty."""
    (n, d), (sums, sizes), weights = z.shape[-2:], _sums(members, z), members.sum(-1).mT[..., None]
    of_all = sizes.sum(-1).clamp_min(1)
    moments = z.mT[..., None, :, :] @ (weights * z[..., None, :, :])
    covariance = (moments - sums.mT @ (sums / sizes.clamp_min(_TINY)[..., None])) / of_all[..., None, None]
    covariance.diagonal(dim1=-2, dim2=-1).add_(FLOOR)
    shares = sizes / of_all[..., None]
    entropy = torch.xlogy(shares, shares).sum(-1)
    return of_all * (torch.logdet(covariance) - 2 * entropy) + _penalty(n, d, (sizes > 0).sum(-1).float())


def _criterion_of_one(z: Tensor) -> Float[Tensor, "*replicas"]:
    """BIC of one Gaussian."""
    moments = z.mT @ z
    likelihood, _ = _expect(z, moments, _maximise(z, moments, torch.ones_like(z[..., None, :1])))
    return _penalty(z.shape[-2], z.shape[-1], 1) - 2 * likelihood[..., 0]


def expectation_maximisation(
    z: Float[Tensor, "*replicas n d"], shares: Float[Tensor, "*replicas n c K"], worst: Float[Tensor, "*replicas 1"]
) -> tuple[Components, Float[Tensor, "*replicas c"]]:
    """From memberships to c mixtures, in at most `_STEPS` steps, and their BIC; components without samples stay so.

    A mixture that the steps left would not bring below the worst BIC if they were `_HASTE` times as large as the last
    one stays as it is.
    """
    (n, d), moments, counts = z.shape[-2:], z.mT @ z, (shares.sum(-3) > 0).sum(-1).float()
    penalty = _penalty(n, d, counts)
    fit = _maximise(z, moments, shares)
    likelihood, shares = _expect(z, moments, fit)
    climbs = torch.ones_like(likelihood, dtype=torch.bool)
    for left in reversed(range(_STEPS)):
        better = _maximise(z, moments, shares)
        total, shares = _expect(z, moments, better)
        more = total - likelihood
        climbs = climbs & (more >= 1e-4 * n) & (penalty - 2 * (total + _HASTE * left * more) < worst)
        if free_to_ask(z) and not climbs.any():
            break
        wide = climbs[..., None, None]
        fit = Components(
            torch.where(wide[..., 0], better.log_weights, fit.log_weights),
            torch.where(wide, better.centres, fit.centres),
            torch.where(wide[..., None], better.covariances, fit.covariances),
        )
        likelihood = torch.where(climbs, total, likelihood)
    return fit, penalty - 2 * likelihood


def _maximise(z: Tensor, moments: Tensor, shares: Tensor) -> Components:
    """The mixtures of responsibilities `(*replicas, n, c, K)`, given the sum of z z'."""
    n, (sums, sizes) = z.shape[-2], _sums(shares, z)
    centres = sums / sizes.clamp_min(_TINY)[..., None]
    covariance = (moments[..., None, :, :] - centres.mT @ sums) / n
    covariance.diagonal(dim1=-2, dim2=-1).add_(FLOOR)
    return Components((sizes / n).log(), centres, covariance[..., None, :, :])


def _expect(z: Tensor, moments: Tensor, mixture: Components) -> tuple[Tensor, Tensor]:
    """The log likelihoods, and responsibilities, in which what all components share does not count."""
    n, d = z.shape[-2:]
    factor = torch.linalg.cholesky_ex(mixture.covariances.squeeze(-3)).L
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
