"""The one way to write a number, a value, a count, a choice."""

import difflib
import math
import re
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

DIGITS = 4
"""Significant digits of a number that stands alone."""
PLACES = 3
"""Digits after the point of a number that stands in a column of such numbers."""
MOST_CHARACTERS = 34
"""Characters of a name in a chart."""
NO_MESSAGE = "(no message)"
"""What `message_of` has of an exception without one."""
_NARROW = 1.2
"""Up to which ratio of its ends an interval is as well shown on a linear scale."""


def pluralise(number: int, noun: str) -> str:
    """`1 trial`, `2 trials`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_article(name: str) -> str:
    """`an EstimatorSpec`, `a TaskSpec`."""
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but for tabs and line ends
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # separators of lines, and what turns the direction of text
    "\ud800-\udfff]"  # halves of characters, by which Python keeps bytes that are no text
)


def printable(text: str) -> str:
    """Text that no terminal acts upon and that every encoding takes: other characters are escaped as in Python."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_escape, text)  # the former is fast, and true of most


def _escape(match: "re.Match[str]") -> str:
    number = ord(match[0])
    if 0xDC80 <= number <= 0xDCFF:  # a byte that could not be decoded
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def either(names: Iterable[str]) -> str:
    """Alternatives: `mine`, `mine or nwj`, `mine, nwj or jsd`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def listed(names: Iterable[str]) -> str:
    """All of several: `mine`, `mine and nwj`, `mine, nwj and jsd`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def suggestion(name: str, known: Sequence[str]) -> str:
    """How the message about an unknown name ends: with the names that are like it, or else with all that there are."""
    meant = similar(name, known)
    return f"did you mean {either(meant)}?" if meant else f"there are: {', '.join(known) or 'none'}"


def similar(name: str, known: Iterable[str]) -> list[str]:
    """The names that begin with one that is unknown, or else those that are spelled nearly so; three at most."""
    known = list(known)
    begun = [other for other in known if len(name) > 1 and other.startswith(name)]
    return begun[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.5)


def without_shared(cells: Sequence[str]) -> list[str]:
    """Cells, `name=value,name=value`, without the parts that all of several cells share."""
    parts = [cell.split(",") for cell in cells]
    shared = set.intersection(*map(set, parts)) if len(parts) > 1 else set[str]()
    return [",".join(part for part in cell if part not in shared) for cell in parts]


def number(value: float, digits: int = DIGITS) -> str:
    """A number of so many significant digits; nothing for an absent value."""
    return "" if math.isnan(value) else f"{value:.{digits}g}"


def fixed(value: float, places: int = PLACES) -> str:
    """A number of so many digits after the point, fewer where it is large; nothing for an absent value."""
    return number(value) if math.isnan(value) or abs(value) >= 1e6 else f"{value:.{places}f}"


def fixed_with_deviation(mean: float, deviation: float, places: int = PLACES) -> str:
    """Mean ± standard deviation, both of so many digits after the point; the mean alone if the deviation is absent."""
    return fixed(mean, places) + ("" if math.isnan(deviation) else f" ± {fixed(deviation, places)}")


def percent(fraction: float) -> str:
    """A fraction as a whole number of percent, `12%`."""
    return f"{fraction:.0%}"


def duration(value: float) -> str:
    """Seconds as a reader counts them: `90 s`, `12 min` or `2.5 h`."""
    if value < 120:
        return f"{fixed(value, 0)} s"
    return f"{fixed(value / 60, 0)} min" if value < 7200 else f"{fixed(value / 3600, 1)} h"


def durations(low: float, high: float) -> str:
    """Seconds from and to, in one unit if that serves both: `4 to 9 min`, `90 s to 4 min`."""
    first, last = duration(low), duration(high)
    number, _, unit = first.partition(" ")
    if first == last:
        return last
    return f"{number} to {last}" if last.endswith(f" {unit}") else f"{first} to {last}"


def gibibytes(size: float) -> str:
    """Bytes as a reader counts them: `1.5 GiB`, `64 GiB`."""
    amount = size / 2**30
    return f"{fixed(amount, 1 if amount < 10 else 0)} GiB"


def seconds(value: float) -> str:
    """Seconds, of two significant digits or more; nothing for an absent value."""
    return fixed(value, 0) if value >= 99.5 else number(value, 2)


def with_deviation(mean: float, deviation: float) -> str:
    """Mean ± standard deviation, which gets two digits; the mean alone if the deviation is absent."""
    if math.isnan(mean) or math.isnan(deviation):
        return number(mean)
    if deviation == 0 or not (math.isfinite(mean) and math.isfinite(deviation)):
        return f"{number(mean)} ± {number(deviation)}"
    places = 1 - math.floor(math.log10(deviation))
    if places > 6 or abs(mean) >= 1e7:
        return f"{number(mean)} ± {number(deviation, 2)}"
    return fixed_with_deviation(mean, deviation, max(places, 0))


