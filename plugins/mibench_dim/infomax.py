r"""The task `dim`: an encoder maximises I(x; Y) without labels, is frozen, and probes are trained on its layers.

.. math::
    \max_\mathrm{encoder} \; I(x; Y) - 0.1 \cdot \text{(cost of not matching the prior)}, \qquad
    Y = \mathrm{encoder(image)}

Papers: Hjelm et al., Deep InfoMax, ICLR 2019; Wen et al., ICLR 2020, section 5.1: Tables 1, 2 and 4, Figure 2.
Protocol: images scaled to [-1, 1], without augmentation; batches without the remainder; Adam. Encoder and critic take
their steps from one place: the encoder passes over a batch once and ascends, then the critic is updated on what that
gave. If a data set has unlabelled images (STL-10), the encoder learns from those alone. Which x an estimator sees is
said in `mibench_dim.objectives`.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Annotated, Literal

import torch
from jaxtyping import Float, UInt8
from mibench_population.truth import check_readings, some_of
from torch import Tensor

from mibench.adam import Adam
from mibench.contracts import Context, Dataset, Measurement, Task
from mibench.datasets import DataFolder
from mibench.errors import DivergedError, UsageError
from mibench.ranges import Above, AtLeast
from mibench.specs import CheckedParams, added, watching
from mibench.text import number
from mibench.training import generator_from, train
from mibench_dim.channel import FAINTEST, Channel
from mibench_dim.encoder import Encoder, Features, save_encoder, shape_of
from mibench_dim.images import Images
from mibench_dim.objectives import make_objective, resolve
from mibench_dim.precision import Precision, casting, multiplying
from mibench_dim.prior import PriorMatching
from mibench_dim.probes import Probes, Probing, ends, features_of, shuffled, widths
from mibench_dim.readings import Readings, judges
from mibench_dim.representation import deviation, effective_rank

_WATCHED = 2000
"""Test images on which the representation is watched while the encoder learns."""


@dataclass(frozen=True, kw_only=True)
class Cell(CheckedParams):
    """One cell.

    Attributes:
        dataset: see `mibench list datasets`; images below 32x32 are enlarged to that.
        mode: whether x is the whole image, or each location of a feature map in turn.
        prior_matching: whether an adversary pulls sigmoid(Y) to a uniform prior.
        x: what an estimator sees in global mode: the image, the last convolutional map, or which of them was published.
        epochs: of the encoder.
        probe_epochs: of the probes.
        batch: images a step; a step of the probes takes all labelled images where these are fewer.
        learning_rate: of the encoder.
        probe_learning_rate: of the probes at first.
        precision: of the encoder's layers in training; tf32 is float32 on a CPU.
        channels: of the convolutions.
        hidden: units of the fully connected layer.
        dimension: of Y.
        local_units: width of the local critics of JSD and InfoNCE.
        noise: standard deviation of what is added to Y in training, in global mode; see `mibench_dim.channel`.
        power: whether Y has the scale that the encoder gives it, or is divided by its deviation before noise is added.
        truth_every: epochs of the encoder from one reading of true information and gradient to the next; 0 for none.
        judge: estimators that do not train, joined by `+`, whose gradients are read then too.
        truth_images: how many of the training images a reading and its judges take for all, drawn once; 0 for all.
    """

    dataset: str = "cifar10"
    mode: Literal["global", "local"] = "global"
    prior_matching: bool = False
    x: Literal["auto", "image", "conv"] = "auto"
    epochs: Annotated[int, AtLeast(1)] = 1000
    probe_epochs: Annotated[int, AtLeast(1)] = 150
    batch: Annotated[int, AtLeast(2)] = 64
    learning_rate: Annotated[float, Above(0)] = 1e-4
    probe_learning_rate: Annotated[float, Above(0)] = 1e-4
    precision: Precision = "float32"
    channels: Annotated[tuple[int, ...], AtLeast(1)] = (64, 128, 256)
    hidden: Annotated[int, AtLeast(1)] = 1024
    dimension: Annotated[int, AtLeast(1)] = 64
    local_units: Annotated[int, AtLeast(1)] = 2048
    noise: Annotated[float, AtLeast(0)] = added(0.0)
    power: Literal["free", "fixed"] = added("free")
    truth_every: Annotated[int, AtLeast(0)] = watching(0)
    judge: str = watching("")
    truth_images: Annotated[int, AtLeast(0)] = watching(0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= len(self.channels) <= 5:
            raise ValueError(f"2 to 5 convolutions are needed, not {len(self.channels)}")
        if self.mode == "local" and self.x != "auto":
            raise ValueError(f"in local mode x is each location of a feature map, not x={self.x}")
        self._check_noise()
        check_readings(self.truth_every, self.judge, self.truth_images, self.batch)
        if self.truth_every and not self.noise:
            raise ValueError("truth_every reads the information of Y, which is infinite without noise: give noise too")

    def _check_noise(self) -> None:
        if 0 < self.noise < FAINTEST:
            least = number(1.05 * FAINTEST, 2)  # above it, however it is rounded
            raise ValueError(f"noise={self.noise} is lost beside Y in float32; take 0, or at least {least}")
        if self.noise > 1 / FAINTEST:
            most = number(0.95 / FAINTEST, 2)  # below it
            raise ValueError(f"beside noise={self.noise} Y is lost in float32; take at most {most}")
        if self.noise and self.mode == "local":
            raise ValueError("noise is added to Y in global mode; leave it out in local mode")
        if self.power == "fixed" and not self.noise:
            raise ValueError("power=fixed is for a Y with noise: give noise too")


class DeepInfoMax(Task):
    """Measures, by epoch and at the end, what probes read off each layer and what the representation is like.

    `accuracy/LAYER` and `best_accuracy/LAYER` of conv, fc and Y, `confusion/TRUE/NAMED` at Y; `objective` of estimators
    whose surrogate is a number in nats, `std` and `effective_rank` of Y; `epoch_seconds` and `probe_epoch_seconds`,
    medians at the end; `x_dimension/WHICH`.
    """

    Params = Cell

    def prepare(self, cells: Sequence[Cell], folder: DataFolder) -> list[str]:
        """Reads every data set once; a batch must fit in what the encoder learns from."""
        identities: dict[str, str] = {}
        for name in {cell.dataset for cell in cells}:
            size = len(_learnt(folder.load(name)))
            batch = max(cell.batch for cell in cells if cell.dataset == name)
            if batch > size:
                raise UsageError(f"batch={batch} is more than the {size} images of {name} that the encoder learns from")
            identities[name] = folder.identify(name)
        return [identities[cell.dataset] for cell in cells]

    def run(self, cells: Sequence[Cell], context: Context) -> Iterator[list[Measurement]]:
        """Trains one encoder after the other."""
        for cell, trial in zip(cells, context.per_trial(), strict=True):
            with multiplying(cell.precision):
                yield _Run(cell, trial).measure()


class _Learner:
    """Everything that training changes, and nothing else: what a checkpoint holds.

    The encoder, the order of images and the probes come from the stream of the data, so that estimators are compared on
    the same ones; critics and projections from the estimator's own.
    """

    def __init__(self, cell: Cell, context: Context, data: Dataset, images: Images) -> None:
        (stream,) = context.data
        shape = shape_of(data.train.images, cell.channels, cell.hidden, cell.dimension)
        self.encoder = Encoder(shape, stream).to(context.device, context.dtype)
        like = self.encoder.output.weight
        self.probes = Probes(widths(self.encoder), data.classes, cell.probe_learning_rate, stream, like)
        self.noise = generator_from(stream, context.device)
        self.prior = PriorMatching(cell.dimension, cell.learning_rate, stream, like) if cell.prior_matching else None
        self.eps = generator_from(stream, context.device) if cell.noise else None  # last, since it is not always drawn
        self.channel = self._channel(cell, images)
        self.objective = make_objective(cell.mode, cell.x, shape, cell.local_units, context, self.channel)
        ascending = [*self.encoder.parameters(), *(self.objective.parameters() if self.objective else [])]
        self.optimiser = Adam(ascending, cell.learning_rate)

    def step(self, inputs: Float[Tensor, "n channels height width"], precision: Precision) -> Float[Tensor, ""]:
        """One step of everything on a batch; returns the surrogate before it, without waiting for it."""
        features = self._encode(inputs, precision)
        if self.objective is None:
            return inputs.new_zeros(())  # the norms have seen the batch, and nothing learns
        x, y = self.objective.pair(inputs, features)
        surrogate = self.objective.surrogate(x, y)
        loss = -surrogate if self.prior is None else self.prior.loss(features.y) - surrogate
        self.optimiser.step(torch.autograd.grad(loss, self.optimiser.parameters))
        self.objective.update(x, y)
        if self.prior is not None:
            self.prior.update(features.y, self.noise)
        return surrogate.detach()

    def _channel(self, cell: Cell, images: Images) -> Channel | None:
        if self.eps is None:
            return None
        fixed = cell.power == "fixed"
        return Channel(self.encoder, images, cell.noise, self.eps, fixed=fixed, precision=cell.precision)

    def _encode(self, inputs: Float[Tensor, "n channels height width"], precision: Precision) -> Features:
        if self.channel is not None:
            return self.channel.encode(inputs)
        with casting(precision, inputs.device):
            return self.encoder(inputs)


class _Run:
    """One trial: the data, what learns from it, and what is measured."""

    def __init__(self, cell: Cell, context: Context) -> None:
        data = context.folder.load(cell.dataset)
        self._cell, self._context, self._data = cell, context, data
        self._images = Images(_learnt(data), context.device, context.dtype)
        self._test = Images(data.test.images, context.device, context.dtype)
        self._watched = Images(data.test.images[:_WATCHED], context.device, context.dtype)
        self._learner = _Learner(cell, context, data, self._images)
        self._readings = self._make_readings() if cell.truth_every else None

    def measure(self) -> list[Measurement]:
        """Trains the encoder, then the probes, in one sequence of epochs that a checkpoint can interrupt anywhere.

        Raises:
            UnfitError: a judge cannot be run on these batches; known before anything is trained.
            PluginError: a judge fails in another way.
        """
        cell, context = self._cell, self._context
        if cell.judge and self._readings:
            self._readings.read(0)
        epochs = cell.epochs + cell.probe_epochs
        curves = train(self._learner, self._epoch, epochs, context.checkpoints[0], context.device)
        encoder = self._learner.encoder
        context.artifacts[0].write("encoder.safetensors", lambda file: save_encoder(encoder, file))
        return [
            *ends(curves),
            *_last(curves),
            *self._probing.confusion(self._data.classes),
            *self._objective_size(),
            *curves,
        ]

    def _epoch(self, number: int) -> list[Measurement]:
        learns = number <= self._cell.epochs
        number = number if learns else number - self._cell.epochs
        epoch = self._learn if learns else self._probing.epoch  # features are computed before the clock starts
        start = time.perf_counter()
        measured = epoch(number)
        seconds = time.perf_counter() - start
        name = "epoch_seconds" if learns else "probe_epoch_seconds"
        measured.append(Measurement(name, seconds, unit="s", epoch=number))
        if learns and self._readings and (number % self._cell.truth_every == 0 or number == self._cell.epochs):
            start = time.perf_counter()
            measured += self._readings.read(number)
            measured.append(Measurement("truth_seconds", time.perf_counter() - start, unit="s", epoch=number))
        return measured

    def _learn(self, number: int) -> list[Measurement]:
        learner = self._learner
        learner.encoder.train()
        orders = shuffled(len(self._images), self._cell.batch, learner.noise)
        total = torch.zeros((), device=self._context.device)
        for chosen in orders:
            total += learner.step(self._images.take(chosen), self._cell.precision)
        return self._watch(number, (total / len(orders)).item())

    def _make_readings(self) -> Readings | None:
        cell, context, learner = self._cell, self._context, self._learner
        if learner.channel is None:
            return None
        source = resolve(cell.mode, cell.x, trains=context.spec.trains)
        images = some_of(learner.channel.population(), cell.truth_images)
        objectives = judges(source, learner.encoder.shape, context, learner.channel, images)
        if learner.objective is not None:
            objectives = {"": learner.objective, **objectives}
        return Readings(learner.encoder, learner.channel, objectives, cell.batch, images)

    def _watch(self, number: int, objective: float) -> list[Measurement]:
        """The objective where its value means something, and what the representation is like."""
        y = torch.cat([chunk.y for chunk in self._learner.encoder.chunks(self._watched)])
        if not bool(y.isfinite().all()):
            raise DivergedError(f"the representation is not finite after epoch {number}")
        return [
            *self._objective(number, objective),
            Measurement("std", deviation(y), unit="", epoch=number),
            Measurement("effective_rank", effective_rank(y), unit="", epoch=number),
        ]

    def _objective(self, number: int, value: float) -> list[Measurement]:
        """Nothing for a baseline, and where the number of the surrogate means nothing."""
        objective = self._learner.objective
        if objective is None or not objective.in_nats:
            return []
        return [Measurement("objective", value, unit="nats", epoch=number)]

    def _objective_size(self) -> list[Measurement]:
        """The dimension of the x that the objective sees."""
        objective = self._learner.objective
        if objective is None:
            return []
        return [Measurement(f"x_dimension/{objective.source}", float(objective.dimension), unit="")]

    @cached_property
    def _probing(self) -> Probing:
        """The probes on features of the encoder, which from here on stays as it is."""
        learner, data, context = self._learner, self._data, self._context
        labelled = data.unlabelled is None
        images = self._images if labelled else Images(data.train.images, context.device, context.dtype)
        seen = features_of(learner.encoder, images, data.train.labels)
        unseen = features_of(learner.encoder, self._test, data.test.labels)
        return Probing(learner.probes, seen, unseen, self._cell.batch, learner.noise)


def _learnt(data: Dataset) -> UInt8[Tensor, "n channels height width"]:
    """The images that the encoder learns from."""
    return data.train.images if data.unlabelled is None else data.unlabelled


def _last(curves: Sequence[Measurement]) -> list[Measurement]:
    """What the curves of the encoder end with, and medians of seconds."""
    names = dict.fromkeys(point.name for point in curves)
    ending = ("objective", "std", "effective_rank", *(name for name in names if name.startswith("truth/")))
    measured: list[Measurement] = []
    for name in (*ending, "epoch_seconds", "probe_epoch_seconds", "truth_seconds"):
        curve = [point for point in curves if point.name == name]
        if curve:
            value = median(point.value for point in curve) if name.endswith("seconds") else curve[-1].value
            measured.append(replace(curve[-1], value=value, epoch=None))
    return measured
