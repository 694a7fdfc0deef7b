"""What a plugin author implements: an estimator, a task, a data set. Values are in nats; samples run along axis -2."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.distributions import Distribution

from mibench.checks import check_dtypes, check_samples, checked_population
from mibench.conditionals import lenient
from mibench.datasets import DataFolder
from mibench.files import Artifacts, Checkpoint
from mibench.outcome import Measurement
from mibench.specs import EstimatorSpec, NoParams
from mibench.training import tensors

SamplesX: TypeAlias = Float[Tensor, "*replicas n dx"]
"""n samples of x for every replica."""
SamplesY: TypeAlias = Float[Tensor, "*replicas n dy"]
"""Their partners: sample i of y belongs to sample i of x."""
PerReplica: TypeAlias = Float[Tensor, "*replicas"]
"""One number a replica."""

Conditional: TypeAlias = Callable[[Tensor], Distribution]
"""p(y|x): from x `(*replicas, n, dx)` to a distribution of batch shape `(*replicas, n)` and event shape `(dy,)`."""


LogRatio: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""log p(x, y) / (p(x) p(y)) of a batch: from x and y to `(*replicas, n)`, differentiable in both."""


Population: TypeAlias = Callable[[], Tensor]
"""All values of x, `(*replicas, size, dx)`; a function, since checkpoints keep the tensors of an estimator."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What an estimator knows before it sees data.

    Attributes:
        dx, dy: dimensions of x and y.
        generators: one a replica (in C order), for initial weights, negatives and projections; always on the CPU.
        replicas: leading axes of every tensor; `()` for none, or for any, where the estimator's mathematics takes them.
        device, dtype: of every tensor.
        conditional: p(y|x) where the task knows it, else `None`; NaN in replicas whose samples are not finite.
        log_ratio: the exact log ratio where the task knows it, else `None`.
        population: gives all values of x where the task draws x uniformly from finitely many, else `None`.
    """

    dx: int
    dy: int
    generators: tuple[torch.Generator, ...]
    replicas: tuple[int, ...] = ()
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32
    conditional: Conditional | None = None
    log_ratio: LogRatio | None = None
    population: Population | None = None

    def __post_init__(self) -> None:
        if self.conditional is not None:
            object.__setattr__(self, "conditional", lenient(self.conditional, self.dy))

    def draw(self, sample: Callable[[torch.Generator], Tensor]) -> Tensor:
        """Draws once a replica, so that a replica's numbers do not depend on its neighbours.

        Args:
            sample: from a generator to a tensor `(...)`.

        Returns:
            `(*replicas, ...)`; floating point tensors in the problem's dtype.
        """
        drawn = _draw(sample, self.generators, self.device, self.dtype)
        return drawn.reshape(*self.replicas, *drawn.shape[1:])


