r"""The true information of an encoder about its training set, and how near an estimator's gradient is to the true one.

x is uniform on the N training images and p(z|x) a normal with independent coordinates, so p(z) is a mixture of N
normals; `mibench_population.mixture` gives its density and score. For each reading, some batches are drawn again:

.. math:: I = \mathbb{E}[\log p(z \mid x) - \log p(z)], \qquad \nabla I = \nabla H(Z) - \nabla H(Z \mid X),

.. math::
    \nabla H(Z) = -\mathbb{E}[\nabla_z \log p(z) \, dz], \qquad
    \nabla H(Z \mid X) = -\mathbb{E}[\nabla_z \log p(z \mid x) \, dz].

By the score identity only the paths through z count. The noise of the two parts is the same where z tells which x it
comes from, so that their difference is exact there: zero, as I is log N then.

The gradients are compared in z, pair by pair, and in the weights of the encoder, where each is averaged over the
batches of a reading. The cosine of single batches' exact gradients, from one z at each x, with the mean over batches is
the noise floor: what a batch of that size can give at best. I is also read in a half and a quarter of the population,
since information cannot exceed log N: what moves with N belongs to the training set.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Conditional, Measurement
from mibench.errors import MibenchError, PluginError, UnfitError
from mibench.text import message_of
from mibench.training import restore, snapshot
from mibench_population.components import components_of, rows
from mibench_population.mixture import Density, Normals, log_ratio, mixture_density, own_density

BATCHES = 4
"""How many batches a reading takes."""
_WHOLE = ""
_SHARES = {_WHOLE: 1, "/half": 2, "/quarter": 4}
"""By how much the population is divided, and how the measurements of the parts end."""


@dataclass(frozen=True)
class Known:
    """What is known of an encoder that is read.

    Attributes:
        x: the population, `(1, size, inputs)`.
        weights: those of the encoder.
        encode: p(z|x) of all batches of a reading together, with the graph to the weights.
        conditional: p(z|x) of other x, by the law that the batches were last encoded by.
    """

    x: Tensor
    weights: Sequence[Tensor]
    encode: Callable[[Tensor], Normals]
    conditional: Conditional


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
        part: where it stands among the batches of the reading, which are encoded together.
        x: the images.
        own: p(z|x), with its graph.
        z: its samples.
        log_ratios: log p(z|x) - log p(z) of all draws, by the share of the population.
        exact: the exact gradient of I; in the weights the mean over all draws.
        single: the exact gradient in the weights from one z at each x, as an estimator gets it.
    """

    part: slice
    x: Tensor
    own: Normals
    z: Tensor
    log_ratios: Mapping[str, Tensor]
    exact: Gradients
    single: Tensor


Surrogate = Callable[[Batch], Tensor]
"""From a batch of a reading to an estimator's surrogate."""


