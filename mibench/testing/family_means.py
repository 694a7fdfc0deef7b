"""What holds of a true family on average: each claim compares a mean over pairs with what it must be.

Means are over more pairs where there is less information: what a fault of a few percent moves shrinks with it.
"""

import math
from collections.abc import Iterator
from functools import partial
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.families import Draws, Family
from mibench.testing.family_features import Features
from mibench.testing.family_tools import (
    STANDARD_ERRORS,
    Effort,
    Finding,
    agree,
    along,
    draws_of,
    excess_scatter,
    fixed,
    gradients_of,
    leaves_of,
    over_rounds,
    path_means,
    replicated,
    scores_of,
    slope_of,
    told,
)

SHIFTS = 4
"""How many partners every x has among the independent ones of its batch."""

BOUND = 16.0
"""The largest weight of a pair in place of exp(-i)."""

TINY = 1e-12
"""Means so small are rounding."""


def value(family: Family, effort: Effort) -> Iterator[Finding]:
    """The mean of the log ratio is the information.

    Where information is small, i + exp(-i) - 1 varies far less than i: its mean is taken too, with exp(-i) bounded and
    the mean of exp(-i) estimated from independent pairs.
    """
    theta = family.at(torch.float64)
    truth = family.information(theta), family.error(theta)
    means, control = over_rounds(partial(_values, family), effort)
    plain, reduced = (agree("value", means, truth, controls=each) for each in (None, control[None]))
    yield reduced if plain.holds else plain


def balance(family: Family, effort: Effort) -> Iterator[Finding]:
    """Pairs, weighed by the log ratio, look like independent x and y, to every product of features.

    A wrong constant moves the mean itself. Dependence that the log ratio forgets, of one coordinate or of a scale,
    moves the products of what depends and no others; of these the worst is shown.
    """
    with torch.no_grad():
        pilot = family.sample(family.at(torch.float64), effort.n, Draws.seeded(effort.seed + 3 * 1_000_003))
    x, y = (Features.about(name, side.double()) for name, side in zip("xy", pilot, strict=True))
    means = over_rounds(partial(_differences, family, x, y), effort)
    distances = (means.mean(-1).abs() / (means.std(-1) + TINY)).nan_to_num(math.inf)
    worst = int(distances[1:].argmax()) + 1
    weights = [" ".join(filter(None, names)) for names in product(x.names, y.names)]
    whole = agree("balance", means[0])
    others = agree("balance", means[worst], note=f" of {weights[worst]}", among=len(weights) - 1)
    yield others if whole.holds else whole


def pairs(family: Family, effort: Effort) -> Iterator[Finding]:
    """Those of a batch are independent of each other."""
    theta = replicated(family, effort)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, draws_of(effort, 8))
        seen = [torch.sigmoid(-family.log_ratio(theta, x, y)), x.double().tanh().mean(-1), y.double().tanh().mean(-1)]
    scores = [excess_scatter(values) for values in seen if values.std() > 1e-9]
    worst = max(scores, key=abs, default=0.0)
    detail = f"means of batches scatter {told(worst)} standard errors too much"
    yield Finding("pairs", abs(worst) <= STANDARD_ERRORS, detail)


def score(family: Family, effort: Effort) -> Iterator[Finding]:
    """The derivative of the log ratio in theta, at fixed pairs, has mean 0: those of log p(x, y), p(x) and p(y) have.

    No other mean notices as few samples of another theta.
    """
    names = [name for name in family.theta if name not in family.adversarial]
    if names:
        means = over_rounds(partial(_scores, family, names), effort)
        for name, mean in zip(names, means, strict=True):
            yield agree(f"score/{name}", mean)


def pathwise(family: Family, effort: Effort) -> Iterator[Finding]:
    """The gradient of `information` is the mean of grad i . dZ/dtheta."""
    names = [name for name in family.theta if family.pathwise(name)]
    if names:
        means, controls = path_means(family, effort)
        for name in names:
            yield agree(f"pathwise/{name}", means[name], slope_of(family, name), controls=controls)


