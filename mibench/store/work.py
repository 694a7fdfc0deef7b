"""What a trial's time grows with, as task and estimator declare it, and how far apart two trials are by that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mibench.specs import EstimatorSpec, Scalar, Work

BATCH = "--batch"
"""Trials that run together share what they cost, so that their number counts as one more size of a cell."""


@dataclass(frozen=True)
class DeclaredWork:
    """What the time of some trials is proportional to, as the task and the estimator declare it.

    Attributes:
        kinds: by parameters that are summed, how they count.
        estimator: how its time grows.
    """

    kinds: Mapping[tuple[str, ...], Work]
    estimator: EstimatorSpec

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters of which it is known how time grows with them."""
        unknown: Work | None = "dimensions" if self.estimator.growth_in_dimensions is None else None
        return frozenset(name for names, kind in self.kinds.items() if kind != unknown for name in names)

    @property
    def idle(self) -> frozenset[str]:
        """The parameters with which time does not grow."""
        powers = {
            "training": self.estimator.trains,
            "samples": self.estimator.growth,
            "dimensions": self.estimator.growth_in_dimensions,
        }
        return frozenset(name for names, kind in self.kinds.items() if powers.get(kind) == 0 for name in names)

    def amount(self, sizes: Mapping[str, Scalar]) -> float:
        """How much work a trial is, in units that only compare trials of one estimator and task.

        What is measured after training takes about as long as one more step.
        """
        steps = self._totals("training", sizes) if self.estimator.trains else []
        return math.prod([*self._totals("always", sizes), *(total + 1 for total in steps), self.estimate(sizes)])

    def estimate(self, sizes: Mapping[str, Scalar]) -> float:
        """The work of one step or estimate."""
        samples, dimensions = self._totals("samples", sizes), math.prod(self._totals("dimensions", sizes))
        fixed = self._grown(self.estimator.growth_from) if samples and self.estimator.growth_from else 0.0
        return fixed + self._grown(math.prod(samples)) * dimensions ** (self.estimator.growth_in_dimensions or 0.0)

    def _grown(self, n: float) -> float:
        """What n samples take."""
        return n * min(n, self.estimator.linear_from or n) ** (self.estimator.growth - 1)

    def _totals(self, wanted: Work, sizes: Mapping[str, Scalar]) -> list[float]:
        return [_total(sizes, names) for names, kind in self.kinds.items() if kind == wanted]


def _total(sizes: Mapping[str, Scalar], names: tuple[str, ...]) -> float:
    return max(1.0, sum(value for name in names if isinstance(value := sizes.get(name), int)))


def sizes_of(cell: Mapping[str, Scalar], together: int, work: DeclaredWork) -> Mapping[str, Scalar]:
    """What makes a trial as long as it is: all parameters but real numbers and those that are no work of it.

    How many trials ran together is known to a power of two, so that the last batch of a run, which is smaller, is like
    the others where it may be.
    """
    sizes = {name: value for name, value in cell.items() if not isinstance(value, float) and name not in work.idle}
    return {**sizes, BATCH: 2 ** round(math.log2(together))}


def distance(timed: Mapping[str, Scalar], sizes: Mapping[str, Scalar], work: DeclaredWork) -> tuple[int, float, float]:
    """How far apart two trials are: in how many sizes that are no work, how much there, and in how much work."""
    differing = unscaled(timed, sizes, work)
    factor = math.prod(ratio(timed.get(name), sizes.get(name)) for name in sorted(differing))
    return len(differing), factor, ratio(work.amount(sizes), work.amount(timed))


def unscaled(timed: Mapping[str, Scalar], sizes: Mapping[str, Scalar], work: DeclaredWork) -> set[str]:
    """The sizes that differ, of which nothing says how time grows with them."""
    names = (timed.keys() | sizes.keys()) - work.parameters
    return {name for name in names if timed.get(name) != sizes.get(name)}


def ratio(first: Scalar, second: Scalar) -> float:
    """By what factor two numbers differ, at least 1; that of other values is 1."""
    if not isinstance(first, int | float) or not isinstance(second, int | float):
        return 1.0
    low, high = sorted((max(abs(first), 1.0), max(abs(second), 1.0)))
    return high / low
