"""How sure a forecast of seconds is: a range that holds what a run takes in most cases, a point where it is narrow."""

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

POINT = 1.5
"""A forecast is a point where the run takes within this factor of it."""
_DEVIATIONS = 2.0
"""A range goes so many standard deviations of the logarithm to either side, and holds about 95 % of what runs take."""
_USUAL = 0.1
"""The deviation of the logarithm of a cell's trials before two are on record; it counts as one degree of freedom."""
_WIDER = 3.8
"""The 97.5 % quantile of Student's distribution with v degrees of freedom is about 1.96 sqrt(1 + 3.8 / (v - 1))."""
_MOST = 5.0
"""No deviation of a logarithm is larger: that is a factor of 20,000 to either side."""


@dataclass(frozen=True)
class Span:
    """Seconds that something will take.

    Attributes:
        seconds: what is expected.
        low, high: a range that holds what it takes in most cases.
    """

    seconds: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether `seconds` alone says enough: the range is within the factor `POINT` of it."""
        return self.high <= POINT * self.seconds and self.seconds <= POINT * self.low


def around(seconds: float, relative: float) -> Span:
    """The range around seconds whose standard deviation is so many times their mean."""
    factor = math.exp(_DEVIATIONS * math.sqrt(math.log1p(relative**2)))
    return Span(seconds, seconds / factor, seconds * factor)


def relative(deviation: float) -> float:
    """The standard deviation of a log-normal variable as a share of its mean, from that of its logarithm."""
    return math.sqrt(math.expm1(min(deviation, _MOST) ** 2))


def log_deviation(timed: Iterable[tuple[Hashable, float, int]]) -> float:
    """The standard deviation of the logarithm of the seconds of trials of one cell, pooled over all cells.

    Trials of one batch share its seconds, and count as one. Of few trials the deviation is not well known, and more is
    said by as much as Student's distribution is wider than the normal one.

    Args:
        timed: the cell, the seconds and the size of the batch of each trial on record.
    """
    cells: dict[Hashable, list[tuple[float, float]]] = {}
    for cell, seconds, together in timed:
        cells.setdefault(cell, []).append((math.log(seconds), 1 / together))
    squares, degrees = _USUAL**2, 1.0
    for logs in cells.values():
        weight = sum(share for _, share in logs)
        mean = sum(log * share for log, share in logs) / weight
        if weight > 1:
            squares += sum(share * (log - mean) ** 2 for log, share in logs)
            degrees += weight - 1
    return math.sqrt(squares / degrees * (1 + _WIDER / (max(degrees, 2) - 1)))


def relative_of_sum(parts: Iterable[tuple[Hashable, float, float, float]]) -> float:
    """The standard deviation of a sum of seconds, as a share of it.

    Args:
        parts: for each term its group, its seconds, the relative deviation that it shares with all terms of its group,
            and the deviation of its own, which is independent of the other terms.
    """
    total, own, shared = 0.0, 0.0, dict[Hashable, float]()
    for group, seconds, common, alone in parts:
        total += seconds
        own += (seconds * alone) ** 2
        shared[group] = shared.get(group, 0.0) + seconds * common
    return math.hypot(math.sqrt(own), *shared.values()) / total if total else 0.0
