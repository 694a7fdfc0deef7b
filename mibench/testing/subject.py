"""What is under test: an estimator's spec and parameters, and instances of it in a scenario."""

import contextlib
import math
import sys
from collections.abc import Callable, Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mibench import gaussians
from mibench.contracts import Conditional, Estimator, LogRatio, Population, Problem
from mibench.errors import PluginError
from mibench.plan.seeds import derive_seed
from mibench.plan.selectors import combinations
from mibench.runner.checks import check_tensor, promise, question
from mibench.specs import EstimatorSpec, Scalar
from mibench.testing.failures import Failure, asked

Batch: TypeAlias = tuple[Tensor, Tensor]
_WIDEST = ContextVar("widest", default=sys.maxsize)
"""The most dimensions that x and y of a scenario have."""
_POPULATION = 2048


@contextlib.contextmanager
def one_dimensional() -> Generator[None]:
    """Has every scenario show x and y of one dimension, for estimators that decline more."""
    token = _WIDEST.set(1)
    try:
        yield
    finally:
        _WIDEST.reset(token)


Numbers: TypeAlias = dict[str, Tensor]
"""What an estimator says of a batch: `value` `(*replicas,)`, `gradient in x` and `gradient in y` like x and y."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Where an estimator is tried: the problem it is made for, and batches of correlated Gaussians.

    Attributes:
        seeds: one a replica, in C order; they determine its batches and its estimator's generator.
        replicas: leading axes of every tensor; one axis of all seeds by default, none for a single seed.
        dx, dy: dimensions; unequal, so that mixing them up is noticed. `dims` is what an estimator is shown.
        n: pairs a batch.
        rho: correlation, or one a replica in C order.
        dtype, device: of every tensor.
        bent: whether x is bent by sinh, which leaves I(X;Y) as it is and makes x and y differ.
        swapped: whether x and y change places.
    """

    seeds: tuple[int, ...] = (0,)
    replicas: tuple[int, ...] | None = None
    dx: int = 3
    dy: int = 2
    n: int = 16
    rho: float | tuple[float, ...] = 0.6
    dtype: torch.dtype = torch.float64
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bent: bool = False
    swapped: bool = False

    @property
    def dims(self) -> tuple[int, int]:
        """Dimensions of x and of y before they are swapped: dx and dy, or 1 and 1 (see `one_dimensional`)."""
        return min(self.dx, _WIDEST.get()), min(self.dy, _WIDEST.get())

    @property
    def leading(self) -> tuple[int, ...]:
        """The leading axes of every tensor."""
        if self.replicas is not None:
            return self.replicas
        return () if len(self.seeds) == 1 else (len(self.seeds),)

    @property
    def correlation(self) -> Tensor:
        """rho `(*replicas)`."""
        rhos = self.rho if isinstance(self.rho, tuple) else (self.rho,) * len(self.seeds)
        return torch.tensor(rhos, dtype=self.dtype, device=self.device).reshape(self.leading)

    def conditional(self, rho: Tensor) -> Conditional:
        """p(y|x), differentiable in rho; of batches that are neither bent nor swapped."""
        return lambda x: gaussians.conditional(rho, x, self.dims[1])

    def log_ratio(self, x: Tensor, y: Tensor) -> Tensor:
        """log p(x, y) / (p(x) p(y)) of the scenario's batches, `(*replicas, n)`."""
        x, y = (y, x) if self.swapped else (x, y)
        return gaussians.log_ratio(self.correlation, x.asinh() if self.bent else x, y)

    def population(self) -> Tensor:
        """Values of x `(*replicas, size, dx)` from the distribution that batches are drawn from, to stand for all."""
        drawn = [
            torch.randn(_POPULATION, self.dims[0], generator=torch.Generator().manual_seed(derive_seed("all", seed)))
            for seed in self.seeds
        ]
        values = torch.stack(drawn).to(self.device, self.dtype).reshape(*self.leading, _POPULATION, -1)
        return values.sinh() if self.bent else values

    def problem(
        self,
        conditional: Conditional | None = None,
        log_ratio: LogRatio | None = None,
        population: Population | None = None,
    ) -> Problem:
        """What the estimator is told.

        Args:
            conditional: p(y|x), if it is offered.
            log_ratio: the exact log ratio, if it is offered.
            population: all values of x, if they are offered.
        """
        dx, dy = reversed(self.dims) if self.swapped else self.dims
        return Problem(
            dx=dx,
            dy=dy,
            generators=tuple(torch.Generator().manual_seed(derive_seed("init", seed)) for seed in self.seeds),
            replicas=self.leading,
            device=self.device,
            dtype=self.dtype,
            conditional=conditional,
            log_ratio=log_ratio,
            population=population,
        )

    def batch(self, step: int = 0) -> Batch:
        """x `(*replicas, n, dx)` and y `(*replicas, n, dy)`, new tensors at every call."""
        x, noise = self.source(step)
        y = gaussians.correlate(self.correlation, x, noise)
        x = x.sinh() if self.bent else x
        return (y, x) if self.swapped else (x, y)

    def source(self, step: int = 0) -> Batch:
        """x before it is bent, and the noise that y is made from."""
        drawn = torch.stack([self._draw(seed, step) for seed in self.seeds]).to(self.device, self.dtype)
        shaped = drawn.reshape(*self.leading, self.n, -1)
        return shaped[..., : self.dims[0]].clone(), shaped[..., self.dims[0] :].clone()

    def _draw(self, seed: int, step: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed("data", seed, step))
        return torch.randn(self.n, sum(self.dims), generator=generator, dtype=torch.float32)


