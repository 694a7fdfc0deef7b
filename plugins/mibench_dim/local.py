r"""The local objectives of Deep InfoMax: every location of a feature map against Y (Hjelm et al., ICLR 2019, Eq. 6).

The score of location l of image i and the Y of image j is a dot product, :math:`s_{i j l} = f(c_{i l})^\top g(y_j)`,
where f and g are the authors' `MI1x1ConvNet`: linear, batch norm, ReLU, linear, plus a linear shortcut that starts near
the identity, all through a layer norm. The same f serves all locations. With pairs i = j and negatives i != j, JSD and
InfoNCE are

.. math::
    \begin{split}
    &\log 4 - \mathbb{E}_\mathrm{pairs}[\mathrm{softplus}(-s)] - \mathbb{E}_\mathrm{negatives}[\mathrm{softplus}(s)], \\
    &\log m + \mathbb{E}_\mathrm{pairs}\Big[ s - \log\Big( e^s + \sum e^{s'} \Big) \Big],
    \end{split}

the last sum over all locations of other images, with m terms in the logarithm.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm, softplus

from mibench.checks import floats_only
from mibench_dim.networks import initialise

Scores = Float[Tensor, "n n locations"]
"""Scores of Y of image j (first axis) with every location of image i (second axis)."""


class Embedding(nn.Module):
    """The authors' network for one side of a score, applied to the last axis."""

    def __init__(self, inputs: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        with torch.device("meta"):
            self.first = nn.Linear(inputs, units, bias=False)
            self.norm = nn.BatchNorm1d(units, track_running_stats=False)
            self.second = nn.Linear(units, units)
            self.shortcut = nn.Linear(inputs, units, bias=False)
            self.last = nn.LayerNorm(units)
        initialise(self, generator)
        if units >= inputs:
            with torch.no_grad():
                self.shortcut.weight.uniform_(-0.01, 0.01, generator=generator).fill_diagonal_(1.0)

    def forward(self, features: Float[Tensor, "*shape inputs"]) -> Float[Tensor, "*shape units"]:
        """Embeds each location of each image; the batch norm takes them all together."""
        rows = features.flatten(0, -2)
        normed = batch_norm(self.first(rows), None, None, self.norm.weight, self.norm.bias, training=True)
        embedded = self.last(self.second(torch.relu(normed)) + self.shortcut(rows))
        return embedded.unflatten(0, features.shape[:-1])


class LocalCritic(nn.Module):
    """Scores every location of every image with every Y."""

    def __init__(self, channels: int, dimension: int, units: int, generator: torch.Generator) -> None:
        super().__init__()
        self.left = Embedding(channels, units, generator)
        self.right = Embedding(dimension, units, generator)

    def forward(self, local: Float[Tensor, "n locations channels"], y: Float[Tensor, "n dimension"]) -> Scores:
        """All scores, by two embeddings and one matrix product."""
        left = self.left(local)
        return (self.right(y) @ left.flatten(0, 1).mT).unflatten(1, left.shape[:2])


@floats_only
def jensen_shannon(scores: Scores) -> Float[Tensor, ""]:
    """The Jensen-Shannon objective; at most log 4."""
    n, _, locations = scores.shape
    positives = scores.diagonal()  # (locations, n)
    negatives = (softplus(scores).sum() - softplus(positives).sum()) / (n * (n - 1) * locations)
    return math.log(4) - softplus(-positives).mean() - negatives


@floats_only
def infonce(scores: Scores) -> Float[Tensor, ""]:
    """The noise-contrastive objective, in nats; at most the log of how many terms a sum has."""
    n, _, locations = scores.shape
    pairs = torch.eye(n, dtype=torch.bool, device=scores.device)[..., None]
    positives = scores.diagonal()  # (locations, n)
    negatives = scores.masked_fill(pairs, -math.inf).flatten(1).logsumexp(1)
    return math.log((n - 1) * locations + 1) + (positives - torch.logaddexp(positives, negatives)).mean()
