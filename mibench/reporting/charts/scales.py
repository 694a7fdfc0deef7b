"""From values to places on a drawing, and the round numbers beside an axis."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Scale:
    """Maps `low`..`high` to `start`..`end` in drawing units, linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value is."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """About `most` round numbers between `low` and `high`."""
        if self.log:
            found = _log_ticks(self.low, self.high, most)
            return found if len(found) > 1 else _linear_ticks(self.low, self.high, 4)
        return _linear_ticks(self.low, self.high, most)


def fit(
    values: Iterable[float], start: float, end: float, *, log: bool = False, zero: bool = False, pad: float = 0.06
) -> Scale:
    """A scale on which all finite values have room.

    Args:
        values: what is to be seen; those that a logarithmic axis has no place for are left out.
        start: where the axis begins, in drawing units.
        end: where it ends.
        log: whether it is logarithmic.
        zero: whether 0 is to be seen too.
        pad: room on both sides, as a share.
    """
    shown = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = min(shown, default=1.0), max(shown, default=1.0)
    if log:
        room = max((high / low) ** pad, 1.15)
        return Scale(low / room, high * room, start, end, log=True)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    room = (high - low) * pad or abs(high) * pad or 1.0
    return Scale(low if zero and low == 0 else low - room, high + room, start, end)


def tick_text(value: float) -> str:
    """A tick as it is written, with a true minus sign."""
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}")


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * unit for factor in _STEPS if factor * unit >= raw * 0.999)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [round(place * step, 12) for place in places]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    found = [value for value in fine if low <= value <= high]
    whole = [10.0**decade for decade in decades if low <= 10.0**decade <= high]
    return found if len(found) <= most + 1 else whole[:: -(-len(whole) // (most + 1))]