LEVELS = (0.0, 0.3, 0.6, 0.85)
"""Correlations at which values and gradients are held against the truth, by the first axis of `GAUSSIANS`."""
_SEEDS = 4
GAUSSIANS = Scenario(
    seeds=tuple(range(_SEEDS)) * len(LEVELS),
    replicas=(len(LEVELS), _SEEDS),
    rho=tuple(sign * level for level in LEVELS for sign in (1, -1) * (_SEEDS // 2)),
    dx=2,
    dy=2,
    n=64,
)
"""Gaussians of several correlations, half of them negative; from level to level the same draws."""


@dataclass(frozen=True)
class Instance:
    """An estimator made for a scenario.

    Attributes:
        estimator: what the author wrote.
        problem: what it was told.
        rho: what the offered p(y|x) depends on, a leaf that requires a gradient, `(*replicas)`.
        scenario: where its batches come from.
        spec: what it declares.
    """

    estimator: Estimator
    problem: Problem
    rho: Tensor
    scenario: Scenario
    spec: EstimatorSpec

    def train(self, steps: int, *, first: int = 1) -> "Instance":
        """Updates on the scenario's batches `first`, `first + 1`, ..."""
        for step in range(first, first + steps):
            self.update(*self.scenario.batch(step))
        return self

    def update(self, x: Tensor, y: Tensor) -> None:
        """One training step."""
        with asked(f"{question('update', x, y)} to take a step"):
            self.estimator.update(x, y)

    def ask(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """What `mi` or `surrogate` answers.

        Raises:
            ContractError: it is no tensor, or has no graph where it needs one.
        """
        with asked(promise(name, x, y)):
            answer = getattr(self.estimator, name)(x, y)
        check_tensor(name, answer, x, y)
        return answer

    def train_if_needed(self, steps: int) -> "Instance":
        """Updates if the spec says that this does anything."""
        return self.train(steps if self.spec.trains else 0)

    def evaluate(self, x: Tensor, y: Tensor) -> Numbers:
        """Everything that the spec declares, on copies of the batch."""
        numbers: Numbers = {}
        if "value" in self.spec.estimates:
            numbers["value"] = self.ask("mi", x.clone(), y.clone()).detach()
        if "gradient" in self.spec.estimates:
            x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
            total = self.ask("surrogate", x, y).sum()
            names = ("gradient in x", "gradient in y")
            numbers |= zip(names, torch.autograd.grad(total, (x, y), materialize_grads=True), strict=True)
        return numbers

    def reseed(self) -> "Instance":
        """Puts the problem's generators where they are in every reseeded instance."""
        for generator in self.problem.generators:
            generator.manual_seed(0)
        return self

    def draws(self) -> bool:
        """Whether making this instance, training or evaluating it drew from the problem's generators."""
        fresh = self.scenario.problem().generators
        drawn = zip(fresh, self.problem.generators, strict=True)
        return not all(torch.equal(ours.get_state(), theirs.get_state()) for ours, theirs in drawn)

    def draws_to_evaluate(self) -> bool:
        """Whether evaluating draws from the problem's generators."""
        before = [generator.get_state() for generator in self.problem.generators]
        self.evaluate(*self.scenario.batch())
        return not all(map(torch.equal, before, [generator.get_state() for generator in self.problem.generators]))


@dataclass(frozen=True)
class Mode:
    """A mode of torch that everything in the process shares: how it is read and put back."""

    get: Callable[[], Any]
    put: Callable[[Any], object]


MODES: Mapping[str, Mode] = {
    "default dtype": Mode(torch.get_default_dtype, torch.set_default_dtype),
    "gradient mode": Mode(torch.is_grad_enabled, torch.set_grad_enabled),
    "number of threads": Mode(torch.get_num_threads, torch.set_num_threads),
}


def modes() -> dict[str, Any]:
    """How torch's modes are now."""
    return {name: mode.get() for name, mode in MODES.items()}


@dataclass(frozen=True)
class Subject:
    """An estimator under test.

    Attributes:
        spec: what it declares.
        overrides: parameters that differ from their defaults.
        conditional: whether problems offer p(y|x).
        steps: updates before a trained estimator's statistics are taken.
        modes: torch's before anything of the estimator was tried.
    """

    spec: EstimatorSpec
    overrides: Mapping[str, Scalar]
    conditional: bool
    steps: int
    modes: Mapping[str, Any] = field(default_factory=modes)

    @cached_property
    def kind(self) -> type[Any]:
        """The class that the spec's target names.

        Raises:
            PluginError: it cannot be imported.
        """
        with asked(f"{self.spec.target!r} to name a class that can be imported"):
            return self.spec.load(f"estimator {self.spec.name!r}")

    @cached_property
    def loads(self) -> bool:
        """Whether the spec's target can be imported and is an estimator."""
        try:
            return issubclass(self.kind, Estimator)
        except (PluginError, TypeError):  # it cannot be imported, or is no class
            return False

    @cached_property
    def params(self) -> Any:
        """An instance of the estimator's `Params`.

        Raises:
            UsageError: a parameter does not exist or does not have its field's type.
        """
        sweep = {name: [value] for name, value in self.overrides.items()}
        with asked("parameters of the estimator"):
            (params,) = combinations(self.kind.Params, sweep, self.spec.name)
        return params

    @property
    def package(self) -> str:
        """The top-level module that the author's files belong to."""
        return self.spec.target.partition(":")[0].partition(".")[0]

    @cached_property
    def trained(self) -> "Instance":
        """An instance trained on Gaussians of several I(X;Y), which every claim about its statistics shares."""
        return self.make(GAUSSIANS).train_if_needed(self.steps)

    def put_modes_back(self) -> None:
        """Undoes what the estimator did to torch's modes, so that it does not change what follows."""
        for name, value in self.modes.items():
            if MODES[name].get() != value:
                MODES[name].put(value)

    def live(self, dtype: torch.dtype) -> Numbers:
        """Makes an instance in a small scenario, trains it for three updates and evaluates it."""
        scenario = Scenario(seeds=(0, 1), dtype=dtype)
        return self.make(scenario).train(3).evaluate(*scenario.batch())

    def failure(self, error: Exception) -> Failure:
        """Describes what the estimator raised."""
        return Failure.of(error, self.package)

    def make(self, scenario: Scenario, conditional: Conditional | None = None) -> Instance:
        """A new instance.

        Args:
            scenario: where it is tried.
            conditional: p(y|x) to offer instead of the scenario's.

        Raises:
            UnfitError: the estimator says that the scenario's problem is none for it.
        """
        rho = scenario.correlation.requires_grad_()
        if self.conditional and conditional is None:
            conditional = scenario.conditional(rho)
        log_ratio = scenario.log_ratio if "log_ratio" in self.spec.needs else None
        population = scenario.population if "population" in self.spec.needs else None
        problem = scenario.problem(conditional, log_ratio, population)
        given = f"dx={problem.dx}, dy={problem.dy}, replicas {problem.replicas}, {problem.dtype}"
        kind, params = self.kind, self.params
        with asked(f"{kind.__name__}(params, problem) to be made for {given}"):
            estimator = kind(params, problem)
        return Instance(estimator, problem, rho, scenario, self.spec)


def standard_error(draws: Tensor) -> float:
    """The standard error of the mean of independent draws `(m,)`."""
    return draws.std().item() / math.sqrt(draws.numel())
