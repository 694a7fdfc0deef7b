"""Proves the truth of a family in more ways than one; everything in float64, in nats.

For authors, in a test of their own package::

    from mibench.testing import check_family

    def test_the_truth_holds():
        assert [finding for finding in check_family(SPEC, {"kappa": 2.0}) if not finding.holds] == []

A Monte Carlo mean over `replicas` batches of `n` pairs each must lie within four standard errors of the truth, the
family's own error included. Findings are named by what they compare.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_args, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.bends import BENDS
from mibench.compositions import Bent, Composed, Copies, Gauged, Rotated
from mibench.curves import CurveTask, load_task
from mibench.families import Draws, Family, Theta
from mibench.plan.selectors import combinations
from mibench.specs import FamilySpec, Scalar

STANDARD_ERRORS = 4.0
STEP = 3e-4
DIGITS = 1e-6
NEAR = 4.0
NUDGE = 1e-5
LARGEST_ERROR = 0.01
"""The share of an answer, or of 0.1 nats if that is more, that a truth's own error may be."""


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
    """

    replicas: int = 100
    n: int = 1000
    seed: int = 0


def check_truth(family: Family, effort: Effort | None = None) -> list[Finding]:
    """Compares what a family says of itself at its own theta with everything that can be computed of it.

    - `repeatable`: `information` gives the same number twice.
    - `error`, `error/NAME`: the family states an error of at most 1 %, of its answer and of the derivative; the other
      claims allow for it, so that a large one would prove anything.
    - `value`: `information` is the mean of the log ratio.
    - `balance`: E[s(-i)] over pairs is E[s(i)] over independent x and y, with s the logistic function: what a wrong
      constant breaks, even one that information and log ratio share.
    - `derivative/NAME`: the gradient of `information` is its finite difference.
    - `pathwise/NAME`: it is the mean of grad i . dZ/dtheta, wherever the family says so.
    - `density/NAME`: dlog p/dtheta has mean 0, where the density is offered.
    - `likelihood ratio/NAME`: the gradient is the mean of (i - I) dlog p/dtheta, where the density is offered.
    - `null flow`: y -> (1 + t) y changes nothing, where the density has no edge.
    - `permutation`: permuted pairs have permuted log ratios.
    - `independence/NAME`: at the null value the information and every log ratio are 0.
    - `conditional`: log p(y|x) and the log ratio differ by a function of y alone.
    - `gauge/NAME`: in every gauge the gradient along paths is the same.
    - `bend/BEND`, `rotation`: seen through a bijection, every pair contributes the same to the gradient.
    - `copies`: the log ratios of independent copies add, and so do information and its gradient.
    """
    return list(findings(family, effort))


def findings(family: Family, effort: Effort | None = None) -> Iterator[Finding]:
    """What `check_truth` finds, one by one; whatever the family raises is a finding too."""
    for claim in _CLAIMS:
        try:
            yield from claim(family, effort or Effort())
        except Exception as error:  # noqa: BLE001 - whatever an author's code raises
            name = claim.__name__.strip("_").replace("_", " ")
            yield Finding(name, False, f"{type(error).__name__}: {' '.join(str(error).split())}")


def check_family(
    spec: FamilySpec, params: Mapping[str, Scalar] | None = None, *, effort: Effort | None = None
) -> list[Finding]:
    """Proves the truth of the family that a spec names, at one cell.

    Args:
        spec: what it declares.
        params: parameters of the cell that differ from their defaults, those that all families have among them.
        effort: how many pairs a Monte Carlo mean is taken over.

    Raises:
        UsageError: there is no such parameter, or it does not fit.
        PluginError: the family cannot be imported.
    """
    return check_truth(make_family(spec, params or {}), effort)


def make_family(spec: FamilySpec, params: Mapping[str, Scalar]) -> Family:
    """The family at a cell."""
    task = cast("type[CurveTask]", load_task(spec.task, f"family {spec.name!r}"))
    (cell,) = combinations(task.Params, {name: [value] for name, value in params.items()}, f"family {spec.name}")
    return task().family(cell)


def failures(findings: Sequence[Finding]) -> list[str]:
    """The claims that do not hold, each with its detail."""
    return [f"{finding.claim}: {finding.detail}" for finding in findings if not finding.holds]


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
    scores = _scores(family, theta, x, y)
    surrogate = sum((score * side).sum() for score, side in zip(scores, (x, y), strict=True))
    return _gradients(torch.as_tensor(surrogate / x.shape[-2]), theta)


def _error(family: Family, effort: Effort) -> Iterator[Finding]:  # noqa: ARG001
    theta = family.at(torch.float64)
    first, again = (family.information(theta).item() for _ in range(2))
    yield Finding("repeatable", first == again, f"information is {first!r} and then {again!r}")
    for name in (None, *family.theta):
        answer = abs(first) if name is None else abs(_slope(family, name)[0].item())
        error = family.error(theta, name)
        most = LARGEST_ERROR * max(answer, 0.1)
        holds = error.shape == family.information(theta).shape and bool((error >= 0).all() and (error <= most).all())
        yield Finding(f"error/{name}" if name else "error", holds, f"{error.max().item():.1e}, of at most {most:.1e}")


def _value(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = _spread(family, effort)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, _draws(effort, 0))
        means = family.log_ratio(theta, x, y).mean(-1)
    yield _agree("value", means, family.information(theta)[0], family.error(theta)[0])


def _balance(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = _spread(family, effort)
    with torch.no_grad():
        (x, y), (left, _), (_, right) = (family.sample(theta, effort.n, _draws(effort, part)) for part in (1, 2, 3))
        joint = torch.sigmoid(-family.log_ratio(theta, x, y)).mean(-1)
        product = torch.sigmoid(family.log_ratio(theta, left, right)).mean(-1)
    yield _agree("balance", joint - product, torch.zeros(()), torch.zeros(()))


def _derivative(family: Family, effort: Effort) -> Iterator[Finding]:  # noqa: ARG001
    theta = _leaves(family.at(torch.float64))
    slopes = _gradients(family.information(theta), theta)
    for name in family.theta:
        direction = _direction(theta[name])
        expected, step = _along(slopes[name], direction).item(), _step(theta[name])

        def moved(shift: float, name: str = name, direction: Tensor = direction) -> float:
            return family.information({**theta, name: theta[name].detach() + shift * direction}).item()

        near, far = moved(step) - moved(-step), moved(2 * step) - moved(-2 * step)
        difference = (8 * near - far) / (12 * step)
        tolerance = DIGITS * max(1.0, abs(expected)) + family.error(_fixed(theta), name).item()
        yield Finding(
            f"derivative/{name}",
            abs(difference - expected) <= tolerance,
            f"finite difference {difference:.8f}, autograd {expected:.8f}",
        )


def _pathwise(family: Family, effort: Effort) -> Iterator[Finding]:
    names = [name for name in family.theta if family.pathwise(name)]
    if names:
        means = _path_means(family, effort)
        for name in names:
            yield _agree(f"pathwise/{name}", means[name], *_slope(family, name))


def _likelihood_ratio(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = _leaves(_spread(family, effort))
    with torch.no_grad():
        x, y = family.sample(_fixed(theta), effort.n, _draws(effort, 5))
        ratio = family.log_ratio(_fixed(theta), x, y) - family.information(_fixed(theta))[..., None]
    density = family.log_density(theta, x, y)
    if density is None:
        return
    scores = _gradients(density.mean(-1).sum(), theta)
    gradients = _gradients((ratio * density).mean(-1).sum(), theta)
    for name in family.theta:
        yield _agree(f"density/{name}", _along(scores[name]), torch.zeros(()), torch.zeros(()))
        yield _agree(f"likelihood ratio/{name}", _along(gradients[name]), *_slope(family, name))


def _null_flow(family: Family, effort: Effort) -> Iterator[Finding]:
    if family.edges or "y" in family.discrete:
        return
    theta = _spread(family, effort)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, _draws(effort, 6))
    means = (_scores(family, theta, x, y)[1] * y).sum(-1).mean(-1)
    yield _agree("null flow", means, torch.zeros(()), torch.zeros(()))


def _permutation(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = family.at(torch.float64)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, Draws.seeded(effort.seed))
        order = torch.randperm(effort.n, generator=torch.Generator().manual_seed(effort.seed))
        before, after = family.log_ratio(theta, x, y), family.log_ratio(theta, x[order], y[order])
    off = (after - before[order]).abs().max().item()
    yield Finding("permutation", off <= 1e-9 * max(1.0, before.abs().max().item()), f"log ratios move by {off:.1e}")


def _independence(family: Family, effort: Effort) -> Iterator[Finding]:
    for name, value in family.null.items():
        theta = {**family.at(torch.float64), name: torch.tensor(value, dtype=torch.float64)}
        with torch.no_grad():
            ratio = family.log_ratio(theta, *family.sample(theta, effort.n, Draws.seeded(effort.seed)))
        worst = max(ratio.abs().max().item(), family.information(theta).abs().item())
        yield Finding(f"independence/{name}", worst <= 1e-9, f"at {name} = {value:g} the log ratio reaches {worst:.1e}")


def _conditional(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = family.at(torch.float64)
    conditional = family.conditional(theta)
    if conditional is None:
        return
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, Draws.seeded(effort.seed))
        margins = [
            conditional(given).log_prob(y) - family.log_ratio(theta, given, y)
            for given in (x, x.roll(1, -2), x.roll(2, -2))
        ]
    finite = torch.stack(margins).isfinite().all(0)
    off = max((other - margins[0])[finite].abs().max().item() for other in margins[1:])
    yield Finding("conditional", off <= 1e-8, f"log p(y|x) - i(x, y) depends on x by {off:.1e}")


def _gauges(family: Family, effort: Effort) -> Iterator[Finding]:
    for gauge, other in _other_gauges(family):
        names = [name for name in other.theta if other.pathwise(name)]
        means = _path_means(other, effort) if names else {}
        for name in names:
            yield _agree(f"gauge/{name}", means[name], *_slope(family, name), note=f" in the gauge {gauge}")


def _other_gauges(family: Family) -> Iterator[tuple[str, Family]]:
    if not isinstance(family, Composed):
        for gauge in _choices(family.params, "gauge"):
            if gauge != family.params.gauge:
                yield gauge, type(family)(replace(family.params, gauge=gauge))
    if not family.edges and "y" not in family.discrete:
        yield "c(theta) y", Gauged(family)


def _bends(family: Family, effort: Effort) -> Iterator[Finding]:
    if family.discrete or family.singular:
        return
    effort = replace(effort, replicas=min(effort.replicas, 40))
    for name, bend in BENDS.items():
        if all(has >= needs for has, needs in zip(family.observed_dims, bend.dims, strict=True)):
            yield from _observed(f"bend/{name}", Bent(family, name), effort)
    yield from _observed("rotation", Rotated(family), effort)


def _copies(family: Family, effort: Effort) -> Iterator[Finding]:
    twice, theta, n = Copies(family, 2), family.at(torch.float64), effort.n
    with torch.no_grad():
        x, y = twice.sample(theta, n, Draws.seeded(effort.seed))
        (dx, dy), together = family.dims, twice.log_ratio(theta, x, y)
        apart = family.log_ratio(theta, x[:, :dx], y[:, :dy]) + family.log_ratio(theta, x[:, dx:], y[:, dy:])
    off = (together - apart).abs().max().item() / max(1.0, apart.abs().max().item())
    more = [(twice.information(theta) - 2 * family.information(theta)).abs().item()]
    more += [(_slope(twice, name)[0] - 2 * _slope(family, name)[0]).abs().item() for name in family.theta]
    yield Finding("copies", max(off, *more) <= 1e-9, f"log ratios differ by {off:.1e}, the answers by {max(more):.1e}")


def _observed(claim: str, family: Family, effort: Effort) -> Iterator[Finding]:
    """Whether what pairs contribute to the gradient is the same in observed coordinates, to 1e-10.

    Scores are carried by the inverse transpose of the observer's Jacobian and paths by autograd through the observer;
    the Jacobian itself is compared with finite differences. Pairs within 4 of the origin are taken, where no bend is
    too flat or too steep for double precision; nothing is said of a family without such pairs.
    """
    seeds, theta, pairs = _near_pairs(family, effort)
    if not seeds:
        return
    observe = family.observer(_draws(replace(effort, replicas=len(seeds)), 7))
    leaves, scores = [side.detach().requires_grad_() for side in pairs], _scores(family, theta, *pairs)
    worst, here, seen = 0.0, pairs[0].new_zeros(()), pairs[0].new_zeros(())
    for leaf, image, side, moved, score in zip(leaves, observe(*leaves), pairs, observe(*pairs), scores, strict=True):
        columns = [_gradients(coordinate.sum(), {"z": leaf})["z"] for coordinate in image.unbind(-1)]
        jacobian = torch.stack(columns, -2)[:, 0]
        carried = (torch.linalg.pinv(jacobian.mT) @ score[:, 0, :, None])[..., 0]
        here = here + (score * side).sum()
        seen = seen + (carried * moved[:, 0]).sum()
        shift = _direction(torch.zeros(leaf.shape[-1], dtype=leaf.dtype))
        with torch.no_grad():
            ends = [observe(*(side + h * shift if side is leaf else side for side in leaves)) for h in (NUDGE, -NUDGE)]
        ends = [end[[side is leaf for side in leaves].index(True)][:, 0] for end in ends]
        differences, along = (ends[0] - ends[1]) / (2 * NUDGE), jacobian @ shift
        worst = max(worst, ((differences - along).abs() / (1 + along.abs())).max().item())
    contributions, images = (_gradients(total, theta) for total in (here, seen))
    off = max(
        ((images[name] - contributions[name]).abs() / (1 + contributions[name].abs())).max().item() for name in theta
    )
    detail = f"{len(seeds)} pairs move by {off:.1e}; the Jacobian is {worst:.1e} from its finite difference"
    yield Finding(claim, off <= 1e-10 and worst <= 1e-5, detail)


_CLAIMS: tuple[Callable[[Family, Effort], Iterator[Finding]], ...] = (
    _error,
    _value,
    _balance,
    _derivative,
    _pathwise,
    _likelihood_ratio,
    _null_flow,
    _permutation,
    _independence,
    _conditional,
    _gauges,
    _bends,
    _copies,
)


def _near_pairs(family: Family, effort: Effort) -> tuple[list[int], dict[str, Tensor], tuple[Tensor, Tensor]]:
    """One pair a replica, of those within reach: their seeds, theta and the pairs with the graph of their sampling."""
    first = effort.seed + 8 * 1_000_003
    with torch.no_grad():
        wide = replace(effort, replicas=20 * effort.replicas)
        pairs = family.sample(_spread(family, wide), 1, Draws.seeded(first, (wide.replicas,)))
    near = torch.cat(pairs, -1).abs().amax((-2, -1)) < NEAR
    seeds = [first + k for k in near.nonzero().flatten().tolist()[: effort.replicas]]
    theta = _leaves(_spread(family, replace(effort, replicas=len(seeds))))
    generators = tuple(torch.Generator().manual_seed(seed) for seed in seeds)
    return (
        seeds,
        theta,
        family.sample(theta, 1, Draws(generators=generators, replicas=(len(seeds),))) if seeds else pairs,
    )


def _scores(family: Family, theta: Theta, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of the log ratio in x and in y; zero in discrete coordinates."""
    leaves = {"x": x.detach().requires_grad_(), "y": y.detach().requires_grad_()}
    with torch.enable_grad():
        gradients = _gradients(family.log_ratio(_fixed(theta), leaves["x"], leaves["y"]).sum(), leaves)
    x, y = (gradients[side] * (side not in family.discrete) for side in ("x", "y"))
    return x, y


