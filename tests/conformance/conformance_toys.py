"""Three estimators that keep the contract, and one for every way to break it."""

import importlib
import itertools
import math
import os
import random
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mibench.contracts import Estimator, Problem
from mibench.discovery.global_state import ENVIRONMENT, global_states
from mibench.errors import SmallBatchError, UnfitError
from mibench.specs import EstimatorSpec

VALUE = frozenset({"value"})
GRADIENT = frozenset({"gradient"})
TRAINING = frozenset({"training"})


@dataclass(frozen=True, kw_only=True)
class Ridge:
    ridge: float = 1e-6


class Plain(Estimator):
    """I(X;Y) of the Gaussian with the batch's covariance: no training, no randomness, symmetric."""

    Params: Any = Ridge

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return self.entropy(x) + self.entropy(y) - self.entropy(torch.cat([x, y], -1))

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return Plain.mi(self, x, y)

    def entropy(self, z: Tensor) -> Tensor:
        z = z - z.mean(-2, keepdim=True)
        identity = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
        return torch.logdet(z.mT @ z / z.shape[-2] + 1e-6 * identity) / 2


class Learner(Estimator):
    """InfoNCE with the critic x W y: trains."""

    Params: Any = Ridge

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.weight = problem.draw(lambda g: torch.randn(problem.dx, problem.dy, generator=g) / 10).requires_grad_()

    def bound(self, weight: Tensor, x: Tensor, y: Tensor) -> Tensor:
        scores = x @ weight @ y.mT
        n = x.new_tensor(x.shape[-2])
        return (scores.diagonal(dim1=-2, dim2=-1) - scores.logsumexp(-1) + n.log()).mean(-1)

    def update(self, x: Tensor, y: Tensor) -> None:
        self.bound(self.weight, x.detach(), y.detach()).sum().backward()
        assert self.weight.grad is not None
        with torch.no_grad():
            self.weight += 0.05 * self.weight.grad
        self.weight.grad = None

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bound(self.weight.detach(), x, y)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bound(self.weight.detach(), x, y)


class Shuffler(Plain):
    """Less the mean product of unrelated pairs, which are drawn at every evaluation."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        order = self.problem.draw(lambda generator: torch.randperm(x.shape[-2], generator=generator))
        return Plain.mi(self, x, y) - self.product(x, y.gather(-2, order[..., None].expand_as(y)))

    def product(self, x: Tensor, y: Tensor) -> Tensor:
        return (x[..., 0] * y[..., 0]).mean(-1) / 10


class Knowing(Plain):
    """The rate of a given p(y|x): its gradient reaches p(y|x) and never y."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del y
        assert self.problem.conditional is not None
        given = self.problem.conditional(x)
        mean, variance = given.mean, given.variance
        return (mean.square() + variance - 1 - variance.log()).sum(-1).mean(-1) / 2

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return self.mi(x, y)


class RaisesForOneDimension(Plain):
    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.dx == 1:
            raise RuntimeError("no matrix in one dimension")


class DeclinesEverything(Plain):
    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        raise UnfitError("images only")


