"""What is under test: an estimator's spec and parameters, and instances of it in a scenario."""

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from mibench.arrays import ArrayEstimator
from mibench.contracts import Conditional, Estimator, Problem
from mibench.errors import PluginError
from mibench.plan.selectors import combinations
from mibench.runner.checks import check_tensor, promise, question
from mibench.specs import EstimatorSpec, Scalar
from mibench.testing.failures import Failure, asked
from mibench.testing.scenario import GAUSSIANS, Scenario

Numbers: TypeAlias = dict[str, Tensor]
"""What an estimator says of a batch: `value` `(*replicas,)`, `gradient in x` and `gradient in y` like x and y."""
Watch: TypeAlias = Callable[[str], AbstractContextManager[None]]
"""What looks on while a method is called, by its name."""


def unwatched(name: str) -> AbstractContextManager[None]:  # noqa: ARG001 - as every `Watch` is called
    """Looks at nothing."""
    return nullcontext()


@dataclass(frozen=True)
class Instance:
    """An estimator made for a scenario.

    Attributes:
        estimator: what the author wrote.
        problem: what it was told.
        rho: what the offered p(y|x) depends on, a leaf that requires a gradient, `(*replicas)`.
        scenario: where its batches come from.
        spec: what it declares.
        watch: looks on while its methods are called.
    """

    estimator: Estimator
    problem: Problem
    rho: Tensor
    scenario: Scenario
    spec: EstimatorSpec
    watch: Watch = unwatched

    def train(self, steps: int, *, first: int = 1) -> "Instance":
        """Updates on the scenario's batches `first`, `first + 1`, ..."""
        for step in range(first, first + steps):
            self.update(*self.scenario.batch(step))
        return self

    def update(self, x: Tensor, y: Tensor) -> None:
        """One training step."""
        with asked(f"{question('update', x, y)} to take a step"), self.watch("update"):
            self.estimator.update(x, y)

    def ask(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """What `mi` or `surrogate` answers.

        Raises:
            ContractError: it is no tensor, or has no graph where it needs one.
        """
        with asked(promise(name, x, y)), self.watch(name):
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
        """Whether evaluating draws: from the problem's generators, or by the seeds of an array estimator."""
        before = [generator.get_state() for generator in self.problem.generators]
        numbers = self.evaluate(*self.scenario.batch())
        if not all(map(torch.equal, before, [generator.get_state() for generator in self.problem.generators])):
            return True
        if not isinstance(self.estimator, ArrayEstimator):
            return False
        seeds = self.estimator.seeds
        self.estimator.seeds = [seed ^ 1 for seed in seeds]
        try:
            others = self.evaluate(*self.scenario.batch())
        finally:
            self.estimator.seeds = seeds
        return not all(number.equal(others[name]) for name, number in numbers.items())


@dataclass(frozen=True)
class Subject:
    """An estimator under test.

    Attributes:
        spec: what it declares.
        overrides: parameters that differ from their defaults.
        conditional: whether problems offer p(y|x).
        steps: updates before a trained estimator's statistics are taken.
    """

    spec: EstimatorSpec
    overrides: Mapping[str, Scalar]
    conditional: bool
    steps: int

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

    def live(self, dtype: torch.dtype, watch: Watch = unwatched) -> Numbers:
        """Makes an instance in a small scenario, trains it for three updates and evaluates it."""
        scenario = Scenario(seeds=(0, 1), dtype=dtype)
        return self.make(scenario, watch=watch).train(3).evaluate(*scenario.batch())

    def failure(self, error: BaseException) -> Failure:
        """Describes what the estimator raised."""
        return Failure.of(error, self.package)

    def make(self, scenario: Scenario, conditional: Conditional | None = None, *, watch: Watch = unwatched) -> Instance:
        """A new instance.

        Args:
            scenario: where it is tried.
            conditional: p(y|x) to offer instead of the scenario's.
            watch: looks on while it is made and its methods are called.

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
        with asked(f"{kind.__name__}(params, problem) to be made for {given}"), watch("__init__"):
            estimator = kind(params, problem)
        return Instance(estimator, problem, rho, scenario, self.spec, watch)


def standard_error(draws: Tensor) -> float:
    """The standard error of the mean of independent draws `(m,)`."""
    return draws.std().item() / math.sqrt(draws.numel())
