"""How a plugin declares an estimator."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from mibench.ranges import AtLeast, AtMost
from mibench.specs.named import Named
from mibench.targets import Target, load_target

Quantity = Literal["value", "gradient"]
Need = Literal["training", "conditional", "log_ratio", "population", "continuous"]
Bound = Literal["lower", "upper"]
Sight = Literal["dependence", "correlation"]
Unit = Literal["nats", "bits"]


@dataclass(frozen=True, kw_only=True)
class EstimatorSpec(Named):
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
        super().__post_init__()
        if not (self.estimates or self.baseline_of):
            raise ValueError(f'{self.owner}: `estimates` is "value", "gradient" or both; only a baseline has none')

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
