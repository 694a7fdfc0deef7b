"""The true information of Y about the images that an encoder learns from, and what estimators' gradients are worth.

`mibench_population.truth` says what is read. The encoder is in training mode and its norms take the statistics of the
batches of a reading together, by which all images are encoded too; what probes see, by running averages, is another f.
A judge sees the x of the trial that it is read in.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from mibench_population.mixture import Normals
from mibench_population.truth import Batch, Known, Surrogate, judging, read_truth
from torch import Tensor

from mibench.contracts import Context, Measurement
from mibench_dim.channel import Channel
from mibench_dim.encoder import Encoder, Features, Shape
from mibench_dim.images import unflatten
from mibench_dim.objectives import Estimated, Objective, Source

_DRAWS = 8
"""Of noise at each image: they cost little beside a pass of the encoder."""


class Readings:
    """Reads an encoder with its channel; nothing of the trial is moved.

    Args:
        encoder: what learns.
        channel: its noise.
        objectives: by the end of their measurements' names; that of the estimator that trains the encoder has none.
        size: images of a batch.
        images: those that stand for all, `(1, images, numbers)`.
    """

    def __init__(
        self, encoder: Encoder, channel: Channel, objectives: Mapping[str, Objective], size: int, images: Tensor
    ) -> None:
        self._encoder, self._channel, self._objectives = encoder, channel, objectives
        self._size, self._images = size, images
        self._features: Features | None = None

    def read(self, epoch: int) -> list[Measurement]:
        """What `Truth.read` measures, on batches of this epoch."""
        known = Known(self._images, list(self._encoder.parameters()), self._encode, self._channel.conditional)
        surrogates = {name: self._surrogate(each) for name, each in self._objectives.items()}
        unmoved = [self._encoder, self._objectives]  # running averages too
        measured = read_truth(known, self._size, epoch, surrogates, unmoved=unmoved, draws=_DRAWS)
        self._features = None
        return [replace(measurement, epoch=epoch) for measurement in measured]

    def _encode(self, x: Tensor) -> Normals:
        self._features = self._channel.encode(unflatten(x[0], self._encoder.shape.image))
        y = self._channel.signal
        return Normals(y, torch.full_like(y, self._channel.noise))

    def _surrogate(self, objective: Objective) -> Surrogate:
        def surrogate(batch: Batch) -> Tensor:
            self._channel.remember(batch.x, batch.own.mean)
            x = batch.x
            if objective.source == "conv" and self._features is not None:
                x = self._features.conv[None, batch.part]
            return objective.surrogate(x, batch.z)

        return surrogate


def judges(source: Source, shape: Shape, context: Context, channel: Channel, images: Tensor) -> dict[str, Objective]:
    """The judges of a trial, by name; to those that ask for it, the images of a reading are the population.

    Raises:
        UnfitError: a judge needs to know what is not known of this x.
        PluginError: a judge cannot be made for another reason.
    """
    made: dict[str, Objective] = {}
    for name, build in context.judges.items():
        with judging(name):
            made[name] = Estimated(source, shape, replace(context, build=build), channel, lambda: images)
    return made
