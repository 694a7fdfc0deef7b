"""What every other claim takes for granted: shapes are those that a family states, and numbers are finite."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mibench.families import Draws, Family
from mibench.testing.family_tools import Effort, Finding, draws_of, replicated, scores_of


def shapes(family: Family, effort: Effort) -> Iterator[Finding]:
    """Samples, log ratios and information are finite, in the shapes that `dims` implies for one theta and for several.

    Only the first thing that is wrong is said: everything later follows from it.
    """
    replicas, n = _sizes(family.dims, effort.n)
    effort = replace(effort, replicas=replicas, n=n)
    one, several = family.at(torch.float64), replicated(family, effort)
    for theta, draws in ((one, Draws.seeded(effort.seed)), (several, draws_of(effort, 0))):
        with torch.no_grad():
            x, y = family.sample(theta, n, draws)
            if wrong := _other_samples(family, x, y, draws.replicas, n):
                yield Finding("shapes", False, wrong)
                return
            ratio, information = family.log_ratio(theta, x, y), family.information(theta)
        for name, given, shape in (
            ("log_ratio", ratio, (*draws.replicas, n)),
            ("information", information, draws.replicas),
        ):
            if given.shape != shape:
                wanted = _spelled(shape, n)
                yield Finding("shapes", False, f"`{name}` gives {_spelled(given.shape, n)}, and must give {wanted}")
                return
    yield Finding("shapes", True, f"samples are {_both(*((n, d) for d in family.dims), n=n)}")
    yield _finite(family, {"x": x, "y": y, "log_ratio": ratio, "information": information}, several)


def _sizes(dims: tuple[int, int], n: int) -> tuple[int, int]:
    """Numbers of replicas and of pairs that are told from dimensions."""
    replicas = next(count for count in itertools.count(2) if count not in dims)
    return replicas, next(count for count in itertools.count(n) if count not in (*dims, replicas))


def _other_samples(family: Family, x: Tensor, y: Tensor, replicas: tuple[int, ...], n: int) -> str:
    wanted = [(*replicas, n, d) for d in family.dims]
    if [x.shape, y.shape] == wanted:
        return ""
    said = f"`dims` says {family.dims}, which asks for {_both(*wanted, n=n)}"
    return f"samples are {_both(x.shape, y.shape, n=n)}, and {said}"


def _both(x: tuple[int, ...], y: tuple[int, ...], *, n: int) -> str:
    return f"{_spelled(x, n)} and {_spelled(y, n)}"


def _spelled(shape: tuple[int, ...], n: int) -> str:
    sizes = ["n" if size == n else str(size) for size in shape]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


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
