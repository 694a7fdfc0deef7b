"""What `mi` and `surrogate` answer, looked at before anything is computed with it: one sentence, not torch's error."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from mibench.checks import in_place_of_tensor
from mibench.errors import ContractError


def question(name: str, x: Tensor, y: Tensor) -> str:
    """What a method was asked, e.g. `` `mi` of x (2, 16, 3) and y (2, 16, 2), torch.float32,``."""
    return f"`{name}` of x {tuple(x.shape)} and y {tuple(y.shape)}, {y.dtype},"


def promise(name: str, x: Tensor, y: Tensor) -> str:
    """What the contract promises of a call of `mi` or `surrogate`."""
    return f"{question(name, x, y)} to give a tensor of shape {tuple(x.shape[:-2])}"


def check_tensor(name: str, answer: Any, x: Tensor, y: Tensor) -> None:
    """Refuses what is no tensor of real floating point numbers, and a surrogate without a graph that a sample needs.

    Raises:
        ContractError: it is one of these.
    """
    if not isinstance(answer, Tensor):
        raise ContractError(promise(name, x, y), in_place_of_tensor(answer))
    if not answer.is_floating_point():
        raise ContractError(f"{question(name, x, y)} to give real floating point numbers", f"{answer.dtype}")
    wanted = name == "surrogate" and torch.is_grad_enabled() and (x.requires_grad or y.requires_grad)
    if wanted and not answer.requires_grad:
        raise ContractError(
            f"{question(name, x, y)} to have an autograd graph to what requires a gradient",
            "a tensor without one: was it computed under torch.no_grad, or from detached samples?",
        )


def check_shape(name: str, answer: Tensor, x: Tensor, y: Tensor) -> None:
    """Refuses what is not one number a replica.

    Raises:
        ContractError: its shape is another.
    """
    if answer.shape != x.shape[:-2]:
        raise ContractError(promise(name, x, y), f"one of shape {tuple(answer.shape)}")


def checked(kind: type[Any]) -> type[Any]:
    """The same class of estimators, of which every answer is looked at; its state is that of the class itself."""
    methods = {name: _checking(name, getattr(kind, name)) for name in ("mi", "surrogate")}
    return type(kind.__name__, (kind,), methods | {"__module__": kind.__module__, "__qualname__": kind.__qualname__})


def _checking(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def answer(self: Any, x: Tensor, y: Tensor) -> Any:
        given = method(self, x, y)
        check_tensor(name, given, x, y)
        check_shape(name, given, x, y)
        return given

    return answer
