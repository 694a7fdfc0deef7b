"""Estimators as losses for an encoder of one's own: `probe` makes one without a task, a trial or a results folder."""

from collections.abc import Sequence
from typing import Any

import torch

from mibench.api import open_registry
from mibench.checks import check_population
from mibench.contracts import Conditional, Estimator, Problem, SamplesX
from mibench.errors import UsageError
from mibench.plan.request import AnyPath
from mibench.plan.seeds import derive_seed
from mibench.refusal import is_whole, refuse_unless
from mibench.specs import EstimatorSpec
from mibench.targets import load_target
from mibench.testing.lookup import look_up

_GIVEN = {
    "conditional": "p(y|x): give `conditional`, a function from x to a distribution of y",
    "population": "all values of x: give `population`, a tensor of them",
    "log_ratio": "the exact log ratio, which is known in tasks alone",
}
"""What an estimator may need to know beside samples, and how `probe` is told."""


def probe(  # noqa: PLR0913 - what an estimator knows before it sees data
    estimator: str | type[Estimator] | EstimatorSpec,
    dx: int,
    dy: int,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    conditional: Conditional | None = None,
    population: SamplesX | None = None,
    plugins: AnyPath | Sequence[AnyPath] = (),
) -> Estimator:
    """An estimator of I(X;Y) for pairs of your own, e.g. what an encoder reads and what it gives.

    Example::

        information = mibench.probe("infonce[learning_rate=1e-3]", dx=784, dy=16)
        information.update(x, z)
        (-information.surrogate(x, z)).backward()

    `surrogate(x, z)` takes x `(n, dx)` and z `(n, dy)` and returns a scalar whose gradient in x and z estimates that of
    I(X;Y) in nats; `mi(x, z)` returns the value. `update(x, z)` trains an estimator that trains, sends nothing back to
    the encoder, and does nothing where there is nothing to train. What an estimator cannot do, it refuses by
    `NotImplementedError`; pairs that do not fit, by `ValueError` or `TypeError`.

    Args:
        estimator: a selector with at most one value a parameter, e.g. `mige[threshold=0.99]`; an estimator's class;
            or a spec. A class and a spec have their default parameters.
        dx: coordinates of x; an image is flattened to as many.
        dy: coordinates of y.
        seed: of the estimator's own randomness. Nothing is drawn from torch's global generator.
        device: where x and y are.
        dtype: of x and y; estimators that hold no weights take others too.
        conditional: p(y|x), from x `(n, dx)`, for estimators that read it, e.g. `exact`, `dvb` and `l1out`. It answers
            for each x by itself, since it is asked of single x and of parts of a batch. An encoder in train mode with
            batch norm or dropout does not: put it in eval mode while it is asked.
        population: all values of x, `(size, dx)`, where x is drawn from finitely many, for `exact`.
        plugins: as after `-p`: files, modules, or `no:NAME`.

    Returns:
        The estimator, untrained.

    Raises:
        UsageError: there is no such estimator, the selector stands for several, it is a baseline, it reads
            something that is not given, the population is not one of x, or an argument cannot have its value.
        UnfitError: the estimator does not fit these dimensions.
    """
    spec, params = look_up(estimator, open_registry(plugins))
    if spec.baseline_of:
        raise UsageError(f"{spec.name} is a baseline of the task {spec.baseline_of} and estimates nothing")
    given: dict[str, Any] = {"conditional": conditional, "population": population}
    for need, remedy in _GIVEN.items():
        if need in spec.needs and given.get(need) is None:
            raise UsageError(f"{spec.name} reads {remedy}")
    numbers: dict[str, Any] = {"dx": dx, "dy": dy, "seed": seed}
    for name, whole in numbers.items():
        refuse_unless(is_whole(whole), name, "a whole number", whole)
    if min(dx, dy) < 1:
        raise UsageError(f"x and y have at least one coordinate, not dx={dx} and dy={dy}")
    of_numbers: Any = dtype
    fits = isinstance(of_numbers, torch.dtype) and of_numbers.is_floating_point
    refuse_unless(fits, "dtype", "one of torch's of floating point, e.g. torch.float32", of_numbers)
    if population is not None:
        check_population(population, dx, dtype)
    kind = load_target(spec.target, f"estimator {spec.name!r}")
    problem = Problem(
        dx=int(dx),
        dy=int(dy),
        generators=(torch.Generator().manual_seed(derive_seed("probe", int(seed))),),
        device=_there(device),
        dtype=dtype,
        conditional=conditional,
        population=None if population is None else lambda: population,
    )
    return kind(kind.Params(**params), problem)


def _there(device: torch.device | str) -> torch.device:
    """A device on which tensors can be.

    Raises:
        UsageError: torch knows or finds none of this name.
    """
    try:
        return torch.empty(0, device=torch.device(device)).device
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"`device` cannot be {str(device)!r}, e.g. 'cpu' can: {reason}") from error
