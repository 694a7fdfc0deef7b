"""The language in which runs are asked for: `mine[learning_rate=1e-3|1e-4],mige` to names and parameters.

`name[field=value|value,field=value]` stands for every combination of the values. A tuple is written `512x512`, an
absent value `none`, an empty tuple `()`. A value may be a selector itself: `dim[judge=mige[threshold=0.999]]`.
"""

import dataclasses
import itertools
import math
import re
import types
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from mibench.declared import field_limits, field_types
from mibench.errors import UsageError
from mibench.outcome import LARGEST_WHOLE
from mibench.ranges import check_range
from mibench.specs import Scalar
from mibench.text import message_of, number, shortened, suggestion

_ECHOED = 200
_SELECTOR = re.compile(r"(?P<name>[\w:.-]+)(\[(?P<parameters>([^\[\]]|\[[^\[\]]*\])*)\])?")


@dataclass(frozen=True)
class Selector:
    """A name, and for each parameter that was given the values to sweep, as text."""

    name: str
    sweep: Mapping[str, Sequence[str]]

    def __str__(self) -> str:
        """As it is written: `name[field=value|value,...]`, or the bare name."""
        parameters = ",".join(f"{field}={'|'.join(values)}" for field, values in self.sweep.items())
        return f"{self.name}[{parameters}]" if parameters else self.name


def parse_selectors(text: str | Sequence[str]) -> list[Selector]:
    """Parses several selectors, comma-separated or one by one.

    Raises:
        UsageError: a part is not `name` or `name[field=value,...]`.
    """
    return [parse_selector(part) for part in split_names(text)]


def split_names(names: str | Sequence[str]) -> list[str]:
    """Names or selectors, given comma-separated or one by one."""
    return [name for part in ([names] if isinstance(names, str) else names) for name in split_selectors(part)]


def split_selectors(text: str) -> list[str]:
    """Splits at the commas that are outside of brackets."""
    return list(filter(None, split_outside(text, ",")))


def split_outside(text: str, mark: str) -> list[str]:
    """What stands before, between and behind the marks that are outside of brackets."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == mark and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def parse_selector(text: str) -> Selector:
    """Parses one `name[field=value|value,...]`."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        raise UsageError(f"cannot read {_quoted(text)}; write name or name[field=value|value,field=value]")
    sweep: dict[str, list[str]] = {}
    for assignment in split_selectors(match["parameters"] or ""):
        field, equals, values = assignment.partition("=")
        if not equals or not values.strip() or "[" in field:
            raise UsageError(
                f"cannot read {_quoted(assignment)} in {_quoted(text)}; write field=value or field=value|value"
            )
        if field.strip() in sweep:
            raise UsageError(
                f"{_quoted(text)} sets {field.strip()} twice; write {field.strip()}=value|value for several values"
            )
        sweep[field.strip()] = split_outside(values, "|")
    return Selector(match["name"], sweep)


def combinations(params: type[Any], sweep: Mapping[str, Sequence[Scalar]], owner: str) -> list[Any]:
    """Every combination of the values, as instances of a parameter dataclass.

    Args:
        params: the dataclass.
        sweep: values by field; text is read as the field's type.
        owner: whose parameters these are, for the error message.

    Raises:
        UsageError: a field does not exist, or a value does not have its type or is not in its range.
    """
    kinds = get_type_hints(params)
    fields = [field.name for field in dataclasses.fields(params)]
    aliases = {field.metadata.get("alias"): field.name for field in dataclasses.fields(params)}
    written = {aliases.get(name, name): name for name in sweep}
    sweep = {aliases.get(name, name): values for name, values in sweep.items()}
    for name in sweep:
        if name not in fields:
            raise UsageError(f"{owner} has no parameter {_quoted(name)}; {suggestion(name, fields)}")
    axes = [
        [_read(value, kinds[name], f"{owner}: {written[name]}") for value in values] for name, values in sweep.items()
    ]
    limits = field_limits(params)
    try:
        for name, values in zip(sweep, axes, strict=True):
            for value in values:
                check_range(value, limits[name], f"`{written[name]}`")
        return [params(**dict(zip(sweep, values, strict=True))) for values in itertools.product(*axes)]
    except (TypeError, ValueError) as error:
        raise UsageError(f"{owner}: {message_of(error)}") from error


def field_values(instance: Any, owner: str) -> dict[str, Scalar]:
    """The fields of a parameter dataclass, each as its declared type: a default of 1 for a number is 1.0.

    A field that was `mibench.specs.added` stands among them only where it differs from its default.

    Args:
        instance: what to read.
        owner: whose parameters these are, for the error message.

    Raises:
        UsageError: a value does not have its type.
    """
    kinds = field_types(type(instance))
    fields = [
        field for field in dataclasses.fields(instance) if not _is_as_before(field, getattr(instance, field.name))
    ]
    return {
        field.name: _read(getattr(instance, field.name), kinds[field.name], f"{owner}: {field.name}")
        for field in fields
    }


