"""A smooth curve through known points, for a truth that is known at the measured x alone."""

import itertools
from collections.abc import Sequence

_PARTS = 8
"""Pieces of the curve between two neighbouring points."""
_FEWEST = 5
"""Through fewer points straight lines are drawn."""


def smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A monotone cubic curve through points, as a line of many short pieces.

    It rises and falls nowhere but where the points do (Fritsch & Butland, SIAM J. Sci. Stat. Comput. 5, 1984).

    Args:
        points: in the order of x, no two with the same x.
    """
    if len(points) < _FEWEST:
        return list(points)
    slopes = _slopes(points)
    curve: list[tuple[float, float]] = []
    for (a, b), (left, right) in zip(itertools.pairwise(points), itertools.pairwise(slopes), strict=True):
        width = b[0] - a[0]
        for part in range(_PARTS):
            t = part / _PARTS
            y = (1 + 2 * t) * (1 - t) ** 2 * a[1] + t**2 * (3 - 2 * t) * b[1]
            curve.append((a[0] + t * width, y + width * (t * (1 - t) ** 2 * left - t**2 * (1 - t) * right)))
    return [*curve, points[-1]]


def _slopes(points: Sequence[tuple[float, float]]) -> list[float]:
    """The slope at each point: inside a harmonic mean of those on both sides, 0 where they differ in sign."""
    widths = [b[0] - a[0] for a, b in itertools.pairwise(points)]
    secants = [(b[1] - a[1]) / width for (a, b), width in zip(itertools.pairwise(points), widths, strict=True)]
    inner = [
        _harmonic(2 * h + g, s, 2 * g + h, r)
        for (g, h), (s, r) in zip(itertools.pairwise(widths), itertools.pairwise(secants), strict=True)
    ]
    first = _end(widths[0], widths[1], secants[0], secants[1])
    return [first, *inner, _end(widths[-1], widths[-2], secants[-1], secants[-2])]


def _harmonic(a: float, s: float, b: float, r: float) -> float:
    return (a + b) / (a / s + b / r) if s * r > 0 else 0.0


def _end(near: float, far: float, s: float, r: float) -> float:
    """The slope at an end, of the parabola through three points, unless that would turn the curve around."""
    slope = ((2 * near + far) * s - near * r) / (near + far)
    if slope * s <= 0:
        return 0.0
    return 3 * s if s * r < 0 and abs(slope) > 3 * abs(s) else slope
