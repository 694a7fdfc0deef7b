"""The values of a record's JSON, each read with the type that it must have."""

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, TypeVar

from mibench.outcome import LARGEST_NUMBER, LARGEST_WHOLE
from mibench.plan.trial import TAKEN
from mibench.specs import Scalar
from mibench.text import printable, shortened

_MOST_READ = 10_000
_T = TypeVar("_T")


class Reader:
    """Looks up the values of a JSON object, each with the type that it must have.

    Its methods raise `KeyError` where a value is missing that has no default, `ValueError` where it is another.
    """

    def __init__(self, entries: Any) -> None:
        if not isinstance(entries, dict):
            raise ValueError(f"{shortened(repr(entries), 60)} is no object")  # noqa: TRY004 - callers ask for one kind
        self._entries: dict[str, Any] = entries

    def _find(self, name: str, kind: type[Any], default: Any = None) -> Any:
        value = self._entries[name] if default is None else self._entries.get(name, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{name} cannot be {shortened(repr(value), 60)}")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A text, without what a terminal would act on."""
        value = self._entries.get(name)
        if type(value) is str and value.isprintable():  # nearly always; the rest is for what is not
            return value
        return printable(self._find(name, str, default))

    def list(self, name: str) -> list[Any]:
        """A list of whatever values."""
        return self._find(name, list)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number that frames can hold."""
        value = self._entries.get(name)
        if type(value) is int and abs(value) <= LARGEST_WHOLE:
            return value
        value = self._find(name, int, default)
        if not is_whole(value):
            raise ValueError(f"{name} is too large")
        return value

    def number(self, name: str) -> float:
        """A number; NaN for an absent value."""
        value = self._entries[name]
        if value is None:
            return math.nan
        if type(value) is not float:
            value = self._find(name, int | float)  # type: ignore[arg-type]
        if abs(value) > LARGEST_NUMBER:
            raise ValueError(f"{name} is not finite" if value in {math.inf, -math.inf} else f"{name} is too large")
        return float(value)

    def size(self, name: str) -> float:
        """A number that is not below 0; NaN for an absent value."""
        value = self.number(name)
        if value < 0:
            raise ValueError(f"{name} cannot be {value!r}")
        return value

    def parameters(self) -> Mapping[str, Scalar]:
        """Parameters of the estimator by name; a list is the tuple that it was before it became JSON."""
        return _once(_scalars, self._find("parameters", dict, {}))

    def cell(self) -> Mapping[str, Scalar]:
        """Parameters of the task by name."""
        return _once(_cell, self._find("cell", dict))

    def flat(self, name: str) -> Mapping[str, str | int]:
        """Texts and whole numbers by name."""
        return _once(_flat, self._find(name, dict, {}))


_read: dict[tuple[Callable[[dict[str, Any]], Any], str], Any] = {}
"""What `_once` has read lately, by how it was read and what stood there."""


def _once(read: Callable[[dict[str, Any]], _T], entries: dict[str, Any]) -> _T:
    """What a function makes of a JSON object; equal objects, as thousands of records hold them, are one afterwards."""
    key = read, repr(entries)
    if key not in _read:
        if len(_read) >= _MOST_READ:
            _read.clear()
        _read[key] = read(entries)
    return _read[key]


def _scalars(entries: dict[str, Any]) -> Mapping[str, Scalar]:
    return {printable(parameter): _scalar(value, parameter) for parameter, value in entries.items()}


def _cell(entries: dict[str, Any]) -> Mapping[str, Scalar]:
    if clash := TAKEN & entries.keys():
        raise ValueError(f"a cell has no parameter called {', '.join(sorted(clash))}")
    return _scalars(entries)


def _flat(entries: dict[str, Any]) -> Mapping[str, str | int]:
    return {
        printable(key): value if is_whole(value) else shortened(printable(str(value)), 500)
        for key, value in entries.items()
    }


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number that frames can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE


def _scalar(value: Any, name: str) -> Scalar:
    if isinstance(value, list) and all(is_whole(part) for part in value):
        return tuple(value)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if is_whole(value):
        return value
    if isinstance(value, str):
        return printable(value)
    raise ValueError(f"{name} cannot be {shortened(repr(value), 60)}")