def _path_means(family: Family, effort: Effort) -> dict[str, Tensor]:
    """The pathwise mean of every replica, `(replicas,)` by name."""
    theta = _leaves(_spread(family, effort))
    gradients = pathwise_gradients(family, theta, *family.sample(theta, effort.n, _draws(effort, 4)))
    return {name: _along(gradient) for name, gradient in gradients.items()}


def _slope(family: Family, name: str) -> tuple[Tensor, Tensor]:
    """The derivative of `information` in `name`, and its error."""
    theta = _leaves(family.at(torch.float64))
    slope = _gradients(family.information(theta), theta)[name]
    return _along(slope, _direction(slope)), family.error(_fixed(theta), name)


def _agree(claim: str, estimates: Tensor, expected: Tensor, error: Tensor, note: str = "") -> Finding:
    """Whether the mean over replicas is what is expected, to four standard errors."""
    mean, error_of_mean = estimates.mean().item(), estimates.std().item() / math.sqrt(len(estimates))
    standard_error = math.hypot(error_of_mean, error.item())
    off = abs(mean - expected.item())
    holds = off <= STANDARD_ERRORS * standard_error + 1e-12 and math.isfinite(mean)
    return Finding(claim, holds, f"{mean:.6f} +- {standard_error:.6f}{note} against {expected.item():.6f}")


