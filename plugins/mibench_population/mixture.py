r"""The marginal of y where x is uniform on N known values and p(y|x) is normal with independent coordinates.

.. math::
    p(y) = \frac{1}{N} \sum_j N(y; m_j, s_j^2), \qquad \nabla \log p(y) = \sum_j r_j(y) \frac{m_j - y}{s_j^2},

with the responsibilities :math:`r_j` of the components. Two products of matrices give all log densities, two more the
score. Components come in chunks, whose sums are joined on a logarithmic scale, so that memory does not grow with N.

The products subtract large numbers where components are narrow. The components nearest to each y are therefore
evaluated a second time without products, for the density and for the score, and so are all that count and that rounding
leaves in doubt.

Where y tells its own component from the others, log p(y|x) and log p(y) differ by hardly more than a constant. Their
difference comes from their odds, in `log_ratio`: with p(y) the mixture of p(y|x), which has the share w, and of q,

.. math::
    \log \frac{p(y|x)}{p(y)} = -\log w - \log(1 + e^{o}), \qquad
    \nabla \log \frac{p(y|x)}{p(y)} = \frac{\nabla \log p(y|x) - \nabla \log q(y)}{1 + e^{-o}}, \qquad
    o = \log \frac{(1 - w) \, q(y)}{w \, p(y|x)}.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal
from torch.nn.functional import softplus

_NEAREST = 4
"""Components of a chunk that are evaluated a second time for each sample, whatever rounding does."""
_DOUBT = 1e-3
"""The error of a log density, in nats, from which its component is evaluated a second time if it counts."""
_NEGLIGIBLE = 20.0
"""Nats by which a log density lies below the greatest, and the logarithm of their number, if it does not count."""
_AGAIN = 2**24
"""Offsets that are evaluated a second time at once."""
_FAINT = 1e3
"""The least noise, in roots of the least number: what is left lets distances be divided by its square."""
_CHUNK = 8192
"""Components that are evaluated at once."""


@dataclass(frozen=True)
class Normals:
    """Normals with independent coordinates, one a row."""

    mean: Float[Tensor, "*replicas components d"]
    std: Float[Tensor, "*replicas components d"]

    def __len__(self) -> int:
        return self.mean.shape[-2]

    @property
    def resolution(self) -> Float[Tensor, "*replicas components d"]:
        """The least noise that is not lost beside the mean, and whose square is not lost."""
        limits = torch.finfo(self.mean.dtype)
        return (limits.eps * self.mean.detach().abs()).clamp_min(_FAINT * limits.tiny**0.5)

    def resolved(self) -> "Normals":
        """The same, with noise that is not lost beside the mean: samples are rounded as if it had been there."""
        return Normals(self.mean, self.std.maximum(self.resolution))

    def distribution(self) -> Distribution:
        """As an estimator reads it: without a graph where none is recorded."""
        mean, std = (self.mean, self.std) if torch.is_grad_enabled() else (self.mean.detach(), self.std.detach())
        return Independent(Normal(mean, std, validate_args=False), 1, validate_args=False)

    def chunks(self) -> "Iterator[tuple[int, Normals]]":
        """Parts of at most 8,192 components, each with the number of its first."""
        for start in range(0, len(self), _CHUNK):
            part = slice(start, start + _CHUNK)
            yield start, Normals(self.mean[..., part, :], self.std[..., part, :])


@dataclass(frozen=True)
class Density:
    """A density at samples, or a ratio of two: its logarithm, and the gradient of that."""

    log: Float[Tensor, "*replicas n"]
    score: Float[Tensor, "*replicas n d"]

    def joined(self, other: "Density", share: float | Float[Tensor, "*replicas n"]) -> "Density":
        """The mixture of this density and another, which has a share of it above 0, one for all samples or one each."""
        share = _beside(self.log, share)
        mine, theirs = self.log + torch.log1p(-share), other.log + share.log()
        weight = (theirs - mine).sigmoid()[..., None]
        return Density(torch.logaddexp(mine, theirs), (1 - weight) * self.score + weight * other.score)


def own_density(
    own: Normals,
    y: Float[Tensor, "*replicas n d"],
) -> Density:
    """The density of each sample under its own component."""
    offset = (y - own.mean) / own.std
    return Density(_log_normal(offset, own.std), -offset / own.std)


def log_ratio(own: Density, others: Density, share: float | Float[Tensor, "*replicas n"]) -> Density:
    """log p(y|x) / p(y) and its gradient in y, where p(y) is the mixture of p(y|x), which has a share, and of others.

    Args:
        own: p(y|x).
        others: the mixture without it.
        share: of p(y|x), one for all samples or one each; where it is 0, p(y) is that of the others.
    """
    share = _beside(own.log, share)
    difference, within = own.log - others.log, share > 0
    odds = torch.where(within, torch.log1p(-share) - share.log() - difference, math.inf)
    log = torch.where(within, -share.log() - softplus(odds), difference)
    return Density(log, odds.sigmoid()[..., None] * (own.score - others.score))


def _beside(numbers: Tensor, share: float | Tensor) -> Tensor:
    """A share as a tensor of the dtype and on the device of others, which no GPU is waited for."""
    return share if isinstance(share, Tensor) else numbers.new_full((), share)


def mixture_density(
    components: Normals,
    y: Float[Tensor, "*replicas n d"],
    without: Int[Tensor, "*replicas n"] | None = None,
    present: Bool[Tensor, "*replicas components"] | None = None,
) -> Density:
    """The density of each sample under the components of equal weight.

    Args:
        components: of the mixture.
        y: the samples.
        without: for each sample the number of a component that is left out of its mixture; -1 leaves out none.
        present: which components the mixture is of, those that samples leave out among them; without it, all.

    Returns:
        The density; a sample whose mixture is left without components has the log density minus infinity.
    """
    log = y.new_full(y.shape[:-1], -math.inf)
    score = torch.zeros_like(y)
    with torch.autocast(y.device.type, enabled=False):  # products keep the precision of samples
        for start, chunk in components.chunks():
            here = None if present is None else present[..., start : start + len(chunk)]
            here_without = None if without is None else without - start
            densities, again = _log_densities(chunk, y, partial(_left, here, here_without))
            total = densities.logsumexp(-1)
            pull = _pull(chunk, y, densities.softmax(-1).nan_to_num(), again)
            joint = torch.logaddexp(log, total)
            before, now = ((part - joint).exp().nan_to_num()[..., None] for part in (log, total))
            log, score = joint, before * score + now * pull
    left_out = torch.zeros_like(log) if without is None else (without >= 0).to(log.dtype)
    count = len(components) if present is None else present.sum(-1, keepdim=True)
    return Density(log - (count - left_out).clamp(min=1).log(), score)


def _left(present: Tensor | None, without: Tensor | None, densities: Tensor) -> Tensor:
    """Log densities, minus infinity of the components of a chunk that are absent, or left out for a sample."""
    count = densities.shape[-1]
    if present is not None:
        densities = densities.masked_fill(~present[..., None, :], -math.inf)
    if without is not None:
        inside, place = (without >= 0) & (without < count), without.clamp(0, count - 1)[..., None]
        hidden = densities.gather(-1, place).masked_fill(inside[..., None], -math.inf)
        densities = densities.scatter(-1, place, hidden)
    return densities


class Again(NamedTuple):
    """Components that are evaluated a second time.

    Attributes:
        numbers: for each sample, `(*replicas, n, k)`.
        counted: which of them; the others fill up the rows of samples that have fewer.
    """

    numbers: Tensor
    counted: Tensor


def _log_densities(
    components: Normals, y: Float[Tensor, "*replicas n d"], left: Callable[[Tensor], Tensor]
) -> tuple[Float[Tensor, "*replicas n components"], list[Again]]:
    """The log density of each sample under each component, and which of them are not from products: the nearest first.

    Args:
        components: of the mixture, or a chunk of them.
        y: the samples.
        left: puts minus infinity where a component is none of the sample's mixture.
    """
    centre = components.mean.mean(-2, keepdim=True)
    offset, shift, precision = y - centre, components.mean - centre, components.std**-2
    of_y, of_mean = offset.square() @ precision.mT, (shift.square() * precision).sum(-1)[..., None, :]
    squares = of_y - 2 * offset @ (shift * precision).mT
    squares += of_mean
    volume = components.std.log().sum(-1) + y.shape[-1] / 2 * math.log(2 * math.pi)
    densities = -squares / 2 - volume[..., None, :]
    nearest = densities.topk(min(_NEAREST, len(components)), -1).indices
    in_doubt = _in_doubt(densities, of_y, of_mean, left)
    again = [Again(nearest, torch.ones_like(nearest, dtype=torch.bool))]
    if in_doubt is not None:
        in_doubt = in_doubt.scatter(-1, nearest, value=False)
        counted, numbers = in_doubt.int().topk(int(in_doubt.sum(-1).max()), -1)
        again.append(Again(numbers, counted.bool()))
    for numbers, counted in again:
        evaluated = torch.cat([_log_normal(offset, std) for offset, std in _offsets(components, y, numbers)], -2)
        evaluated = torch.where(counted, evaluated, densities.gather(-1, numbers))
        densities = densities.scatter(-1, numbers, evaluated)
    return left(densities), again


def _pull(
    components: Normals,
    y: Float[Tensor, "*replicas n d"],
    responsibilities: Float[Tensor, "*replicas n components"],
    again: list[Again],
) -> Float[Tensor, "*replicas n d"]:
    """The mean of `(m - y) / s^2` over the components, by responsibility."""
    pull, rest = torch.zeros_like(y), responsibilities
    for numbers, counted in again:
        shares = rest.gather(-1, numbers)
        rest = rest.scatter(-1, numbers, shares.masked_fill(counted, 0.0))
        alone = shares.masked_fill(~counted, 0.0).split(_together(y, numbers), -2)
        parts = zip(alone, _offsets(components, y, numbers), strict=True)
        pull = pull - torch.cat(
            [(share[..., None, :] @ (offset / std))[..., 0, :] for share, (offset, std) in parts], -2
        )
    centre, precision = components.mean.mean(-2, keepdim=True), components.std**-2
    return pull + rest @ ((components.mean - centre) * precision) - (y - centre) * (rest @ precision)


def _in_doubt(
    densities: Float[Tensor, "*replicas n components"],
    of_y: Float[Tensor, "*replicas n components"],
    of_mean: Float[Tensor, "*replicas 1 components"],
    left: Callable[[Tensor], Tensor],
) -> Bool[Tensor, "*replicas n components"] | None:
    """Which log densities may be off and count; `None` if none of them can be.

    Args:
        densities: by products.
        of_y: squares of the sample, whose sum with those of the mean says how far rounding goes.
        of_mean: squares of the component's mean.
        left: as in `_log_densities`.
    """
    rounding = 4 * torch.finfo(densities.dtype).eps
    if bool(rounding * (of_y.max() + of_mean.max()) <= _DOUBT):
        return None
    densities, error = left(densities), rounding * (of_y + of_mean)
    least = (densities - error).amax(-1, keepdim=True) - math.log(densities.shape[-1]) - _NEGLIGIBLE
    return (error > _DOUBT) & (densities + error > least)


def _offsets(
    components: Normals,
    y: Float[Tensor, "*replicas n d"],
    numbers: Int[Tensor, "*replicas n k"],
) -> Iterator[tuple[Float[Tensor, "*replicas part k d"], Float[Tensor, "*replicas part k d"]]]:
    """For parts of the samples, offsets from the components numbered for each, in standard deviations, and these."""
    together = _together(y, numbers)
    for some, which in zip(y.split(together, -2), numbers.split(together, -2), strict=True):
        n, k = which.shape[-2:]
        rows = which.flatten(-2)[..., None].expand(*which.shape[:-2], n * k, y.shape[-1])
        mean, std = (side.gather(-2, rows).unflatten(-2, (n, k)) for side in (components.mean, components.std))
        yield (some[..., None, :] - mean) / std, std


def _together(y: Float[Tensor, "*replicas n d"], numbers: Int[Tensor, "*replicas n k"]) -> int:
    """How many samples of each replica are evaluated a second time at once."""
    return max(1, _AGAIN // max(1, numbers.shape[-1] * y[..., 0, :].numel()))


def _log_normal(offset: Float[Tensor, "*batch d"], std: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """The log density of independent normals at an offset in standard deviations."""
    return -(offset.square() / 2 + std.log() + math.log(2 * math.pi) / 2).sum(-1)
