"""What a user asks for in a tuning, as one value that refuses what no tuning could do."""

import importlib.util
from dataclasses import dataclass
from typing import Literal, get_args

from mibench.errors import UsageError
from mibench.plan.request import RunRequest, is_positive
from mibench.plan.selectors import Selector
from mibench.refusal import is_whole, refuse_other, refuse_unless
from mibench.specs import EVERY

Retry = Literal["missing", "failed"]
Target = Literal["mi", "mi_gradient"]


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """Which estimator is tuned, on what, and at which budget.

    Attributes:
        run: the estimator, the tasks, and how trials are run. A parameter with one value is fixed; with several it is
            searched among these, in place of the range that the estimator declares.
        trials: how many candidates are tried beside the default.
        samples: no candidate is begun when trials have seen so many pairs; `None` for no limit.
        seconds: no candidate is begun when trials have taken so many seconds; `None` for no limit.
        measurement: `mi_gradient` or `mi`: the quantity whose error is made small; `None` for the gradient where the
            estimator has one.
        rerun: `missing` runs what has no record, `failed` also what failed when it was tried before.

    Raises:
        UsageError: a field cannot have its value, or Optuna is not installed.
    """

    run: RunRequest
    trials: int = 50
    samples: float | None = None
    seconds: float | None = None
    measurement: Target | None = None
    rerun: Retry = "missing"

    def __post_init__(self) -> None:
        refuse_unless(is_whole(self.trials, 1), "trials", "a whole number from 1 on", self.trials)
        for name in ("samples", "seconds"):
            given = getattr(self, name)
            refuse_unless(given is None or is_positive(given), name, "a number above 0", given)
        if self.measurement is not None:
            refuse_other("measurement", self.measurement, get_args(Target))
        refuse_other("rerun", self.rerun, get_args(Retry))
        if len(self.run.estimator_selectors) > 1 or self.selector.name == EVERY:
            raise UsageError("a tuning is of one estimator; tune several one by one, with equal budgets")
        if importlib.util.find_spec("optuna") is None:
            raise UsageError("a tuning needs Optuna; install mibench[tune]")

    @property
    def selector(self) -> Selector:
        """The estimator, and what is said of its parameters."""
        return self.run.estimator_selectors[0]