def _draw(
    sample: Callable[[torch.Generator], Tensor],
    generators: Iterable[torch.Generator],
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """A draw from every generator, on one leading axis; `dtype` is that of floating point tensors."""
    drawn = torch.stack([sample(generator) for generator in generators])
    return drawn.to(device, dtype if drawn.is_floating_point() else drawn.dtype)


class Estimator:
    """Estimates I(X;Y), its gradient, or both. Subclasses bring what their spec declares.

    `Params`, if there are parameters, is a frozen, keyword-only, all-defaulted dataclass. It defines the spec string
    `name[field=value]`, the key of a trial and the help text. Its fields are `bool`, `int`, `float`, `str`, a
    `Literal`, `tuple[int, ...]` or one of those `| None`.

    An estimator draws from `problem.generators` alone, and leaves what holds for the whole process as it was.
    """

    Params: ClassVar[type[Any]] = NoParams

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Has every subclass check its samples first; see `check_samples` and `check_dtypes`."""
        super().__init_subclass__(**kwargs)
        for name in ("update", "mi", "surrogate"):
            if name in vars(cls):
                setattr(cls, name, _checking(vars(cls)[name]))

    def __init__(self, params: Any, problem: Problem) -> None:
        self.params = params
        self.problem = problem

    def update(self, x: SamplesX, y: SamplesY) -> None:
        """Takes one training step on a batch; does nothing unless overridden."""

    def mi(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """Estimates I(X;Y) in nats from a batch."""
        raise NotImplementedError(f"{type(self).__name__} estimates no value")

    def surrogate(self, x: SamplesX, y: SamplesY) -> PerReplica:
        """A scalar whose autograd gradient in (x, y) estimates that of I(X;Y); its number may mean nothing."""
        raise NotImplementedError(f"{type(self).__name__} estimates no gradient")

    @property
    def surrogate_in_nats(self) -> bool:
        """Whether the surrogate is a number in nats that is differentiated, as the value itself or a bound.

        Else its number means nothing, as where scores are held fixed and multiplied by the samples.
        """
        return False


def _checking(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: Any, x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        problem = getattr(self, "problem", None)
        check_samples(x, y, problem)
        if problem is not None and not x.dtype == y.dtype == problem.dtype and _has_weights(self):
            check_dtypes(x, y, problem.dtype)
        return method(self, x, y, *args, **kwargs)

    return checked


def _has_weights(estimator: Any) -> bool:
    """Whether an estimator has anything to train; what it is told of its problem is not its own."""
    return any(tensor.requires_grad and tensor.is_leaf for _, tensor in tensors(estimator))


@dataclass(frozen=True)
class Split:
    """Images, and the label of each.

    Attributes:
        images: 8-bit.
        labels: whole numbers from 0, of 64 bits.
    """

    images: UInt8[Tensor, "n channels height width"]
    labels: Int[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set in memory.

    Attributes:
        train, test: its splits.
        classes: how many labels there are.
        identity: which files these are, e.g. `official` or `sha256:1f0c...`; records carry it.
        unlabelled: images without labels, where the set has some for pre-training.
    """

    train: Split
    test: Split
    classes: int
    identity: str
    unlabelled: UInt8[Tensor, "n channels height width"] | None = None


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the harness hands a task for one batch of trials: one replica a trial.

    Attributes:
        spec: declares what the estimator can do.
        build: makes the estimator for a problem.
        data: one generator a trial, the same for every estimator, so that comparisons are paired.
        init: one generator a trial, the estimator's own.
        seeds: of the trials, counted from 0; empty where nobody counts them.
        device, dtype: where and in what precision to run.
        folder: data sets, by name.
        checkpoints: one a trial, for tasks that take minutes.
        artifacts: one a trial, for files to keep.
        judges: by name, how further estimators of the gradient are made; see `TaskSpec.judges`.
    """

    spec: EstimatorSpec
    build: Callable[[Problem], Estimator]
    data: tuple[torch.Generator, ...]
    init: tuple[torch.Generator, ...]
    device: torch.device
    dtype: torch.dtype
    seeds: tuple[int, ...] = ()
    folder: DataFolder = field(default_factory=DataFolder)
    checkpoints: tuple[Checkpoint, ...] = ()
    artifacts: tuple[Artifacts, ...] = ()
    judges: Mapping[str, Callable[[Problem], Estimator]] = field(default_factory=dict[str, Any])

    def draw(self, sample: Callable[[torch.Generator], Tensor]) -> Tensor:
        """Draws once a trial from its data's generator, as `Problem.draw` does from an estimator's.

        Args:
            sample: from a generator to a tensor `(...)`.

        Returns:
            `(trials, ...)`; floating point tensors in the context's dtype.
        """
        return _draw(sample, self.data, self.device, self.dtype)

    def per_trial(self) -> "list[Context]":
        """The context of each trial by itself, for tasks that run trials one after the other."""
        checkpoints = self.checkpoints or tuple(Checkpoint() for _ in self.data)
        artifacts = self.artifacts or tuple(Artifacts() for _ in self.data)
        seeds = self.seeds or tuple(range(len(self.data)))
        parts = zip(self.data, self.init, seeds, checkpoints, artifacts, strict=True)
        return [
            replace(self, data=(stream,), init=(init,), seeds=(seed,), checkpoints=(checkpoint,), artifacts=(files,))
            for stream, init, seed, checkpoint, files in parts
        ]

    def estimator(
        self,
        dx: int,
        dy: int,
        conditional: Conditional | None = None,
        log_ratio: LogRatio | None = None,
        population: Population | None = None,
    ) -> Estimator:
        """Makes the estimator for `len(data)` replicas on one leading axis."""
        return self.build(self.problem(dx, dy, conditional, log_ratio, population))

    def problem(
        self,
        dx: int,
        dy: int,
        conditional: Conditional | None = None,
        log_ratio: LogRatio | None = None,
        population: Population | None = None,
    ) -> Problem:
        """What an estimator is told of `len(data)` replicas on one leading axis.

        Raises:
            PluginError: the population is no function; or, when it is first asked for, none of values of x.
        """
        replicas = (len(self.init),)
        if population is not None:
            population = checked_population(population, dx, self.dtype, replicas)
        return Problem(
            dx=dx,
            dy=dy,
            generators=self.init,
            replicas=replicas,
            device=self.device,
            dtype=self.dtype,
            conditional=conditional,
            log_ratio=log_ratio,
            population=population,
        )


class Task:
    """Makes pairs (x, y), trains where training is the point, and measures.

    `Params` is a dataclass like an estimator's; one instance of it is a cell, one point of the task's grid.
    """

    Params: ClassVar[type[Any]] = NoParams

    def prepare(self, cells: Sequence[Any], folder: DataFolder) -> Sequence[str]:  # noqa: ARG002
        """Makes sure, before anything is run, that what cells need is there.

        Args:
            cells: all that were asked for.
            folder: data sets, by name; missing ones are fetched now if the user wants that.

        Returns:
            For each cell, the identity of the data that its trials use (`DataFolder.identify` gives it), or an empty
            string; it is part of their keys and records.

        Raises:
            UsageError: something is missing or does not fit.
        """
        return [""] * len(cells)

    def run(self, cells: Sequence[Any], context: Context) -> Iterable[Sequence[Measurement]]:
        """Runs one estimator on a batch of trials.

        Args:
            cells: one `Params` a trial; they differ in the spec's `replicable` fields alone.
            context: the estimator, generators and device.

        Returns:
            For each trial, in order, what was measured, which is at least one number.

        Raises:
            UnfitError: this estimator measures nothing on this cell; the trial is skipped.
            DivergedError: numbers are no longer finite.
        """
        raise NotImplementedError
