"""What holds of a true family; each claim is a function that compares two ways to one answer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import torch
from torch import Tensor

from mibench.bends import BENDS
from mibench.compositions import Bent, Composed, Copies, Gauged, Rotated
from mibench.errors import ContractError
from mibench.families import Draws, Family
from mibench.testing import family_means
from mibench.testing.family_tools import (
    Effort,
    Finding,
    agree,
    along,
    direction_of,
    draws_of,
    fixed,
    gradients_of,
    leaves_of,
    made_again,
    near_pairs,
    path_means,
    scores_of,
    slope_of,
    step_of,
    told,
)
from mibench.testing.kit import expect_equal

DIGITS = 1e-6
NUDGE = 1e-5
NULL_STEP, NULL_DIGITS = 1e-3, 1e-2
"""A difference at independence takes this share of the way to the family's own theta, since beyond independence may lie
values that it does not have, and agrees to these digits."""
BESIDE = 0.01
"""How far apart, as a share of a parameter, two cells are that must agree at one theta."""
SEVERAL = 64
"""Pairs at which they must."""
LARGEST_ERROR = 0.01
"""The share of an answer, or of 0.1 nats if that is more, that a truth's own error may be."""


def _error(family: Family, effort: Effort) -> Iterator[Finding]:  # noqa: ARG001
    theta = family.at(torch.float64)
    first, again = (family.information(theta).item() for _ in range(2))
    yield Finding("repeatable", first == again, f"information is {first!r} and then {again!r}")
    for name in (None, *family.theta):
        answer = abs(first) if name is None else abs(slope_of(family, name)[0].item())
        error = family.error(theta, name)
        most = LARGEST_ERROR * max(answer, 0.1)
        holds = error.shape == family.information(theta).shape and bool((error >= 0).all() and (error <= most).all())
        detail = f"{told(error.max().item())}, of at most {told(most)}"
        yield Finding(f"error/{name}" if name else "error", holds, detail)


def _derivative(family: Family, effort: Effort) -> Iterator[Finding]:  # noqa: ARG001
    theta = leaves_of(family.at(torch.float64))
    slopes = gradients_of(family.information(theta), theta)
    for name in family.theta:
        direction = direction_of(theta[name])
        expected, step = along(slopes[name], direction).item(), step_of(theta[name])

        def moved(shift: float, name: str = name, direction: Tensor = direction) -> float:
            return family.information({**theta, name: theta[name].detach() + shift * direction}).item()

        near, far = moved(step) - moved(-step), moved(2 * step) - moved(-2 * step)
        difference = (8 * near - far) / (12 * step)
        tolerance = DIGITS * max(1.0, abs(expected)) + family.error(fixed(theta), name).item()
        yield Finding(
            f"derivative/{name}",
            abs(difference - expected) <= tolerance,
            f"finite difference {told(difference, 9)}, autograd {told(expected, 9)}",
        )


def _theta(family: Family, effort: Effort) -> Iterator[Finding]:
    """What is asked at a theta does not depend on whom: a batch asks the family of its first cell for all of them.

    Where a method reads a parameter in place of theta, no derivative in theta shows it.
    """
    for name in family.theta:
        other = _beside(family, name)
        if other is None:
            continue
        theta = other.at(torch.float64)
        try:
            ours, theirs = (_asked(one, theta, effort.seed) for one in (family, other))
            for method, answer in ours.items():
                expect_equal(
                    {"result": answer},
                    {"result": theirs[method]},
                    f"`{method}` at another {name} to be what the cell with that {name} says, as a batch asks one cell "
                    f"for all: read theta[{name!r}], not self.params.{name}",
                    relative=DIGITS,
                )
        except ContractError as error:
            yield Finding(f"theta/{name}", False, str(error))
        else:
            yield Finding(f"theta/{name}", True, f"the cell with another {name} says the same there")


def _beside(family: Family, name: str) -> Family | None:
    """The family of a cell that differs a little in one name, if there is one."""
    value = getattr(family.params, name, None)
    for factor in (1 + BESIDE, 1 - BESIDE):
        if isinstance(value, tuple):
            moved: Any = tuple(factor * entry for entry in value)
        elif isinstance(value, float | int):
            moved = factor * value if value else factor - 1
        else:
            return None
        if _accepts(family.params, name, moved):
            return made_again(family, replace(family.params, **{name: moved}))
    return None


