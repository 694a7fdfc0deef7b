r"""The exact critic: what is left of the error is that of a mean over the batch, the noise floor of a cell.

.. math::
    I = \frac{1}{n} \sum_j i(x_j, y_j), \qquad \nabla I = \frac{1}{n} \sum_j \nabla i(x_j, y_j), \qquad
    i(x, y) = \log \frac{p(x, y)}{p(x) \, p(y)},

with the log ratio that the task knows. Unbiased, wherever the density is smooth and theta moves none of its edges; its
error is that of a mean over n pairs.
"""

from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import UnfitError
from mibench.finite import nan_unless_finite
from mibench.specs import NoParams


class Oracle(Estimator):
    """The mean of the exact log ratio."""

    def __init__(self, params: NoParams, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.log_ratio is None:
            raise UnfitError("oracle needs the exact log ratio, which this task does not offer")
        self._log_ratio = problem.log_ratio

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The mean log ratio of the batch, in nats; NaN, with its gradient, where a replica is not finite."""
        return nan_unless_finite(self._log_ratio(x, y).mean(-1).to(x.dtype), x, y)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The same, whose gradient in the samples is exact."""
        return self.mi(x, y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the value."""
        return True
