"""What proofs of a family's truth are made of: replicas of theta, gradients, scores, a comparison of two numbers."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.comparison.statistics import t_quantile
from mibench.compositions import Composed
from mibench.families import Draws, Family, Theta
from mibench.text import DIGITS, number, with_deviation

STANDARD_ERRORS = 4.0
_LEVEL = math.erf(STANDARD_ERRORS / math.sqrt(2))
STEP = 3e-4
NEAR = 4.0
ENOUGH = 0.2
"""Nats of information from which a single round is enough."""
ZERO = (torch.zeros(()), torch.zeros(()))
"""What a mean must be, and its error, where it must be 0."""


@dataclass(frozen=True)
class Finding:
    """What one comparison found.

    Attributes:
        claim: what was compared, e.g. `value`, `pathwise/nu`.
        holds: whether the two agree.
        detail: both numbers, in words.
    """

    claim: str
    holds: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How many pairs a Monte Carlo mean is taken over.

    Attributes:
        replicas: batches, whose standard deviation gives the standard error.
        n: pairs a batch.
        seed: of the first batch.
        rounds: how many times as many batches, one round after the other.
    """

    replicas: int = 100
    n: int = 1000
    seed: int = 0
    rounds: int = 1

    @classmethod
    def suited_to(cls, family: Family) -> "Effort":
        """Up to four rounds where there is little information, so that faults of a few percent show."""
        information = family.information(family.at(torch.float64)).item()
        return cls(rounds=min(4, math.ceil(ENOUGH / information)) if information > 0 else 1)


def over_rounds(means: Callable[[Effort], Float[Tensor, "*k replicas"]], effort: Effort) -> Float[Tensor, "*k all"]:
    """The means of all rounds, each with random numbers of its own."""
    parts = [replace(effort, seed=effort.seed + part * effort.replicas, rounds=1) for part in range(effort.rounds)]
    return torch.cat([means(part) for part in parts], -1)


def pathwise_gradients(
    family: Family, theta: Theta, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
) -> dict[str, Tensor]:
    """The mean of grad i . dZ/dtheta over the n pairs of every replica, by name: what the exact critic estimates.

    Args:
        family: brings the log ratio.
        theta: what the pairs were sampled at; its values require a gradient.
        x: with the graph of its sampling.
        y: with the graph of its sampling.
    """
    return _along_paths(scores_of(family, theta, x, y), (x, y), theta)


def _along_paths(scores: tuple[Tensor, Tensor], sides: tuple[Tensor, Tensor], theta: Theta) -> dict[str, Tensor]:
    surrogate = sum((score * side).sum() for score, side in zip(scores, sides, strict=True))
    return gradients_of(torch.as_tensor(surrogate / sides[0].shape[-2]), theta)


def near_pairs(family: Family, effort: Effort) -> tuple[list[int], dict[str, Tensor], tuple[Tensor, Tensor]]:
    """One pair a replica, of those within reach: their seeds, theta and the pairs with the graph of their sampling."""
    first = effort.seed + 8 * 1_000_003
    with torch.no_grad():
        wide = replace(effort, replicas=20 * effort.replicas)
        pairs = family.sample(replicated(family, wide), 1, Draws.seeded(first, (wide.replicas,)))
    near = torch.cat(pairs, -1).abs().amax((-2, -1)) < NEAR
    seeds = [first + k for k in near.nonzero().flatten().tolist()[: effort.replicas]]
    theta = leaves_of(replicated(family, replace(effort, replicas=len(seeds))))
    generators = tuple(torch.Generator().manual_seed(seed) for seed in seeds)
    return (
        seeds,
        theta,
        family.sample(theta, 1, Draws(generators=generators, replicas=(len(seeds),))) if seeds else pairs,
    )


