"""Clusters: a mixture of Gaussians with one shared covariance, whose score and ratio join the free part of the fits.

Of z = (x, y), z ~ sum_k pi_k N(m_k, S), by expectation maximisation from k-means, which starts at samples far apart.
The number of components is proposed by BIC of hard clusters and decided by that of the mixture, which must win by two
a sample, as clusters do and tails or skewness do not; one component changes nothing.
With v_k = grad_y of the log density of component k, responsibilities r_k and u_k likewise given x,

    s0 = grad_y log of the margin of y  = sum_k r_k(y) v_k(y),        g0 = sum_k r_k(x, y) u_k(x, y) - s0.

The score's fit gets the free column s0_l, whose moment is mean(d_l s0_l); the ratio's fit gets s0 (moment 0, so that
the gradient within clusters is orthogonal to functions of y) and g0_l, whose moment is the joint minus the product mean
of s_l g0_l + d_l g0_l. The product is that of `SHIFTS` pairings in an order that the samples fix.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from mibench_ratio.pairs import own_order

SHIFTS = 8
COUNTS = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64)
PER_CLUSTER = 16
GAIN = 2.0
"""What a mixture must take off BIC for each sample: skewness and tails gain about one, clusters three to eighty."""
_FLOOR = 1e-4
_STEPS = 25
_PROPOSALS = 3
_ROUNDS = 8


@dataclass(frozen=True)
class Mixture:
    """Logarithms of weights `(K,)`, centres `(K, dx + dy)` and the shared covariance of one replica's samples."""

    log_weights: Tensor
    centres: Tensor
    covariance: Tensor
    criterion: float

    def score(self, y: Float[Tensor, "n dy"]) -> tuple[Float[Tensor, "n dy"], Float[Tensor, "n dy"]]:
        """s0 and its derivatives d_l s0_l."""
        dx = self.centres.shape[1] - y.shape[1]
        precision = torch.linalg.inv(self.covariance[dx:, dx:])
        from_centres = y[:, None] - self.centres[:, dx:]
        pulls = -from_centres @ precision
        shares = torch.softmax(self.log_weights + (pulls * from_centres).sum(-1) / 2, -1)[..., None]
        return _mean_and_slope(shares, pulls, precision.diagonal())

    def joint_score(
        self, x: Float[Tensor, "n dx"], y: Float[Tensor, "n dy"]
    ) -> tuple[Float[Tensor, "n dy"], Float[Tensor, "n dy"]]:
        """grad_y log of the joint density and its derivatives."""
        dx = x.shape[1]
        precision = torch.linalg.inv(self.covariance)
        from_centres = torch.cat([x, y], 1)[:, None] - self.centres
        pulls = -from_centres @ precision
        shares = torch.softmax(self.log_weights + (pulls * from_centres).sum(-1) / 2, -1)[..., None]
        return _mean_and_slope(shares, pulls[..., dx:], precision.diagonal()[dx:])


def _mean_and_slope(shares: Tensor, pulls: Tensor, precisions: Tensor) -> tuple[Tensor, Tensor]:
    mean = (shares * pulls).sum(1)
    return mean, (shares * pulls.square()).sum(1) - precisions - mean.square()


