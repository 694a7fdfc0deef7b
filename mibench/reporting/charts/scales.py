"""What an axis reaches from and to, where a value is between, and the round numbers beside it."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

from mibench.style import tick_text

_STEPS = (1, 2, 5, 10)
_TICKS = 5
"""About so many round numbers stand at an axis."""
_LARGEST = 1e300
"""Values beyond have no room on an axis: the length of the axis would overflow."""


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, linear or logarithmic."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value is: 0 at `low`, 1 at `high`."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return (value - low) / (high - low)

    def value(self, place: float) -> float:
        """The value at a place between 0 and 1: the inverse of a call."""
        if self.log:
            return self.low * (self.high / self.low) ** place
        return self.low + place * (self.high - self.low)

    def near(self, value: float) -> float:
        """The value, or one well beyond the end of the axis for a value that is further away."""
        if self.log:
            return min(max(value, self.low / 100), self.high * 100)
        room = 10 * (self.high - self.low)
        return min(max(value, self.low - room), self.high + room)

    def has_place_for(self, value: float) -> bool:
        """Whether a value can be drawn, if beyond the end of the axis."""
        return not math.isnan(value) and (value > 0 or not self.log)

    def shows(self, value: float) -> bool:
        """Whether a value is between the ends."""
        return min(self.low, self.high) <= value <= max(self.low, self.high)

    def ticks(self, character: float = 0.0) -> list[float]:
        """Some five round numbers between `low` and `high`.

        Args:
            character: how wide one of a tick's text is, as a share of the axis; 0 where texts stand above each other.
        """
        if self.log:
            fine = self._log_ticks(character)
            return fine if len(fine) > 1 else _linear_ticks(self.low, self.high, 4)
        return _linear_ticks(self.low, self.high, _TICKS)

    def _log_ticks(self, character: float) -> list[float]:
        """Each decade at 1, 2 and 5, or at 1 and 3, or every so many decades: the first with room for the texts."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        ticks: list[float] = []
        for factors in ((1, 2, 5), (1, 3), (1,)):
            ticks = [factor * 10.0**decade for decade in decades for factor in factors]
            ticks = [value for value in ticks if self.low <= value <= self.high]
            room = (self(after) - self(before) for before, after in itertools.pairwise(ticks))
            wide = (character * (len(tick_text(a) + tick_text(b)) + 1) / 2 for a, b in itertools.pairwise(ticks))
            if len(ticks) <= _TICKS + 1 and all(gap >= texts for gap, texts in zip(room, wide, strict=True)):
                return ticks
        return ticks[:: -(-len(ticks) // (_TICKS + 1))]


def can_show(value: float, *, log: bool) -> bool:
    """Whether an axis can reach to a value: one of a size that has room, and positive where it is logarithmic."""
    return abs(value) < _LARGEST and (value > 0 or not log)


def fit(values: Iterable[float], *, log: bool = False, zero: bool = False, pad: float = 0.06) -> Scale:
    """A scale on which all values have room that are finite.

    Args:
        values: what is to be seen; those that a logarithmic axis has no place for are left out.
        log: whether it is logarithmic.
        zero: whether 0 is to be seen too.
        pad: room on both sides, as a share.
    """
    shown = [value for value in values if can_show(value, log=log)]
    low, high = min(shown, default=1.0), max(shown, default=1.0)
    if log:
        room = max((high / low) ** pad, 1.15)
        return Scale(low / room, high * room, log=True)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    room = (high - low) * pad or abs(high) * pad or 1.0
    return Scale(low if zero and low == 0 else low - room, high + room)


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    decade = math.floor(math.log10((high - low) / most))
    ticks: list[float] = []
    for factor in _STEPS:
        step = factor * 10.0**decade
        places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
        ticks = [round(place * step, 2 - decade) for place in places]
        if len(ticks) <= most + 1:
            break
    return ticks