class ValueOnly(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError("no gradient here")


class LearnsUndeclared(Learner):
    pass


class KeepsAnAxis(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y)[..., None]


class MixesReplicas(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        return value + value.mean() / 100


class ChoosesForAll(Plain):
    """Takes what follows from clusters in any replica for all of them."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        return 1.01 * value if (x.abs() > 4).double().mean((-2, -1)).max() > 0.2 else value


class ChoosesForAllOfAKind(Plain):
    """Of replicas with a coordinate that varies in one pair alone, takes what follows where that is not one."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value, odd = super().mi(x, y), x[..., 0] != x[..., -1:, 0]
        places = odd.long().argmax(-1)[odd.sum(-1) == 1]
        return 1.01 * value if len(places.unique()) > 1 else value


class SinglePrecision(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y).float()


class MeanOfX(ValueOnly):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del y
        return x.mean((-2, -1))


class AnswersOnTheCpu(MeanOfX):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros(super().mi(x, y).shape, dtype=x.dtype)


class NanInSinglePrecision(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        return value * float("nan") if x.dtype == torch.float32 else value


class NanForTwo(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        return value * float("nan") if x.shape[-2] == 2 else value


class SilentForTwo(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        if x.shape[-2] == 2:
            raise ValueError
        return super().mi(x, y)


class NeedsMany(Plain):
    """Declines what has fewer samples than it needs, when it is trained or asked."""

    fewest = 100
    kind: type[ValueError] = ValueError
    words = "needs at least {} samples"

    def refuse_few(self, x: Tensor) -> None:
        if x.shape[-2] < self.fewest:
            raise self.kind(self.words.format(self.fewest))

    def update(self, x: Tensor, y: Tensor) -> None:
        del y
        self.refuse_few(x)

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        self.refuse_few(x)
        return super().mi(x, y)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        self.refuse_few(x)
        return super().surrogate(x, y)


class NeedsManyOfOneDimension(NeedsMany):
    kind = SmallBatchError

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        if problem.dx > 1:
            raise UnfitError("one dimension, and at least 1 sample")


class NeedsTooMany(NeedsMany):
    fewest = 5000


class NeedsManyInOtherWords(NeedsMany):
    words = "{} samples are needed"


class WritesToX(Plain):
    def update(self, x: Tensor, y: Tensor) -> None:
        del y
        with torch.no_grad():
            x.zero_()


class TrainsTheEncoder(Plain):
    def update(self, x: Tensor, y: Tensor) -> None:
        if x.requires_grad:
            (x.sum() + y.sum()).backward()


class Undetermined(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        noise = random.SystemRandom().random() if x.dtype == torch.float32 else 0.0
        return super().mi(x, y) + noise / 100


class DrawsGlobally(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        torch.rand(())
        return super().mi(x, y)


class SeedsPython(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        random.seed(0)
        return super().mi(x, y)


class SeedsNumpy(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        np.random.seed(0)  # noqa: NPY002
        return super().mi(x, y)


class DrawsFromPython(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + random.random() / 100


class RemembersTheFirstBatch(Plain):
    scale: Tensor | None = None

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        if self.scale is None:
            self.scale = torch.cat([x, y], -1).flatten(-2).std(-1)
        return super().mi(x, y) * self.scale


class TrainsWhenAsked(Learner):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        self.update(x, y)
        return value


class Leaks(Learner):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return self.bound(self.weight, x, y)


class LeaksAndClears(Leaks):
    """Numbers are not harmed, since `.grad` is cleared before it is used."""

    def update(self, x: Tensor, y: Tensor) -> None:
        self.weight.grad = None
        super().update(x, y)


class KeepsGradients(Learner):
    """What an update leaves in `.grad` is its own business, and so is what a surrogate makes and keeps."""

    def update(self, x: Tensor, y: Tensor) -> None:
        self.weight.grad = None
        self.bound(self.weight, x.detach(), y.detach()).sum().backward()
        assert self.weight.grad is not None
        with torch.no_grad():
            self.weight += 0.05 * self.weight.grad

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        self.shift = torch.zeros_like(x).requires_grad_()
        return super().surrogate(x + self.shift, y)


class AnswersNothing(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Any:
        del x, y


class AnswersAFloat(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Any:
        return super().mi(x, y).sum().item()


class AnswersWholeNumbers(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y).long()


class Exits(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        sys.exit(0)


class MuteError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class Mute(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        raise MuteError


class MuteUnfitError(UnfitError):
    __str__ = MuteError.__str__


class DeclinesWithoutAWord(Plain):
    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        raise MuteUnfitError


class EndsTheProcess(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        del x, y
        os._exit(0)


class KillsTheProcess(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().mi(x, y)


class IsInterrupted(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        signal.raise_signal(signal.SIGINT)
        return super().mi(x, y)


class ForgetsTheGraph(Plain):
    @torch.no_grad()
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x, y)


class InSinglePrecision(Learner):
    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.weight = self.weight.detach().float().requires_grad_()


class WithoutReplicaAxes(Learner):
    def bound(self, weight: Tensor, x: Tensor, y: Tensor) -> Tensor:
        scores = x @ torch.einsum("ij->ij", weight) @ y.mT
        return (scores.diagonal(dim1=-2, dim2=-1) - scores.logsumexp(-1)).mean(-1)


class SchedulesByAnIterator(Learner):
    """Its rate decays with a count that no snapshot sees."""

    def __init__(self, params: Any, problem: Problem) -> None:
        super().__init__(params, problem)
        self.steps = itertools.count(1)

    def bound(self, weight: Tensor, x: Tensor, y: Tensor) -> Tensor:
        bound = super().bound(weight, x, y)
        return bound / next(self.steps) ** 0.1 if weight.requires_grad else bound


class ForgetsX(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x.detach(), y)


class DeclaresHeldScores(Plain):
    """Its scores, held fixed, times the samples: the right gradient, of a number that means nothing."""

    @property
    def surrogate_in_nats(self) -> bool:
        return True

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        at = x.detach().requires_grad_(), y.detach().requires_grad_()
        with torch.enable_grad():
            scores = torch.autograd.grad(Plain.mi(self, *at).sum(), at)
        return (scores[0] * x).sum((-2, -1)) + (scores[1] * y).sum((-2, -1))


class NoGraph(Knowing):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x.detach(), y).detach() + 0 * y.sum((-2, -1))


class PairsNeighbours(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) - (x[..., 0] * y[..., 0].roll(1, -1)).mean(-1) / 10


class ShufflesNeighbours(Shuffler):
    def product(self, x: Tensor, y: Tensor) -> Tensor:
        return (x[..., 0] * x[..., 0].roll(1, -1)).mean(-1) + super().product(x, y)


class ReadsXAlone(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + x.square().mean((-2, -1)) / 100


class LearnsXAlone(Learner):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + x.square().mean((-2, -1)) / 10


class TooHigh(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + 0.2


class TooLow(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) - 0.2


class Constant(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_full(x.shape[:-2], 42.0)


class WrongSign(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return -super().mi(x, y)


class InBits(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) / math.log(2)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return self.mi(x, y)


class LacksLogN(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) - math.log(x.shape[-2])


class FarOff(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + 5


class Shrunken(Plain):
    """A quarter of the truth, and never more than half a nat: an honest estimate may be so."""

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return (super().mi(x, y) / 4).clamp(max=0.2)

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return 0.4 * super().surrogate(x, y)


class GradientInBits(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x, y) / math.log(2)


class SetsDefaultDtype(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        torch.set_default_dtype(torch.float64)
        return super().mi(x, y)


class ActsAndUndoes(Plain):
    """Changes something of the process in one method, and changes it back in another."""

    undo: ClassVar[list[Callable[[], object]]] = []

    @staticmethod
    def act() -> object:
        raise NotImplementedError

    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        value = super().mi(x, y)
        for state in (global_states() | ENVIRONMENT).values():
            self.undo.append(partial(state.write, state.read()))
        self.act()
        return value

    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        while self.undo:
            self.undo.pop()()
        return super().surrogate(x, y)


class LoadsALibrary(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        importlib.import_module("toy_library")
        return super().mi(x, y)


class HasTheLibrarySetVariables(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        importlib.import_module("toy_library").set_variables()
        return super().mi(x, y)


class DrawsFromNumpy(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x, y) + np.random.rand() / 100  # noqa: NPY002


class KnowsOneBatchSize(Plain):
    def mi(self, x: Tensor, y: Tensor) -> Tensor:
        return super().mi(x.reshape(*x.shape[:-2], 16, -1), y)


class Descends(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return -super().surrogate(x, y)


class DescendsInX(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return super().surrogate(x.detach(), y) - super().surrogate(x, y.detach())


class TenTimes(Plain):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return 10 * super().surrogate(x, y)


class LearnerDescends(Learner):
    def surrogate(self, x: Tensor, y: Tensor) -> Tensor:
        return -super().surrogate(x, y)


@dataclass(kw_only=True)
class Mutable:
    ridge: float = 1e-6


@dataclass(frozen=True)
class Positional:
    ridge: float = 1e-6


@dataclass(frozen=True, kw_only=True)
class Unspeakable:
    kernel: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, kw_only=True)
class Comma:
    path: str = "a,b"


@dataclass(frozen=True, kw_only=True)
class Silent:
    name: str = ""


class MutablePlain(Plain):
    Params = Mutable


class PositionalPlain(Plain):
    Params = Positional


class UnspeakablePlain(Plain):
    Params = Unspeakable


class CommaPlain(Plain):
    Params = Comma


class SilentPlain(Plain):
    Params = Silent


@dataclass(frozen=True, kw_only=True)
class Endless:
    cap: float = math.inf


class EndlessPlain(Plain):
    Params = Endless


@dataclass(frozen=True, kw_only=True)
class Undefined:
    cap: float | None = math.nan


class UndefinedPlain(Plain):
    Params = Undefined


def spec(kind: type[Any], also_needs: Iterable[Any] = (), **changes: Any) -> EstimatorSpec:
    """What an author would declare of a toy, with changes."""
    trains = issubclass(kind, Learner)
    declared = EstimatorSpec(
        name=kind.__name__,
        target=f"{kind.__module__}:{kind.__name__}",
        estimates=VALUE | GRADIENT,
        needs=(TRAINING if trains else frozenset()) | frozenset(also_needs),
        summary="a toy",
        reference="none, 2020",
    )
    return replace(declared, **changes)


PLAIN = spec(Plain, symmetric=True)
LEARNER = spec(Learner, bound="lower")
SHUFFLER = spec(Shuffler, symmetric=True)
KNOWING = spec(Knowing, {"conditional"}, bound="upper")
