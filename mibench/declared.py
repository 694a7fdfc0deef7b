"""What authors declare and users set, held against the types and ranges of its fields: a mistake is one line.

The types are those that specs and parameters have: plain ones, `Literal`, unions, tuples, lists, sets and dicts, and
dataclasses of these.
"""

import dataclasses
import functools
import re
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mibench.outcome import LARGEST_WHOLE
from mibench.ranges import Limit, check_range, limits_in
from mibench.targets import Target
from mibench.text import either, shortened, suggestion, with_article

LONGEST_NAME = 100
"""Characters of a name, so that a file system takes a file that is called by two of them."""
_NAME = re.compile(r"[^\W_][\w-]*")
_DESCRIBED: Mapping[Any, str] = {
    str: "text",
    Target: "text",
    bool: "True or False",
    int: "a whole number of at most 64 bits",
    float: "a number",
    types.NoneType: "None",
    Sequence: "a list",
    AbstractSet: "a set of names",
    Mapping: "a dict whose keys are names",
    tuple: "a tuple",
}
"""What an author reads of a type."""
_CHECKED: Mapping[Any, Any] = {Any: object, int: Integral, float: Real, Target: str}
"""What values of a type are instances of, where that is another type."""
_BRACES: Mapping[Any, str] = {Sequence: "[{}]", AbstractSet: "{{{}}}"}


def check_fields(declared: Any, owner: str) -> None:
    """Refuses a value that is not of its field's type, or not in its range.

    Names that stand in a list or a set become a frozen set, and a whole number of numpy one of Python.

    Args:
        declared: an instance of a dataclass.
        owner: whose fields these are, for the message, e.g. `estimator 'mine'`.

    Raises:
        TypeError: a value is of another type.
        ValueError: a word is none of those that its field knows, or a number is out of its range.
    """
    _check_fields(declared, owner, "")
    for name, kind in field_types(type(declared)).items():
        value = getattr(declared, name)
        if get_origin(kind) is AbstractSet:
            object.__setattr__(declared, name, frozenset(value))
        elif isinstance(value, Integral) and not isinstance(value, int):
            object.__setattr__(declared, name, int(value))


def check_name(name: object, what: str) -> None:
    """Refuses what cannot be the name of a file or a folder.

    Raises:
        ValueError: it is one of these.
    """
    if not (isinstance(name, str) and len(name) <= LONGEST_NAME and _NAME.fullmatch(name)):
        given = shortened(repr(name), 60)
        raise ValueError(f"{what} cannot be {given}: at most {LONGEST_NAME} letters, digits, '-' and '_'")


@functools.cache
def field_types(declared: type[Any]) -> dict[str, Any]:
    """The types of a dataclass by field, read once: a task may have a million cells."""
    kinds = get_type_hints(declared)
    return {field.name: kinds[field.name] for field in dataclasses.fields(declared)}


@functools.cache
def field_limits(declared: type[Any]) -> dict[str, tuple[Limit, ...]]:
    """The limits of the numbers of a dataclass by field, those of its bases too: a subclass may restate a default."""
    bases = [get_type_hints(base, include_extras=True) for base in declared.__mro__ if dataclasses.is_dataclass(base)]
    return {
        field.name: tuple(dict.fromkeys(limit for hints in bases for limit in limits_in(hints.get(field.name))))
        for field in dataclasses.fields(declared)
    }


def _check_fields(declared: Any, owner: str, path: str) -> None:
    limits = field_limits(type(declared))
    for name, kind in field_types(type(declared)).items():
        value = getattr(declared, name)
        _check(value, kind, owner, f"{path}{name}")
        check_range(value, limits[name], f"{owner}: `{path}{name}`")


def _check(value: Any, kind: Any, owner: str, path: str) -> None:
    """Refuses a value that is not of a type, or holds one that is not."""
    kinds = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    fitting = next((one for one in kinds if _fits(value, one)), None)
    if fitting is None:
        _refuse(value, kinds, owner, path)
    for part, part_kind, place in _parts(value, fitting):
        _check(part, part_kind, owner, f"{path}{place}")
    if dataclasses.is_dataclass(value):
        _check_fields(value, owner, f"{path}.")


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, whatever it holds."""
    origin = get_origin(kind) or kind
    if origin is Literal:
        return value in get_args(kind)
    if origin in {int, float} and isinstance(value, bool):
        return False
    if origin is int and isinstance(value, Integral):
        return abs(int(value)) <= LARGEST_WHOLE
    if origin in {Sequence, AbstractSet} and isinstance(value, str | bytes):
        return False
    if origin is Mapping or origin is AbstractSet:
        container = Mapping if origin is Mapping else Collection
        return isinstance(value, container) and all(isinstance(name, str) for name in value)
    checked = _CHECKED.get(origin, origin)
    return not isinstance(checked, type) or isinstance(value, checked)


def _parts(value: Any, kind: Any) -> Iterator[tuple[Any, Any, str]]:
    """What a value of a type holds: each part, its type, and where it is."""
    inner = get_args(kind)
    if isinstance(value, Mapping):
        yield from ((item, inner[1], f"[{name!r}]") for name, item in value.items())
    elif get_origin(kind) is AbstractSet:
        yield from ((name, inner[0], "") for name in value)
    elif get_origin(kind) in {Sequence, tuple}:
        yield from ((item, inner[0], f"[{index}]") for index, item in enumerate(value))


def _refuse(value: Any, kinds: Sequence[Any], owner: str, path: str) -> None:
    words = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    plain = value is None or isinstance(value, str | bool | int | float)
    given = shortened(repr(value), 60) if plain else with_article(type(value).__name__)
    if words:
        raise ValueError(f"{owner}: `{path}` cannot be {given}; {suggestion(str(value), words)}")
    wanted = either(_DESCRIBED.get(get_origin(kind) or kind) or with_article(kind.__name__) for kind in kinds)
    braces = _BRACES.get(get_origin(kinds[0])) if plain and value else None
    example = f", e.g. {braces.format(given)}" if braces else ""
    raise TypeError(f"{owner}: `{path}` is {wanted}{example}, not {given}")
