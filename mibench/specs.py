"""Specs: how a plugin declares what it brings. Imports neither torch nor pandas, so that listing plugins is instant."""

import functools
import os
import warnings
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from mibench import charts
from mibench.charts import Chart
from mibench.declared import check_fields, check_name
from mibench.parameters import CheckedParams, NoParams, Scalar, added, watching
from mibench.ranges import AtLeast, AtMost
from mibench.targets import Target, load_target

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

Quantity = Literal["value", "gradient"]
Need = Literal["training", "conditional", "log_ratio", "population", "continuous"]
Bound = Literal["lower", "upper"]
Sight = Literal["dependence", "correlation"]
Unit = Literal["nats", "bits"]
Better = Literal["higher", "lower", "truth"]
Work = Literal["always", "training", "samples", "dimensions"]

EVERY = "all"
"""The word for every estimator that fits a task, and for every task."""
SHIPPED = "shipped"
"""The word for what mibench ships measurements of."""


def is_shipped(results: str | os.PathLike[str]) -> bool:
    """Whether results are those that mibench ships, and no folder or file of this name."""
    return str(results) == SHIPPED and not Path(results).exists()


def _owner(spec: "Spec") -> str:
    """What messages call a spec."""
    return f"{spec.kind} {spec.name!r}"


def _refuse_empty(sweep: Mapping[str, Sequence[Scalar]], owner: str, path: str) -> None:
    """Refuses a parameter without values, of which there would be no cell.

    Raises:
        ValueError: there is one.
    """
    for name, values in sweep.items():
        if not values:
            raise ValueError(f"{owner}: `{path}[{name!r}]` has no values")


