r"""Mixtures whose components have covariances of their own, where that is likelier than one that all share.

Clusters: expectation maximisation goes on from the components of the mixture with one covariance S, and from clusters
of k-means: where one is wide, fewer of them do. Covariances are the modes of a posterior whose prior counts as much as
two samples more than there are coordinates, of covariance S (after Fraley & Raftery 2007):

.. math:: S_k = \frac{W_k + \nu S}{n_k + \nu}, \qquad \nu = d + 2,

:math:`W_k` the scatter of the :math:`n_k` samples of component k. The best mixture by BIC is taken.

Hidden states: where a state, as a sign that several coordinates share, changes how x and y go together, components may
have one centre, and nothing is far apart. Of quadratic forms of whitened samples, scaled so that all have variance 1 in
a normal density, those are sought that vary most. Where one varies clearly more, expectation maximisation starts from
the samples in two and in three parts along it and along the next. Components that differ in size alone are tails, and
no states: with :math:`T_k = S_k / |S_k|^{1/d}`, what their shapes take off BIC is about
:math:`n \log | \sum_k \pi_k T_k |` less the penalty.
"""

import math
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from mibench.devices import free_to_ask
from mibench_ratio.clustering import (
    COUNTS,
    FLOOR,
    PER_CLUSTER,
    STORED,
    criterion,
    farthest_first,
    k_means,
    of_replicas,
    taken,
)
from mibench_ratio.mixture import Components, Mixture, log_volumes
from mibench_ratio.spectra import spectra

_LOOK, _LEFT, _STEPS = 4, 3, 25
"""Steps of all mixtures, and how many of them then go on, for so many steps at most."""
HIDDEN, VARIED = 1.0, 3.0
"""What hidden states must take off BIC for each sample, and so must their shapes alone; and the variance of a form from
which they are looked for."""
_WIDEST, _SAMPLES, _FORMS, _PARTS = 12, 3, 2, (2, 3)
"""The most coordinates in which hidden states are looked for, of so many samples for each form; how many forms are cut
into how many parts."""
_GLANCES, _STATES = ((5, 0.5), (10, 0.75)), 45
"""Steps from there after which such a share of `HIDDEN` must have been gained, and steps that then follow."""
_TINY = 1e-300


