"""What a cell's family says of its information and of the derivative, computed once for all trials of the cell.

Theta is rounded to the precision of the trial's samples first: that is what they are drawn at. A truth that is no
number is a matter of that rounding, or of a theta whose squares overflow; where it is neither, the family is wrong.
"""

import contextlib
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from mibench.compositions import Composed
from mibench.errors import PluginError, UnfitError
from mibench.families import Family, Theta, together
from mibench.text import number

_SMALLEST, _LARGEST = 1e-100, 1e100
"""Between these, or 0, a theta has squares and products in double precision."""
_ROUNDING = 1e-6
"""How many nats below 0 information may be by rounding, beside four of its own errors."""


class Families(Protocol):
    """A class whose instances make the family at a cell, as tasks of families do."""

    def family(self, cell: Any) -> Family:
        """The family at a cell."""
        ...


@lru_cache(maxsize=100_000)
def information(kind: type[Families], cell: Any, precision: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """I(X;Y) at a cell and the error of this number, in nats: `()` each, in float64.

    Raises:
        UnfitError: it is infinite, or double precision does not hold it.
        PluginError: it is NaN or below 0, by the family's fault.
    """
    family = kind().family(cell)
    theta = _rounded(family, precision, device)

    def compute(theta: Theta) -> Tensor:
        return family.information(theta)[0]

    with torch.no_grad(), _computed("information", theta):
        value, error = _number("information", family, compute, theta), family.error(theta)[0]
    if value < -(4 * error + _ROUNDING):
        said = f"the information is {number(value.item())} nats at {_where(theta)}, and none is below 0"
        raise PluginError(f"{_name(family)}: {said}")
    return value, error


@lru_cache(maxsize=100_000)
def slope(
    kind: type[Families], cell: Any, name: str, precision: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """dI/d(name) at a cell, of the shape of theta[name], and its error, `()`; in float64.

    Raises:
        UnfitError: it is infinite, or double precision does not hold it.
        PluginError: it is NaN, by the family's fault.
    """
    family = kind().family(cell)
    theta = _rounded(family, precision, device)

    def compute(theta: Theta) -> Tensor:
        leaves = {each: value.clone().requires_grad_() for each, value in theta.items()}
        total = family.information(leaves).sum()  # which another name may move alone
        (gradient,) = torch.autograd.grad(total, leaves[name], materialize_grads=True)
        return gradient[0]

    with torch.enable_grad(), _computed(f"derivative in {name}", theta):
        return _number(f"derivative in {name}", family, compute, theta), family.error(theta, name)[0].detach()


def _rounded(family: Family, precision: torch.dtype, device: torch.device) -> Theta:
    """Theta as one replica has it, rounded, in float64."""
    return {name: value.detach().double() for name, value in together([family], precision, device).items()}


@contextlib.contextmanager
def _computed(what: str, theta: Theta) -> Generator[None]:
    """Says where a truth is beyond double precision: a family's parameters may be valid and too extreme."""
    try:
        yield
    except (ArithmeticError, torch.linalg.LinAlgError) as error:  # pyright: ignore[reportPrivateImportUsage]
        raise UnfitError(f"double precision does not hold the {what} at {_where(theta)}") from error


def _number(what: str, family: Family, compute: Callable[[Theta], Tensor], theta: Theta) -> Tensor:
    """What is computed at theta, if it is a number.

    Raises:
        ArithmeticError: it is not finite at theta as it was rounded, or at one that is extreme.
        UnfitError: it is infinite.
        PluginError: it is NaN.
    """
    truth = compute(theta)
    if truth.isfinite().all():
        return truth
    own = _rounded(family, torch.float64, next(iter(theta.values())).device)
    truth = compute(own)
    if truth.isfinite().all() or not all(_moderate(value) for value in own.values()):
        raise ArithmeticError("not finite")
    if truth.isnan().any():
        raise PluginError(
            f"{_name(family)}: the {what} is NaN at {_where(own)}; `Params` must refuse where there is none"
        )
    raise UnfitError(f"{_name(family)}: the {what} is infinite at {_where(own)}, and nothing compares with that")


def _moderate(value: Tensor) -> bool:
    size = value.abs()
    return bool(((size == 0) | ((size > _SMALLEST) & (size < _LARGEST))).all())


def _where(theta: Theta) -> str:
    numbers = ", ".join(f"{name}={number(value.item())}" for name, value in theta.items() if value.numel() == 1)
    return numbers or "this theta"


def _name(family: Family) -> str:
    while isinstance(family, Composed):
        family = family.inner
    return f"family {type(family).__name__}"
