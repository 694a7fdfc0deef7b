"""Whether a tuning can be done at all, found out before anything is measured."""

import fnmatch
from collections.abc import Sequence

from mibench.discovery.registry import Registry, load_params
from mibench.errors import UsageError
from mibench.plan import misfit
from mibench.plan.suites import expand
from mibench.specs import EstimatorSpec, TaskSpec
from mibench.tuning.candidates import Tuner
from mibench.tuning.request import Target, TuneRequest
from mibench.tuning.space import space_of


def fit(request: TuneRequest, registry: Registry) -> Tuner:
    """What is searched, and which quantity's error is made small.

    Raises:
        UsageError: an estimator, a parameter or a task does not exist, or they do not fit together.
        PluginError: the estimator cannot be imported, or declares a range that does not fit.
    """
    entry = registry.find(EstimatorSpec, request.selector.name)
    tasks = [registry.find(TaskSpec, selector.name).spec for selector in expand(registry, request.run.task_selectors)]
    reasons = [misfit(entry.spec, task) for task in tasks]
    if all(reasons):
        raise UsageError(f"{entry.name} cannot be tuned here: {reasons[0]}")
    owner = f"estimator {entry.name}"
    params = load_params(entry)
    return Tuner(
        request=request,
        registry=registry,
        params=params,
        space=space_of(params, request.selector, owner),
        quantity=_quantity(request, entry.spec, tasks),
        owner=owner,
        plain=not any(task.settings.get(entry.spec.name) for task in tasks),
    )


def _quantity(request: TuneRequest, estimator: EstimatorSpec, tasks: Sequence[TaskSpec]) -> Target:
    """The gradient where the estimator has one and all tasks know its truth, else the value; or what was asked for."""
    given: list[Target] = []
    if "gradient" in estimator.estimates:
        given.append("mi_gradient")
    if "value" in estimator.estimates:
        given.append("mi")
    asked: list[Target] = [request.measurement] if request.measurement else given
    if request.measurement and request.measurement not in given:
        raise UsageError(f"{estimator.name} does not estimate {request.measurement}, so that this has no error")
    for quantity in asked:
        if all(_knows(task, quantity) for task in tasks):
            return quantity
    names = sorted({task.name for task in tasks if not _knows(task, asked[0])})
    raise UsageError(f"a tuning needs the truth of {asked[0]}, which {', '.join(names)} lacks; choose other tasks")


def _knows(task: TaskSpec, quantity: str) -> bool:
    """Whether a task declares a quantity, or its levels, as something that should be near a truth."""
    patterns = [pattern.partition("/")[0] for pattern, way in task.better.items() if way == "truth"]
    return any(fnmatch.fnmatchcase(quantity, pattern) for pattern in patterns)