def scores_of(family: Family, theta: Theta, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the log ratio in x and in y; zero in discrete coordinates."""
    leaves = {"x": x.detach().requires_grad_(), "y": y.detach().requires_grad_()}
    with torch.enable_grad():
        gradients = gradients_of(family.log_ratio(fixed(theta), leaves["x"], leaves["y"]).sum(), leaves)
    x, y = (gradients[side] * (side not in family.discrete) for side in ("x", "y"))
    return x, y


def path_means(family: Family, effort: Effort) -> tuple[dict[str, Tensor], Tensor | None]:
    """The pathwise mean of every replica, `(replicas,)` by name, and means of null flows on the same pairs.

    The flows scale x and y, `(2, replicas)`; `None` where they are not null.
    """
    means = over_rounds(lambda part: _paths(family, part), effort)
    flows = None if family.edges or family.discrete or family.singular else means[-2:]
    return dict(zip(family.theta, means, strict=False)), flows


def _paths(family: Family, effort: Effort) -> Tensor:
    theta = leaves_of(replicated(family, effort))
    sides = family.sample(theta, effort.n, draws_of(effort, 4))
    scores = scores_of(family, theta, *sides)
    gradients = _along_paths(scores, sides, theta)
    flows = [(score * side.detach()).sum(-1).mean(-1) for score, side in zip(scores, sides, strict=True)]
    return torch.stack([*(along(gradient) for gradient in gradients.values()), *flows])


def slope_of(family: Family, name: str) -> tuple[Tensor, Tensor]:
    """The derivative of `information` in `name`, and its error."""
    theta = leaves_of(family.at(torch.float64))
    slope = gradients_of(family.information(theta), theta)[name]
    return along(slope, direction_of(slope)), family.error(fixed(theta), name)


def agree(
    claim: str,
    estimates: Float[Tensor, " replicas"],
    truth: tuple[Tensor, Tensor] = ZERO,
    *,
    note: str = "",
    controls: Float[Tensor, "controls replicas"] | None = None,
    among: int = 1,
) -> Finding:
    """Whether the mean over replicas is what is expected, to four standard errors.

    Those of few replicas are Student's: as often beyond the limit as a normal variable is beyond four, and the worst
    `among` many means as often as one (Bonferroni). Regression takes out what varies along with controls, whose means
    are 0.
    """
    expected, error = truth
    mean, error_of_mean, freedom = _intercept(estimates, controls)
    standard_error = math.hypot(error_of_mean, error.item())
    off = abs(mean - expected.item())
    allowed = math.hypot(t_quantile(1 - (1 - _LEVEL) / among, freedom) * error_of_mean, STANDARD_ERRORS * error.item())
    holds = off <= allowed + 1e-12 and math.isfinite(mean)
    measured = with_deviation(mean, standard_error) or "nan"
    return Finding(claim, holds, f"{measured}{note} against {told(expected.item(), 6)}")


def told(value: float, digits: int = DIGITS) -> str:
    """A number in a finding, which has no empty cell for one that is absent."""
    return number(value, digits) or "nan"


def _intercept(estimates: Tensor, controls: Tensor | None) -> tuple[float, float, int]:
    """The mean of the estimates where every control is 0, its standard error and the degrees of freedom of that."""
    if not estimates.isfinite().all():
        return math.nan, math.nan, len(estimates) - 1
    columns = [torch.ones_like(estimates)]
    if controls is not None and controls.isfinite().all():
        columns += [control / control.std() for control in controls if control.std() > 1e-12]
    design = torch.stack(columns, -1)
    inverse = torch.linalg.pinv(design, rtol=1e-9)
    freedom = len(estimates) - len(columns)
    residual = estimates - design @ (inverse @ estimates)
    error = (residual.square().sum() / freedom).sqrt() * inverse[0].norm()
    return (inverse[0] @ estimates).item(), error.item(), freedom


def gradients_of(total: Tensor, theta: Theta) -> dict[str, Tensor]:
    """The gradient in every name; zero where nothing depends on it."""
    if not total.requires_grad:
        return {name: torch.zeros_like(value) for name, value in theta.items()}
    slopes = torch.autograd.grad(total, list(theta.values()), retain_graph=True, materialize_grads=True)
    return dict(zip(theta, slopes, strict=True))


def draws_of(effort: Effort, part: int) -> Draws:
    """Different numbers for every part of the proof."""
    return Draws.seeded(effort.seed + part * 1_000_003, (effort.replicas,))


def made_again(family: Family, params: Any = None) -> Family:
    """A new instance of the same family, at the same cell or at another."""
    if not isinstance(family, Composed):
        return type(family)(family.params if params is None else params)
    again = copy.copy(family)
    again.inner = made_again(family.inner, params)
    again.params = again.inner.params
    return again


def replicated(family: Family, effort: Effort) -> dict[str, Tensor]:
    """The family's theta once a replica, `(replicas, ...)`."""
    return {
        name: value.expand(effort.replicas, *value.shape).clone() for name, value in family.at(torch.float64).items()
    }


def leaves_of(theta: Theta) -> dict[str, Tensor]:
    """Copies that require a gradient."""
    return {name: value.detach().clone().requires_grad_() for name, value in theta.items()}


def fixed(theta: Theta) -> dict[str, Tensor]:
    """The same numbers, cut off from their graph."""
    return {name: value.detach() for name, value in theta.items()}


def direction_of(value: Tensor) -> Tensor:
    """Where a vector or a matrix moves: one unit direction, the same at every call; 1 for a number."""
    if not value.ndim:
        return torch.ones_like(value)
    direction = torch.randn(value.shape, generator=torch.Generator().manual_seed(0), dtype=value.dtype)
    return direction / direction.norm()


def along(gradient: Tensor, direction: Tensor | None = None) -> Tensor:
    """The derivative in the direction, for every replica where none is given."""
    if direction is not None:
        return (gradient * direction).sum()
    direction = direction_of(gradient[0])
    return (gradient * direction).flatten(1).sum(-1) if gradient.ndim > 1 else gradient


def step_of(value: Tensor) -> float:
    """The step of a finite difference."""
    size = value.detach().norm().item()
    return STEP * min(1.0, size) if size else STEP


def excess_scatter(values: Float[Tensor, "replicas n"]) -> float:
    """How many standard errors the variance of means over n lies above that of n independent values.

    It is a chi-square variable over its degrees of freedom, whose cube root is nearly normal (Wilson & Hilferty, 1931).
    """
    replicas, n = values.shape
    share = (n * values.mean(-1).var() / values.var(-1).mean()).item()
    variance = 2 / (9 * (replicas - 1))
    return (share ** (1 / 3) - (1 - variance)) / variance**0.5
