r"""Prior matching: an adversary that pulls the representation to a uniform prior (Hjelm et al., ICLR 2019, Eq. 7).

A discriminator D, linear 1000-200-1 with ReLU, tells q = sigmoid(Y) from p, uniform on [0, 1]^d. It descends

.. math::
    \mathbb{E}_p[\mathrm{softplus}(-D)] + \mathbb{E}_q[\mathrm{softplus}(D)]
    + \frac{1}{2} \big( \mathbb{E}_p |\nabla D|^2 + \mathbb{E}_q |\nabla D|^2 \big),

and the encoder descends `weight` times :math:`\mathbb{E}_q[\mathrm{softplus}(-D)]`, its non-saturating adversary. As in
the authors' code the prior is matched by sigmoid(Y), and the objective and the probes see Y itself.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from mibench.adam import Adam
from mibench_dim.networks import initialise

WEIGHT = 0.1
PENALTY = 1.0


class PriorMatching:
    """The discriminator and its optimiser."""

    def __init__(self, dimension: int, learning_rate: float, generator: torch.Generator, like: Tensor) -> None:
        with torch.device("meta"):
            layers = nn.Sequential(
                nn.Linear(dimension, 1000), nn.ReLU(), nn.Linear(1000, 200), nn.ReLU(), nn.Linear(200, 1)
            )
        self.discriminator = initialise(layers, generator).to(like)
        self.optimiser = Adam(list(self.discriminator.parameters()), learning_rate)

    def loss(self, y: Float[Tensor, "n dimension"]) -> Float[Tensor, ""]:
        """What the encoder pays, its weight included."""
        return WEIGHT * softplus(-self.discriminator(torch.sigmoid(y))).mean()

    def update(self, y: Float[Tensor, "n dimension"], noise: torch.Generator) -> None:
        """Takes one step with the discriminator; the representation gets no gradient."""
        real = torch.rand(y.shape, generator=noise, device=y.device, dtype=y.dtype)
        both = torch.stack([real, torch.sigmoid(y.detach())]).requires_grad_()
        scores = self.discriminator(both)  # (2, n, 1)
        (slope,) = torch.autograd.grad(scores.sum(), both, create_graph=True)
        told = softplus(-scores[0]).mean() + softplus(scores[1]).mean()
        loss = told + PENALTY * slope.square().sum(-1).mean()
        self.optimiser.step(torch.autograd.grad(loss, self.optimiser.parameters))
