"""Which candidate comes next: Optuna's tree-structured Parzen estimator, asked and told one candidate at a time.

Its seed is fixed and nothing of it is stored. Asked again and told the same errors, it gives the same candidates, so
that a tuning goes on by being told again what is on record.
"""

import math
from collections.abc import Mapping
from typing import Any

import optuna

from mibench.plan.selectors import spell_value
from mibench.specs import Scalar
from mibench.tuning.space import Dimension, Range, Space

SEED = 0


class Sampler:
    """Proposes candidates from a space, better ones as it is told their errors."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._distributions = {name: _distribution(dimension) for name, dimension in space.items()}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it would announce the study on stderr
        try:
            self._study = optuna.create_study()
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._best, self._any = optuna.samplers.TPESampler(seed=SEED), optuna.samplers.RandomSampler(seed=SEED)
        self._asked: optuna.Trial | None = None

    def know(self, values: Mapping[str, Scalar], error: float) -> None:
        """Tells the error of values that were not asked for, unless they are outside of the space."""
        inside = {name: _inside(self._space[name], value) for name, value in values.items()}
        if None not in inside.values():
            known = optuna.trial.create_trial(params=inside, distributions=self._distributions, value=math.log(error))
            self._study.add_trial(known)

    def ask(self, *, at_random: bool = False) -> dict[str, str]:
        """The next candidate, perhaps from anywhere in the space: its values as a selector spells them."""
        self._study.sampler = self._any if at_random else self._best
        self._asked = self._study.ask(self._distributions)
        return {name: _spell(self._space[name], value) for name, value in self._asked.params.items()}

    def tell(self, error: float) -> None:
        """Tells the error of the candidate that was asked for last."""
        if self._asked is not None:
            self._study.tell(self._asked, math.log(error))

    def drop(self) -> None:
        """Forgets the candidate that was asked for last."""
        if self._asked is not None:
            self._study.tell(self._asked, state=optuna.trial.TrialState.FAIL)


def _distribution(dimension: Dimension) -> Any:
    if not isinstance(dimension, Range):
        return optuna.distributions.CategoricalDistribution(dimension.texts)
    if dimension.whole:
        return optuna.distributions.IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _inside(dimension: Dimension, value: Scalar) -> Any:
    """The value as Optuna has it; `None` if the dimension does not hold it."""
    if not isinstance(dimension, Range):
        return text if (text := spell_value(value)) in dimension.texts else None
    if isinstance(value, int | float) and dimension.low <= value <= dimension.high:
        return int(value) if dimension.whole else float(value)
    return None


def _spell(dimension: Dimension, value: Any) -> str:
    return dimension.spell(value) if isinstance(dimension, Range) else str(value)
