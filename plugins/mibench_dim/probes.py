"""Probes: what a small classifier reads off a frozen encoder's layers (Hjelm et al., ICLR 2019, section 4.1).

One a layer (conv, fc, Y): linear, batch norm, ReLU, dropout of 0.1 on 200 hidden units, linear; cross-entropy; Adam,
whose rate falls to a tenth at epochs 50 and 100. The encoder is in evaluation mode and gets no gradient, so that its
features are computed once and kept in memory: 4096 + 1024 + 64 numbers an image, 1 GB for CIFAR-10's training set.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mibench.adam import Adam
from mibench.contracts import Dataset, Measurement
from mibench_dim.encoder import Encoder, Features
from mibench_dim.images import Images
from mibench_dim.networks import initialise
from mibench_dim.plugin import LAYERS

HIDDEN = 200
DROPOUT = 0.1
MOST_CONFUSED = 20
"""More classes than this give no confusion matrix."""


@dataclass(frozen=True)
class Labelled:
    """A frozen encoder's features by layer, and the label of each image."""

    layers: Mapping[str, Float[Tensor, "n width"]]
    labels: Int[Tensor, " n"]


class Probe(nn.Module):
    """The classifier of one layer."""

    def __init__(self, width: int, classes: int, generator: torch.Generator) -> None:
        super().__init__()
        with torch.device("meta"):
            self.hidden = nn.Sequential(nn.Linear(width, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU())
            self.output = nn.Linear(HIDDEN, classes)
        initialise(self, generator)

    def forward(
        self, features: Float[Tensor, "n width"], mask: Float[Tensor, "n hidden"] | None = None
    ) -> Float[Tensor, "n classes"]:
        """The logits; `mask` drops and scales hidden units in training."""
        hidden = self.hidden(features)
        return self.output(hidden if mask is None else hidden * mask)


class Probes:
    """The probes of all layers, and the one optimiser that trains each by itself: no parameter is shared."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, learning_rate: float, generator: torch.Generator, like: Tensor
    ) -> None:
        self.learning_rate = learning_rate
        self.probes = {name: Probe(width, classes, generator).to(like) for name, width in widths.items()}
        self.optimiser = Adam(
            [weight for probe in self.probes.values() for weight in probe.parameters()], learning_rate
        )

    def train(self, data: Labelled, epoch: int, batch: int, noise: torch.Generator) -> None:
        """One epoch, counted from 1, in a new order and without the last, smaller batch."""
        self.optimiser.learning_rate = self.learning_rate * 0.1 ** ((epoch > 50) + (epoch > 100))
        for probe in self.probes.values():
            probe.train()
        for chosen in shuffled(len(data.labels), batch, noise):
            labels = data.labels[chosen]
            losses = [
                cross_entropy(probe(data.layers[name][chosen], _dropout_mask(len(chosen), noise)), labels)
                for name, probe in self.probes.items()
            ]
            self.optimiser.step(torch.autograd.grad(torch.stack(losses).sum(), self.optimiser.parameters))

    @torch.no_grad()
    def answers(self, data: Labelled) -> dict[str, Int[Tensor, " n"]]:
        """The class that each layer's probe names."""
        return {name: probe.eval()(data.layers[name]).argmax(-1) for name, probe in self.probes.items()}

    def accuracies(self, data: Labelled) -> dict[str, float]:
        """The share of right answers in per cent, by layer."""
        answers = self.answers(data).items()
        return {name: 100 * (answer == data.labels).double().mean().item() for name, answer in answers}


class Probing:
    """Probes on the features of one data set."""

    def __init__(self, probes: Probes, train: Labelled, test: Labelled, batch: int, noise: torch.Generator) -> None:
        self._probes, self._train, self._test = probes, train, test
        self._batch, self._noise = batch, noise

    def epoch(self, number: int) -> list[Measurement]:
        """Trains for one epoch, counted from 1, and measures `accuracy/LAYER`."""
        self._probes.train(self._train, number, self._batch, self._noise)
        measured = self._probes.accuracies(self._test).items()
        return [Measurement(f"accuracy/{layer}", value, unit="%", epoch=number) for layer, value in measured]

    def confusion(self, classes: int) -> list[Measurement]:
        """`confusion/TRUE/NAMED` at Y, in per cent of the true class; nothing if there are too many classes."""
        if classes > MOST_CONFUSED:
            return []
        pairs = self._test.labels * classes + self._probes.answers(self._test)["Y"]
        counts = torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).double()
        shares = 100 * counts / counts.sum(1, keepdim=True).clamp(min=1)
        return [
            Measurement(f"confusion/{true}/{named}", share, unit="%")
            for true, row in enumerate(shares.tolist())
            for named, share in enumerate(row)
        ]


