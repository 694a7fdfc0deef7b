r"""L1Out: the leave-one-out upper bound, p(y|x) against its mean over the other samples of x.

.. math::
    I_\mathrm{L1Out} = \frac{1}{n} \sum_i
    \Big[ \log q(y_i \mid x_i) - \log \frac{1}{n - 1} \sum_{j \ne i} q(y_i \mid x_j) \Big]

Papers: Poole et al., On Variational Bounds of Mutual Information, ICML 2019, section 2.5, with p(y|x) known; Cheng
et al., CLUB, ICML 2020, section 2, with a learnt q(y|x).
Estimates: value and gradient.
Bias: an upper bound in expectation if q(y|x) is p(y|x), since the mean over other samples is in the mean p(y), and its
logarithm too small. Loose where few other samples explain y: the excess grows with I(X;Y) and with the dimension, and
shrinks with n. With a learnt q it bounds nothing before q is p. Variance: grows with I(X;Y), as the logarithm reaches
into the tails of q. Not symmetric.
Deviations: q(y|x) may be a mixture and logistic; it ascends its likelihood.

With `memory=m` and a known p(y|x), normal with independent coordinates, the mean is over the other samples of the batch
and over m values of x that `update` saw last, whose p(y|x) are kept as they were. Where x is uniform on N known rows,
each value counts by the rows that have it, and the sample's own p(y|x) has its share of the mean, 1/N where all rows
differ, so that a memory of all values is the exact p(y) of `exact`, and p(y|x) may lose its noise while an encoder
trains. Where N is not known, other samples of the same x count as others do (`mibench_population.memory`).
The gradient is that of the log ratio along the samples at fixed densities, as in `exact`. The value errs upwards, less
so the larger the memory is: a mean over values of x that do not depend on the sample is in the mean p(y) if its
densities are those of now. Older densities err upwards too, by KL(p(y) || their mean), since they lie beside the
samples of an encoder that has moved on.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from mibench_population.components import normals, require_each, require_law, require_noise, resolved
from mibench_population.memory import Memory
from mibench_population.mixture import Density, Normals

from mibench.checks import check_dtypes
from mibench.contracts import Conditional, PerReplica, Problem, SamplesX, SamplesY
from mibench.devices import free_to_ask
from mibench.errors import SmallBatchError, UnfitError
from mibench.ranges import AtLeast
from mibench.scores import along, conditional_scores
from mibench.specs import added
from mibench_variational.critics import Critic
from mibench_variational.densities import DensityModel, DensityParams, KnownConditional, Turned
from mibench_variational.estimator import TrainedEstimator
from mibench_variational.negatives import contrast, log_mean_exp, require_pairs


@dataclass(frozen=True, kw_only=True)
class L1OutParams(DensityParams):
    """Parameters of L1Out.

    Attributes:
        conditional: whether q(y|x) is learnt, or the p(y|x) that the task knows.
        memory: values of x whose known p(y|x) are kept beside those of the batch; 0 for none.
    """

    conditional: Literal["learnt", "known"] = "learnt"
    memory: Annotated[int, AtLeast(0)] = added(0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory and self.conditional != "known":
            raise ValueError(f"memory={self.memory} keeps the p(y|x) that a task knows: add conditional=known")


class L1Out(TrainedEstimator[Critic]):
    """The leave-one-out bound.

    Raises:
        UnfitError: p(y|x) shall be the task's, which does not know it; or it shall be remembered, and is not normal
            with independent coordinates, has no noise, or does not answer for each x by itself.
    """

    Params = L1OutParams

    def __init__(self, params: L1OutParams, problem: Problem) -> None:
        super().__init__(params, problem)
        self._memory = Memory(problem, params.memory) if params.memory else None
        if self._memory is not None and problem.population is not None:
            require_law(self._conditional, problem.population)

    def build(self) -> Critic:
        """Draws the model of p(y|x), or takes the task's."""
        if self.params.conditional == "learnt":
            return DensityModel.initialised(self.params, self.problem, self.problem.dx)
        return KnownConditional(self._conditional, self.problem.dy)

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one step of Adam, unless there is nothing to learn; and remembers p(y|x), if that is asked for."""
        if self.params.conditional == "learnt":
            super().update(x, y)
        elif self._memory is not None:
            components = self._components(x, y)
            if self._memory.empty:
                require_each(self._conditional, x)
            self._memory.keep(x, components)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound; with a memory, a scalar whose gradient in the samples is that of the log ratio."""
        if self._memory is None:
            return super().surrogate(x, y)
        with torch.no_grad():
            score_y = self._log_ratio(self._memory, x, y).score
        score_x = conditional_scores(resolved(self._conditional), x, y)[0] if x.requires_grad else None
        return along(x, y, score_x, score_y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the bound, unless there is a memory."""
        return self._memory is None

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The likelihood of the pairs."""
        return self.critic.paired(x, y).mean(-1)

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound on the batch."""
        if self._memory is not None:
            return self._log_ratio(self._memory, x, y).log.mean(-1)
        log_conditional, log_others = contrast(Turned(critic), y, x, log_mean_exp)
        return (log_conditional - log_others).mean(-1)

    @property
    def _conditional(self) -> Conditional:
        """The task's p(y|x)."""
        if self.problem.conditional is None:
            raise UnfitError("l1out[conditional=known] needs p(y|x), which this task does not offer")
        return self.problem.conditional

    @torch.no_grad()
    def _components(self, x: SamplesX, y: SamplesY) -> Normals:
        """The task's p(y|x), as normals; they may lose their noise where the mean includes the sample's own.

        Raises:
            ValueError: x or y has another dtype than the memory.
        """
        check_dtypes(x, y, self.problem.dtype)
        components = normals(self._conditional, x)
        return require_noise(components) if self.problem.population is None else components.resolved()

    def _log_ratio(self, memory: Memory, x: SamplesX, y: SamplesY) -> Density:
        """log p(y|x) / p(y); where the population is not known, batch or memory must have other values of x."""
        own = self._components(x, y)
        if memory.empty:
            require_pairs(x.shape[-2])
        ratio = memory.log_ratio(x, y, own)
        alone = ratio.log.isposinf() & y.isfinite().all(-1)
        if self.problem.population is None and free_to_ask(x) and bool(alone.any()):
            raise SmallBatchError("no other value of x is known: give batches of at least 2")
        return ratio
