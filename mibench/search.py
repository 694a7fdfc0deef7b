"""Search ranges: how an author says which values of a parameter are worth trying. Imports neither torch nor pandas."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from mibench.specs import Scalar


@dataclass(frozen=True)
class Search:
    """The values of a parameter that `mibench tune` tries; it stands in the annotation of the parameter's field.

    A range changes nothing but what is tried: neither keys nor numbers, nor what a selector may say.

    Attributes:
        low: the smallest value, of a number.
        high: the largest value.
        log: whether values are spread evenly by their logarithm, so that 0.001 to 0.01 gets as many as 0.01 to 0.1.
        among: the values to choose from, in place of a range. A `bool` and a `Literal` need neither: all of their
            values are tried.

    Raises:
        ValueError: the ends are no range, or stand beside values to choose from.

    Example::

        @dataclass(frozen=True, kw_only=True)
        class Params:
            learning_rate: Annotated[float, Search(1e-5, 1e-2, log=True)] = 1e-4
            neighbours: Annotated[int, Search(1, 20)] = 3
            hidden: Annotated[tuple[int, ...], Search(among=[(64, 64), (256, 256)])] = (256, 256)
            standardize: Annotated[bool, Search()] = True
    """

    low: float | None = None
    high: float | None = None
    log: bool = field(default=False, kw_only=True)
    among: Sequence[Scalar] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "among", tuple(self.among))
        if (self.low is None) != (self.high is None):
            raise ValueError(f"a range has two ends, unlike Search({self.low}, {self.high})")
        if self.low is not None and self.high is not None:
            if self.among:
                raise ValueError("a parameter is searched in a range or among values, not both")
            if not (-math.inf < self.low < self.high < math.inf):
                raise ValueError(f"a range goes from a number to a larger one, unlike Search({self.low}, {self.high})")
            if self.log and self.low <= 0:
                raise ValueError(f"logarithms need a range above 0, unlike Search({self.low}, {self.high}, log=True)")
        elif self.log:
            raise ValueError("log=True is about a range: write Search(low, high, log=True)")


def declared_searches(params: type[Any]) -> dict[str, tuple[Any, Search]]:
    """The parameters of a dataclass that carry a range: by name the type of each without its annotation, and the range.

    Args:
        params: the dataclass.
    """
    hints = get_type_hints(params, include_extras=True)
    searches: dict[str, tuple[Any, Search]] = {}
    for name in (it.name for it in dataclasses.fields(params)):
        kind, *notes = get_args(hints[name]) if get_origin(hints[name]) is Annotated else (hints[name],)
        for search in (note for note in notes if isinstance(note, Search)):
            searches[name] = kind, search
    return searches
