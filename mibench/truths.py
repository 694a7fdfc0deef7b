"""What a cell's family says of its information and of the derivative, computed once for all trials of the cell.

Theta is rounded to the precision of the trial's samples first: that is what they are drawn at.
"""

import contextlib
from collections.abc import Generator
from functools import lru_cache
from typing import Any, Protocol

import torch
from torch import Tensor

from mibench.errors import UnfitError
from mibench.families import Family, Theta, together
from mibench.text import number


class Families(Protocol):
    """A class whose instances make the family at a cell, as tasks of families do."""

    def family(self, cell: Any) -> Family:
        """The family at a cell."""
        ...


@lru_cache(maxsize=100_000)
def information(kind: type[Families], cell: Any, precision: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """I(X;Y) at a cell and the error of this number, in nats: `()` each, in float64.

    Raises:
        UnfitError: double precision does not hold it.
    """
    family = kind().family(cell)
    theta = _exact(family, precision, device)
    with torch.no_grad(), _computed("information", theta):
        return _finite(family.information(theta)[0]), family.error(theta)[0]


@lru_cache(maxsize=100_000)
def slope(
    kind: type[Families], cell: Any, name: str, precision: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """dI/d(name) at a cell, of the shape of theta[name], and its error, `()`; in float64.

    Raises:
        UnfitError: double precision does not hold it.
    """
    family = kind().family(cell)
    theta = _exact(family, precision, device)
    leaf = theta[name].clone().requires_grad_()
    with torch.enable_grad(), _computed(f"derivative in {name}", theta):
        total = family.information({**theta, name: leaf}).sum()
        (gradient,) = torch.autograd.grad(total, leaf, materialize_grads=True)
        return _finite(gradient[0]), family.error(theta, name)[0].detach()


def _exact(family: Family, precision: torch.dtype, device: torch.device) -> Theta:
    """Theta as one replica has it, in float64."""
    return {name: value.detach().double() for name, value in together([family], precision, device).items()}


@contextlib.contextmanager
def _computed(what: str, theta: Theta) -> Generator[None]:
    """Says where a truth is beyond double precision: a family's parameters may be valid and too extreme."""
    try:
        yield
    except (ArithmeticError, torch.linalg.LinAlgError) as error:  # pyright: ignore[reportPrivateImportUsage]
        where = ", ".join(f"{name}={number(value.item())}" for name, value in theta.items() if value.numel() == 1)
        raise UnfitError(f"double precision does not hold the {what} at {where or 'this theta'}") from error


def _finite(truth: Tensor) -> Tensor:
    if not truth.isfinite().all():
        raise ArithmeticError("not finite")
    return truth
