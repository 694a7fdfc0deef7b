r"""The task `ib`: a classifier whose representation is kept from knowing its input (Wen et al., ICLR 2020, Eq. 18).

.. math:: L = H(y \mid z) + \beta \, I(Z;X), \qquad z = m(x) + s(x) \, \epsilon

with standard normal noise, in nats throughout, or with the square of I(Z;X) (Kolchinsky, Tracey & Van Kuyk, Caveats for
Information Bottleneck in Deterministic Scenarios, ICLR 2019), by which every point of the curve is the minimum for some
beta. I(Z;X) is the surrogate of any estimator that has one: it gets the batch as (x, z), and p(z|x) if it asks for it.
An estimator that trains takes a step up its own objective on every batch before the encoder takes one down the loss. A
baseline brings its own loss, and its z is the mean.

Protocol (the DVB authors' demo): inputs 2x - 1, batches of 100 without the remainder, Adam with beta1 = 0.5, a learning
rate that falls every two epochs, and an exponential moving average of the weights (decay 0.999), corrected for its
start. Reported are the averaged weights, and beside them the last ones.
"""

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from mibench_population.at_hand import AtHand
from mibench_population.mixture import Normals
from mibench_population.truth import Batch, Known, Surrogate, check_readings, judging, read_truth, some_of
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import cross_entropy

from mibench.adam import Adam
from mibench.contracts import Context, Estimator, Measurement, Task
from mibench.datasets import DataFolder
from mibench.errors import DivergedError, UnfitError, UsageError
from mibench.ranges import AtLeast
from mibench.specs import CheckedParams, added, watching
from mibench.training import generator_from, train
from mibench_ib import evaluation
from mibench_ib.average import Average
from mibench_ib.baselines import Baseline
from mibench_ib.network import Weights, decode, encode, initial_weights
from mibench_ib.samples import Samples, hold_out

_EVERY = 2
_DECAY = 0.999
_MI_SAMPLES = 1000


@dataclass(frozen=True)
class Schedule:
    """The learning rate of the first epochs, and what is left of it every two."""

    start: float
    decay: float


SCHEDULES: Mapping[str, Schedule] = MappingProxyType({"paper": Schedule(2e-4, 0.96), "demo": Schedule(1e-4, 0.97)})
"""The schedules of the MIGE paper, section 5.2, and of the DVB authors' demo."""