class Truth:
    """Reads the true information of an encoder.

    Args:
        encoder: what is read.
        size: images of a batch.
        noise: draws images and z.
        draws: of z at each x, over which exact numbers are averaged; estimators see the first.
    """

    def __init__(self, encoder: Known, size: int, noise: torch.Generator, draws: int = 1) -> None:
        self._encoder, self._noise, self._draws = encoder, noise, draws
        population = encoder.x.shape[-2]
        self._part = population // max(_SHARES.values())  # so that every image of a batch is in every part
        if not self._part:
            raise UnfitError(f"{population} images have no quarter to read the truth in: leave out truth_every")
        self._size = min(size, self._part)
        self._order = torch.randperm(population, generator=torch.Generator().manual_seed(0)).to(encoder.x.device)

    def read(self, estimators: Mapping[str, Surrogate], *, first: bool = False) -> list[Measurement]:
        """I(X;Z) in nats with its standard error, and how each estimator's gradient agrees with the exact one.

        Args:
            estimators: by the end of its measurements' names.
            first: whether nothing has been trained yet, so that a judge can still be refused.

        Raises:
            UnfitError: the gradient of a judge is not finite at the first reading; later it is left out. And as
                `judging`, which raises `PluginError` too.
        """
        batches, entropy = self._batches()
        measured = [*_information(batches), *_parts(batches, entropy)]
        for name, surrogate in estimators.items():
            with judging(name):
                gradients = [self._gradients(surrogate(batch), batch.z) for batch in batches]
                if first and name and not all(each.weights.isfinite().all() for each in gradients):
                    raise UnfitError("its gradient is not finite on these images: leave it out of judge")
            measured += _agreement(name, batches, gradients)
        return measured

    def _batches(self) -> tuple[list[Batch], Tensor]:
        """Draws images, encodes those of all batches together, and then the population by the same law.

        Returns:
            The batches, and the part from H(Z) of the exact gradient in the weights, of all of them.
        """
        device = self._encoder.x.device
        chosen = torch.randint(self._part, (BATCHES * self._size,), generator=self._noise, device=device)
        x = rows(self._encoder.x, self._order[chosen][None])
        own = self._encoder.encode(x).resolved()
        noise = torch.randn((1, self._draws, *own.mean.shape[1:]), generator=self._noise, dtype=x.dtype, device=device)
        drawn = own.mean[:, None] + own.std[:, None] * noise
        mean, std = (moment.detach()[:, None].expand_as(drawn) for moment in (own.mean, own.std))
        at = own_density(Normals(mean, std), drawn.detach())
        ratios = self._log_ratios(drawn.detach(), at, chosen)
        entropy = self._gradients(_mean((ratios[_WHOLE].score - at.score) * drawn)).weights
        parts = [slice(start, start + self._size) for start in range(0, len(chosen), self._size)]
        return [self._batch(part, x, own, drawn, ratios) for part in parts], entropy

    def _log_ratios(self, drawn: Tensor, at: Density, chosen: Tensor) -> dict[str, Density]:
        """log p(z|x) / p(z) in each part of the population; the smaller parts are the first of the larger ones."""
        whole = components_of(self._encoder.conditional, self._encoder.x)
        z, shape = drawn.flatten(1, 2), drawn.shape[1:3]
        ratios: dict[str, Density] = {}
        others, start = None, 0
        for suffix, share in sorted(_SHARES.items(), key=lambda item: -item[1]):
            end = len(whole) // share
            numbers = self._order[start:end][None]
            part = Normals(rows(whole.mean, numbers), rows(whole.std, numbers))
            if others is None:
                others = mixture_density(part, z, chosen.repeat(self._draws)[None])
            else:
                others = others.joined(mixture_density(part, z), (end - start) / (end - 1))
            here = Density(others.log.unflatten(1, shape), others.score.unflatten(1, shape))
            ratios[suffix], start = log_ratio(at, here, 1 / end), end
        return ratios

    def _batch(self, part: slice, x: Tensor, own: Normals, drawn: Tensor, ratios: Mapping[str, Density]) -> Batch:
        drawn, slope = drawn[:, :, part], ratios[_WHOLE].score[:, :, part]
        log_ratios = {suffix: ratio.log[:, :, part].mean(1).flatten() for suffix, ratio in ratios.items()}
        z, law = drawn[:, 0], Normals(own.mean[:, part], own.std[:, part])
        weights = self._gradients(_mean(slope * drawn)).weights
        single = weights if self._draws == 1 else self._gradients(_mean(slope[:, 0] * z)).weights
        return Batch(part, x[:, part], law, z, log_ratios, Gradients(slope[:, 0] / self._size, weights), single)

    def _gradients(self, total: Tensor, z: Tensor | None = None) -> Gradients:
        """The gradients of a scalar in z, if it is given, and in the weights."""
        sought = (*([] if z is None else [z]), *self._encoder.weights)
        found = torch.autograd.grad(total.sum(), sought, retain_graph=True, allow_unused=True, materialize_grads=True)
        in_weights = found[len(found) - len(self._encoder.weights) :]
        in_z = total.new_zeros(()) if z is None else found[0]
        return Gradients(in_z, torch.cat([part.flatten() for part in in_weights]))


def read_truth(
    known: Known,
    size: int,
    epoch: int,
    surrogates: Mapping[str, Surrogate],
    *,
    unmoved: Any,
    draws: int = 1,
) -> list[Measurement]:
    """What `Truth.read` measures, on batches of an epoch.

    Args:
        known: the encoder.
        size: images of a batch.
        epoch: whose images and z are drawn.
        surrogates: by the end of their measurements' names; that of the estimator that trains the encoder has none.
        unmoved: what reading may draw from or change, which is put back.
        draws: of z at each x.

    Raises:
        UnfitError: a judge, which is named, cannot be run on these batches.
        PluginError: a judge, which is named, fails in another way.
    """
    device = known.x.device
    noise = torch.Generator(device).manual_seed(epoch)
    before = snapshot(unmoved)
    measured = Truth(known, size, noise, draws).read(surrogates, first=epoch == 0)
    restore(unmoved, before, device)
    return measured


