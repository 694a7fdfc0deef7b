"""mibench: a benchmark for estimators of mutual information and of its gradient.

Example::

    import mibench

    frame = mibench.run(["mige", "mine"], "gaussian", seeds=5)
    same = mibench.load("results")
    ranks = mibench.rank(frame)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mibench.api import compare, estimate, load, rank, run
    from mibench.arrays import ArrayEstimator
    from mibench.charts import Axis, Chart
    from mibench.contracts import Context, Estimator, Problem, Task
    from mibench.families import Family
    from mibench.functions import from_function
    from mibench.hookspecs import hookimpl
    from mibench.losses import probe
    from mibench.outcome import Measurement
    from mibench.ranges import Above, AtLeast, AtMost, Below
    from mibench.search import Search
    from mibench.showing import check, plot, report
    from mibench.specs import (
        DatasetSpec,
        EstimatorSpec,
        ExecutorSpec,
        FamilySpec,
        Profile,
        ReferenceSpec,
        SuiteSpec,
        TaskSpec,
    )
    from mibench.tuning import tune

_HOME = {
    "mibench.api": ("compare", "estimate", "load", "rank", "run"),
    "mibench.arrays": ("ArrayEstimator",),
    "mibench.charts": ("Axis", "Chart"),
    "mibench.contracts": ("Context", "Estimator", "Problem", "Task"),
    "mibench.families": ("Family",),
    "mibench.functions": ("from_function",),
    "mibench.hookspecs": ("hookimpl",),
    "mibench.losses": ("probe",),
    "mibench.outcome": ("Measurement",),
    "mibench.ranges": ("Above", "AtLeast", "AtMost", "Below"),
    "mibench.search": ("Search",),
    "mibench.showing": ("check", "plot", "report"),
    "mibench.specs": (
        "DatasetSpec",
        "EstimatorSpec",
        "ExecutorSpec",
        "FamilySpec",
        "Profile",
        "ReferenceSpec",
        "SuiteSpec",
        "TaskSpec",
    ),
    "mibench.tuning": ("tune",),
}

__all__ = [
    "Above",
    "ArrayEstimator",
    "AtLeast",
    "AtMost",
    "Axis",
    "Below",
    "Chart",
    "Context",
    "DatasetSpec",
    "Estimator",
    "EstimatorSpec",
    "ExecutorSpec",
    "Family",
    "FamilySpec",
    "Measurement",
    "Problem",
    "Profile",
    "ReferenceSpec",
    "Search",
    "SuiteSpec",
    "Task",
    "TaskSpec",
    "check",
    "compare",
    "estimate",
    "from_function",
    "hookimpl",
    "load",
    "plot",
    "probe",
    "rank",
    "report",
    "run",
    "tune",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used, so that `import mibench` loads neither torch nor pandas."""
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'mibench' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return __all__
