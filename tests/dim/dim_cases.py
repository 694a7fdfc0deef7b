"""What the tests of Deep InfoMax share: small synthetic images, and contexts without a harness around them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from mibench_dim.infomax import Cell, DeepInfoMax
from mibench_dim.plugin import SETTINGS
from torch import Tensor

from mibench.contracts import Context, Dataset, Estimator, Measurement, Problem, Split
from mibench.datasets import DataFolder
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.files import Artifacts, Checkpoint
from mibench.plan.selectors import combinations, parse_selector
from mibench.specs import DatasetSpec, EstimatorSpec
from mibench.targets import load_target

CLASSES = 4
SMALL: Mapping[str, Any] = {
    "dataset": "blocks",
    "epochs": 2,
    "probe_epochs": 2,
    "batch": 64,
    "learning_rate": 1e-3,
    "probe_learning_rate": 1e-3,
    "channels": (8, 16, 32),
    "hidden": 32,
    "dimension": 8,
    "local_units": 16,
}


def blocks(root: Path | None, download: bool) -> Dataset:
    """Noisy 16x16 colour images with a bright block in one quarter, which is their label."""
    del root, download
    return Dataset(train=_split(256, 0), test=_split(128, 1), classes=CLASSES, identity="made up")


def _split(n: int, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (n,), generator=generator)
    images = torch.randint(0, 80, (n, 3, 16, 16), generator=generator)
    for image, label in zip(images, labels.tolist(), strict=True):
        row, column = 8 * (label // 2), 8 * (label % 2)
        image[:, row : row + 8, column : column + 8] += 120
    return Split(images.to(torch.uint8), labels)


FOLDER = DataFolder(specs=[DatasetSpec(name="blocks", target="dim_cases:blocks")])


@functools.cache
def _registry() -> Registry:
    return Registry(load_plugins([]))


def context(
    selector: str = "mige", folder: DataFolder = FOLDER, artifacts: Path | None = None, judges: Sequence[str] = ()
) -> Context:
    """One trial of an estimator, with the settings that the task gives it."""
    spec, build = made(selector)
    return Context(
        spec=spec,
        build=build,
        judges={judge: judging(judge) for judge in judges},
        data=(torch.Generator().manual_seed(1),),
        init=(torch.Generator().manual_seed(2),),
        device=torch.device("cpu"),
        dtype=torch.float32,
        folder=folder,
        checkpoints=(Checkpoint(),),
        artifacts=(Artifacts(artifacts),),
    )


def made(selector: str) -> tuple[EstimatorSpec, Callable[[Problem], Estimator]]:
    parsed = parse_selector(selector)
    spec = _registry().find(EstimatorSpec, parsed.name).spec
    estimator = load_target(spec.target, parsed.name)
    sweep = {**{name: [value] for name, value in SETTINGS.get(spec.name, {}).items()}, **parsed.sweep}
    (parameters,) = combinations(estimator.Params, sweep, parsed.name)
    return spec, lambda problem: estimator(parameters, problem)


def judging(selector: str) -> Callable[[Problem], Estimator]:
    """As the harness makes judges: with randomness of their own."""
    _, build = made(selector)
    return lambda problem: build(
        replace(problem, generators=tuple(torch.Generator().manual_seed(3) for _ in problem.generators))
    )


def cell(**changes: Any) -> Cell:
    return Cell(**{**SMALL, **changes})


@dataclass(frozen=True)
class Outcome:
    """What a trial measured."""

    measurements: list[Measurement]

    def end(self, name: str) -> float:
        (value,) = [
            measurement.value
            for measurement in self.measurements
            if measurement.name == name and measurement.epoch is None
        ]
        return value

    def curve(self, name: str) -> list[float]:
        return [
            measurement.value
            for measurement in self.measurements
            if measurement.name == name and measurement.epoch is not None
        ]

    def names(self) -> set[str]:
        return {measurement.name for measurement in self.measurements}


def measure(
    selector: str = "mige", *, artifacts: Path | None = None, folder: DataFolder = FOLDER, **changes: Any
) -> Outcome:
    (measurements,) = DeepInfoMax().run([cell(**changes)], context(selector, folder, artifacts))
    return Outcome(list(measurements))


def images(n: int, size: int = 32, channels: int = 3, seed: int = 0) -> Tensor:
    return torch.randint(
        256, (n, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
