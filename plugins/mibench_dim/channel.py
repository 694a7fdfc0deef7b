r"""The noise that makes the information of Y finite, and its law known: Y = f(image) + noise * eps.

With `power=fixed` it is Y = (f - mean) / deviation + noise * eps, by the batch's moments of each coordinate.
Information then cannot be had by scale, and is at most :math:`\frac{d}{2} \log(1 + 1 / \mathrm{noise}^2)` in d
dimensions, the capacity of the normal channel. With `power=free` the scale of f can grow until every image is told
apart: I is log N there, its gradient zero.

p(Y|image) is normal, and where images are the N that the encoder learns from, p(Y) is a mixture of N normals. An
estimator that reads p(y|x) or the population gets both (`exact`).

f is a batch norm's. In training its statistics are those of the batch, so that f changes from batch to batch; the
running averages, by which probes see images, are another f. p(y|x) of all images is here that of the batch at hand: its
own statistics, held fixed, make the other images' means too, so that a sample and the population follow one law.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float
from mibench_population.at_hand import AtHand
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.func import functional_call

from mibench.contracts import Population
from mibench.errors import UnfitError
from mibench.executors.machine import memory
from mibench.text import gibibytes
from mibench_dim.encoder import Encoder, Features
from mibench_dim.images import Images, Inputs, flatten, unflatten
from mibench_dim.precision import Precision, casting

FAINTEST = torch.finfo(torch.float32).eps
"""Less noise than this is lost beside a Y of about one in single precision."""
_LEAST = 1e-5
"""Added to a variance, as torch's norms do."""
_COPIES = 3
"""Of the population while bytes become numbers from -1 to 1."""
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Channel:
    """What is known of Y while an encoder learns.

    Its slots keep it out of checkpoints: encoder and generator are there by themselves, the images are those of the
    data set, and the rest is made anew at the next batch.

    Args:
        encoder: f.
        images: those that the encoder learns from.
        noise: the standard deviation of what is added to f.
        fixed: whether f is divided by its deviation first.
        generator: draws it.
        precision: of the encoder's layers.
    """

    __slots__ = (
        "_batch",
        "_encoder",
        "_fixed",
        "_generator",
        "_moments",
        "_precision",
        "_statistics",
        "noise",
        "population",
    )
    _precision: Precision

    def __init__(
        self,
        encoder: Encoder,
        images: Images,
        noise: float,
        generator: torch.Generator,
        *,
        fixed: bool = False,
        precision: Precision = "float32",
    ) -> None:
        self._encoder, self._generator, self._precision = encoder, generator, precision
        self.noise, self._fixed = noise, fixed
        self.population = _population(images)
        self._batch = AtHand[Tensor]()
        self._statistics = dict(encoder.named_buffers())
        self._moments: tuple[Tensor, Tensor] | None = None

    def encode(self, inputs: Inputs) -> Features:
        """Passes a batch through the encoder in training mode; what is known of Y is from now on by its statistics."""
        with casting(self._precision, inputs.device), _noting(self._encoder, self._statistics):
            features = self._encoder.train()(inputs)
        y = features.y
        if self._fixed:
            variance, mean = torch.var_mean(y, 0, correction=0)
            deviation = (variance + _LEAST).sqrt()
            y, self._moments = (y - mean) / deviation, (mean.detach(), deviation.detach())
        self.remember(flatten(inputs)[None], y[None])
        return features

    def remember(self, x: Float[Tensor, "1 n numbers"], y: Float[Tensor, "1 n dimension"]) -> None:
        """Keeps what was made of images, before noise, until the next batch."""
        self._batch.remember(x, y)

    @property
    def signal(self) -> Float[Tensor, "1 n dimension"]:
        """Y of the batch at hand, before noise.

        Raises:
            RuntimeError: no batch has been encoded.
        """
        if self._batch.made is None:
            raise RuntimeError("no batch has been encoded")
        return self._batch.made

    def send(self) -> Float[Tensor, "1 n dimension"]:
        """Y of the batch at hand, with new noise."""
        y = self.signal
        return y + self.noise * torch.randn(y.shape, generator=self._generator, device=y.device, dtype=y.dtype)

    def conditional(self, x: Float[Tensor, "1 n numbers"]) -> Distribution:
        """p(Y|image); of the batch at hand without a second pass, and without a graph where none is recorded."""
        mean = self._encoded(x)
        mean = mean if torch.is_grad_enabled() else mean.detach()
        return Independent(Normal(mean, torch.full_like(mean, self.noise), validate_args=False), 1, validate_args=False)

    def _encoded(self, x: Float[Tensor, "1 n numbers"]) -> Float[Tensor, "1 n dimension"]:
        if (known := self._batch.of(x)) is not None:
            return known
        inputs = unflatten(x[0], self._encoder.shape.image)
        trains = self._encoder.training
        with casting(self._precision, x.device):
            features: Features = functional_call(self._encoder.eval(), self._statistics, (inputs,))
        self._encoder.train(trains)
        y = features.y
        if self._moments is not None:
            mean, deviation = self._moments
            y = (y - mean) / deviation
        return y[None]


def _population(images: Images) -> Population:
    """All images as numbers, made when they are first asked for.

    Raises:
        UnfitError: they take more memory than there is.
    """
    made: list[Tensor] = []

    def population() -> Float[Tensor, "1 size numbers"]:
        if not made:
            _refuse_beyond_memory(images)
            made.append(flatten(images.take(slice(None)))[None])
        return made[0]

    return population


def _refuse_beyond_memory(images: Images) -> None:
    pixels = images.pixels
    needed = _COPIES * pixels.numel() * torch.finfo(images.dtype).bits // 8
    cuda = pixels.device.type == "cuda"
    there = torch.cuda.get_device_properties(pixels.device).total_memory if cuda else memory()
    if there is not None and needed > there:
        raise UnfitError(
            f"the population of {len(images)} images of {pixels[0].numel()} numbers takes {gibibytes(needed)} while "
            f"it is made, and {'the GPU' if cuda else 'the machine'} has {gibibytes(there)}: leave out `exact` and "
            "truth_every"
        )


@contextmanager
def _noting(encoder: Encoder, statistics: dict[str, Tensor]) -> Generator[None]:
    """Puts the means and variances that norms divide a batch by where their running averages have their names."""

    def note(name: str, norm: nn.Module, inputs: tuple[Tensor]) -> None:
        del norm
        (layer,) = inputs
        rows = layer.detach().float().movedim(1, -1).flatten(0, -2)  # a view: channels are last in memory
        mean = rows.mean(0)
        variance = (rows - mean).square().mean(0)  # several times as fast on a CPU as `torch.var_mean`
        statistics.update({f"{name}.running_mean": mean, f"{name}.running_var": variance})

    norms = {name: layer for name, layer in encoder.named_modules() if isinstance(layer, _NORMS)}
    hooks = [norm.register_forward_pre_hook(partial(note, name)) for name, norm in norms.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