def likelihood_ratio(family: Family, effort: Effort) -> Iterator[Finding]:
    """The gradient of `information` is the mean of (i - I) dlog p/dtheta, where the density is offered."""
    if (
        family.log_density(family.at(torch.float64), *family.sample(family.at(torch.float64), 1, Draws.seeded(0)))
        is None
    ):
        return
    means = over_rounds(partial(_likelihoods, family), effort)
    for name, scores, gradients in zip(family.theta, means[::2], means[1::2], strict=True):
        yield agree(f"density/{name}", scores)
        yield agree(f"likelihood ratio/{name}", gradients, slope_of(family, name))


def null_flow(family: Family, effort: Effort) -> Iterator[Finding]:
    """The flow y -> (1 + t) y changes nothing."""
    if not family.edges and "y" not in family.discrete:
        yield agree("null flow", over_rounds(partial(_flows, family), effort))


def _values(family: Family, effort: Effort) -> Float[Tensor, "2 replicas"]:
    """The mean of i, and a control of mean 0: exp(-i), bounded, less what it should be."""
    theta = replicated(family, effort)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, draws_of(effort, 0))
        ratio, apart = family.log_ratio(theta, x, y), family.log_ratio(theta, x, y.roll(1, -2))
    inverse = BOUND * torch.sigmoid(-ratio - math.log(BOUND))
    return torch.stack([ratio.mean(-1), inverse.mean(-1) - torch.sigmoid(apart + math.log(BOUND)).mean(-1)])


def _differences(family: Family, x: Features, y: Features, effort: Effort) -> Float[Tensor, "weights replicas"]:
    """E[w f(i)] over pairs less E[w f(i) exp(i)] over independent x and y, with f(i) = 1 / (1 + exp(i) / SHIFTS).

    Every function f gives 0; this one has the smallest variance for so many independent pairs (Meng & Wong, 1996). The
    weights w are all products of a feature of x and one of y, 1 first.
    """
    theta = replicated(family, effort)
    with torch.no_grad():
        pairs = family.sample(theta, effort.n, draws_of(effort, 1))
        left, right = x.of(pairs[0].double()).mT, y.of(pairs[1].double())
        joint = torch.sigmoid(math.log(SHIFTS) - family.log_ratio(theta, *pairs))
        totals = (left * joint[..., None, :]) @ right
        for shift in range(1, SHIFTS + 1):
            apart = torch.sigmoid(family.log_ratio(theta, pairs[0], pairs[1].roll(shift, -2)) - math.log(SHIFTS))
            totals -= (left * apart[..., None, :]) @ right.roll(shift, -2)
    return totals.flatten(1).T / effort.n


def _scores(family: Family, names: list[str], effort: Effort) -> Float[Tensor, "names replicas"]:
    theta = leaves_of(replicated(family, effort))
    with torch.no_grad():
        x, y = family.sample(fixed(theta), effort.n, draws_of(effort, 2))
    slopes = gradients_of(family.log_ratio(theta, x, y).mean(-1).sum(), theta)
    return torch.stack([along(slopes[name]) for name in names])


def _likelihoods(family: Family, effort: Effort) -> Float[Tensor, "twice_names replicas"]:
    """The means of dlog p/dtheta and of (i - I) dlog p/dtheta, name by name."""
    theta = leaves_of(replicated(family, effort))
    with torch.no_grad():
        x, y = family.sample(fixed(theta), effort.n, draws_of(effort, 5))
        ratio = family.log_ratio(fixed(theta), x, y) - family.information(fixed(theta))[..., None]
    density = torch.as_tensor(family.log_density(theta, x, y))
    slopes = [gradients_of((factor * density).mean(-1).sum(), theta) for factor in (torch.ones_like(ratio), ratio)]
    return torch.stack([along(slope[name]) for name in family.theta for slope in slopes])


def _flows(family: Family, effort: Effort) -> Float[Tensor, " replicas"]:
    theta = replicated(family, effort)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, draws_of(effort, 6))
    return (scores_of(family, theta, x, y)[1] * y).sum(-1).mean(-1)
