"""The one way to write a number, a value, a count."""

import math
from typing import Any


def pluralise(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_article(name: str) -> str:
    """`an EstimatorSpec`, `a TaskSpec`."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def number(value: float) -> str:
    """Four significant digits; nothing for an absent value."""
    return "" if math.isnan(value) else f"{value:.4g}"


def spread(mean: float, deviation: float) -> str:
    """Mean ± standard deviation, the latter in two digits; the mean alone where there is no deviation."""
    if math.isnan(mean) or math.isnan(deviation):
        return number(mean)
    if deviation == 0 or not (math.isfinite(mean) and math.isfinite(deviation)):
        return f"{number(mean)} ± {number(deviation)}"
    places = 1 - math.floor(math.log10(deviation))
    if places > 6 or abs(mean) >= 1e7:
        return f"{mean:.4g} ± {deviation:.2g}"
    return f"{mean:.{max(places, 0)}f} ± {deviation:.{max(places, 0)}f}"


def interval(mean: float, low: float, high: float) -> str:
    """A mean and its interval, `0.393 [0.368, 0.418]`; the mean alone where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return number(mean)
    places = 1 - math.floor(math.log10((high - low) / 2))
    if places > 6:
        return f"{mean:.4g} [{low:.4g}, {high:.4g}]"
    return f"{mean:.{max(places, 0)}f} [{low:.{max(places, 0)}f}, {high:.{max(places, 0)}f}]"


def text(value: Any) -> str:
    """Any value of a frame: numbers as `number`, truth values as selectors spell them, nothing for an absent one."""
    if isinstance(value, str | list | tuple | dict | set):
        return str(value)
    import pandas as pd  # plugins are listed without it

    if pd.isna(value):
        return ""
    if pd.api.types.is_bool(value):
        return str(value).lower()
    return number(float(value)) if isinstance(value, float) else str(value)