@dataclass(frozen=True, kw_only=True)
class Cell(CheckedParams):
    """One cell.

    Attributes:
        dataset: see `mibench list datasets`.
        beta: weight of I(Z;X) in nats.
        epochs: over all of the training set.
        batch: samples a step.
        schedule: of the learning rate: the MIGE paper's or the DVB authors' demo's.
        hidden: widths of the encoder's hidden layers.
        latent: dimension of z.
        samples: of z at each x, over which an answer is averaged.
        validation: training images that are held out, the same in every trial, so that beta can be chosen by them.
        penalty: beta times I(Z;X), or times its square, for which the estimator must give a value.
        truth_every: epochs from one reading of the true information and gradient to the next; 0 for none.
        judge: estimators that do not train, joined by `+`, whose gradients are read then too.
        truth_images: how many of the training images a reading and its judges take for all, drawn once; 0 for all.
    """

    dataset: str = "mnist"
    beta: Annotated[float, AtLeast(0)] = 1e-3
    epochs: Annotated[int, AtLeast(1)] = 200
    batch: Annotated[int, AtLeast(2)] = 100
    schedule: Literal["paper", "demo"] = "paper"
    hidden: Annotated[tuple[int, ...], AtLeast(1)] = (1024, 1024)
    latent: Annotated[int, AtLeast(1)] = 256
    samples: Annotated[int, AtLeast(1)] = 12
    validation: Annotated[int, AtLeast(0)] = added(0)
    penalty: Literal["linear", "squared"] = added("linear")
    truth_every: Annotated[int, AtLeast(0)] = watching(0)
    judge: str = watching("")
    truth_images: Annotated[int, AtLeast(0)] = watching(0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_readings(self.truth_every, self.judge, self.truth_images, self.batch)


class InformationBottleneck(Task):
    """Measures error rates, the cross-entropy, and what z knows of x, by epoch and at the end."""

    Params = Cell

    def prepare(self, cells: Sequence[Cell], folder: DataFolder) -> list[str]:
        """Reads every data set once; a batch must fit in its training set."""
        sizes = {name: len(folder.load(name).train) for name in {cell.dataset for cell in cells}}
        for cell in cells:
            left = max(0, sizes[cell.dataset] - cell.validation)
            if cell.batch > left:
                left_by = f" that validation={cell.validation} leaves" if cell.validation else ""
                there = f"{left} training images of {cell.dataset}{left_by}"
                raise UsageError(f"batch={cell.batch} is more than the {there}")
        return [folder.identify(cell.dataset) for cell in cells]

    def run(self, cells: Sequence[Cell], context: Context) -> Iterator[list[Measurement]]:
        """Trains one network after the other."""
        for cell, trial in zip(cells, context.per_trial(), strict=True):
            yield _Run(cell, trial).measure()


class _Encoder:
    """p(z|x) as an estimator asks for it: of the batch at hand without a second pass through the network."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights = weights
        self._batch = AtHand[Normals]()

    def remember(self, x: Float[Tensor, "1 n inputs"], encoding: Normals) -> None:
        """Keeps what was made of a batch until the next."""
        self._batch.remember(x, encoding)

    def conditional(self, x: Float[Tensor, "1 n inputs"]) -> Distribution:
        """The distribution of z for each x."""
        known = self._batch.of(x)
        return (encode(self._weights, x) if known is None else known).distribution()


class _Learner:
    """Everything that training changes, and nothing else: what a checkpoint holds."""

    def __init__(self, cell: Cell, context: Context, inputs: int, classes: int) -> None:
        (stream,) = context.data
        drawn = initial_weights(inputs, cell.hidden, cell.latent, classes, stream)
        self.weights = [weight.to(context.device, context.dtype).requires_grad_() for weight in drawn]
        self.optimiser = Adam(self.weights, SCHEDULES[cell.schedule].start, betas=(0.5, 0.999))
        self.average = Average(self.weights, _DECAY)
        self.shuffle = generator_from(stream, torch.device("cpu"))
        self.noise = generator_from(stream, context.device)


class _Run:
    """One trial: the data, the network and the estimator."""

    def __init__(self, cell: Cell, context: Context) -> None:
        data = context.folder.load(cell.dataset)
        self._cell, self._context = cell, context
        train, held = hold_out(data.train, cell.validation)
        self._train, self._held, self._test = (Samples(split, context) for split in (train, held, data.test))
        inputs = self._train.x.shape[-1]
        self._learner = _Learner(cell, context, inputs, data.classes)
        self._encoder = _Encoder(self._learner.weights)
        known = inputs, cell.latent, self._encoder.conditional, None
        self._estimator = context.estimator(*known, lambda: self._train.x)
        self._read = some_of(self._train.x, cell.truth_images)
        judges: dict[str, Estimator] = {}
        for name, make in context.judges.items():
            with judging(name):
                judges[name] = make(context.problem(*known, lambda: self._read))
        self._estimators = {"": self._estimator, **judges}  # by the end of what is measured of their gradients
        self._baseline = self._estimator if isinstance(self._estimator, Baseline) else None
        if self._baseline and cell.truth_every:
            raise UnfitError(f"{context.spec.name} has no noise, so that the information of its z is infinite")
        self._trains = context.spec.trains
        if cell.penalty == "squared" and "value" not in context.spec.estimates and self._baseline is None:
            raise UnfitError(f"penalty=squared needs a value of I(Z;X), which {context.spec.name} does not estimate")
        self._test_noise, self._held_noise = (self._noise(len(each.labels)) for each in (self._test, self._held))

    def measure(self) -> list[Measurement]:
        """Trains, and measures by epoch and at the end.

        Raises:
            UnfitError: a judge cannot be run on these batches; known before anything is trained.
            PluginError: a judge fails in another way.
        """
        if self._cell.judge:
            self._read_truth(0)
        state = [self._learner, self._estimator]
        curves = train(state, self._epoch, self._cell.epochs, self._context.checkpoints[0], self._context.device)
        truth = self._read_truth(self._cell.epochs) if self._cell.truth_every else []
        return [*self._evaluate(), *self._finish(), *truth, *curves]

    def _epoch(self, number: int) -> list[Measurement]:
        schedule, learner = SCHEDULES[self._cell.schedule], self._learner
        learner.optimiser.learning_rate = schedule.start * schedule.decay ** ((number - 1) // _EVERY)
        order = torch.randperm(len(self._train.labels), generator=learner.shuffle).to(self._context.device)
        started = time.perf_counter()
        whole = len(order) - len(order) % self._cell.batch
        losses = torch.stack([self._step(batch) for batch in order[:whole].split(self._cell.batch)]).mean(0).tolist()
        measured = [
            Measurement(name, value) for name, value in zip(("loss", "cross_entropy/train"), losses, strict=True)
        ]
        measured.append(Measurement("epoch_seconds", time.perf_counter() - started, unit="s"))
        measured += self._evaluate()
        if self._cell.truth_every and number % self._cell.truth_every == 0:
            measured += self._read_truth(number)
        measured = [dataclasses.replace(measurement, epoch=number) for measurement in measured]
        if not all(map(math.isfinite, losses)):
            raise DivergedError(f"the loss is not finite in epoch {number}", measured)
        return measured

    def _step(self, batch: Int[Tensor, " n"]) -> Float[Tensor, "2"]:
        """One step of the network, after one of an estimator that trains; loss and cross-entropy in nats."""
        x, labels = self._train.x[:, batch], self._train.labels[batch]
        learner, baseline = self._learner, self._baseline
        if baseline is not None:
            encoding = encode(learner.weights, x, self._drop if baseline.dropout else None)
            logits = decode(learner.weights, encoding.mean)[0]
            loss, entropy = baseline.loss(logits, labels), cross_entropy(logits.detach(), labels)
        else:
            encoding = encode(learner.weights, x)
            z = encoding.sample(self._draw(encoding.mean))
            self._encoder.remember(x, encoding)
            if self._trains:
                self._estimator.update(x, z.detach())
            entropy = cross_entropy(decode(learner.weights, z)[0], labels)
            loss = entropy + self._cell.beta * self._penalty(x, z)
        learner.optimiser.step(torch.autograd.grad(loss, learner.weights))
        learner.average.update(learner.weights)
        return torch.stack([loss.detach(), entropy.detach()])

    def _penalty(self, x: Float[Tensor, "1 n inputs"], z: Float[Tensor, "1 n latent"]) -> Float[Tensor, ""]:
        """The surrogate, or a number that equals the squared value and has its gradient, 2 I dI."""
        surrogate = self._estimator.surrogate(x, z).sum()
        if self._cell.penalty == "linear":
            return surrogate
        value = self._estimator.mi(x, z.detach()).sum()
        return value.square() + 2 * value * (surrogate - surrogate.detach())

    def _draw(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._learner.noise, dtype=like.dtype, device=like.device)

    def _drop(self, hidden: Tensor) -> Tensor:
        keep = 1 - self._baseline.dropout if self._baseline else 1.0
        mask = torch.empty_like(hidden).bernoulli_(keep, generator=self._learner.noise)
        return hidden * mask / keep

    def _read_truth(self, epoch: int) -> list[Measurement]:
        """The true information of the last weights, and how estimated gradients agree with the true one."""
        weights = self._learner.weights
        known = Known(
            self._read, weights[:-2], lambda x: encode(weights, x), lambda x: encode(weights, x).distribution()
        )
        surrogates = {name: self._surrogate(each) for name, each in self._estimators.items()}
        return read_truth(known, self._cell.batch, epoch, surrogates, unmoved=self._estimators)

    def _surrogate(self, estimator: Estimator) -> Surrogate:
        def surrogate(batch: Batch) -> Tensor:
            self._encoder.remember(batch.x, batch.own)
            return estimator.surrogate(batch.x, batch.z)

        return surrogate

    @torch.no_grad()
    def _evaluate(self) -> list[Measurement]:
        """Measures the averaged weights, and error and cross-entropy of the last ones."""
        averaged = self._learner.average.weights()
        measured: list[Measurement] = []
        for weights, suffix in ((averaged, ""), (self._learner.weights, "/raw")):
            encoding = encode(weights, self._test.x[0])
            noise = None if self._baseline else self._test_noise
            measured += evaluation.errors(evaluation.logits(weights, encoding, noise), self._test.labels, suffix)
            if not suffix and not self._baseline:
                measured += evaluation.rates(encoding)
        return [*measured, *self._validate(averaged)] if len(self._held.labels) else measured

    def _validate(self, weights: Weights) -> list[Measurement]:
        """Error and cross-entropy of the averaged weights on the images that are held out."""
        noise = None if self._baseline else self._held_noise
        logits = evaluation.logits(weights, encode(weights, self._held.x[0]), noise)
        return evaluation.errors(logits, self._held.labels, "/validation")

    def _noise(self, size: int) -> Float[Tensor, "samples size latent"]:
        """The noise of z, the same for every trial and epoch, so that curves are smooth."""
        shape = (self._cell.samples, size, self._cell.latent)
        drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
        return drawn.to(self._context.device, self._context.dtype)

    @torch.no_grad()
    def _finish(self) -> list[Measurement]:
        """What is measured once: the calibration of answers, I(Z;X) on the test set, and the estimator's own value."""
        weights = self._learner.average.weights()
        encoding = encode(weights, self._test.x[0])
        noise = None if self._baseline else self._test_noise
        p = evaluation.logits(weights, encoding, noise).softmax(-1).mean(0)
        measured = evaluation.reliability(p, self._test.labels)
        if noise is None:
            return measured
        measured.append(Measurement("information", evaluation.information(encoding, noise[0])))
        measured += evaluation.rates(encode(self._learner.weights, self._test.x[0]), "/raw")
        if "value" in self._context.spec.estimates:  # of the last weights, those that an estimator has trained with
            x = self._test.x[:, :_MI_SAMPLES]
            z = encode(self._learner.weights, x).sample(noise[:1, :_MI_SAMPLES])
            measured.append(Measurement("mi", self._estimator.mi(x, z).item()))
        return measured
