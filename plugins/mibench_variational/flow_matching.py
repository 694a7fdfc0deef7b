r"""Flow matching between product and joint: I(X;Y) as the volume that a flow from p(y) to p(y|x) takes from y.

.. math:: I = -\mathbb{E}[\mathrm{div}_y \, v(x, y_t, t)], \qquad y_t = (1 - t) \, y_0 + t \, y_1,

with a pair :math:`(x, y_1)`, :math:`y_0` independent of it, t uniform on (0, 1), and v the mean of :math:`y_1 - y_0`
given x, :math:`y_t` and t. :math:`y_t` goes from p(y) at 0 to p(y|x) at 1, its entropy changes by the mean divergence
of v, and I is what it loses. v descends :math:`\mathbb{E} |v - (y_1 - y_0)|^2`.

Paper: Butakov, Semenenko, Frolov and Oseledets, FMMI: Flow Matching Mutual Information Estimation, 2025.
Estimates: a value and no gradient: divergences say nothing of the score at a sample.
Bias: that of the divergence of v, to either side: no bound, and no ceiling. The loss holds v to its values, and not to
its derivatives. Variance: low, as divergences vary little; t is stratified over the batch. Not symmetric.
Deviations: the flow is in y with x held, where the paper's joint form moves both. The divergence is exact, by one
backward pass for each coordinate of y, in place of Hutchinson's estimate. y_0 is y of another sample, by a derangement.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import PerReplica, SamplesX, SamplesY
from mibench.ranges import AtLeast
from mibench_variational.estimator import TrainedEstimator
from mibench_variational.negatives import deranged
from mibench_variational.networks import Activation, NetworkParams, Perceptron, Trainable


@dataclass(frozen=True, kw_only=True)
class FlowParams(NetworkParams):
    """Parameters of the flow.

    Attributes:
        activation: after each hidden layer; smooth, as derivatives are read.
        draws: of y_0 and t for each pair, in an update and in an estimate.
    """

    activation: Activation = "silu"
    draws: Annotated[int, AtLeast(1)] = 4


@dataclass(frozen=True)
class Velocity(Trainable):
    """v(x, y, t)."""

    network: Perceptron

    def __call__(self, x: SamplesX, y: SamplesY, t: Float[Tensor, "*replicas n 1"]) -> SamplesY:
        """The velocity of each sample."""
        return self.network(torch.cat((x, y, t), dim=-1))


def divergence(velocity: SamplesY, y: SamplesY) -> Float[Tensor, "*replicas n"]:
    """sum_i dv_i/dy_i of each sample, from a graph that leads back to y."""
    parts = [torch.autograd.grad(velocity[..., i].sum(), y, retain_graph=True)[0][..., i] for i in range(y.shape[-1])]
    return torch.stack(parts).sum(0)


class FlowMatching(TrainedEstimator[Velocity]):
    """The flow from the product to the joint."""

    Params = FlowParams

    def build(self) -> Velocity:
        """Draws the velocity."""
        dx, dy = self.problem.dx, self.problem.dy
        return Velocity(Perceptron.initialised(self.params, self.problem, dx + dy + 1, dy))

    def objective(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The negative squared error of the velocity."""
        start, end, t = self._ends(y)
        error = self.critic(self._repeated(x), torch.lerp(start, end, t), t) - (end - start)
        return -error.square().sum(-1).mean(-1)

    def bound(self, critic: Velocity, x: SamplesX, y: SamplesY) -> PerReplica:
        """The mean loss of volume; no bound."""
        start, end, t = self._ends(y.detach())
        with torch.enable_grad():
            between = torch.lerp(start, end, t).requires_grad_()
            return -divergence(critic(self._repeated(x.detach()), between, t), between).mean(-1)

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """Nothing: divergences say nothing of the score at a sample."""
        raise NotImplementedError("flow-matching estimates no gradient: it learns no score at the samples")

    def _ends(
        self, y: SamplesY
    ) -> tuple[Float[Tensor, "*replicas m dy"], Float[Tensor, "*replicas m dy"], Float[Tensor, "*replicas m 1"]]:
        """y_0, y_1 and t for every draw, one draw after the other; leading axes without generators share t."""
        start = torch.cat([deranged(y, self.problem) for _ in range(self.params.draws)], dim=-2)
        t = self.problem.draw(lambda generator: _times(start.shape[-2], generator))
        return start, self._repeated(y), t.expand(*start.shape[:-1], 1)

    def _repeated(self, samples: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas m d"]:
        return torch.cat([samples] * self.params.draws, dim=-2)


def _times(n: int, generator: torch.Generator) -> Float[Tensor, "n 1"]:
    """A time for each sample, one in each n-th part of (0, 1)."""
    parts = torch.randperm(n, generator=generator)[:, None]
    return (parts + torch.rand(n, 1, generator=generator, dtype=torch.float32)) / n
