"""What a tuning searches: of each parameter a range of numbers, or choices as a selector spells them."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args, get_origin

from mibench.errors import PluginError, UsageError
from mibench.plan.selectors import Selector, alternatives, combinations, spell_value
from mibench.search import Search, declared_searches
from mibench.specs import Scalar

DIGITS = 3
"""Digits of a number that is tried, so that a selector can be read and typed: significant ones where numbers are spread
by their logarithm, else those of its place in the range."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, `whole` ones or not, spread evenly or by their logarithm."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def spell(self, number: float) -> str:
        """A number of the range as a selector has it, rounded to `DIGITS`."""
        if self.whole:
            return spell_value(int(number))
        size = number if self.log else self.high - self.low
        rounded = round(float(number), DIGITS - 1 - math.floor(math.log10(size)))
        return spell_value(min(max(rounded, float(self.low)), float(self.high)))


@dataclass(frozen=True)
class Choices:
    """Values to choose from, as a selector spells them."""

    texts: tuple[str, ...]


Dimension: TypeAlias = Range | Choices
Space: TypeAlias = Mapping[str, Dimension]


def space_of(params: type[Any], selector: Selector, owner: str) -> Space:
    """The parameters that a tuning searches.

    Args:
        params: the estimator's dataclass.
        selector: one value fixes a parameter, and several are what it is searched among.
        owner: whose parameters these are, for the error message.

    Raises:
        UsageError: there is no such parameter or value, or nothing to search.
        PluginError: a declared range does not fit its parameter.
    """
    combinations(params, selector.sweep, owner)
    given = {name: Choices(tuple(values)) for name, values in selector.sweep.items() if len(values) > 1}
    declared = {
        name: _dimension(kind, search, params, f"{owner}: {name}")
        for name, (kind, search) in declared_searches(params).items()
        if name not in selector.sweep
    }
    if not dataclasses.fields(params):
        raise UsageError(f"{owner} has no parameters: there is nothing to tune")
    if not given and not declared:
        lacking = "declares no range of a parameter" if not selector.sweep else "leaves no parameter to search"
        example = f"{selector.name}[{dataclasses.fields(params)[0].name}=...|...]"
        raise UsageError(f"{owner} {lacking}; give values to search among, e.g. {example}")
    return {**declared, **given}


def spell_candidate(selector: Selector, values: Mapping[str, str]) -> str:
    """The selector of one candidate: what the user has fixed, and the values that are tried."""
    fixed = {name: given for name, given in selector.sweep.items() if len(given) == 1}
    return str(Selector(selector.name, {**fixed, **{name: [value] for name, value in values.items()}}))


def _dimension(kind: Any, search: Search, params: type[Any], where: str) -> Dimension:
    name = where.rpartition(" ")[2]
    if search.low is None or search.high is None:
        return Choices(_checked(search.among or _every_value(kind, where), params, name, where))
    if not {int, float} & {*alternatives(kind)}:
        raise PluginError(f"{where}: a range is of numbers; write Search(among=[...])")
    whole = float not in alternatives(kind)
    if whole and not (float(search.low).is_integer() and float(search.high).is_integer()):
        raise PluginError(f"{where}: a range of whole numbers has whole ends, not {search.low} and {search.high}")
    return Range(search.low, search.high, search.log, whole)


def _every_value(kind: Any, where: str) -> tuple[Scalar, ...]:
    if kind is bool:
        return (False, True)
    if get_origin(kind) is Literal:
        return get_args(kind)
    raise PluginError(f"{where}: only truth values and literals need no range; write Search(low, high)")


def _checked(values: Sequence[Scalar], params: type[Any], name: str, where: str) -> tuple[str, ...]:
    """The values as a selector spells them, if the parameter can have them."""
    try:
        combinations(params, {name: values}, where)
    except UsageError as error:
        raise PluginError(f"the range of {error}") from error
    return tuple(map(spell_value, values))
