"""Estimators of numpy arrays: two arrays in, one number out, whatever replicas, devices and dtypes the harness has."""

import dataclasses
import itertools
import math
import numbers
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from mibench.contracts import Estimator, PerReplica, Problem, SamplesX, SamplesY
from mibench.errors import ContractError, UnfitError
from mibench.process.randomness import RandomNumbers, seed_globally
from mibench.specs import Unit
from mibench.text import described

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
A = TypeVar("A")

_NATS: dict[Unit, float] = {"nats": 1.0, "bits": math.log(2)}
"""How many nats a unit is."""


class ArrayEstimator(Estimator):
    """An estimator that is asked for one pair of numpy arrays at a time. Subclasses bring what their spec declares.

    The arrays are float64 and the subclass's own: it may change them. While it runs, the global generators of Python,
    numpy and torch begin at a number that follows from the trial's seed, and afterwards they are as they were; so one
    batch always gives one answer.

    Attributes:
        unit: of what `estimate` and `gradient` give; the harness makes nats of it.
        one_dimensional: whether only x and y of one dimension can be served; other cells are then skipped.
    """

    unit: ClassVar[Unit] = "nats"
    one_dimensional: ClassVar[bool] = False

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        if self.one_dimensional and (problem.dx, problem.dy) != (1, 1):
            raise UnfitError(f"takes x and y of one dimension, not dx={problem.dx} and dy={problem.dy}")
        draws = (torch.randint(2**63 - 1, (), generator=generator) for generator in problem.generators)
        self.seeds = [int(draw.item()) for draw in draws]

    def estimate(self, x: Array, y: Array, seed: int) -> Any:
        """Estimates I(X;Y) from one batch.

        Args:
            x: `(n, dx)`.
            y: `(n, dy)`.
            seed: a whole number below 2**63, for generators that are not global.

        Returns:
            One number, in `unit`.
        """
        raise NotImplementedError(f"{type(self).__name__} estimates no value")

    def gradient(self, x: Array, y: Array, seed: int) -> tuple[Any, Any]:
        """Estimates the gradient of I(X;Y) in the samples of one batch.

        Args:
            x: `(n, dx)`.
            y: `(n, dy)`.
            seed: a whole number below 2**63, for generators that are not global.

        Returns:
            An array like x and one like y, in `unit`: the derivatives of the batch's estimate.
        """
        raise NotImplementedError(f"{type(self).__name__} estimates no gradient")

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """I(X;Y) in nats.

        Raises:
            ContractError: `estimate` gives something else than a number.
        """
        values = [_number(answer) * _NATS[self.unit] for answer in self._ask(self.estimate, x, y)]
        return x.new_tensor(values).reshape(x.shape[:-2])

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """A scalar whose autograd gradient in (x, y) is what `gradient` gives, in nats.

        Raises:
            ContractError: `gradient` gives something else than two arrays like x and y.
        """
        answers = [_pair(answer, x, y) for answer in self._ask(self.gradient, x, y)]
        total = torch.zeros_like(x[..., 0, 0])
        for samples, parts in zip((x, y), zip(*answers, strict=True), strict=True):
            slope = torch.stack([torch.from_numpy(part) for part in parts]).to(samples).reshape(samples.shape)
            total = total + (slope * samples).sum((-2, -1)) * _NATS[self.unit]
        return total

    def _ask(self, question: Callable[[Array, Array, int], A], x: Tensor, y: Tensor) -> Iterator[A]:
        """What a method answers of every replica, in C order."""
        arrays = (samples.detach().cpu().double().reshape(-1, *samples.shape[-2:]).numpy() for samples in (x, y))
        for one_x, one_y, seed in zip(*arrays, itertools.cycle(self.seeds)):
            states = RandomNumbers()
            seed_globally(seed)
            try:
                yield question(one_x.copy(), one_y.copy(), seed)
            finally:
                states.put_back()


def estimator_of(
    function: Callable[..., Any], params: type[Any], seeded: Sequence[str], *, unit: Unit, one_dimensional: bool
) -> type[ArrayEstimator]:
    """The estimator that a plain function is.

    Args:
        function: from x `(n, dx)` and y `(n, dy)` to one number.
        params: a dataclass of its parameters.
        seeded: the names of those that take its randomness: `seed`, `random_state` or `rng`.
        unit: of that number.
        one_dimensional: whether it serves only x and y of one dimension.
    """

    def estimate(self: ArrayEstimator, x: Array, y: Array, seed: int) -> Any:
        given = {field.name: getattr(self.params, field.name) for field in dataclasses.fields(self.params)}
        return function(x, y, **given, **{name: _randomness(name, seed) for name in seeded})

    attributes = {"Params": params, "unit": unit, "one_dimensional": one_dimensional, "estimate": estimate}
    name = getattr(function, "__name__", "Function")
    return type(name, (ArrayEstimator,), attributes | {"__module__": function.__module__, "__doc__": function.__doc__})


def _randomness(name: str, seed: int) -> Any:
    return np.random.default_rng(seed) if name == "rng" else seed % 2**32


def _number(answer: Any) -> float:
    expected = "an estimate to be one real number"
    if answer is np.ma.masked:
        raise ContractError(expected, "a masked one, which is none")
    if getattr(answer, "ndim", None) == 0:  # an array or a tensor of one number
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        raise ContractError(expected, described(answer))
    try:
        return float(answer)
    except OverflowError:
        raise ContractError(expected, "a whole number that no floating point number holds") from None


def _pair(answer: Any, x: Tensor, y: Tensor) -> tuple[Array, Array]:
    shapes = [tuple(samples.shape[-2:]) for samples in (x, y)]
    expected = f"a gradient to be two arrays of real numbers, {shapes[0]} and {shapes[1]}"
    if not (isinstance(answer, tuple | list) and len(answer) == len(shapes)):
        raise ContractError(expected, described(answer))
    if any(np.ma.is_masked(part) for part in answer):
        raise ContractError(expected, "masked numbers, which are none")
    parts = [np.asarray(part) for part in answer]
    if [part.shape for part in parts] != shapes or any(part.dtype.kind not in "fiu" for part in parts):
        raise ContractError(expected, " and ".join(f"{part.dtype} {part.shape}" for part in parts))
    return parts[0].astype(np.float64), parts[1].astype(np.float64)