def _asked(family: Family, theta: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """What a family says at a theta, by the method."""
    with torch.no_grad():
        x, y = family.sample(theta, SEVERAL, Draws.seeded(seed))
        said = {"sample": torch.cat([x, y], -1), "log_ratio": family.log_ratio(theta, x, y)}
        said["information"] = family.information(theta)
        density, conditional = family.log_density(theta, x, y), family.conditional(theta)
        if density is not None:
            said["log_density"] = density
        if conditional is not None:
            said["conditional"] = conditional(x).log_prob(y)
    return said


def _permutation(family: Family, effort: Effort) -> Iterator[Finding]:
    theta = family.at(torch.float64)
    with torch.no_grad():
        x, y = family.sample(theta, effort.n, Draws.seeded(effort.seed))
        order = torch.randperm(effort.n, generator=torch.Generator().manual_seed(effort.seed))
        before, after = family.log_ratio(theta, x, y), family.log_ratio(theta, x[order], y[order])
    off = (after - before[order]).abs().max().item()
    most = 1e-9 * max(1.0, before.abs().max().item())
    yield Finding("permutation", off <= most, f"log ratios move by {told(off)}")


def _independence(family: Family, effort: Effort) -> Iterator[Finding]:
    own = family.at(torch.float64)
    for name, value in family.null.items():
        theta = {**own, name: torch.full_like(own[name], value)}
        with torch.no_grad():
            ratio = family.log_ratio(theta, *family.sample(theta, effort.n, Draws.seeded(effort.seed)))
        worst = max(ratio.abs().max().item(), family.information(theta).abs().item())
        detail = f"at {name} = {told(value)} the log ratio reaches {told(worst)}"
        yield Finding(f"independence/{name}", worst <= 1e-9, detail)
        if not _accepts(family.params, name, value):
            continue  # a limit, which need not have a derivative
        leaves, way = leaves_of(theta), own[name] - value
        slope = (gradients_of(family.information(leaves), leaves)[name] * way).sum().item()
        once, twice = (family.information({**own, name: value + count * NULL_STEP * way}).item() for count in (1, 2))
        difference = (4 * once - twice) / (2 * NULL_STEP)
        detail = f"finite difference {told(difference)}, autograd {told(slope)}"
        holds = abs(difference - slope) <= NULL_DIGITS * max(abs(slope), way.norm().item())
        yield Finding(f"independence/derivative/{name}", holds, detail)


def _accepts(params: Any, name: str, value: Any) -> bool:
    try:
        replace(params, **{name: value})
    except (TypeError, ValueError):
        return False
    return True


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
    yield Finding("conditional", off <= 1e-8, f"log p(y|x) - i(x, y) depends on x by {told(off)}")


def _gauges(family: Family, effort: Effort) -> Iterator[Finding]:
    for gauge, other in _other_gauges(family):
        names = [name for name in other.theta if other.pathwise(name)]
        means, _ = path_means(other, replace(effort, rounds=1)) if names else ({}, None)
        for name in names:
            yield agree(f"gauge/{name}", means[name], slope_of(family, name), note=f" in the gauge {gauge}")


def _other_gauges(family: Family) -> Iterator[tuple[str, Family]]:
    if not isinstance(family, Composed):
        for gauge in get_args(get_type_hints(type(family.params)).get("gauge")):
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
    more += [(slope_of(twice, name)[0] - 2 * slope_of(family, name)[0]).abs().item() for name in family.theta]
    detail = f"log ratios differ by {told(off)}, the answers by {told(max(more))}"
    yield Finding("copies", max(off, *more) <= 1e-9, detail)


def _observed(claim: str, family: Family, effort: Effort) -> Iterator[Finding]:
    """Whether what pairs contribute to the gradient is the same in observed coordinates, to 1e-10.

    Scores are carried by the inverse transpose of the observer's Jacobian and paths by autograd through the observer;
    the Jacobian itself is compared with finite differences. Pairs within 4 of the origin are taken, where no bend is
    too flat or too steep for double precision; nothing is said of a family without such pairs.
    """
    seeds, theta, pairs = near_pairs(family, effort)
    if not seeds:
        return
    observe = family.observer(draws_of(replace(effort, replicas=len(seeds)), 7))
    leaves, scores = [side.detach().requires_grad_() for side in pairs], scores_of(family, theta, *pairs)
    worst, here, seen = 0.0, pairs[0].new_zeros(()), pairs[0].new_zeros(())
    for leaf, image, side, moved, score in zip(leaves, observe(*leaves), pairs, observe(*pairs), scores, strict=True):
        columns = [gradients_of(coordinate.sum(), {"z": leaf})["z"] for coordinate in image.unbind(-1)]
        jacobian = torch.stack(columns, -2)[:, 0]
        carried = (torch.linalg.pinv(jacobian.mT) @ score[:, 0, :, None])[..., 0]
        here = here + (score * side).sum()
        seen = seen + (carried * moved[:, 0]).sum()
        shift = direction_of(torch.zeros(leaf.shape[-1], dtype=leaf.dtype))
        with torch.no_grad():
            ends = [observe(*(side + h * shift if side is leaf else side for side in leaves)) for h in (NUDGE, -NUDGE)]
        ends = [end[[side is leaf for side in leaves].index(True)][:, 0] for end in ends]
        differences, along = (ends[0] - ends[1]) / (2 * NUDGE), jacobian @ shift
        worst = max(worst, ((differences - along).abs() / (1 + along.abs())).max().item())
    contributions, images = (gradients_of(total, theta) for total in (here, seen))
    off = max(
        ((images[name] - contributions[name]).abs() / (1 + contributions[name].abs())).max().item() for name in theta
    )
    detail = f"{len(seeds)} pairs move by {told(off)}; the Jacobian is {told(worst)} from its finite difference"
    yield Finding(claim, off <= 1e-10 and worst <= 1e-5, detail)


CLAIMS: tuple[Callable[[Family, Effort], Iterator[Finding]], ...] = (
    _error,
    family_means.value,
    family_means.balance,
    family_means.pairs,
    family_means.score,
    _derivative,
    family_means.pathwise,
    family_means.likelihood_ratio,
    family_means.null_flow,
    _theta,
    _permutation,
    _independence,
    _conditional,
    _gauges,
    _bends,
    _copies,
)
