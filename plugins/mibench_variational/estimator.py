"""What the variational estimators share: a critic for each replica, Adam, and a bound that is a function of scores."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.adam import Adam
from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.finite import nan_unless_finite
from mibench_variational.critics import Critic, CriticParams, NegativeScores, PositiveScores, build_critic
from mibench_variational.negatives import NegativeParams, Reduction, contrast, deranged, log_mean_exp
from mibench_variational.networks import NetworkParams, Trainable


@dataclass(frozen=True, kw_only=True)
class ContrastiveParams(NetworkParams, NegativeParams):
    """A network, and where negatives come from."""


@dataclass(frozen=True, kw_only=True)
class ContrastiveCriticParams(CriticParams, ContrastiveParams):
    """A critic, and where negatives come from."""


Model = TypeVar("Model", bound=Trainable)


class TrainedEstimator(Estimator, Generic[Model]):
    """Trains a critic, or a model of a density, by ascending `objective`; its value and surrogate are both `bound`.

    By the envelope theorem the gradient of the bound in the samples, at the critic that attains it, is that of I(X;Y).
    The surrogate sees the critic's numbers alone, so its gradient reaches the samples and never the critic.

    Attributes:
        critic: what is trained.
    """

    Params: ClassVar[type[Any]] = NetworkParams
    critic: Model

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.critic = self.build()
        self.optimiser = Adam(self.critic.parameters(), params.learning_rate, maximize=True)

    @abstractmethod
    def build(self) -> Model:
        """Draws what is trained."""

    @abstractmethod
    def bound(self, critic: Model, x: SamplesX, y: SamplesY) -> PerReplica:
        """The estimate of I(X;Y) in nats, differentiable in the samples and in the critic."""

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """What training ascends; the bound unless overridden."""
        return self.bound(self.critic, x, y)

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one step of Adam; the samples get no gradient."""
        with torch.enable_grad():
            objective = self.objective(x.detach(), y.detach()).sum()
        self.optimiser.step(torch.autograd.grad(objective, self.optimiser.parameters))

    @torch.no_grad()
    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound in nats, holding one block of pairs at a time."""
        return self.bound(self.critic, x, y)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The bound, with the critic held fixed."""
        return self.bound(self.critic.detached(), x, y)

    @property
    def surrogate_in_nats(self) -> bool:
        """It is the bound."""
        return True


LogRatio = TypeVar("LogRatio", bound=Critic)


class PlugInEstimator(TrainedEstimator[LogRatio]):
    """Trains a critic that tends to the log ratio, and takes its mean over the pairs for I(X;Y)."""

    def bound(self, critic: LogRatio, x: SamplesX, y: SamplesY) -> PerReplica:
        """The mean log ratio of the pairs; no bound. NaN, with its gradient, where a replica is not finite."""
        return nan_unless_finite(critic.paired(x, y).mean(-1), x, y)


class CriticEstimator(TrainedEstimator[Critic]):
    """Trains a critic of the kind that its parameters name."""

    Params: ClassVar[type[Any]] = CriticParams

    def build(self) -> Critic:
        """Draws the critic."""
        return build_critic(self.params, self.problem)


class SamplingEstimator(CriticEstimator):
    """A critic estimator whose parameters say where negatives come from."""

    Params: ClassVar[type[Any]] = ContrastiveParams

    def reduce(self, negatives: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape"]:
        """What the bound needs to know of one sample's negatives; their log-mean-exp unless overridden."""
        return log_mean_exp(negatives)

    def contrast(
        self,
        critic: Critic,
        x: SamplesX,
        y: SamplesY,
        reduce: Reduction,
    ) -> tuple[PositiveScores, NegativeScores]:
        """Positive and negative scores, by the sampling that the parameters name.

        `reduce` shortens off-diagonal negatives alone: a derangement has one a sample.
        """
        if self.params.negatives == "derangement":
            return critic.paired(x, y), critic.paired(x, deranged(y, self.problem))
        return contrast(critic, x, y, reduce)


class ContrastiveEstimator(SamplingEstimator):
    """A critic estimator whose bound is `value(positive scores, negative scores)`."""

    @abstractmethod
    def value(self, positives: PositiveScores, negatives: NegativeScores) -> PerReplica:
        """The estimate of I(X;Y) in nats, from all negatives or from each row of them after `reduce`."""

    def bound(self, critic: Critic, x: SamplesX, y: SamplesY) -> PerReplica:
        """The value of the batch."""
        return self.value(*self.contrast(critic, x, y, self.reduce))