@dataclass(frozen=True)
class Clusters:
    """A mixture a replica, in C order; `None` where one component is best."""

    mixtures: tuple[Mixture | None, ...]

    @classmethod
    def of(cls, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> "Clusters | None":
        """The mixtures of standardised samples; `None` where no replica has any."""
        z = torch.cat([x, y], -1)
        mixtures = tuple(mixture(each) for each in z.reshape(-1, *z.shape[-2:]))
        return None if all(each is None for each in mixtures) else cls(mixtures)

    def margin(self, y: Float[Tensor, "*replicas m dy"]) -> tuple[Tensor, Tensor]:
        """s0 `(*replicas, m, dy)` and mean(d_l s0_l) `(*replicas, dy)`; zeros for one component."""
        score, slopes = self._over(_margin, y)
        return score, slopes

    def ratio(
        self,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        score: Tensor,
        pairings: int = SHIFTS,
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

    def moment(x: Tensor, y: Tensor, score: Tensor) -> Tensor:
        joint, slopes = mixture.joint_score(x, y)
        return (slopes + score * joint).mean(0)

    order, n = own_order(x)[:, 0], len(x)
    x, y, score = x[order], y[order], score[order]
    shifts = [round((k + 0.5) * n / pairings) for k in range(pairings)]
    product = torch.stack([moment(x, y.roll(shift, 0), score.roll(shift, 0)) for shift in shifts]).mean(0)
    return (moment(x, y, score) - product,)


def mixture(z: Float[Tensor, "n d"]) -> Mixture | None:
    """The mixture of one replica's standardised samples, or `None` where one component is best."""
    counts = [count for count in COUNTS if count * PER_CLUSTER <= len(z)]
    alone = _expectation_maximisation(z, torch.ones(len(z), 1, dtype=z.dtype, device=z.device))
    if not counts:
        return None
    seeds = farthest_first(z, counts[-1])
    members = [k_means(z, seeds[:count]) for count in counts]
    proposals = sorted(((_hard_criterion(z, membership), i) for i, membership in enumerate(members)))[:_PROPOSALS]
    wanted = alone.criterion - GAIN * len(z)
    if proposals[0][0] >= wanted + GAIN / 2 * len(z):
        return None
    fits = [_expectation_maximisation(z, members[i]) for _, i in proposals]
    best = min(fits, key=lambda fit: fit.criterion)
    return best if best.criterion < wanted else None


def farthest_first(z: Float[Tensor, "n d"], count: int) -> Float[Tensor, "k d"]:
    """Samples each of which is farthest from those before it; the first is the one nearest to the mean."""
    distances = torch.full_like(z[:, 0], math.inf)
    seeds = [z[z.square().sum(1).argmin(0, keepdim=True)]]
    for _ in range(count - 1):
        distances = torch.minimum(distances, (z - seeds[-1]).square().sum(1))
        seeds.append(z[distances.argmax(0, keepdim=True)])
    return torch.cat(seeds)


def k_means(z: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Float[Tensor, "n m"]:
    """Memberships after a few rounds from these centres; a centre that loses its samples is dropped."""
    members = z.new_zeros(len(z), len(centres))
    for _ in range(_ROUNDS):
        nearest = (centres.square().sum(1) - 2 * z @ centres.mT).argmin(1)
        members = (nearest[:, None] == torch.arange(len(centres), device=z.device)).to(z)
        sizes = members.sum(0)
        members, sizes = members[:, sizes > 0], sizes[sizes > 0]
        centres = members.mT @ z / sizes[:, None]
    return members


def _penalty(n: int, d: int, count: int) -> float:
    return math.log(n) * (count - 1 + count * d + d * (d + 1) / 2)


def _hard_criterion(z: Tensor, members: Tensor) -> float:
    n, sizes = len(z), members.sum(0)
    left = z - members @ (members.mT @ z / sizes[:, None])
    covariance = left.mT @ left / len(z)
    covariance.diagonal().add_(_FLOOR)
    entropy = (sizes / len(z) * (sizes / len(z)).log()).sum()
    return n * (torch.logdet(covariance) - 2 * entropy).item() + _penalty(n, z.shape[1], len(sizes))


def _expectation_maximisation(z: Tensor, shares: Tensor) -> Mixture:
    """From memberships to the mixture, in at most `_STEPS` steps."""
    fit = _maximise(z, shares)
    likelihood, shares = _expect(z, fit)
    for _ in range(_STEPS):
        better = _maximise(z, shares)
        total, shares = _expect(z, better)
        if total - likelihood < 1e-4 * len(z):
            break
        fit, likelihood = better, total
    return replace(fit, criterion=_penalty(len(z), z.shape[1], shares.shape[1]) - 2 * likelihood)


def _maximise(z: Tensor, shares: Tensor) -> Mixture:
    sizes = shares.sum(0) + 1e-9
    centres = shares.mT @ z / sizes[:, None]
    covariance = (z.mT @ z - centres.mT @ (centres * sizes[:, None])) / len(z)
    covariance.diagonal().add_(_FLOOR)
    return Mixture((sizes / len(z)).log(), centres, covariance, math.inf)


def _expect(z: Tensor, mixture: Mixture) -> tuple[float, Tensor]:
    """The log likelihood, and responsibilities."""
    factor = torch.linalg.cholesky_ex(mixture.covariance).L
    a, b = (torch.linalg.solve_triangular(factor, points.mT, upper=False) for points in (z, mixture.centres))
    distances = a.square().sum(0)[:, None] + b.square().sum(0) - 2 * a.mT @ b
    normaliser = factor.diagonal().log().sum() + z.shape[1] / 2 * math.log(2 * math.pi)
    logs = mixture.log_weights - distances / 2 - normaliser
    totals = logs.logsumexp(1)
    return totals.sum().item(), (logs - totals[:, None]).exp()
