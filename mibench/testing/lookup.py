"""From what an author has at hand, a spec, a class or a selector, to the spec and the parameters that are checked."""

from typing import Any

from mibench.contracts import Estimator
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry, load_params
from mibench.errors import UsageError
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import EstimatorSpec, Quantity, Scalar

_METHODS: dict[Quantity, str] = {"value": "mi", "gradient": "surrogate"}


def look_up(
    estimator: EstimatorSpec | type[Estimator] | str, registry: Registry | None = None
) -> tuple[EstimatorSpec, dict[str, Scalar]]:
    """The spec of an estimator, and the parameters that a selector sets.

    Args:
        estimator: a spec; a class, which is taken to estimate and to need what its methods say; or a selector of a
            known estimator, e.g. `mine[hidden=32x32]`.
        registry: knows estimators by name; `None` for those that are installed.

    Raises:
        UsageError: it is none of these, or no estimator has this name.
    """
    if isinstance(estimator, EstimatorSpec):
        return estimator, {}
    if isinstance(estimator, str):
        return _selected(estimator, registry or Registry(load_plugins()))
    if isinstance(estimator, type) and issubclass(estimator, Estimator):  # pyright: ignore[reportUnnecessaryIsInstance]
        return declare(estimator), {}
    raise UsageError(f"an EstimatorSpec, a subclass of mibench.Estimator or a name is needed, not {estimator!r}")


def declare(kind: type[Estimator]) -> EstimatorSpec:
    """The spec that a class without one is checked under.

    Raises:
        UsageError: the class is defined inside a function.
    """
    summary = (kind.__doc__ or kind.__name__).strip().splitlines()[0]
    try:
        return EstimatorSpec(
            name=kind.__name__.replace("_", "-"),
            target=kind,
            estimates={quantity for quantity, name in _METHODS.items() if _overrides(kind, name)},
            needs={"training"} if _overrides(kind, "update") else set(),
            summary=summary,
            reference="none given",
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _overrides(kind: type[Estimator], name: str) -> bool:
    return getattr(kind, name) is not getattr(Estimator, name)


def _selected(text: str, registry: Registry) -> tuple[EstimatorSpec, dict[str, Scalar]]:
    selector = parse_selector(text)
    entry = registry.find(EstimatorSpec, selector.name)
    chosen = combinations(load_params(entry), selector.sweep, f"estimator {entry.name!r}")
    if len(chosen) != 1:
        raise UsageError(f"{text!r} stands for {len(chosen)} estimators; give each parameter one value")
    params: Any = chosen[0]
    return entry.spec, {name: getattr(params, name) for name in selector.sweep}
