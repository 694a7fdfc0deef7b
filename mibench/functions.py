"""A plain function as an estimator. Imports neither torch nor numpy, so that listing plugins is instant."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mibench.specs import Bound, EstimatorSpec, Unit
from mibench.targets import target_of
from mibench.text import described


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

        return estimator_of(super().load(owner), unit=self.unit, one_dimensional=self.one_dimensional)


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
        TypeError: it is no function with a name, or cannot be called with x and y alone.
        ValueError: it is defined inside another function, so that no worker could import it, or the unit is unknown.

    Example::

        @mibench.hookimpl
        def mibench_estimators():
            return [mibench.from_function(knn, name="knn", symmetric=True)]
    """
    target = _target(function, f"estimator {name!r}")
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
