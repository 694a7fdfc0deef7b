"""Specs: how a plugin declares what it brings. Imports neither torch nor pandas, so that listing plugins is instant."""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from mibench import charts
from mibench.parameters import CheckedParams, NoParams, Scalar, added, watching
from mibench.specs.estimators import Bound, EstimatorSpec, Need, Quantity, Sight, Unit
from mibench.specs.families import FamilySpec
from mibench.specs.named import Named
from mibench.specs.tasks import Better, Profile, TaskSpec, Work
from mibench.targets import Target

__all__ = [
    "EVERY",
    "SHIPPED",
    "WORDS",
    "Better",
    "Bound",
    "CheckedParams",
    "DatasetSpec",
    "EstimatorSpec",
    "ExecutorSpec",
    "FamilySpec",
    "Need",
    "NoParams",
    "Profile",
    "Quantity",
    "ReferenceSpec",
    "Scalar",
    "Sight",
    "Spec",
    "SuiteSpec",
    "TaskSpec",
    "Unit",
    "Work",
    "added",
    "is_shipped",
    "watching",
]

EVERY = "all"
"""The word for every estimator that fits a task, and for every task."""
SHIPPED = "shipped"
"""The word for what mibench ships measurements of."""


def is_shipped(results: str | os.PathLike[str]) -> bool:
    """Whether results are those that mibench ships, and no folder or file of this name."""
    return str(results) == SHIPPED and not Path(results).exists()


@dataclass(frozen=True, kw_only=True)
class SuiteSpec(Named):
    """Declares a suite: a named list of task selectors, which users type as `suite:NAME`.

    Attributes:
        name: after `suite:`, e.g. `gradients`.
        tasks: selectors of tasks or `suite:NAME` of other suites; or a dict to them from the names that they were
            published under.
        summary: one line.
        reference: where the list comes from.
    """

    kind: ClassVar[str] = "suite"
    tasks: Sequence[str] | Mapping[str, str]
    summary: str = ""
    reference: str = ""

    @property
    def selectors(self) -> list[str]:
        """What it lists, without the names that others gave it."""
        return list(self.tasks.values() if isinstance(self.tasks, Mapping) else self.tasks)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Named):
    """Declares a data set that tasks can be run on by name.

    Attributes:
        name: what users type, e.g. `mnist`.
        target: a function, or its `package.module:function`, from the folder of data sets (or `None`) and whether files
            may be downloaded to a `mibench.contracts.Dataset`.
        summary: one line.
        reference: where it comes from.
    """

    kind: ClassVar[str] = "data set"
    target: Target = Target()
    summary: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferenceSpec(Named):
    """Declares published or measured numbers: a CSV file inside a plugin's package.

    Attributes:
        name: what users type, e.g. `mige-iclr2020`.
        file: `package:path/inside/it.csv`, with the columns of `mibench.comparison.references`.
        summary: one line.
    """

    kind: ClassVar[str] = "reference"
    file: str
    summary: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutorSpec(Named):
    """Declares a way to run trials.

    Attributes:
        name: what users type after `--executor`.
        target: a subclass of `mibench.executors.Executor`, or its `package.module:Class`.
        summary: one line.
    """

    kind: ClassVar[str] = "executor"
    target: Target = Target()
    summary: str = ""


WORDS: Mapping[type[Any], frozenset[str]] = {
    EstimatorSpec: frozenset({EVERY, SHIPPED}),
    TaskSpec: frozenset({EVERY}),
    FamilySpec: frozenset({EVERY}),
}
"""By kind of spec, the words of the command line that stand where its name does."""

Spec: TypeAlias = EstimatorSpec | TaskSpec | FamilySpec | SuiteSpec | DatasetSpec | ReferenceSpec | ExecutorSpec


def __getattr__(name: str) -> Any:
    """`Axis` and `Chart` have moved to `mibench.charts`; their names here go with the next minor version."""
    if name not in {"Axis", "Chart"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"mibench.specs.{name} is now mibench.{name}", DeprecationWarning, stacklevel=2)
    return getattr(charts, name)
