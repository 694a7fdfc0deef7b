"""The parameters of what plugins bring: the types that a selector can spell, and how a field says what it is."""

import types
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from mibench.declared import check_fields

Scalar: TypeAlias = bool | int | float | str | tuple[int, ...] | None
SPELLABLE = "bool, int, float, str, Literal, tuple[int, ...] or one of those | None"
"""The types that a field of `Params` may have, as messages say them."""


def is_spellable(kind: Any) -> bool:
    """Whether a selector can spell values of a type: one that a field of `Params` may have."""
    if get_origin(kind) is Annotated:
        return is_spellable(get_args(kind)[0])
    if get_origin(kind) in {Union, types.UnionType}:
        return all(part is type(None) or is_spellable(part) for part in get_args(kind))
    if get_origin(kind) is tuple:
        return get_args(kind)[:1] == (int,) and {*get_args(kind)} <= {int, ...}
    if get_origin(kind) is Literal:
        return all(choice is None or isinstance(choice, int | str) for choice in get_args(kind))
    return kind in {bool, int, float, str}


def added(default: Scalar) -> Any:
    """A parameter added after a release: at its default it is left out of keys, so that old records stay valid.

    Example::

        width: Literal["blocks", "each"] = added("blocks")
    """
    return field(default=default, metadata={"added": True})


def watching(default: Scalar) -> Any:
    """A task's parameter on which seeds do not depend: it says what is looked at, or where that is and how it is read.

    At its default it is left out of keys, as with `added`.
    """
    return field(default=default, metadata={"added": True, "watching": True})


@dataclass(frozen=True, kw_only=True)
class NoParams:
    """The parameters of an estimator, a task or an executor that has none."""


@dataclass(frozen=True, kw_only=True)
class CheckedParams:
    """A base of parameters that holds every value against its field's type and range, also where Python makes them.

    A `__post_init__` of a subclass begins with that of this class, and then looks at what relates several fields.

    Raises:
        TypeError: a value is of another type.
        ValueError: a word is none of those that its field knows, or a number is out of its range.
    """

    def __post_init__(self) -> None:
        check_fields(self, type(self).__name__)
