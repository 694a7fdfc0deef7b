"""What a family's methods give, looked at before anything is computed with it: one sentence, not torch's error.

Types come before shapes. The sentence names the method, the family and the line of its file.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from mibench.checks import in_place_of_tensor
from mibench.errors import ContractError
from mibench.text import described

if TYPE_CHECKING:
    from mibench.families import Family, Theta

Asked: TypeAlias = Mapping[str, Any]
"""What a method was asked, by the names of its parameters."""


def looking_at(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method of a family, whose answer is looked at; not where that of a child asks for it."""
    parameters, look = LOOKS[name]
    code = inspect.unwrap(method).__code__
    place = f"{Path(code.co_filename).name}:{code.co_firstlineno}"

    @functools.wraps(method)
    def looked_at(self: "Family", *args: Any, **kwargs: Any) -> Any:
        answer = method(self, *args, **kwargs)
        asked = dict(zip(parameters, args, strict=False)) | kwargs
        if getattr(type(self), name) is looked_at and {*parameters} <= asked.keys():
            look(self, f"`{name}` of family {type(self).__name__} ({place})", answer, asked)
        return answer

    return looked_at


def dimensions(family: "Family") -> tuple[int, int]:
    """The dimensions that `dims` says.

    Raises:
        ContractError: they are not two whole numbers.
    """
    dims: Any = family.dims
    if not (
        isinstance(dims, tuple | list)
        and len(dims) == 2
        and all(isinstance(d, int) and not isinstance(d, bool) and d > 0 for d in dims)
    ):
        raise ContractError(
            f"`dims` of family {type(family).__name__} to be two whole numbers, the dimensions of x and of y",
            f"{dims!r}: write dims = (1, 1), or a property that gives them",
        )
    return dims[0], dims[1]


def _look_at_samples(family: "Family", said: str, answer: Any, asked: Asked) -> None:
    n, draws = asked["n"], asked["draws"]
    wanted = [(*draws.replicas, n, d) for d in dimensions(family)]
    promise = f"{said} to give two tensors, x {wanted[0]} and y {wanted[1]}"
    if isinstance(answer, Tensor):
        raise ContractError(promise, f"one tensor of shape {tuple(answer.shape)}: return both, x and y")
    if not (isinstance(answer, tuple | list) and len(answer) == 2):
        count = f" of {len(answer)}" if isinstance(answer, tuple | list) else ""
        raise ContractError(promise, f"{described(answer)}{count}")
    for side, samples in zip("xy", answer, strict=True):
        if not isinstance(samples, Tensor):
            raise ContractError(promise, f"for {side} {in_place_of_tensor(samples)}")
        if samples.dtype != draws.dtype:
            remedy = f"make it with `draws`, or cast it with .to({draws.dtype})"
            raise ContractError(
                f"{promise}, in {draws.dtype} as `draws` has it", f"{side} in {samples.dtype}: {remedy}"
            )
    shapes = [tuple(samples.shape) for samples in answer]
    if shapes != wanted:
        hint = _hint_on_samples(shapes, wanted, n)
        raise ContractError(f"{promise}, as `dims` says", f"x {shapes[0]} and y {shapes[1]}: {hint}")


def _hint_on_samples(shapes: list[tuple[int, ...]], wanted: list[tuple[int, ...]], n: int) -> str:
    if any(len(shape) != len(whole) for shape, whole in zip(shapes, wanted, strict=True)):
        return "keep the axes of replicas and that of coordinates, one coordinate too"
    if any(shape[:-1] != whole[:-1] for shape, whole in zip(shapes, wanted, strict=True)):
        return f"give as many replicas as `draws` has, and n = {n} pairs of each"
    return "mend `dims`, or the coordinates"


def _look_at_pairs(family: "Family", said: str, answer: Any, asked: Asked) -> None:  # noqa: ARG001
    shape = tuple(asked["x"].shape[:-1])
    promise = f"{said} to give a tensor of shape {shape}, one number a pair"
    _expect_tensor(promise, answer)
    if tuple(answer.shape) != shape:
        remedy = "reduce over coordinates, the last axis of x and y, alone"
        raise ContractError(promise, f"one of shape {tuple(answer.shape)}: {remedy}")


def _look_at_density(family: "Family", said: str, answer: Any, asked: Asked) -> None:
    if answer is not None:  # not offered
        _look_at_pairs(family, said, answer, asked)


def _look_at_information(family: "Family", said: str, answer: Any, asked: Asked) -> None:
    _look_at_replicas(family, said, answer, asked)
    theta: Theta = asked["theta"]
    if any(value.dtype == torch.float64 for value in theta.values()) and answer.dtype != torch.float64:
        raise ContractError(f"{said} to keep theta's torch.float64", f"a tensor of {answer.dtype}")
    _expect_graph(said, answer, theta)


def _look_at_replicas(family: "Family", said: str, answer: Any, asked: Asked) -> None:
    theta: Theta = asked["theta"]
    own = family.at(torch.float64)
    shape = next((tuple(value.shape[: value.ndim - own[name].ndim]) for name, value in theta.items()), ())
    promise = f"{said} to give a tensor of shape {shape}, one number a replica"
    _expect_tensor(promise, answer)
    if tuple(answer.shape) != shape:
        raise ContractError(promise, f"one of shape {tuple(answer.shape)}: keep the axes of theta, and no other")


def _look_at_integral(family: "Family", said: str, answer: Any, asked: Asked) -> None:  # noqa: ARG001
    promise = f"{said} to give a tensor of shape (), one number"
    _expect_tensor(promise, answer)
    if answer.ndim:
        raise ContractError(promise, f"one of shape {tuple(answer.shape)}")
    _expect_graph(said, answer, asked["theta"])


def _expect_tensor(promise: str, answer: Any) -> None:
    if not isinstance(answer, Tensor):
        raise ContractError(promise, in_place_of_tensor(answer))
    if not answer.is_floating_point():
        raise ContractError(f"{promise}, a real floating point number", f"{answer.dtype}")


def _expect_graph(said: str, answer: Tensor, theta: "Theta") -> None:
    """Refuses what does not move with theta where every name in it asks for that."""
    asks = torch.is_grad_enabled() and theta and all(value.requires_grad for value in theta.values())
    if asks and not answer.requires_grad:
        raise ContractError(
            f"{said} to be differentiable in theta",
            "a tensor without an autograd graph: was it computed under torch.no_grad, or of theta by .item(), "
            ".detach() or numpy?",
        )


LOOKS: Mapping[str, tuple[tuple[str, ...], Callable[["Family", str, Any, Asked], None]]] = {
    "sample": (("theta", "n", "draws"), _look_at_samples),
    "log_ratio": (("theta", "x", "y"), _look_at_pairs),
    "log_density": (("theta", "x", "y"), _look_at_density),
    "information": (("theta",), _look_at_information),
    "integral": (("theta", "fineness"), _look_at_integral),
    "error": (("theta",), _look_at_replicas),
}
"""The methods whose answers are looked at, each with its parameters."""
