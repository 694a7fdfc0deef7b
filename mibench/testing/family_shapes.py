"""What every other claim takes for granted: shapes are those that a family states, and numbers are finite."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mibench.errors import ContractError
from mibench.families import Draws, Family, Theta
from mibench.family_answers import dimensions
from mibench.testing.family_tools import Effort, Finding, draws_of, fixed, leaves_of, replicated, scores_of


def shapes(family: Family, effort: Effort) -> Iterator[Finding]:
    """Samples, log ratios and information are finite, in the shapes that `dims` implies for one theta and for several.

    Only the first thing that is wrong is said: everything later follows from it. `mibench.family_answers` says it.
    """
    try:
        dims = dimensions(family)
        replicas, n = _sizes(dims, effort.n)
        effort = replace(effort, replicas=replicas, n=n)
        _answers(family, leaves_of(family.at(torch.float64)), n, Draws.seeded(effort.seed))
        several = replicated(family, effort)
        numbers = _answers(family, leaves_of(several), n, draws_of(effort, 0))
    except ContractError as error:
        yield Finding("shapes", False, str(error))
        return
    yield Finding("shapes", True, f"samples are (n, {dims[0]}) and (n, {dims[1]})")
    yield _finite(family, numbers, several)


def _sizes(dims: tuple[int, int], n: int) -> tuple[int, int]:
    """Numbers of replicas and of pairs that are told from dimensions."""
    replicas = next(count for count in itertools.count(2) if count not in dims)
    return replicas, next(count for count in itertools.count(n) if count not in (*dims, replicas))


def _answers(family: Family, theta: Theta, n: int, draws: Draws) -> dict[str, Tensor]:
    with torch.no_grad():
        x, y = family.sample(fixed(theta), n, draws)
        ratio = family.log_ratio(fixed(theta), x, y)
    return {"x": x, "y": y, "log_ratio": ratio, "information": family.information(theta).detach()}


def _finite(family: Family, numbers: dict[str, Tensor], theta: dict[str, Tensor]) -> Finding:
    for name, given in numbers.items():
        if not given.isfinite().all():
            return Finding("finite", False, f"`{name}` {_lost(given)}")
    for side, score in zip("xy", scores_of(family, theta, numbers["x"], numbers["y"]), strict=True):
        if side not in family.discrete and not score.isfinite().all():
            return Finding("finite", False, f"the gradient of `log_ratio` in {side} {_lost(score)}")
    return Finding("finite", True, "samples, log ratios and their gradients, and information are")


def _lost(given: Tensor) -> str:
    lost = (~given.isfinite()).sum().item()
    return f"is not finite: {'all' if lost == given.numel() else f'{lost:,}'} of {given.numel():,} numbers"