@dataclass(frozen=True, kw_only=True)
class EstimatorSpec:
    """Declares an estimator of mutual information, of its gradient, or of both.

    Attributes:
        name: what users type, e.g. `mine`; letters, digits, `-` and `_`, at most 100 of them.
        target: a subclass of `mibench.contracts.Estimator`, or its `package.module:Class`, which is imported when it is
            run.
        estimates: what it can give: `"value"`, `"gradient"` or both; a baseline nothing.
        needs: `"training"` if `update` does anything; `"conditional"` or `"log_ratio"` if it reads p(y|x) or the exact
            log ratio from its problem, `"population"` if all values of x; `"continuous"` if it estimates the score of a
            density, which discrete samples do not have: a family in which theta acts on discrete samples alone is then
            skipped.
        bound: `"lower"` or `"upper"` if its value bounds I(X;Y) in expectation, else `None`.
        symmetric: whether I(X;Y) and I(Y;X) are estimated alike (up to initialisation).
        sees: `"correlation"` if its value is that of a Gaussian with the correlations of the samples or of their ranks,
            and so 0 where x and y depend on each other without any; `"dependence"` else. `mibench estimate` takes all
            that see correlation alone for one voice.
        baseline_of: the one task that this is a baseline of. A baseline estimates nothing; the task decides what it
            trains in place of an objective.
        growth: the power of the number of samples that its time grows with where samples are many; for forecasts.
        growth_from: the number of samples, in one dimension, at which what grows takes as long as what does not; 0 if
            all of it grows.
        growth_in_dimensions: the power of the dimension that what grows with samples also grows with; `None` if nobody
            has measured it. A forecast then says so.
        linear_from: the number of samples from which on its time is linear in them, as where there are only so many
            centres; 0 for none.
        version: raise it when numbers change; recorded trials of other versions are then run again.
        summary: one line.
        reference: the paper it comes from.
        files: further files whose edit is an edit of the estimator, e.g. a script that it runs.
    """

    kind: ClassVar[str] = "estimator"
    name: str
    target: Target = Target()
    estimates: AbstractSet[Quantity]
    needs: AbstractSet[Need] = frozenset()
    bound: Bound | None = None
    symmetric: bool = False
    sees: Sight = "dependence"
    baseline_of: str = ""
    growth: Annotated[float, AtLeast(0), AtMost(10)] = 1.0
    growth_from: Annotated[int, AtLeast(0)] = 0
    growth_in_dimensions: Annotated[float | None, AtLeast(0), AtMost(10)] = None
    linear_from: Annotated[int, AtLeast(0)] = 0
    version: Annotated[int, AtLeast(1)] = 1
    summary: str = ""
    reference: str = ""
    files: Sequence[str] = ()

    def __post_init__(self) -> None:
        owner = _owner(self)
        check_fields(self, owner)
        if not (self.estimates or self.baseline_of):
            raise ValueError(f'{owner}: `estimates` is "value", "gradient" or both; only a baseline has none')

    @property
    def trains(self) -> bool:
        """Whether `update` does anything."""
        return "training" in self.needs

    def load(self, owner: str) -> Any:
        """Imports the class.

        Args:
            owner: whose it is, for the error message.

        Raises:
            PluginError: it cannot be imported.
        """
        return load_target(self.target, owner)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A named size of a task's runs.

    Attributes:
        seeds: how many, counted from 0.
        sweep: by parameter, the values that are run; others keep their defaults.
    """

    seeds: Annotated[int, AtLeast(1)]
    sweep: Mapping[str, Sequence[Scalar]] = field(default_factory=dict[str, Sequence[Scalar]])


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Declares a task: where pairs (x, y) come from and what is measured on them.

    Attributes:
        name: what users type, e.g. `gaussian`.
        target: a subclass of `mibench.contracts.Task`, or its `package.module:Class`.
        profiles: `smoke`, `quick` (the default) and `paper`, each a sweep over the fields of the task's `Params`.
        offers: `"conditional"` if the task knows p(y|x), `"log_ratio"` if it knows log p(x, y) / (p(x) p(y)),
            `"population"` if x is drawn from finitely many values that it knows.
        requires: what an estimator must estimate to be run; other estimators give rows of status `skipped`.
        settings: by estimator, the parameters that this task's paper gives it; a user's selector overrides them.
        replicable: parameters that may differ inside one batch of trials, beside the seed.
        work: parameters that a trial's time is proportional to, or sums of them such as `epochs+probe_epochs`:
            `"always"`; `"training"` for what only estimators that train take; `"samples"` for the samples of an
            estimate, which count by the estimator's `growth`, `growth_from` and `linear_from`; `"dimensions"` for those
            of the samples, which count by its `growth_in_dimensions`. A forecast scales by them.
        judges: the parameter that names further estimators of the gradient, as selectors joined by `+`; the task's
            context holds how they are made. Empty for none. They do not train.
        figures: pictures that no chart can say: by name, `package.module:function` from a tidy frame to a matplotlib
            figure, or to `None` where nothing of it was measured.
        table: `package.module:function` from a tidy frame and the references to the table shown after a run; empty for
            means by cell. Trials that failed or diverged have rows without values and seconds there, as in the frames
            of `figures`, and the last column, `adversarial`, says whether a row's cell is. Its `attrs` may hold:

            - `note`: text below the table;
            - `shows`: what columns hold, e.g. `{"RMSE": "rmse(mi)"}`; the first that has a `better` ranks in a report;
            - `apart`: names of columns; rows are ranked together only where they agree in these.
        statistics: `package.module:function` from a tidy frame to numbers that only several trials give, one row a
            seed: the columns `task`, parameters, `estimator`, `seed`, `measurement`, `statistic`, `value`, `truth`. The
            frame holds rows of trials that failed too, whose value may be absent.
        better: which way is good, for comparisons: by measurement or `statistic(measurement)`, `higher`, `lower`, or
            `truth` for what should be near the truth. `*` matches any part of a name; the first entry that matches
            counts.
        adversarial: values of the parameter `theta` in which dI/dtheta does not pass through the samples, so that the
            exact critic errs by more than noise; tables mark such cells, and no share near the oracle counts them.
            Where that depends on the cell, with what it has then: `epsilon[gauge=noise]`.
        version: raise it when numbers change.
        summary: one line.
        reference: the paper, table or figure it comes from.
        charts: what `mibench report` and `mibench plot` draw; a report draws learning curves anyway.
    """

    kind: ClassVar[str] = "task"
    name: str
    target: Target = Target()
    profiles: Mapping[str, Profile]
    offers: AbstractSet[Need] = frozenset()
    requires: AbstractSet[Quantity] = frozenset()
    settings: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict[str, Mapping[str, Scalar]])
    replicable: AbstractSet[str] = frozenset()
    work: Mapping[str, Work] = field(default_factory=dict[str, Work])
    judges: str = ""
    table: str = ""
    figures: Mapping[str, str] = field(default_factory=dict[str, str])
    statistics: str = ""
    better: Mapping[str, Better] = field(default_factory=dict[str, Better])
    adversarial: AbstractSet[str] = frozenset()
    version: Annotated[int, AtLeast(1)] = 1
    summary: str = ""
    reference: str = ""
    charts: Sequence[Chart] = ()

    def __post_init__(self) -> None:
        owner = _owner(self)
        check_fields(self, owner)
        for name in self.figures:
            check_name(name, f"{owner}: the name of a figure")
        for chart in self.charts:
            check_name(chart.slug.replace("{theta}", "theta"), f"{owner}: the name of a chart")
        for name, profile in self.profiles.items():
            _refuse_empty(profile.sweep, owner, f"profiles[{name!r}].sweep")


