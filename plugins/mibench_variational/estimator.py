"""What the variational estimators share: a critic for each replica, Adam, and a bound that is a function of scores."""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.adam import Adam
from mibench.contracts import Estimator, Problem
from mibench_variational.critics import Critic, build_critic
from mibench_variational.negatives import Reduction, contrast, deranged, log_mean_exp


class CriticEstimator(Estimator):
    """Trains a critic by ascending `objective`; its value and surrogate are both `bound`.

    By the envelope theorem the gradient of the bound in the samples, at the critic that attains it, is that of I(X;Y).
    The surrogate sees the critic's numbers alone, so its gradient reaches the samples and never the critic.
    """

    critic: Critic

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.critic = self.build()
        self.optimiser = Adam(self.critic.parameters(), params.learning_rate, maximize=True)

    def build(self) -> Critic:
        """Draws the critic."""
        return build_critic(self.params, self.problem)

    @abstractmethod
    def bound(
        self, critic: Critic, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The estimate of I(X;Y) in nats, differentiable in the samples and in the critic."""

    def objective(
        self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """What training ascends; the bound unless overridden."""
        return self.bound(self.critic, x, y)

    def update(self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> None:
        """Takes one step of Adam; the samples get no gradient."""
        with torch.enable_grad():
            objective = self.objective(x.detach(), y.detach()).sum()
        self.optimiser.step(torch.autograd.grad(objective, self.optimiser.parameters))

    @torch.no_grad()
    def mi(self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas"]:
        """The bound in nats, holding one block of pairs at a time."""
        return self.bound(self.critic, x, y)

    def surrogate(
        self, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The bound, with the critic held fixed."""
        return self.bound(self.critic.detached(), x, y)


class ContrastiveEstimator(CriticEstimator):
    """A critic estimator whose bound is `value(scores of the pairs, scores of the negatives)`."""

    @abstractmethod
    def value(
        self, paired: Float[Tensor, "*replicas n"], negatives: Float[Tensor, "*replicas m"]
    ) -> Float[Tensor, "*replicas"]:
        """The estimate of I(X;Y) in nats, from all negatives or from each row of them after `reduce`."""

    def reduce(self, negatives: Float[Tensor, "*shape m"]) -> Float[Tensor, "*shape"]:
        """What `value` needs to know of one sample's negatives; their log-mean-exp unless overridden."""
        return log_mean_exp(negatives)

    def bound(
        self, critic: Critic, x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]
    ) -> Float[Tensor, "*replicas"]:
        """The value of the batch."""
        return self.value(*self.contrast(critic, x, y, self.reduce))

    def contrast(
        self,
        critic: Critic,
        x: Float[Tensor, "*replicas n dx"],
        y: Float[Tensor, "*replicas n dy"],
        reduce: Reduction,
    ) -> tuple[Float[Tensor, "*replicas n"], Float[Tensor, "*replicas k"]]:
        """Scores of the pairs and of their negatives, by the sampling that the parameters name.

        `reduce` shortens off-diagonal negatives alone: a derangement has one a sample.
        """
        if self.params.negatives == "derangement":
            return critic.paired(x, y), critic.paired(x, deranged(y, self.problem))
        return contrast(critic, x, y, reduce)
