"""How a plugin declares a family, and the task that the harness makes of it."""

import functools
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from mibench.charts import Axis, Chart
from mibench.parameters import Scalar
from mibench.ranges import AtLeast
from mibench.specs.named import Named
from mibench.specs.tasks import Better, Profile, TaskSpec, refuse_empty
from mibench.targets import Target

_CURVES = Chart(
    name="curves-{theta}",
    title="I(X;Y) and its gradient in {theta}",
    kind="lines",
    x=Axis("{theta}"),
    y=[Axis("mi", "I(X;Y) in nats"), Axis("mi_gradient", "dI/d{theta} in nats")],
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
class FamilySpec(Named):
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
    target: Target = Target()
    grid: Mapping[str, Sequence[Scalar]] = field(default_factory=dict[str, Sequence[Scalar]])
    conditional: bool = False
    adversarial: AbstractSet[str] = frozenset()
    version: Annotated[int, AtLeast(1)] = 1
    summary: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_empty(self.grid, self.owner, "grid")

    @functools.cached_property
    def task(self) -> TaskSpec:
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
