"""A plain function as an estimator. Imports neither torch nor numpy, so that listing plugins is instant."""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from mibench.declared import check_fields
from mibench.parameters import is_spellable
from mibench.specs import Bound, EstimatorSpec, Unit
from mibench.targets import target_of
from mibench.text import described

_SEEDS = ("seed", "random_state", "rng")
"""Parameters by which functions take their randomness, where their default is `None`."""


@dataclass(frozen=True, kw_only=True)
class FunctionSpec(EstimatorSpec):
    """Declares a plain function as an estimator of value; `from_function` makes it.

    Attributes:
        unit: of what the function gives, `"nats"` or `"bits"`.
        one_dimensional: whether it serves only x and y of one dimension.
    """

    unit: Unit = "nats"
    one_dimensional: bool = False

    def load(self, owner: str) -> Any:
        """The estimator that the function is.

        Raises:
            PluginError: the function cannot be imported.
        """
        from mibench.arrays import estimator_of  # needs torch

        function = super().load(owner)
        params, seeded = _params_of(function)
        return estimator_of(function, params, seeded, unit=self.unit, one_dimensional=self.one_dimensional)


def from_function(  # noqa: PLR0913 - what a spec declares, under the same names
    function: Callable[..., Any],
    *,
    name: str,
    unit: Unit = "nats",
    symmetric: bool = False,
    one_dimensional: bool = False,
    bound: Bound | None = None,
    version: int = 1,
    summary: str = "",
    reference: str = "",
) -> EstimatorSpec:
    """Declares a plain function as an estimator of I(X;Y).

    Its further parameters that have a default of a type that a selector can spell are the estimator's: of
    `def knn(x, y, k=3)`, `knn[k=5]` is one. Where a parameter `seed`, `random_state` or `rng` defaults to `None`, it is
    given what follows from the trial's seed.

    Args:
        function: from two float64 arrays, x `(n, dx)` and y `(n, dy)`, to one number; not defined inside another.
        name: what users type.
        unit: of what it gives, `"nats"` or `"bits"`.
        symmetric: whether I(X;Y) and I(Y;X) are estimated alike.
        one_dimensional: whether it serves only x and y of one dimension, `(n, 1)`; other cells are then skipped.
        bound: `"lower"` or `"upper"` if its value bounds I(X;Y) in expectation.
        version: raise it when numbers change.
        summary: one line; the first of the function's documentation by default.
        reference: the paper it comes from; where the function is defined by default.

    Raises:
        TypeError: it is no function with a name, cannot be called with x and y alone, or has a parameter whose default
            is not what its annotation says; `k: int = None` says that it may be absent.
        ValueError: it is defined inside another function, so that no worker could import it, or a default or the unit
            is none of the words that there are.

    Example::

        @mibench.hookimpl
        def mibench_estimators():
            return [mibench.from_function(knn, name="knn", symmetric=True)]
    """
    owner = f"estimator {name!r}"
    target = _target(function, owner)
    _refuse_defaults(function, owner)
    return FunctionSpec(
        name=name,
        target=target,
        estimates={"value"},
        symmetric=symmetric,
        bound=bound,
        version=version,
        summary=summary or (inspect.getdoc(function) or target).partition("\n")[0],
        reference=reference or target.replace(":", "."),
        unit=unit,
        one_dimensional=one_dimensional,
    )


def _refuse_defaults(function: Callable[..., Any], owner: str) -> None:
    """Refuses a default with which the function could never be run.

    Raises:
        TypeError: one is not of its annotation's type.
        ValueError: one is none of the words that its annotation lists.
    """
    try:
        check_fields(_params_of(function)[0](), f"{owner}: a default of {function.__qualname__}")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}; change that default, or its annotation") from None


def _params_of(function: Callable[..., Any]) -> tuple[type[Any], list[str]]:
    """A dataclass of the parameters after x and y that a selector can spell, and the names of those that seed."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[2:]
    except ValueError:  # of some functions in C, Python knows no signature
        parameters = []
    hints = _hints(function)
    fields: list[tuple[str, Any, Any]] = []
    seeded: list[str] = []
    for parameter in parameters:
        default = parameter.default
        if default is parameter.empty or parameter.kind is parameter.POSITIONAL_ONLY:
            continue
        kind = _kind(hints.get(parameter.name, type(default)), default)
        if default is None and parameter.name in _SEEDS:
            seeded.append(parameter.name)
        elif is_spellable(kind):
            fields.append((parameter.name, kind, dataclasses.field(default=default)))
    return dataclasses.make_dataclass("Params", fields, frozen=True, kw_only=True), seeded


def _kind(kind: Any, default: Any) -> Any:
    """The type of a parameter: its annotation, with what only its default says."""
    if kind is tuple and isinstance(default, tuple) and all(type(item) is int for item in default):
        return tuple[int, ...]
    return kind | None if default is None and is_spellable(kind) else kind


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):  # a name that only a type checker imports, or a callable that is no function
        return {}


def _target(function: Callable[..., Any], owner: str) -> str:
    """What workers import.

    Raises:
        TypeError: it is no function with a name, or cannot be called with x and y alone.
        ValueError: no worker could import it.
    """
    if not callable(function) or inspect.ismethod(function) or not hasattr(function, "__qualname__"):
        raise TypeError(f"{owner}: `function` is one that `def` makes outside all others, not {described(function)}")
    try:
        target = target_of(function)
    except ValueError as error:
        raise ValueError(f"{owner}: {error}") from error
    try:
        signature = inspect.signature(function)
    except ValueError:  # of some functions in C, Python knows no signature
        return target
    try:
        signature.bind("x", "y")
    except TypeError as error:
        raise TypeError(
            f"{owner}: {function.__qualname__}{signature} cannot be called with x and y alone ({error}): it takes "
            "both, and its other parameters have defaults"
        ) from error
    return target
