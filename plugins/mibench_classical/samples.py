"""What the estimators of this plugin make of samples: double precision, finite replicas, and ranks."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from mibench_baselines.redundant import varying
from torch import Tensor

from mibench.errors import SmallBatchError, UnfitError
from mibench.finite import finite_replicas


class Finite(NamedTuple):
    """Samples in double precision; zero in constant coordinates, and in replicas that hold a number that is not finite.

    `unknown` is NaN in these, and so is its gradient; elsewhere both are 0.
    """

    x: Float[Tensor, "*replicas n dx"]
    y: Float[Tensor, "*replicas n dy"]
    finite: Bool[Tensor, "*replicas"]
    unknown: Float[Tensor, "*replicas"]

    def answer(self, values: Float[Tensor, "*replicas"], dtype: torch.dtype) -> Float[Tensor, "*replicas"]:
        """The values in a dtype; NaN, with their gradient, where a replica is not finite."""
        return (values + self.unknown).to(dtype)


def finite(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], name: str, fewest: int) -> Finite:
    """The samples, and which replicas are finite; differentiable.

    Raises:
        SmallBatchError: there are fewer pairs than the estimator `name` needs.
    """
    if x.shape[-2] < fewest:
        raise SmallBatchError(f"{name} needs at least {fewest} pairs, not {x.shape[-2]}")
    good = finite_replicas(x) & finite_replicas(y)
    of_x, of_y = (torch.where(good[..., None, None] & varying(block), block.double(), 0.0) for block in (x, y))
    factor = torch.where(good, 0.0, torch.nan)[..., None, None]
    return Finite(of_x, of_y, good, (factor * x).sum((-2, -1)) + (factor * y).sum((-2, -1)))


class Ties(NamedTuple):
    """Where the values that equal each lie in sorted order: from `start` to before `stop`, `(*replicas, n)` each."""

    start: Tensor
    stop: Tensor

    @property
    def number(self) -> Int[Tensor, "*replicas n"]:
        """How many values equal each, itself among them."""
        return self.stop - self.start


def ties(values: Tensor) -> Ties:
    """Of values `(*replicas, n)`."""
    values = values.contiguous()
    ordered = values.sort(-1).values.contiguous()
    return Ties(torch.searchsorted(ordered, values), torch.searchsorted(ordered, values, right=True))


def sums_by_cell(
    values: Float[Tensor, "*replicas n"], cell: Int[Tensor, "*replicas n"]
) -> Float[Tensor, "*replicas n"]:
    """For each sample, the sum of the values of all samples of its cell."""
    order = cell.argsort(-1)
    sums = torch.nn.functional.pad(values.gather(-1, order).cumsum(-1), (1, 0))
    alike = ties(cell)
    return sums.gather(-1, alike.stop) - sums.gather(-1, alike.start)


def ranks(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The rank of each sample in each coordinate, in (0, 1); equal samples share the mean of their ranks."""
    alike = ties(z.mT)
    return ((alike.start + alike.stop).double() / (2 * z.shape[-2])).mT


def cells(columns: Int[Tensor, "*replicas n d"], sizes: Sequence[int]) -> Int[Tensor, "*replicas n"]:
    """One number for the cell of each sample, from its bin in every coordinate and the number of bins of each."""
    number = torch.zeros_like(columns[..., 0])
    for i, size in enumerate(sizes):
        number = number * size + columns[..., i]
    return number


def refuse_many(name: str, dx: int, dy: int, most: int) -> None:
    """Refuses so many dimensions that the cells of a partition of all of them would be empty.

    Raises:
        UnfitError: x and y have more than `most` together.
    """
    if dx + dy > most:
        raise UnfitError(f"{name} takes dx + dy of at most {most}, not {dx} + {dy}: cells would be empty")


def count_varying(z: Float[Tensor, "*replicas n d"]) -> Int[Tensor, "*replicas"]:
    """How many coordinates are not constant: constants have no density, and say nothing."""
    return (z.amax(-2) > z.amin(-2)).sum(-1)
