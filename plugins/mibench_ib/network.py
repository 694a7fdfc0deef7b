"""The network of the deep variational bottleneck (Alemi et al., ICLR 2017; the authors' demo).

    x -> 1024 -> 1024 -> (mean, rho),    z = mean + softplus(rho - 5) eps,    logits = linear(z)

with ReLU between the layers, weights by Glorot & Bengio (2010) and biases of zero. Without noise z is the mean.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from mibench_population.mixture import Normals
from torch import Tensor
from torch.nn.functional import linear, relu, softplus

Weights = Sequence[Tensor]
"""Weight and bias of each layer in turn, the decoder's last."""


@dataclass(frozen=True)
class Encoding(Normals):
    """p(z|x) for each x, of which samples are drawn."""

    def sample(self, noise: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch latent"]:
        """z for standard normal noise, through which gradients reach the encoder."""
        return torch.addcmul(self.mean, self.std, noise)


def initial_weights(
    inputs: int, hidden: Sequence[int], latent: int, classes: int, generator: torch.Generator
) -> list[Tensor]:
    """Draws the encoder `inputs -> *hidden -> 2 latent` and the decoder `latent -> classes`."""
    encoder = itertools.pairwise((inputs, *hidden, 2 * latent))
    weights: list[Tensor] = []
    for fan_in, fan_out in (*encoder, (latent, classes)):
        bound = (6 / (fan_in + fan_out)) ** 0.5
        weight = torch.empty(fan_out, fan_in, dtype=torch.float32).uniform_(-bound, bound, generator=generator)
        weights += [weight, torch.zeros(fan_out, dtype=torch.float32)]
    return weights


def encode(
    weights: Weights, x: Float[Tensor, "*batch inputs"], drop: Callable[[Tensor], Tensor] | None = None
) -> Encoding:
    """p(z|x).

    Args:
        weights: the network's.
        x: inputs in [-1, 1].
        drop: what is done to hidden units.
    """
    *hidden, last = (weights[i : i + 2] for i in range(0, len(weights) - 2, 2))
    for layer in hidden:
        x = relu(linear(x, *layer))
        x = x if drop is None else drop(x)
    mean, rho = linear(x, *last).chunk(2, -1)
    return Encoding(mean, softplus(rho - 5))


def decode(weights: Weights, z: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch classes"]:
    """Logits of the classes."""
    return linear(z, *weights[-2:])
