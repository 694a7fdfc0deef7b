"""How a plugin declares a task, and the sizes of its runs."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from mibench.charts import Chart
from mibench.declared import check_name
from mibench.parameters import Scalar
from mibench.ranges import AtLeast
from mibench.specs.estimators import Need, Quantity
from mibench.specs.named import Named
from mibench.targets import Target

Better = Literal["higher", "lower", "truth"]
Work = Literal["always", "training", "samples", "dimensions"]


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
class TaskSpec(Named):
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
        super().__post_init__()
        for name in self.figures:
            check_name(name, f"{self.owner}: the name of a figure")
        for chart in self.charts:
            check_name(chart.slug.replace("{theta}", "theta"), f"{self.owner}: the name of a chart")
        for name, profile in self.profiles.items():
            refuse_empty(profile.sweep, self.owner, f"profiles[{name!r}].sweep")


def refuse_empty(sweep: Mapping[str, Sequence[Scalar]], owner: str, path: str) -> None:
    """Refuses a parameter without values, of which there would be no cell.

    Raises:
        ValueError: there is one.
    """
    for name, values in sweep.items():
        if not values:
            raise ValueError(f"{owner}: `{path}[{name!r}]` has no values")
