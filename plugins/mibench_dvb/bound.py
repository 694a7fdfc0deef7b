"""What upper bounds share that read p(y|x) of a task, and no samples y."""

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch.distributions import Distribution

from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench.finite import nan_unless_finite


class ConditionalBound(Estimator):
    """A bound that is a function of p(y|x); its gradient reaches the parameters of p(y|x) and x, and no samples y.

    Of y it asks only whether it is finite: where it is not, the encoder that made it has diverged.

    Attributes:
        name: what it is called in messages.

    Raises:
        UnfitError: the task does not know p(y|x).
    """

    name: ClassVar[str]

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.conditional is None:
            raise UnfitError(f"{self.name} needs p(y|x), which is not known here")
        self._conditional = problem.conditional

    @abstractmethod
    def bound(self, conditional: Distribution) -> PerReplica:
        """The bound in nats, for a distribution of batch shape `(*replicas, n)`.

        Raises:
            UnfitError: the bound is not known for this kind of distribution.
        """

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound in nats."""
        with torch.no_grad():
            return self.surrogate(x, y)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound, differentiable in the parameters of p(y|x) and in x; NaN in replicas where y is not finite."""
        return nan_unless_finite(self.bound(self._conditional(x)), y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the bound."""
        return True