@dataclass(frozen=True, kw_only=True)
class FamilySpec:
    """Declares a family: a distribution of (x, y) whose information and gradient are known. It is a task by its name.

    Attributes:
        name: what users type, e.g. `student`.
        target: a subclass of `mibench.families.Family`, or its `package.module:Class`.
        grid: values of theta that the profiles sweep over, by name; `smoke` takes the first of each.
        conditional: whether it knows p(y|x).
        adversarial: names in theta whose gradient does not pass through the samples; see `TaskSpec.adversarial`.
        version: raise it when numbers change.
        summary: one line.
        reference: where its formula comes from.
    """

    kind: ClassVar[str] = "family"
    name: str
    target: Target = Target()
    grid: Mapping[str, Sequence[Scalar]] = field(default_factory=dict[str, Sequence[Scalar]])
    conditional: bool = False
    adversarial: AbstractSet[str] = frozenset()
    version: Annotated[int, AtLeast(1)] = 1
    summary: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        owner = _owner(self)
        check_fields(self, owner)
        _refuse_empty(self.grid, owner, "grid")

    @functools.cached_property
    def task(self) -> "TaskSpec":
        """The task that the harness makes of it."""
        first = {name: values[:1] for name, values in self.grid.items()}
        return TaskSpec(
            name=self.name,
            target=self.target,
            profiles={
                "smoke": Profile(seeds=1, sweep={**first, "n": [64], "steps": [5]}),
                "quick": Profile(seeds=3, sweep=self.grid),
                "paper": Profile(seeds=10, sweep=self.grid),
            },
            offers={"log_ratio", "conditional"} if self.conditional else {"log_ratio"},
            replicable=frozenset(self.grid),
            work={"steps": "training", "n": "samples", "d+dx+dy": "dimensions"},
            table="mibench.reporting.curves:table",
            statistics="mibench.reporting.curves:statistics",
            better=_CURVES_BETTER,
            adversarial=self.adversarial,
            version=self.version,
            summary=self.summary,
            reference=self.reference,
            charts=[_CURVES],
        )


_CURVES = Chart(
    name="curves-{theta}",
    title="I(X;Y) and its gradient in {theta}",
    kind="lines",
    x=charts.Axis("{theta}"),
    y=[charts.Axis("mi", "I(X;Y) in nats"), charts.Axis("mi_gradient", "dI/d{theta} in nats")],
)
_CURVES_BETTER: Mapping[str, Better] = {
    "mi": "truth",
    "mi_gradient": "truth",
    "null_flow/*": "truth",
    "gradient_cosine": "higher",
    "direction_cosine": "higher",
    "ratio(*)": "truth",
    "cosine(*)": "higher",
    "rmse(*)": "lower",
    "relative_rmse(*)": "lower",
}


@dataclass(frozen=True, kw_only=True)
class SuiteSpec:
    """Declares a suite: a named list of task selectors, which users type as `suite:NAME`.

    Attributes:
        name: after `suite:`, e.g. `gradients`.
        tasks: selectors of tasks or `suite:NAME` of other suites; or a dict to them from the names that they were
            published under.
        summary: one line.
        reference: where the list comes from.
    """

    kind: ClassVar[str] = "suite"
    name: str
    tasks: Sequence[str] | Mapping[str, str]
    summary: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_fields(self, _owner(self))

    @property
    def selectors(self) -> list[str]:
        """What it lists, without the names that others gave it."""
        return list(self.tasks.values() if isinstance(self.tasks, Mapping) else self.tasks)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """Declares a data set that tasks can be run on by name.

    Attributes:
        name: what users type, e.g. `mnist`.
        target: a function, or its `package.module:function`, from the folder of data sets (or `None`) and whether files
            may be downloaded to a `mibench.contracts.Dataset`.
        summary: one line.
        reference: where it comes from.
    """

    kind: ClassVar[str] = "data set"
    name: str
    target: Target = Target()
    summary: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_fields(self, _owner(self))


@dataclass(frozen=True, kw_only=True)
class ReferenceSpec:
    """Declares published or measured numbers: a CSV file inside a plugin's package.

    Attributes:
        name: what users type, e.g. `mige-iclr2020`.
        file: `package:path/inside/it.csv`, with the columns of `mibench.comparison.references`.
        summary: one line.
    """

    kind: ClassVar[str] = "reference"
    name: str
    file: str
    summary: str = ""

    def __post_init__(self) -> None:
        check_fields(self, _owner(self))


@dataclass(frozen=True, kw_only=True)
class ExecutorSpec:
    """Declares a way to run trials.

    Attributes:
        name: what users type after `--executor`.
        target: a subclass of `mibench.executors.Executor`, or its `package.module:Class`.
        summary: one line.
    """

    kind: ClassVar[str] = "executor"
    name: str
    target: Target = Target()
    summary: str = ""

    def __post_init__(self) -> None:
        check_fields(self, _owner(self))


WORDS: Mapping[type[Any], frozenset[str]] = {
    EstimatorSpec: frozenset({EVERY, SHIPPED}),
    TaskSpec: frozenset({EVERY}),
    FamilySpec: frozenset({EVERY}),
}
"""By kind of spec, the words of the command line that stand where its name does."""

Spec: TypeAlias = EstimatorSpec | TaskSpec | FamilySpec | SuiteSpec | DatasetSpec | ReferenceSpec | ExecutorSpec


def __getattr__(name: str) -> Any:
    """`Axis` has moved to `mibench.charts`; its name here goes with the next minor version."""
    if name != "Axis":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mibench.charts import Axis

    warnings.warn("mibench.specs.Axis is now mibench.Axis", DeprecationWarning, stacklevel=2)
    return Axis