def shaped(z: Float[Tensor, "*replicas n d"], mixture: Mixture) -> Mixture:
    """The mixtures of these samples, in some replicas with a covariance for each component."""
    replicas, worst = z.shape[:-2], criterion(z, mixture).flatten()
    rows = torch.tensor([row for row, count in enumerate(mixture.counts) if count], device=z.device)
    z, spread = z.reshape(-1, *z.shape[-2:]), _spread(mixture.components, COUNTS[0][-1])
    shared = Components(*(part.reshape(-1, *part.shape[len(replicas) :]) for part in spread))
    together = max(1, STORED // (z.shape[-2] * (1 + len(COUNTS[0])) * shared.log_weights.shape[-1]))
    found = [_best(z[some], Components(*(part[some] for part in shared))) for some in rows.split(together)]
    better = torch.cat([least for _, least in found]) < worst[rows]
    if not better.any():  # waits for a GPU
        return mixture
    best = Components(*(torch.cat(part)[better] for part in zip(*(fit for fit, _ in found), strict=True)))
    return _replaced(shared, rows[better], best, mixture.several) or mixture


def hidden(z: Float[Tensor, "*replicas n d"], where: Bool[Tensor, "*replicas"]) -> Mixture | None:
    """The hidden states of some replicas of standardised samples; `None` where there are none."""
    n, d = z.shape[-2:]
    if d > _WIDEST or n < _SAMPLES * d * (d + 1) / 2:
        return None
    rows, z = where.flatten().nonzero()[:, 0], z.reshape(-1, n, d)  # waits for a GPU
    if not len(rows):
        return None
    forms, varied = _forms(z[rows])
    rows, forms = rows[varied > VARIED], forms[varied > VARIED]
    if not len(rows):
        return None
    some, order = z[rows], forms.argsort(-2).argsort(-2)
    labels = torch.stack([order * parts // n for parts in _PARTS], -1).flatten(-2)
    shares = torch.nn.functional.one_hot(labels, max(_PARTS)).to(z)
    alone = criterion(some, None)
    for steps, share in _GLANCES:
        _, shares, criteria = _climb(some).go(shares, steps)
        worth = alone - criteria.amin(-1) > share * HIDDEN * n
        rows, some, alone, shares = rows[worth], some[worth], alone[worth], shares[worth]
        if not len(rows):
            return None
    fits, _, criteria = _climb(some).go(shares, _STATES)
    least, best = criteria.min(-1)
    chosen = Components(*(taken(part, best) for part in fits))
    better = torch.minimum((alone - least) / n, _gain_of_shapes(chosen, n)) > HIDDEN
    rows, chosen = rows[better], Components(*(part[better] for part in chosen))
    several = torch.zeros_like(where).flatten().index_fill(0, rows, True).reshape(where.shape)
    return _replaced(_blank(where.numel(), max(_PARTS), z), rows, chosen, several)


def _climb(z: Float[Tensor, "r n d"]) -> "_Climb":
    """From the covariance of all samples."""
    covariance = z.mT @ z / z.shape[-2]
    covariance.diagonal(dim1=-2, dim2=-1).add_(FLOOR)
    return _Climb(z, covariance[:, None, None])


def _replaced(
    of_all: Components, rows: Int[Tensor, " some"], of_some: Components, several: Bool[Tensor, "*replicas"]
) -> Mixture | None:
    """The mixtures of all replicas, on one axis so far, with other components in some rows."""
    parts = (whole.index_copy(0, rows, part) for whole, part in zip(of_all, of_some, strict=True))
    return of_replicas(Components(*(part.reshape(*several.shape, *part.shape[1:]) for part in parts)), several)


def _forms(z: Float[Tensor, "r n d"]) -> tuple[Float[Tensor, "r n forms"], Float[Tensor, "r"]]:
    """The quadratic forms of samples that vary most, and the variance of the first."""
    (spectrum,), d = spectra(z), z.shape[-1]
    u, (i, j) = z @ spectrum.whitening(), torch.triu_indices(d, d, device=z.device)
    products = u[..., i] * u[..., j] / (1.0 + (i == j)) ** 0.5
    products = products - products.mean(-2, keepdim=True)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(products.mT @ products / z.shape[-2]))
    return products @ vectors[..., -_FORMS:], values[..., -1]


def _gain_of_shapes(of: Components, n: int) -> Float[Tensor, "r"]:
    """What components take off BIC for each of n samples by shapes of their own, beside sizes of their own."""
    (log_weights, _, covariances), d = of, of.covariances.shape[-1]
    shapes = covariances * (-2 / d * log_volumes(covariances)).exp()[..., None, None]
    mean = (log_weights.exp()[..., None, None] * shapes).sum(-3)
    more = (log_weights > -math.inf).sum(-1) - 1
    return 2 * log_volumes(mean) - more * d * (d + 1) / 2 * math.log(n) / n


def _blank(replicas: int, count: int, like: Tensor) -> Components:
    """No components."""
    d = like.shape[-1]
    eye = torch.eye(d, dtype=like.dtype, device=like.device)
    return Components(
        like.new_full((replicas, count), -math.inf),
        like.new_zeros(replicas, count, d),
        eye.expand(replicas, count, d, d),
    )


def _best(z: Float[Tensor, "r n d"], shared: Components) -> tuple[Components, Float[Tensor, "r"]]:
    """The best mixture of each replica, and its BIC."""
    counts = [count for count in COUNTS[0] if count <= z.shape[-2] // PER_CLUSTER]
    members = k_means(z, farthest_first(z, counts[-1]), counts)
    climb = _Climb(z, shared.covariances[:, None])
    shares = climb.expect(Components(*(part[:, None] for part in shared)))[1]
    shares = torch.cat([shares, pad(members, (0, shares.shape[-1] - members.shape[-1]))], -2)
    _, shares, criteria = climb.go(shares, _LOOK)
    left = criteria.topk(min(_LEFT, criteria.shape[-1]), largest=False).indices
    fits, _, criteria = climb.go(torch.take_along_dim(shares, left[:, None, :, None], -2), _STEPS - _LOOK)
    least, best = criteria.min(-1)
    return Components(*(taken(part, best) for part in fits)), least


class _Climb:
    """Expectation maximisation of c mixtures at once, given the covariances of the prior `(r, 1, K, d, d)`."""

    def __init__(self, z: Float[Tensor, "r n d"], prior: Tensor) -> None:
        self._z, self._prior = z, prior
        self._squares = (z[..., :, None] * z[..., None, :]).flatten(-2)

    def go(
        self, shares: Float[Tensor, "r n c K"], steps: int
    ) -> tuple[Components, Float[Tensor, "r n c K"], Float[Tensor, "r c"]]:
        """From memberships to mixtures in so many steps at most, with their responsibilities and BIC.

        A replica none of whose mixtures becomes likelier stays as it is, whatever other replicas do.
        """
        (n, d), counts = self._z.shape[-2:], (shares.sum(-3) > 0).sum(-1)
        fit = self._maximise(shares)
        likelihood, shares = self.expect(fit)
        climbs = torch.ones_like(likelihood[:, :1], dtype=torch.bool)
        for _ in range(steps - 1):
            further = self._maximise(shares)
            total, reached = self.expect(further)
            old, new = (*fit, shares, likelihood), (*further, reached, total)
            more = (total - likelihood >= 1e-4 * n).any(-1, keepdim=True)
            *parts, shares, likelihood = (_where(climbs, *pair) for pair in zip(new, old, strict=True))
            fit, climbs = Components(*parts), climbs & more
            if free_to_ask(climbs) and not climbs.any():
                break
        return fit, shares, math.log(n) * (counts * (1 + d + d * (d + 1) / 2) - 1) - 2 * likelihood

    def _maximise(self, shares: Float[Tensor, "r n c K"]) -> Components:
        n, d = self._z.shape[-2:]
        sizes, flat = shares.sum(-3), shares.flatten(-2).mT
        centres = (flat @ self._z).unflatten(-2, shares.shape[-2:]) / sizes.clamp_min(_TINY)[..., None]
        moments = (flat @ self._squares).unflatten(-1, (d, d)).unflatten(-3, shares.shape[-2:])
        weights = sizes[..., None, None]
        scatter = moments - weights * centres[..., :, None] * centres[..., None, :]
        scatter.diagonal(dim1=-2, dim2=-1).add_(FLOOR * sizes[..., None])
        return Components((sizes / n).log(), centres, (scatter + (d + 2) * self._prior) / (weights + d + 2))

    def expect(self, of: Components) -> tuple[Float[Tensor, "r c"], Float[Tensor, "r n c K"]]:
        """The log likelihoods, and responsibilities."""
        (n, d), shape = self._z.shape[-2:], of.log_weights.shape[-2:]
        precisions = torch.linalg.inv_ex(of.covariances).inverse
        pulls = (precisions @ of.centres[..., None]).squeeze(-1)
        levels = of.log_weights - log_volumes(of.covariances) - (pulls * of.centres).sum(-1) / 2
        logs = self._z @ pulls.flatten(-3, -2).mT - self._squares @ precisions.flatten(-2).flatten(-3, -2).mT / 2
        logs = logs.unflatten(-1, shape) + levels[..., None, :, :]
        return torch.logsumexp(logs, -1).sum(-2) - n * d / 2 * math.log(2 * math.pi), torch.softmax(logs, -1)


def _where(climbs: Bool[Tensor, "r 1"], new: Tensor, old: Tensor) -> Tensor:
    """What is new in some replicas."""
    return new if len(climbs) == 1 else new.where(climbs.reshape(-1, *[1] * (new.dim() - 1)), old)


def _spread(of: Components, least: int) -> Components:
    """The same components, at least so many of which some may be absent, each with a covariance."""
    more = max(0, least - of.log_weights.shape[-1])
    covariances = of.covariances.expand(*of.log_weights.shape[:-1], of.log_weights.shape[-1] + more, -1, -1)
    return Components(pad(of.log_weights, (0, more), value=-math.inf), pad(of.centres, (0, 0, 0, more)), covariances)
