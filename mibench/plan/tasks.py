"""What a task's spec says, held against the parameters of its class and the modules that are there."""

import dataclasses
import importlib.util
from typing import Any

from mibench.errors import PluginError
from mibench.plan.trial import TAKEN
from mibench.specs import TaskSpec
from mibench.text import suggestion


def refuse_reserved(params: type[Any], owner: str) -> None:
    """Refuses parameters of a task that are called like a column that frames or tables have of their own.

    Raises:
        PluginError: there is one.
    """
    clash = {field.name for field in dataclasses.fields(params)} & TAKEN
    if clash:
        names = ", ".join(sorted(clash))
        raise PluginError(f"{owner}: a parameter may not be called {names}, as a column of frames or tables is")


def refuse_absent(spec: TaskSpec, params: type[Any], owner: str) -> None:
    """Refuses a spec that names parameters which its task does not have, or functions of modules that are not there.

    Of a sum in `work` some parts may be absent, since one entry serves all families.

    Raises:
        PluginError: it does.
    """
    known = [field.name for field in dataclasses.fields(params)]
    unknown = [name for name in spec.work if not {*known}.intersection(name.split("+"))]
    named = {"replicable": spec.replicable, "judges": {spec.judges} - {""}, "work": unknown}
    for field, names in named.items():
        for name in sorted({*names} - {*known}):
            raise PluginError(f"{owner}: `{field}` names {name!r}, which is no parameter; {suggestion(name, known)}")
    functions = {"table": spec.table, "statistics": spec.statistics, **spec.figures}
    for field, target in functions.items():
        if target and not _is_there(target):
            raise PluginError(f"{owner}: `{field}` is a package.module:function, and there is none at {target!r}")


def _is_there(target: str) -> bool:
    """Whether the module of a target can be found; it is not imported."""
    module, colon, name = target.partition(":")
    try:
        return bool(colon and name and importlib.util.find_spec(module))
    except (ImportError, ValueError):
        return False
