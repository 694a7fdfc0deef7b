"""Ranges: how an author says which numbers a parameter may have. Imports neither torch nor pandas."""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, get_args

from mibench.text import listed, number

_DIGITS = 6


@dataclass(frozen=True)
class Limit:
    """One end of a range; it stands in the annotation of a field, whose numbers it holds for, each one of a tuple.

    A subclass that restates a field keeps the limits of its base: it can narrow a range and not widen it.

    Attributes:
        end: the number that the range ends at.

    Example::

        @dataclass(frozen=True, kw_only=True)
        class Params(CheckedParams):
            steps: Annotated[int, AtLeast(1)] = 100
            threshold: Annotated[float, Above(0), Below(1), Search(0.9, 0.9999)] = 0.99
            rank: Annotated[int | None, AtLeast(1)] = None
    """

    end: float
    words: ClassVar[str]
    holds: ClassVar[Callable[[Any, float], bool]]

    def __str__(self) -> str:
        """As messages say it, with all digits where a few would be another number."""
        few = number(self.end, _DIGITS)
        return f"{self.words} {few if float(few) == self.end else self.end}"


class AtLeast(Limit):
    """The smallest number that a field may have."""

    words = "at least"
    holds = staticmethod(operator.ge)


class Above(Limit):
    """A number that a field's are larger than."""

    words = "above"
    holds = staticmethod(operator.gt)


class AtMost(Limit):
    """The largest number that a field may have."""

    words = "at most"
    holds = staticmethod(operator.le)


class Below(Limit):
    """A number that a field's are smaller than."""

    words = "below"
    holds = staticmethod(operator.lt)


def limits_in(hint: Any) -> tuple[Limit, ...]:
    """The limits that stand in an annotation."""
    return (hint,) if isinstance(hint, Limit) else tuple(limit for part in get_args(hint) for limit in limits_in(part))


def spell_range(limits: Sequence[Limit]) -> str:
    """`at least 0 and below 1`; nothing where there are no limits."""
    return listed(map(str, limits)) if limits else ""


def check_range(value: Any, limits: Sequence[Limit], where: str) -> None:
    """Refuses numbers that are beyond their limits, or not finite, as none is in a key or a record.

    Raises:
        ValueError: the value is such a number, or a tuple that holds one.
    """
    held: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
    numbers: list[Any] = [one for one in held if not isinstance(one, bool) and isinstance(one, Real)]
    for one in numbers:
        if not abs(one) < math.inf:
            raise ValueError(f"{where} is a finite number, not {one}")
        if not all(limit.holds(one, limit.end) for limit in limits):
            raise ValueError(f"{where} is {spell_range(limits)}, not {one}")
