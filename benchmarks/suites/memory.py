"""What results/pages/memory.csv holds: the leave-one-out bound by the size of its memory, against the exact gradient.

`nice python benchmarks/suites/memory.py --data-dir ~/data` takes some two minutes on one core; `--dataset digits
--batch 64` takes seconds. The network of `ib` is trained by the deep variational bottleneck at beta = 0.001, on the
first 10,000 images of MNIST. After the epochs of `READ`, I(X;Z) of these images and its gradient are read on the same
batches for every memory: as training has filled it, and (`components=now`) filled anew by the encoder as it is then, so
that no component is stale. `step_seconds` is the time of an update and a gradient in z, without the encoding of the
batch; that of `exact` is without its refresh of components.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from mibench_ib.network import Encoding, decode, encode, initial_weights
from mibench_population.exact import Exact, ExactParams
from mibench_population.mixture import Normals
from mibench_population.truth import Batch, Known, Surrogate, Truth
from mibench_variational.l1out import L1Out, L1OutParams
from torch import Tensor
from torch.distributions import Distribution
from torch.nn.functional import cross_entropy

from mibench import Problem
from mibench.adam import Adam
from mibench.contracts import Estimator
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.specs import DatasetSpec

PAGES = Path(__file__).resolve().parents[2] / "results" / "pages"
READ = (2, 6)
READINGS = 2
MEMORIES = (0, 512, 2048, 8192)
BETA, LATENT, HIDDEN, CLASSES = 1e-3, 256, (1024, 1024), 10
STEPS = 20
"""How many steps are timed."""


@dataclass
class Encoder:
    """p(z|x), which estimators ask for without a second pass of the network over the batch at hand."""

    weights: list[Tensor]
    batch: tuple[Tensor, Encoding] | None = None

    def __call__(self, x: Tensor) -> Distribution:
        if self.batch is not None and x.data_ptr() == self.batch[0].data_ptr():
            return self.batch[1].distribution()
        return encode(self.weights, x).distribution()


@dataclass
class Values:
    """A surrogate that keeps the values of its estimator beside those that are exact."""

    estimator: Estimator
    encoder: Encoder
    estimated: list[float] = field(default_factory=list[float])
    exact: list[float] = field(default_factory=list[float])

    def __call__(self, batch: Batch) -> Tensor:
        self.encoder.batch = batch.x, Encoding(batch.own.mean, batch.own.std)
        self.estimated.append(self.estimator.mi(batch.x, batch.z.detach()).item())
        self.exact.append(batch.log_ratios[""].mean().item())
        return self.estimator.surrogate(batch.x, batch.z)


class Study:
    """A network in training, and the estimators that remember what it makes of images."""

    def __init__(self, dataset: str, folder: Path | None, images: int, batch: int) -> None:
        specs = [entry.spec for entry in Registry(load_plugins()).entries(DatasetSpec)]
        split = DataFolder(root=folder, specs=specs).load(dataset).train
        self.x = (split.images[:images].flatten(1).float() / 127.5 - 1)[None]
        self.labels, self.batch = split.labels[:images], batch
        self.draw = torch.Generator().manual_seed(0)
        drawn = initial_weights(self.x.shape[-1], HIDDEN, LATENT, CLASSES, self.draw)
        self.encoder = Encoder([weight.requires_grad_() for weight in drawn])
        self.optimiser = Adam(self.encoder.weights, 2e-4, betas=(0.5, 0.999))
        self.estimators = self.remembering()
        self.order: list[Tensor] = []

    def problem(self) -> Problem:
        """What estimators are told."""
        generators = (torch.Generator().manual_seed(1),)
        known = {"conditional": self.encoder, "population": lambda: self.x}
        return Problem(dx=self.x.shape[-1], dy=LATENT, generators=generators, replicas=(1,), **known)

    def remembering(self) -> dict[int, L1Out]:
        """An estimator for each size of the memory, with nothing in it."""
        return {size: L1Out(L1OutParams(conditional="known", memory=size), self.problem()) for size in MEMORIES}

    def encoded(self, chosen: Tensor) -> tuple[Tensor, Encoding]:
        """A batch and p(z|x) of it, which estimators are then handed."""
        x = self.x[:, chosen]
        self.encoder.batch = x, encode(self.encoder.weights, x)
        return self.encoder.batch

    def epoch(self) -> None:
        """Trains the network once over all images, and lets the estimators remember."""
        order = torch.randperm(self.x.shape[-2], generator=self.draw)
        whole = len(order) - len(order) % self.batch
        for chosen in order[:whole].split(self.batch):
            x, encoding = self.encoded(chosen)
            z = encoding.sample(torch.randn(encoding.mean.shape, generator=self.draw))
            for estimator in self.estimators.values():
                estimator.update(x, z.detach())
            answers = decode(self.encoder.weights, z)[0]
            loss = cross_entropy(answers, self.labels[chosen]) + BETA * rate(encoding)
            self.optimiser.step(torch.autograd.grad(loss, self.encoder.weights))
            self.order.append(chosen)

    def filled_now(self) -> dict[int, L1Out]:
        """The estimators as they would be, had the encoder been what it is when the last images were seen."""
        estimators = self.remembering()
        with torch.no_grad():
            for chosen in self.order[-(max(MEMORIES) // self.batch + 1) :]:
                x, encoding = self.encoded(chosen)
                for estimator in estimators.values():
                    estimator.update(x, encoding.mean)
        return estimators

    def read(self, epoch: int) -> Iterator[dict[str, object]]:
        """Cosines, norm ratios and values of all estimators, on the same batches."""
        kinds = {"then": self.estimators, "now": self.filled_now()}
        weights = self.encoder.weights
        self.encoder.batch = None
        known = Known(self.x, weights[:-2], self.normals, lambda x: encode(weights, x).distribution())
        for seed in range(READINGS):
            judges = {
                f"{kind}-{size}": Values(estimator, self.encoder)
                for kind, estimators in kinds.items()
                for size, estimator in estimators.items()
            }
            surrogates: dict[str, Surrogate] = {**judges}
            truth = Truth(known, self.batch, torch.Generator().manual_seed(100 * epoch + seed))
            for measurement in truth.read(surrogates):
                name, _, judge = measurement.name.rpartition("/")
                kind, _, size = judge.partition("-")
                of = (name, kind, int(size)) if judge in judges else (measurement.name, "", None)
                yield row(epoch, seed, *of, measurement.value)
            for judge, values in judges.items():
                kind, _, size = judge.partition("-")
                excess = sum(values.estimated) / len(values.estimated) - sum(values.exact) / len(values.exact)
                yield row(epoch, seed, "excess", kind, int(size), excess)

    def normals(self, x: Tensor) -> Normals:
        """p(z|x) with its graph."""
        encoding = encode(self.encoder.weights, x)
        return Normals(encoding.mean, encoding.std)

    def time(self, epoch: int) -> Iterator[dict[str, object]]:
        """Seconds a step of each estimator."""
        exact = Exact(ExactParams(drift=1e9), self.problem())
        timed: dict[int, Estimator] = {**self.estimators, self.x.shape[-2]: exact}
        for size, estimator in timed.items():
            seconds = [self.step_seconds(estimator, chosen) for chosen in self.order[:STEPS]]
            kind = "exact" if estimator is exact else "then"
            yield row(epoch, 0, "step_seconds", kind, size, sorted(seconds)[STEPS // 2])

    def step_seconds(self, estimator: Estimator, chosen: Tensor) -> float:
        """The time of an update and a gradient in z."""
        x, encoding = self.encoded(chosen)
        self.encoder.batch = x, Encoding(encoding.mean.detach(), encoding.std.detach())
        z = encoding.mean.detach().requires_grad_()
        started = time.perf_counter()
        estimator.update(x, z.detach())
        torch.autograd.grad(estimator.surrogate(x, z).sum(), z)
        return time.perf_counter() - started


def rate(encoding: Encoding) -> Tensor:
    """E KL(p(z|x) || N(0, I)) in nats, with its graph."""
    squares = encoding.mean.square() + encoding.std.square() - 1
    return (squares / 2 - encoding.std.log()).sum(-1).mean()


def row(epoch: int, seed: int, name: str, components: str, memory: int | None, value: float) -> dict[str, object]:
    """A row of the frame; the seed is that of the batches that are read."""
    return {
        "epoch": epoch,
        "seed": seed,
        "components": components,
        "memory": memory,
        "measurement": name,
        "value": value,
    }


def main() -> None:
    """Writes the frame."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--data-dir", type=Path, help="of MNIST's files")
    parser.add_argument("--images", type=int, default=10_000, help="of the training set, the first of them")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=max(READ))
    parser.add_argument("--output", type=Path, default=PAGES / "memory.csv")
    asked = parser.parse_args()
    study = Study(asked.dataset, asked.data_dir, asked.images, asked.batch)
    rows: list[dict[str, object]] = []
    for epoch in range(1, asked.epochs + 1):
        study.epoch()
        if epoch in READ:
            rows += study.read(epoch)
    rows += study.time(asked.epochs)
    frame = pd.DataFrame(rows).astype({"memory": "Int64"})
    frame.insert(0, "dataset", asked.dataset)
    frame.to_csv(asked.output, index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