def _gradients(total: Tensor, theta: Theta) -> dict[str, Tensor]:
    """The gradient in every name; zero where nothing depends on it."""
    if not total.requires_grad:
        return {name: torch.zeros_like(value) for name, value in theta.items()}
    slopes = torch.autograd.grad(total, list(theta.values()), retain_graph=True, materialize_grads=True)
    return dict(zip(theta, slopes, strict=True))


def _draws(effort: Effort, part: int) -> Draws:
    """Different numbers for every part of the proof."""
    return Draws.seeded(effort.seed + part * 1_000_003, (effort.replicas,))


def _spread(family: Family, effort: Effort) -> dict[str, Tensor]:
    return {
        name: value.expand(effort.replicas, *value.shape).clone() for name, value in family.at(torch.float64).items()
    }


def _leaves(theta: Theta) -> dict[str, Tensor]:
    return {name: value.detach().clone().requires_grad_() for name, value in theta.items()}


def _fixed(theta: Theta) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in theta.items()}


def _direction(value: Tensor) -> Tensor:
    """Where a vector or a matrix moves: one unit direction, the same at every call; 1 for a number."""
    if not value.ndim:
        return torch.ones_like(value)
    direction = torch.randn(value.shape, generator=torch.Generator().manual_seed(0), dtype=value.dtype)
    return direction / direction.norm()


def _along(gradient: Tensor, direction: Tensor | None = None) -> Tensor:
    """The derivative in the direction, for every replica where none is given."""
    if direction is not None:
        return (gradient * direction).sum()
    direction = _direction(gradient[0])
    return (gradient * direction).flatten(1).sum(-1) if gradient.ndim > 1 else gradient


def _step(value: Tensor) -> float:
    size = value.detach().norm().item()
    return STEP * min(1.0, size) if size else STEP


def _choices(params: Any, field: str) -> tuple[Any, ...]:
    """What a field of the parameters may be, where it is one of a few words."""
    return get_args(get_type_hints(type(params)).get(field))