def some_of(x: Tensor, images: int) -> Tensor:
    """So many rows of a population `(1, size, inputs)`, the same at every reading; all of them where images is 0."""
    size = x.shape[-2]
    if not 0 < images < size:
        return x
    return x[:, torch.randperm(size, generator=torch.Generator().manual_seed(1))[:images].to(x.device)]


def check_readings(truth_every: int, judge: str, images: int, batch: int) -> None:
    """Refuses what a cell may not ask for.

    Args:
        truth_every: epochs from one reading to the next.
        judge: the names of those that are judged.
        images: how many of the population are read.
        batch: images of a batch.

    Raises:
        ValueError: in one line.
    """
    least = batch * max(_SHARES.values())
    if images and images < least:
        raise ValueError(
            f"truth_images={images} leaves no batch of {batch} in a quarter: give {least} or more, 0 for all"
        )
    if judge and not truth_every:
        raise ValueError(f"judge={judge} is read every `truth_every` epochs, which is 0")
    if images and not truth_every:
        raise ValueError(f"truth_images={images} are read every `truth_every` epochs, which is 0")


def agreed(ours: Float[Tensor, "k d"], exact: Float[Tensor, "k d"]) -> tuple[float, float] | None:
    """The mean cosine of vectors with exact ones, of those that are both not 0, and the ratio of all norms together."""
    ours, exact = ours.double(), exact.double()
    sizes = ours.norm(dim=-1), exact.norm(dim=-1)
    there = (sizes[0] > 0) & (sizes[1] > 0)
    if not (there.any() and ours.isfinite().all()):
        return None
    of_ours, of_exact = (side[there] / size[there, None] for side, size in zip((ours, exact), sizes, strict=True))
    return (of_ours * of_exact).sum(-1).mean().item(), (ours.norm() / exact.norm()).item()


@contextmanager
def judging(name: str) -> Generator[None]:
    """Names a judge that fails, which the estimator that trains is not to blame for.

    Args:
        name: of a judge; empty for the estimator that trains, whose errors are left as they are.

    Raises:
        UnfitError: the judge does not fit, or raised a `ValueError`.
        PluginError: it failed in another way.
    """
    try:
        yield
    except Exception as error:
        if not name:
            raise
        if isinstance(error, UnfitError | ValueError):
            raise UnfitError(f"judge {name}: {message_of(error)}") from error
        kind = "" if isinstance(error, MibenchError) else f"{type(error).__name__}: "
        raise PluginError(f"judge {name}: {kind}{message_of(error)}") from error


def _information(batches: Sequence[Batch]) -> Iterator[Measurement]:
    for suffix in _SHARES:
        ratios = torch.cat([batch.log_ratios[suffix] for batch in batches]).double()
        yield Measurement(f"truth/information{suffix}", ratios.mean().item())
        yield Measurement(f"truth/information_error{suffix}", (ratios.std() / math.sqrt(len(ratios))).item())


def _mean(products: Tensor) -> Tensor:
    """The sum over coordinates, and the mean over all else."""
    return products.sum() / products[..., 0].numel()


def _parts(batches: Sequence[Batch], entropy: Tensor) -> Iterator[Measurement]:
    """The sizes of the exact gradient and of its two parts in the weights, and the noise of single batches."""
    exact = torch.stack([batch.exact.weights for batch in batches])
    conditional = entropy - exact.mean(0)
    for name, part in (("", exact.mean(0)), ("/entropy", entropy), ("/conditional", conditional)):
        yield Measurement(f"truth/norm{name}", part.norm().item())
    single = torch.stack([batch.single for batch in batches])
    for name, part in (("cosine/entropy", entropy[None]), ("noise_floor", single)):
        agreement = agreed(part, exact.mean(0).expand_as(part))
        if agreement is not None:
            yield Measurement(f"truth/{name}", agreement[0], unit="")


def _agreement(name: str, batches: Sequence[Batch], gradients: Sequence[Gradients]) -> Iterator[Measurement]:
    """Cosines with the exact gradient and ratios of norms, in z and in the weights; none of a gradient that is zero."""
    suffix = f"/{name}" if name else ""
    both = gradients, [batch.exact for batch in batches]
    in_z = [torch.stack([each.z.flatten() for each in side]) for side in both]
    in_weights = [torch.stack([each.weights for each in side]) for side in both]
    means = [side.mean(0, keepdim=True) for side in in_weights]
    for place, sides in (("z", in_z), ("weights", means), ("batch", in_weights)):
        agreement = agreed(*sides)
        if agreement is not None:
            for what, value in zip(("cosine", "norm_ratio"), agreement, strict=True):
                yield Measurement(f"truth/{what}/{place}{suffix}", value, truth=1.0, unit="")
