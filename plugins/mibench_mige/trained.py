r"""MIGE whose scores are small networks, trained on fresh samples: denoising and sliced score matching.

.. math:: \nabla I(X;Y) = \mathbb{E}[(\nabla \log p(x, y) - \nabla \log p(x) - \nabla \log p(y)) \, d(x, y)]

(Wen et al. 2020, Eq. 10-13) with a network for each density. Both losses are Hyvarinen's (2005),
:math:`\mathbb{E}[s^\top s / 2 + \mathrm{tr} \, \nabla s]`, up to a constant, without the trace of a Jacobian:

- `mige-dsm`, denoising (Vincent 2011): :math:`\mathbb{E}[r^\top r] / 2` with :math:`r = s(z + \sigma e) + e / \sigma`,
  e standard normal, is minimal at the score of :math:`z + \sigma e`. Of a Gaussian of covariance S that is
  :math:`-(S + \sigma^2)^{-1} z`: too short, the more the narrower the density is beside the noise. Noise comes in pairs
  e, -e, so that the variance does not grow as :math:`1 / \sigma^2`.
- `mige-ssm`, sliced (Song et al. 2019, their variant of reduced variance):
  :math:`\mathbb{E}[s^\top s / 2 + v^\top (\nabla s) v]`, v of independent signs, is minimal at the score itself, at the
  price of a second derivative in each step of training. Along a direction in which samples do not vary the second term
  has no bound, so that v is projected onto the others.

Samples are standardised, coordinate by coordinate, with the batch's mean and standard deviation, so that sigma is a
share of a coordinate's spread and the gradient does not depend on units. A network is added to the score -z of a
standard normal: before any training the gradient is near that of independent blocks, 0. Bias: sigma, and what the
networks have not learnt yet, the more the higher the dimension; variance: the errors of two networks, whose scores are
subtracted. The gradient alone is estimated.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from mibench_baselines.redundant import varying
from mibench_baselines.scale import deviation
from mibench_variational.networks import Activation, NetworkParams, Perceptron, Trainable
from torch import Tensor

from mibench.adam import Adam
from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.ranges import Above
from mibench.search import Search
from mibench_mige.calibration import Calibration, calibrate, require_samples
from mibench_mige.score import Score
from mibench_mige.span import within_span
from mibench_mige.surrogates import mi_surrogate


@dataclass(frozen=True, kw_only=True)
class ScoreNetworkParams(NetworkParams):
    """Parameters of the networks, and what is done to their scores.

    Attributes:
        calibration: restores Stein's identity on the batch: `none`, `diagonal` (any n) or `full` (n >= 2 (dx + dy)).
    """

    hidden: Annotated[
        tuple[int, ...], Search(among=[(64, 64), (128, 128), (256, 256), (512, 512), (256, 256, 256)])
    ] = (128, 128)
    activation: Activation = "silu"
    learning_rate: Annotated[float, Search(1e-4, 2e-2, log=True)] = 5e-3
    calibration: Calibration = "none"


@dataclass(frozen=True, kw_only=True)
class DenoisingParams(ScoreNetworkParams):
    """Parameters of the networks and of their noise.

    Attributes:
        noise: sigma, in standard deviations of each coordinate.
    """

    noise: Annotated[float, Above(0), Search(0.02, 0.5, log=True)] = 0.1


def denoising_loss(
    score: Score, samples: Float[Tensor, "*replicas n d"], noise: Float[Tensor, "*replicas n d"], sigma: float
) -> PerReplica:
    """E[r'r] / 2, r = s(z + sigma e) + e / sigma, less its constant, over the pairs e, -e.

    Args:
        score: what is fitted.
        samples: z.
        noise: e, standard normal.
        sigma: size of the noise, positive.
    """
    ahead, behind = score(samples + sigma * noise), score(samples - sigma * noise)
    sizes = (ahead.square() + behind.square()) / 4
    return (sizes + (ahead - behind) * noise / (2 * sigma)).sum(-1).mean(-1)


def sliced_loss(
    score: Score, samples: Float[Tensor, "*replicas n d"], signs: Float[Tensor, "*replicas n d"]
) -> PerReplica:
    """E[s's / 2 + v' (grad s) v], v within the span of the samples.

    Args:
        score: what is fitted.
        samples: where.
        signs: v before its projection, of mean 0 and covariance I.
    """
    samples, signs = samples.detach().requires_grad_(), within_span(signs, samples)
    values = score(samples)
    (along,) = torch.autograd.grad((values * signs).sum(), samples, create_graph=True)
    return (values.square() / 2 + along * signs).sum(-1).mean(-1)


@dataclass(frozen=True)
class ScoreNetwork(Trainable):
    """A score: a perceptron, added to that of a standard normal."""

    perceptron: Perceptron

    @classmethod
    def initialised(cls, params: ScoreNetworkParams, problem: Problem, d: int) -> "ScoreNetwork":
        """Draws a network for each replica."""
        return cls(Perceptron.initialised(params, problem, d, d))

    def __call__(self, z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
        """The score at standardised samples."""
        return self.perceptron(z) - z


class TrainedMIGE(Estimator):
    """MIGE from three networks: of x, of y, and of both."""

    Params: ClassVar[type[Any]] = ScoreNetworkParams

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        dimensions = problem.dx, problem.dy, problem.dx + problem.dy
        self.networks = tuple(ScoreNetwork.initialised(params, problem, d) for d in dimensions)
        weights = [weight for network in self.networks for weight in network.parameters()]
        self.optimiser = Adam(weights, params.learning_rate)

    @abstractmethod
    def loss(self, score: Score, samples: Float[Tensor, "*replicas n d"]) -> PerReplica:
        """What training descends, minimal at the score of the samples' density."""

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one step of Adam with every network.

        Raises:
            SmallBatchError: a single sample, which has no deviation to be standardised by.
        """
        require_samples(x.shape[-2], x.shape[-1] + y.shape[-1], "none")
        blocks = _joined([_standardised(block)[0] for block in (x, y)])
        with torch.enable_grad():
            losses = [self.loss(network, block) for network, block in zip(self.networks, blocks, strict=True)]
            total = torch.stack(losses).sum()
        self.optimiser.step(torch.autograd.grad(total, self.optimiser.parameters))

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """The sum of `mi_surrogate` over the blocks that require a gradient.

        Raises:
            SmallBatchError: a single sample, or too few for the calibration.
        """
        require_samples(x.shape[-2], x.shape[-1] + y.shape[-1], self.params.calibration)
        (of_x, scale_x), (of_y, scale_y) = _standardised(x), _standardised(y)
        with torch.no_grad():
            margins = self.networks[0](of_x), self.networks[1](of_y)
            joint = self.networks[2](torch.cat([of_x, of_y], -1)).split([x.shape[-1], y.shape[-1]], -1)
        total, how = y.new_zeros(y.shape[:-2]), self.params.calibration
        for i, (block, other, scale) in enumerate(((x, y, scale_x), (y, x, scale_y))):
            if block.requires_grad:
                together = calibrate(joint[i] / scale, block, how, others=other)
                total = total + mi_surrogate(block, together, calibrate(margins[i] / scale, block, how))
        return total


class DenoisingMIGE(TrainedMIGE):
    """MIGE by denoising score matching."""

    Params = DenoisingParams

    def loss(self, score: Score, samples: Float[Tensor, "*replicas n d"]) -> PerReplica:
        """That of denoising, with fresh noise."""
        shape = samples.shape[-2:]
        noise = self.problem.draw(lambda generator: torch.randn(shape, generator=generator, dtype=torch.float32))
        return denoising_loss(score, samples, noise, self.params.noise)


class SlicedMIGE(TrainedMIGE):
    """MIGE by sliced score matching."""

    def loss(self, score: Score, samples: Float[Tensor, "*replicas n d"]) -> PerReplica:
        """That of one random slice a sample."""
        shape = samples.shape[-2:]
        signs = self.problem.draw(lambda generator: torch.randint(2, shape, generator=generator).float() * 2 - 1)
        return sliced_loss(score, samples, signs)


def _standardised(block: Tensor) -> tuple[Tensor, Tensor]:
    """The block in units of its coordinates' standard deviations, and these; a constant one is 0 and keeps its unit."""
    block = block.detach()
    varies, centred = varying(block), block - block.mean(-2, keepdim=True)
    scale = torch.where(varies, deviation(centred), 1.0)
    return torch.where(varies, centred / scale, 0.0), scale


def _joined(blocks: Sequence[Tensor]) -> list[Tensor]:
    return [*blocks, torch.cat(tuple(blocks), -1)]