def tolerated(reference: float, tolerance: float) -> str:
    """A reference and the tolerance around it as a share of it, `0.059 ± 5 %`; the reference alone without one."""
    if math.isnan(tolerance) or not reference:
        return with_deviation(reference, tolerance)
    return f"{number(reference)} ± {number(100 * tolerance / abs(reference), 2)} %"


def interval(mean: float, low: float, high: float) -> str:
    """A mean and its interval, `0.393 [0.368, 0.418]`; the mean alone if the interval is absent."""
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return number(mean)
    places = 1 - math.floor(math.log10((high - low) / 2))
    if places > 6:
        return f"{number(mean)} [{number(low)}, {number(high)}]"
    return "{} [{}, {}]".format(*(fixed(value, max(places, 0)) for value in (mean, low, high)))


def ratio(mean: float, low: float, high: float) -> str:
    """A ratio and its interval, `0.14 [0.0006, 33]`: two digits of each, as a ratio's scale is logarithmic.

    Where the interval is narrow, as `interval`; the ratio alone if the interval is absent.
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high <= _NARROW * low:
        return interval(mean, low, high)
    return "{} [{}, {}]".format(*(fixed(end, 0) if end >= 99.5 else number(end, 2) for end in (mean, low, high)))


def text(value: Any) -> str:
    """Any value of a frame as a reader sees it: `true` and `false` as in selectors, nothing for an absent value."""
    if isinstance(value, str | list | tuple | dict | set):
        return str(value)
    import pandas as pd  # plugins are listed without it

    if pd.isna(value):
        return ""
    if pd.api.types.is_bool(value):
        return str(value).lower()
    return number(float(value)) if isinstance(value, float) else str(value)


def described(answer: object) -> str:
    """What a plugin answered in place of what it promised: its kind, with its shape or, of a plain value, its text."""
    if answer is None:
        return "None: is there a `return`?"
    kind = with_article(type(answer).__name__)
    if isinstance(answer, str | bytes | float | complex) or (isinstance(answer, int) and abs(answer) < 2**63):
        return f"{kind}, {shortened(repr(answer), 60)}"
    shape = getattr(answer, "shape", None)
    return kind if shape is None else f"{kind} of shape {tuple(shape)}"


def shortened(text: str, longest: int) -> str:
    """Text of at most about `longest` characters: of a longer one the beginning, the end, and how long it was."""
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end]} [... {len(text):,} characters in all ...] {text[-end:]}"


def cut_apart(names: Sequence[str], room: int = MOST_CHARACTERS) -> list[str]:
    """Names cut to a number of characters, for charts: different names stay different.

    A name keeps its beginning; those that begin alike show the place from which on they differ as well. Where that
    does not tell two of them apart they stay whole.
    """
    cut = _cut_from(0, sorted({*names}), room)
    counts = Counter(cut.values())
    return [cut[name] if counts[cut[name]] == 1 else name for name in names]


def _cut_from(place: int, names: Sequence[str], room: int) -> dict[str, str]:
    """The text of each name, with its beginning and what stands from a place on that all have in common up to there."""
    texts = {name: _cut(name, place, room) for name in names}
    for text in {*texts.values()}:
        alike = [name for name in names if texts[name] == text]
        differing = _shared(alike[0], alike[-1])
        if len(alike) > 1 and differing > place:
            texts |= _cut_from(differing, alike, room)
    return texts


def _shared(first: str, last: str) -> int:
    """How many characters two texts begin with alike; of sorted ones, all of them do if the first and the last do."""
    pairs = enumerate(zip(first, last, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))


def _cut(name: str, place: int, room: int) -> str:
    """A name of which the beginning is seen, and the part that begins before a place, perhaps at a comma."""
    if len(name) <= room:
        return name
    if not place:
        return f"{name[: room - 1]}…"
    least = max(room // 3, 1)
    begin = max(name.rfind(mark, 0, place) for mark in ",[ ") + 1
    if place - begin > (room - least) // 2:
        begin = place
    rest = name[begin:]
    if least + 1 + len(rest) > room:
        return f"{name[:least]}…{rest[: max(room - least - 2, 1)]}{'…' if room - least > 2 else ''}"
    return f"{name[: room - 1 - len(rest)]}…{rest}"


def traceback_of(error: BaseException) -> str:
    """An exception's traceback; empty if its own code fails while it is written."""
    try:
        return "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - an exception's own code may raise anything
        return ""


def message_of(error: BaseException) -> str:
    """What an exception says, even if its own code fails."""
    try:
        return str(error) or NO_MESSAGE
    except BaseException as second:  # noqa: BLE001 - an exception's own code may raise anything
        return f"(its message cannot be read: {type(second).__name__})"


_LACKS_MEMORY = ("can't allocate memory", "cannot allocate memory", "failed to map segment")
"""What torch, the system and the loader of libraries say where memory is short."""


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory was short, also to import something."""
    return isinstance(error, MemoryError) or any(sign in message_of(error).lower() for sign in _LACKS_MEMORY)
