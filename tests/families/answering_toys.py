"""A plugin for tests: correlated Gaussians, each with one answer of another kind than a family gives."""

from typing import Any

import numpy as np
import torch
from mibench_gaussian.canonical import Canonical
from torch import Tensor

from mibench import FamilySpec, hookimpl
from mibench.families import Draws, Theta


class AFloat(Canonical):
    """Information that left torch."""

    def information(self, theta: Theta) -> Any:
        return super().information(theta).detach().mean().item()


class AnInt(Canonical):
    """Information that is a whole number."""

    def information(self, theta: Theta) -> Any:
        return 1


class Nothing(Canonical):
    """Information without a `return`."""

    def information(self, theta: Theta) -> Any:
        super().information(theta)


class ANumpyFloat(Canonical):
    """Information of numpy."""

    def information(self, theta: Theta) -> Any:
        return np.float64(super().information(theta).detach().mean().item())


class Detached(Canonical):
    """Information without a graph."""

    def information(self, theta: Theta) -> Any:
        return super().information(theta).detach()


class Longer(Canonical):
    """Information with an axis too many."""

    def information(self, theta: Theta) -> Any:
        return super().information(theta)[..., None]


class Single(Canonical):
    """Information in single precision."""

    def information(self, theta: Theta) -> Any:
        return super().information(theta).float()


class Arrays(Canonical):
    """Samples of numpy."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        x, y = super().sample(theta, n, draws)
        return x.detach().numpy(), y.detach().numpy()


class One(Canonical):
    """Samples of x alone."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        return super().sample(theta, n, draws)[0]


class Three(Canonical):
    """Samples, and something else."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        return *super().sample(theta, n, draws), n


class NoSamples(Canonical):
    """Samples without a `return`."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        super().sample(theta, n, draws)


class Fewer(Canonical):
    """One pair fewer than were asked for."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        return super().sample(theta, n - 1, draws)


class Wider(Canonical):
    """A coordinate of y that `dims` does not say."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        x, y = super().sample(theta, n, draws)
        return x, torch.cat([y, y], -1)


class Flat(Canonical):
    """Samples without the axis of coordinates."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        x, y = super().sample(theta, n, draws)
        return x[..., 0], y[..., 0]


class Counts(Canonical):
    """A y of whole numbers."""

    def sample(self, theta: Theta, n: int, draws: Draws) -> Any:
        x, y = super().sample(theta, n, draws)
        return x, y.long()


class NoRatio(Canonical):
    """A log ratio without a `return`."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Any:
        super().log_ratio(theta, x, y)


class MeanRatio(Canonical):
    """One log ratio a batch."""

    def log_ratio(self, theta: Theta, x: Tensor, y: Tensor) -> Any:
        return super().log_ratio(theta, x, y).mean(-1)


CLASSES = {
    "float": "AFloat",
    "int": "AnInt",
    "none": "Nothing",
    "numpy-float": "ANumpyFloat",
    "detached": "Detached",
    "longer": "Longer",
    "single": "Single",
    "arrays": "Arrays",
    "one": "One",
    "three": "Three",
    "no-samples": "NoSamples",
    "fewer": "Fewer",
    "wider": "Wider",
    "flat": "Flat",
    "counts": "Counts",
    "no-ratio": "NoRatio",
    "mean-ratio": "MeanRatio",
}
"""The classes of this file by the names of their families."""


@hookimpl
def mibench_families() -> list[FamilySpec]:
    return [FamilySpec(name=name, target=globals()[kind]) for name, kind in CLASSES.items()]
