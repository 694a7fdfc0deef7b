"""The task that the harness makes of a family: what its cells may say, and the family at a cell."""

import dataclasses
import functools
import typing
from typing import Annotated, Any, Literal

from mibench.bends import BendName
from mibench.compositions import Gauged, compose
from mibench.contracts import Task
from mibench.curves import CurveTask
from mibench.errors import PluginError
from mibench.families import Family
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams, TaskSpec
from mibench.targets import load_target
from mibench.text import described, suggestion

TAKEN = frozenset({"rmse", "relative_rmse", "ratio", "cosine", "oracle", "seeds"})
"""What a parameter of a family may not be called: columns of its table, and of what is made of its curves."""
ITS_OWN = frozenset({"d", "gauge"})
"""Which of the parameters that all families have one may bring itself, to be read in place of the common one."""


def load_task(spec: TaskSpec, owner: str) -> type[Task]:
    """The task that a spec names; if that is a family, the task that is made of it.

    Raises:
        PluginError: it cannot be imported.
    """
    target = load_target(spec.target, owner)
    return family_task(target) if isinstance(target, type) and issubclass(target, Family) else target


@functools.cache
def family_task(kind: type[Family]) -> type[CurveTask]:
    """The task of a family: the family's own parameters, and those that all families have.

    Raises:
        PluginError: a parameter has a name that is taken, or there is none that a gradient could be taken in.
    """
    declared: Any = kind.Params
    named: Any = kind.theta
    if not (isinstance(declared, type) and dataclasses.is_dataclass(declared)):
        raise PluginError(f"family {kind.__name__}: `Params` is no dataclass; it has to be one")
    own = typing.get_type_hints(declared, include_extras=True)
    if not (isinstance(named, tuple) and named and all(isinstance(name, str) for name in named)):
        given = "names nothing" if named == () else f"is {described(named)}"
        wanted = f"a tuple of the parameters that the gradient can be taken in, e.g. ({next(iter(own), 'rho')!r},)"
        raise PluginError(f"family {kind.__name__}: `theta` {given}; it has to be {wanted}")
    if unknown := [name for name in named if kind.at is Family.at and name not in own]:
        raise PluginError(
            f"family {kind.__name__}: `theta` names {', '.join(map(repr, unknown))}, and `Params` has no field of this "
            f"name; {suggestion(unknown[0], list(own))}"
        )
    common = _common_fields(kind)
    if clash := (TAKEN | {name for name, *_ in common} - ITS_OWN) & own.keys():
        names = ", ".join(sorted(clash))
        reason = "as one that all families have or a column of their tables is"
        raise PluginError(f"family {kind.__name__}: a parameter may not be called {names}, {reason}")
    fields: list[Any] = [
        (field.name, own[field.name], dataclasses.field(default=field.default))
        for field in dataclasses.fields(kind.Params)
    ]
    fields += [field for field in common if field[0] not in own]

    def post_init(cell: Any) -> None:
        CheckedParams.__post_init__(cell)
        _make(kind, cell)

    params = dataclasses.make_dataclass(
        f"{kind.__name__}Cell",
        fields,
        bases=(CheckedParams,),
        frozen=True,
        kw_only=True,
        namespace={"__post_init__": post_init},
    )

    class Curves(CurveTask):
        Params = params

        def family(self, cell: Any) -> Family:
            return _make(kind, cell)

    Curves.__doc__, Curves.__name__, Curves.__qualname__ = (
        kind.__doc__,
        f"{kind.__name__}Curves",
        f"{kind.__name__}Curves",
    )
    return Curves


def _common_fields(kind: type[Family]) -> list[Any]:
    """Name, type and default of what every family's cells have."""
    names = kind.theta
    return [
        ("d", Annotated[int | None, AtLeast(1)], dataclasses.field(default=None)),
        ("copies", Annotated[int, AtLeast(1)], dataclasses.field(default=1)),
        ("bend", BendName, dataclasses.field(default="none")),
        ("rotate", bool, dataclasses.field(default=False)),
        ("gauge", Literal["own", "scaled"], dataclasses.field(default="own")),
        ("theta", Literal[names], dataclasses.field(default=names[0])),
        ("n", Annotated[int, AtLeast(2)], dataclasses.field(default=256)),
        ("steps", Annotated[int, AtLeast(0)], dataclasses.field(default=200)),
        ("samples", Literal["fresh", "fixed"], dataclasses.field(default="fresh", metadata={"alias": "data"})),
    ]


def _make(kind: type[Family], cell: Any) -> Family:
    """The family at a cell. `d` is its own, or sets both of dx and dy, or counts independent coordinates."""
    given = {field.name: getattr(cell, field.name) for field in dataclasses.fields(kind.Params)}
    copies = cell.copies
    if "d" not in given and cell.d is not None:
        if {"dx", "dy"} <= given.keys():
            given |= {"dx": cell.d, "dy": cell.d}
        elif copies == 1:
            copies = cell.d
        else:
            raise ValueError(f"d and copies both count independent coordinates; give one of them, not d={cell.d} too")
    family: Family = kind(kind.Params(**given))
    if cell.gauge == "scaled":
        family = Gauged(family, cell.theta)
    return compose(family, bend=cell.bend, rotate=cell.rotate, copies=copies)