def spell(name: str, instance: Any) -> str:
    """The selector of one combination: the name, and the fields that differ from their defaults."""
    default = type(instance)()
    changed = [field.name for field in dataclasses.fields(instance) if _differs(instance, default, field.name)]
    return str(Selector(name, {field: [spell_value(getattr(instance, field))] for field in changed}))


def spell_value(value: Scalar) -> str:
    """A value as it is written in a selector."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "()"
    return "none" if value is None else str(value)


def spell_cell(cell: Mapping[str, Any]) -> str:
    """A cell as `name=value,name=value`, without what is absent; numbers to nine digits, which every CSV keeps."""
    import pandas as pd  # plugins are listed without it

    present = {name: value for name, value in cell.items() if isinstance(value, tuple | list) or not pd.isna(value)}
    return ",".join(f"{name}={_spell_rounded(value)}" for name, value in present.items())


def spell_apart(name: str, values: Iterable[Any]) -> dict[Any, str]:
    """Each value of a parameter as `spell_cell` has it, with all of its digits where nine are those of another too."""
    rounded = {value: spell_cell({name: value}) for value in values}
    counts = Counter(rounded.values())
    return {value: text if counts[text] == 1 else f"{name}={_plain(value)}" for value, text in rounded.items()}


def spell_kind(kind: Any) -> str:
    """A field's type as a user reads it: its name, or its choices."""
    if get_origin(kind) is Literal:
        return "|".join(spell_value(choice) for choice in get_args(kind))
    if _is_union(kind):
        return " or ".join("none" if part is type(None) else spell_kind(part) for part in get_args(kind))
    if get_origin(kind) is tuple:
        return "widths like 512x512"
    return {bool: "true|false", int: "an integer", float: "a number", str: "text"}.get(kind, str(kind))


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The types that a union stands for; any other type alone."""
    return get_args(kind) if _is_union(kind) else (kind,)


def _spell_rounded(value: Any) -> str:
    plain = _plain(value)
    return number(plain, 9) if isinstance(plain, float) else spell_value(plain)


def _plain(value: Any) -> Scalar:
    """A value of a frame as Python's own."""
    return tuple(value) if isinstance(value, list) else getattr(value, "item", lambda: value)()


def _differs(instance: Any, default: Any, field: str) -> bool:
    return bool(getattr(instance, field) != getattr(default, field))


def _is_as_before(field: "dataclasses.Field[Any]", value: Any) -> bool:
    return bool(field.metadata.get("added")) and bool(value == field.default)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _read(value: Any, kind: Any, where: str) -> Any:
    """Reads text as a type; a value that is no text is spelled first, so that both ways in agree."""
    if type(value) is kind and (
        kind is bool or (kind is int and _fits(value)) or (kind is float and math.isfinite(value))
    ):
        return value + 0.0 if kind is float else value  # what spelling and reading come to, at once
    text = value if isinstance(value, str) else spell_value(value)
    for part in sorted(alternatives(kind), key=lambda part: part is not type(None)):  # `none` is also a text
        try:
            return _read_as(text, part)
        except ValueError:
            continue
    large = " of at most 64 bits" if int in alternatives(kind) and text.lstrip("-").isdecimal() else ""
    endless = ": records hold finite numbers alone" if float in alternatives(kind) and _is_endless(text) else ""
    raise UsageError(f"{where} is {spell_kind(kind)}{large}, not {_quoted(text)}{endless}")


def _is_endless(text: str) -> bool:
    """Whether text is an infinite number or NaN."""
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


def _fits(value: int) -> bool:
    """Whether records and torch can hold it."""
    return abs(value) <= LARGEST_WHOLE


def _read_as(text: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return {spell_value(choice): choice for choice in get_args(kind)}[_among(text, get_args(kind))]
    if get_origin(kind) is tuple:
        parts = text.split("x") if text != "()" else []
        if ... not in get_args(kind) and len(parts) != len(get_args(kind)):
            raise ValueError(text)
        return tuple(_read_as(part, int) for part in parts)
    if kind is bool:
        return {"true": True, "false": False}[_among(text, (True, False))]
    if kind is type(None):
        return {"none": None}[_among(text, (None,))]
    if kind is float and not math.isfinite(float(text)):
        raise ValueError(text)
    if kind is int and not _fits(int(text)):
        raise ValueError(text)
    return kind(text) + 0.0 if kind is float else kind(text)  # -0.0 is the same cell as 0.0


def _quoted(text: str) -> str:
    """What a user wrote, as messages echo it."""
    return shortened(repr(text), _ECHOED)


def _among(text: str, choices: Sequence[Scalar]) -> str:
    if text not in [spell_value(choice) for choice in choices]:
        raise ValueError(text)
    return text
