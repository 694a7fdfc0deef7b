"""The true information of the bottleneck, and how near an estimator's gradient is to the true one.

x is uniform on the N training images and p(z|x) a normal with independent coordinates, so p(z) is a mixture of N
normals; `mibench_population.mixture` gives its density and score. For each reading, some batches are drawn again:

    I = E[log p(z|x) - log p(z)],    grad I = grad H(Z) - grad H(Z|X),
    grad H(Z) = -E[grad_z log p(z) dz],    grad H(Z|X) = -E[grad_z log p(z|x) dz].

By the score identity only the paths through z count. The noise of the two parts is the same where z tells which x it
comes from, so that their difference is exact there: zero, as I is log N then.

The gradients are compared in z, pair by pair, and in the weights of the encoder, where each is averaged over the
batches of a reading. The cosine between single batches' exact gradients and their mean is the noise floor: what a batch
of that size can give at best. I and the alignment are also read in a half and a quarter of the population, since
information cannot exceed log N: what moves with N belongs to the training set.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from mibench_population.exact import components_of, rows
from mibench_population.mixture import Normals, mixture_density, own_density
from torch import Tensor
from torch.nn.functional import cosine_similarity

from mibench.contracts import Measurement
from mibench_ib.network import Encoding, encode

BATCHES = 4
"""How many batches a reading takes."""
_WHOLE = ""
_SHARES = {_WHOLE: 1, "/half": 2, "/quarter": 4}
"""By how much the population is divided, and how the measurements of the parts end."""


@dataclass(frozen=True)
class Gradients:
    """The gradients of one batch.

    Attributes:
        z: in the samples; zero where an estimator reads p(z|x) in place of samples.
        weights: in the encoder's weights, joined to one vector.
    """

    z: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Batch:
    """Images, z with the graph to the weights, and what is exact of them.

    Attributes:
        x: the images.
        encoding: p(z|x).
        z: its samples.
        log_ratios: log p(z|x) - log p(z), by the share of the population.
        exact: the exact gradient of I.
        entropy: its part from H(Z).
        conditional: its part from H(Z|X), without its sign.
    """

    x: Tensor
    encoding: Encoding
    z: Tensor
    log_ratios: Mapping[str, Tensor]
    exact: Gradients
    entropy: Gradients
    conditional: Gradients


class Truth:
    """Reads the true information of an encoder.

    Args:
        x: the population, `(1, size, inputs)`.
        weights: the network's, the decoder's last.
        size: images of a batch.
        noise: draws images and z.
    """

    def __init__(self, x: Tensor, weights: Sequence[Tensor], size: int, noise: torch.Generator) -> None:
        self._x, self._weights, self._encoder = x, weights, list(weights[:-2])
        self._noise = noise
        part = x.shape[-2] // max(_SHARES.values())  # so that every image of a batch is in every part
        self._size = min(size, part)
        self._order = torch.randperm(x.shape[-2], generator=torch.Generator().manual_seed(0)).to(x.device)
        self._part = part

    def read(self, estimators: Mapping[str, Callable[[Tensor, Encoding, Tensor], Tensor]]) -> list[Measurement]:
        """I(X;Z) in nats with its standard error, and how each estimator's gradient agrees with the exact one.

        Args:
            estimators: by the end of its measurements' names, a function from x, p(z|x) and z to a surrogate.
        """
        whole = components_of(lambda x: encode(self._weights, x).distribution(), self._x)
        parts = {suffix: self._part_of(whole, share) for suffix, share in _SHARES.items()}
        batches = [self._batch(parts) for _ in range(BATCHES)]
        measured = [*_information(batches), *_parts(batches)]
        for name, surrogate in estimators.items():
            gradients = [self._gradients(surrogate(b.x, b.encoding, b.z), b.z) for b in batches]
            measured += _agreement(name, batches, gradients)
        return measured

    def _batch(self, parts: Mapping[str, Normals]) -> Batch:
        device = self._x.device
        chosen = torch.randint(self._part, (self._size,), generator=self._noise, device=device)
        numbers = self._order[chosen][None]
        x = rows(self._x, numbers)
        encoding = encode(self._weights, x)
        z = encoding.sample(torch.randn(encoding.mean.shape, generator=self._noise, dtype=x.dtype, device=device))
        own = Normals(encoding.mean.detach(), encoding.std.detach())
        at = own_density(own, z.detach())
        margins = {
            suffix: mixture_density(part, z.detach(), chosen[None]).joined(at, 1 / len(part))
            for suffix, part in parts.items()
        }
        ratios = {suffix: (at.log - margin.log).flatten() for suffix, margin in margins.items()}
        score = margins[_WHOLE].score
        exact, entropy, conditional = (
            self._gradients((slope * z).sum() / self._size, z) for slope in (at.score - score, -score, -at.score)
        )
        return Batch(x, encoding, z, ratios, exact, entropy, conditional)

    def _part_of(self, whole: Normals, share: int) -> Normals:
        """The components of a part of the population, in an order in which the first are of every part."""
        numbers = self._order[: len(whole) // share][None]
        return Normals(rows(whole.mean, numbers), rows(whole.std, numbers))

    def _gradients(self, total: Tensor, z: Tensor) -> Gradients:
        in_z, *in_weights = torch.autograd.grad(
            total.sum(), (z, *self._encoder), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return Gradients(in_z, torch.cat([part.flatten() for part in in_weights]))


def _information(batches: Sequence[Batch]) -> Iterator[Measurement]:
    for suffix in _SHARES:
        ratios = torch.cat([batch.log_ratios[suffix] for batch in batches]).double()
        yield Measurement(f"truth/information{suffix}", ratios.mean().item())
        yield Measurement(f"truth/information_error{suffix}", (ratios.std() / math.sqrt(len(ratios))).item())


def _parts(batches: Sequence[Batch]) -> Iterator[Measurement]:
    """The sizes of the exact gradient and of its two parts in the weights, and the noise of single batches."""
    exact = torch.stack([batch.exact.weights for batch in batches])
    entropy = torch.stack([batch.entropy.weights for batch in batches]).mean(0)
    conditional = torch.stack([batch.conditional.weights for batch in batches]).mean(0)
    for name, part in (("", exact.mean(0)), ("/entropy", entropy), ("/conditional", conditional)):
        yield Measurement(f"truth/norm{name}", part.norm().item())
    yield Measurement("truth/cosine/entropy", _cosine(entropy, exact.mean(0)), unit="")
    yield Measurement("truth/noise_floor", _cosine(exact, exact.mean(0)), unit="")


def _agreement(name: str, batches: Sequence[Batch], gradients: Sequence[Gradients]) -> Iterator[Measurement]:
    """Cosines with the exact gradient and ratios of norms, in z and in the weights; none of a gradient that is zero."""
    suffix = f"/{name}" if name else ""
    both = gradients, [batch.exact for batch in batches]
    in_z = [torch.stack([each.z.flatten() for each in side]) for side in both]
    in_weights = [torch.stack([each.weights for each in side]) for side in both]
    means = [side.mean(0) for side in in_weights]
    for place, sides in (("z", in_z), ("weights", means), ("batch", in_weights)):
        if all(side.norm() > 0 for side in sides):
            ratio = (sides[0].norm() / sides[1].norm()).item()
            yield Measurement(f"truth/cosine/{place}{suffix}", _cosine(*sides), truth=1.0, unit="")
            yield Measurement(f"truth/norm_ratio/{place}{suffix}", ratio, truth=1.0, unit="")


def _cosine(ours: Tensor, exact: Tensor) -> float:
    """The cosine of two vectors, or the mean of several pairs'."""
    return cosine_similarity(ours.double(), exact.double(), dim=-1).mean().item()