def features_of(encoder: Encoder, images: Images, labels: Int[Tensor, " n"]) -> Labelled:
    """What probes see of a frozen encoder; the encoder is left in evaluation mode."""
    weight = encoder.output.weight
    features = {name: weight.new_empty(len(images), width) for name, width in widths(encoder).items()}
    done = 0
    for chunk in encoder.chunks(images):
        for name, layer in layers(chunk).items():
            features[name][done : done + len(layer)] = layer
        done += len(chunk.y)
    return Labelled(features, labels.to(weight.device))


def layers(features: Features) -> dict[str, Tensor]:
    """The layers that are probed, as the paper calls them."""
    return dict(zip(LAYERS, (features.conv, features.fc, features.y), strict=True))


def widths(encoder: Encoder) -> dict[str, int]:
    """How many numbers the probed layers have."""
    shape = encoder.shape
    return dict(zip(LAYERS, (shape.conv, shape.hidden, shape.dimension), strict=True))


def ends(curves: list[Measurement]) -> list[Measurement]:
    """The last and the best accuracy of each layer; the best was chosen on the test set, as papers' often are."""
    measured: list[Measurement] = []
    for layer in LAYERS:
        curve = [point.value for point in curves if point.name == f"accuracy/{layer}"]
        if curve:
            measured.append(Measurement(f"accuracy/{layer}", curve[-1], unit="%"))
            measured.append(Measurement(f"best_accuracy/{layer}", max(curve), unit="%"))
    return measured


def probe_encoder(
    encoder: Encoder,
    dataset: Dataset,
    *,
    epochs: int = 150,
    batch: int = 64,
    learning_rate: float = 1e-4,
    seed: int = 0,
) -> list[Measurement]:
    """Trains new probes on an encoder, e.g. one that `load_encoder` read.

    Args:
        encoder: stays as it is.
        dataset: of images of the size that the encoder was made for.
        epochs: over the training set.
        batch: images a step; all of them where the training set has fewer.
        learning_rate: of Adam at first.
        seed: of the probes' weights, order and dropout.

    Returns:
        Accuracies by epoch, and the last and best of each layer.
    """
    weight = encoder.output.weight
    generator = torch.Generator().manual_seed(seed)
    noise = torch.Generator(weight.device).manual_seed(seed)
    train, test = (
        features_of(encoder, Images(split.images, weight.device, weight.dtype), split.labels)
        for split in (dataset.train, dataset.test)
    )
    probes = Probes(widths(encoder), dataset.classes, learning_rate, generator, weight)
    probing = Probing(probes, train, test, batch, noise)
    curves = [point for number in range(1, epochs + 1) for point in probing.epoch(number)]
    return [*ends(curves), *curves]


def shuffled(n: int, batch: int, generator: torch.Generator) -> Int[Tensor, "steps batch"]:
    """A new order of n samples in whole batches, or in one of all n where they are fewer than a batch.

    What is left over waits for the next epoch.
    """
    steps, size = max(n // batch, 1), min(n, batch)
    return torch.randperm(n, generator=generator, device=generator.device)[: steps * size].view(steps, size)


def _dropout_mask(n: int, noise: torch.Generator) -> Float[Tensor, "n hidden"]:
    """1 / (1 - dropout) for the hidden units that a step keeps, 0 for the others."""
    drawn = torch.rand(n, HIDDEN, generator=noise, device=noise.device, dtype=torch.float32)
    return (drawn >= DROPOUT) / (1 - DROPOUT)
