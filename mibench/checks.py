"""What estimators are never asked: samples that are no pairs or no numbers, populations that hold no values of x."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from mibench.errors import PluginError, UsageError
from mibench.text import described, with_article

if TYPE_CHECKING:
    from mibench.contracts import Problem

_CASTS = {torch.float32: "float()", torch.float64: "double()"}
"""How tensors are cast, where that is short."""

_LOOKED_AT = 4096
"""Rows of a population that are looked at together, since it may fill a good part of memory."""

P = ParamSpec("P")
R = TypeVar("R")


def floats_only(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function of samples or scores refuse tensors of integers, for which its numbers would be wrong.

    Raises:
        TypeError: a tensor among the arguments holds no floating point numbers, or an array is no tensor.
    """

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for given in (*args, *kwargs.values()):
            if isinstance(given, Tensor) and not given.is_floating_point():
                raise TypeError(f"{function.__name__} takes floating point numbers, not {given.dtype}: use .double()")
            if isinstance(given, list) or (hasattr(given, "__array__") and not isinstance(given, Tensor)):
                kind = type(given).__name__
                raise TypeError(f"{function.__name__} takes tensors, not {with_article(kind)}: use torch.as_tensor")
        return function(*args, **kwargs)

    return checked


def pairs_only(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function of x and y refuse what `check_samples` refuses.

    Raises:
        TypeError: x or y is no tensor of floating point numbers.
        ValueError: x and y are no pairs.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        given = signature.bind(*args, **kwargs).arguments
        check_samples(given["x"], given["y"])
        return function(*args, **kwargs)

    return checked


def check_samples(x: Any, y: Any, problem: "Problem | None" = None) -> None:
    """Refuses x and y that do not pair up, or that an estimator was not made for.

    Args:
        x: the first argument of `update`, `mi` or `surrogate`.
        y: the second.
        problem: what the estimator was made for.

    Raises:
        TypeError: x or y is no tensor of floating point numbers.
        ValueError: x or y is empty, they have different replica axes or numbers of samples, or they are not those
            of the problem, or on different devices. An estimator made with `replicas=()` takes any leading axes that
            its formulas support.
    """
    for name, samples in (("x", x), ("y", y)):
        if not (isinstance(samples, Tensor) and samples.is_floating_point()):
            kind = samples.dtype if isinstance(samples, Tensor) else type(samples).__name__
            wanted = torch.float64 if problem is None else problem.dtype
            remedy = f"cast it with torch.as_tensor({name}).{_cast(wanted)}"
            raise TypeError(f"{name} is a tensor of floating point numbers, not {kind}: {remedy}")
        if samples.ndim < 2:
            remedy = f": pass {name}[:, None]" if samples.ndim == 1 else ""
            raise ValueError(f"{name} is (*replicas, n, dimension), not {tuple(samples.shape)}{remedy}")
        if 0 in samples.shape:
            least = "one replica, one sample and one dimension"
            raise ValueError(f"{name} has at least {least}, not the shape {tuple(samples.shape)}")
    given = f"x {tuple(x.shape)} and y {tuple(y.shape)}"
    if x.shape[:-1] != y.shape[:-1]:
        remedy = _flattened(x, y)
        raise ValueError(f"{given} are no pairs: their replica axes and numbers of samples differ{remedy}")
    if x.device != y.device:
        raise ValueError(f"x is on {x.device} and y on {y.device}: pass both on one device")
    if problem is not None:
        axes, dx, dy = problem.replicas, problem.dx, problem.dy
        if (x.shape[-1], y.shape[-1]) != (dx, dy) or (axes and tuple(x.shape[:-2]) != axes):
            raise ValueError(f"{given} are not of the problem's replicas {axes}, dx={dx} and dy={dy}")
        if not is_on(x.device, problem.device):
            remedy = f"pass them on it, or make it by probe(..., device='{x.device}')"
            raise ValueError(f"x and y are on {x.device}, and this estimator was made for {problem.device}: {remedy}")


def _flattened(x: Tensor, y: Tensor) -> str:
    """What to do where a sample of one block has several axes, as an image has."""
    for name, one, other in (("x", x, y), ("y", y, x)):
        if len(one) == len(other) and one.ndim > 2 == other.ndim:
            return f"; of images pass {name}.flatten(1)"
    return ""


def is_on(given: torch.device, wanted: torch.device) -> bool:
    """Whether a device is the one that is wanted, which may be any of a kind: `cuda`."""
    return given.type == wanted.type and wanted.index in {None, given.index}


def in_place_of_tensor(answer: object) -> str:
    """What came from a plugin where a tensor belongs, and how it becomes one."""
    kind = type(answer).__name__
    if hasattr(answer, "__array__"):
        return f"a numpy {kind}: compute it with torch, without numpy"
    if isinstance(answer, int | float | complex):
        return f"{with_article(kind)}: keep it a tensor, without .item()"
    return described(answer)


def check_dtypes(x: Tensor, y: Tensor, dtype: torch.dtype) -> None:
    """Refuses samples of another dtype than what an estimator holds beside them.

    Raises:
        ValueError: x or y is of another dtype.
    """
    for name, samples in (("x", x), ("y", y)):
        if samples.dtype != dtype:
            remedy = f"{name}.{_cast(dtype)}"
            raise ValueError(
                f"{name} is {samples.dtype}, and this estimator was made for {dtype}: "
                f"pass {remedy}, or make it by probe(..., dtype={samples.dtype})"
            )


def _cast(dtype: torch.dtype) -> str:
    """The method that casts a tensor."""
    return _CASTS.get(dtype, f"to({dtype})")


def check_replicas(x: Tensor, replicas: tuple[int, ...], what: str) -> None:
    """Refuses samples of other replica axes than what is kept for some.

    Raises:
        ValueError: in one line, which says what is kept.
    """
    if tuple(x.shape[:-2]) != tuple(replicas):
        raise ValueError(f"{what} is one for replicas {tuple(replicas)}, not for x of shape {tuple(x.shape)}")


def check_population(population: Any, dx: int, dtype: torch.dtype, replicas: tuple[int, ...] = ()) -> None:
    """Refuses what is not a finite tensor `(*replicas, size, dx)` of at least two values of x in the dtype of x.

    Raises:
        UsageError: in one line.
    """
    axes = ", ".join(map(str, (*replicas, "size", dx)))
    wanted = f"population is a tensor ({axes}) of all values of x in {dtype}"
    if not isinstance(population, Tensor):
        raise UsageError(f"{wanted}, not {with_article(type(population).__name__)}")
    shape = tuple(population.shape)
    if len(shape) < 2 or (*shape[:-2], shape[-1]) != (*replicas, dx) or population.dtype != dtype:
        raise UsageError(f"{wanted}, not {shape} in {population.dtype}")
    if shape[-2] < 2:
        raise UsageError(f"{wanted}, of which there are at least 2, not {shape[-2]}")
    if not all(part.isfinite().all() for part in population.split(_LOOKED_AT, -2)):
        raise UsageError(f"{wanted}, and this one holds numbers that are not finite")


def checked_population(population: Any, dx: int, dtype: torch.dtype, replicas: tuple[int, ...]) -> Callable[[], Tensor]:
    """The same population of a task, which is checked when it is first asked for.

    Raises:
        PluginError: it is no function; or, when it is asked for, as `check_population`.
    """
    if not callable(population):
        kind = with_article(type(population).__name__)
        raise PluginError(f"the task's population is a function that gives all values of x, not {kind}")
    unchecked = [True]

    def checked() -> Tensor:
        given: Any = population()
        if unchecked:
            try:
                check_population(given, dx, dtype, replicas)
            except UsageError as error:
                raise PluginError(f"the task's {error}") from None
            unchecked.clear()
        return given

    return checked
