"""What the estimators of this plugin ask of samples, and the units in which they see them."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from mibench_baselines.scale import deviation
from mibench_classical.samples import count_varying, finite
from torch import Tensor

from mibench.errors import UnfitError


class Pairs(NamedTuple):
    """Samples in double precision and without a graph, as `Finite`."""

    x: Float[Tensor, "*replicas n dx"]
    y: Float[Tensor, "*replicas n dy"]
    finite: Bool[Tensor, "*replicas"]

    @property
    def both(self) -> Float[Tensor, "*replicas n d"]:
        """x and y side by side."""
        return torch.cat([self.x, self.y], -1)

    @property
    def vary(self) -> Bool[Tensor, "*replicas"]:
        """Whether neither x nor y is constant."""
        return (count_varying(self.x) > 0) & (count_varying(self.y) > 0)

    def answer(self, values: Float[Tensor, "*replicas"], dtype: torch.dtype) -> Float[Tensor, "*replicas"]:
        """The values in a dtype; 0 where x or y is constant, and NaN where a replica is not finite."""
        return torch.where(self.finite, torch.where(self.vary, values, 0.0), torch.nan).to(dtype)


def pairs(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], *, name: str, fewest: int, scale: bool
) -> Pairs:
    """The samples as neighbours are counted among them.

    Args:
        x: `(*replicas, n, dx)`.
        y: `(*replicas, n, dy)`.
        name: of the estimator, for the error message.
        fewest: how many pairs it needs.
        scale: whether each coordinate is brought to unit variance; a constant one is 0.

    Raises:
        UnfitError: there are fewer pairs.
    """
    samples = finite(x.detach(), y.detach(), name, fewest)
    blocks = (samples.x, samples.y)
    of_x, of_y = (_unit_variance(block) for block in blocks) if scale else blocks
    return Pairs(of_x, of_y, samples.finite)


def refuse_equals(name: str, distances: Float[Tensor, "*replicas n"], among: Bool[Tensor, "*replicas"]) -> None:
    """Refuses a distance of zero to a k-th neighbour.

    Args:
        name: of the estimator, for the error message.
        distances: to the k-th neighbour of each sample.
        among: the replicas that are looked at.

    Raises:
        UnfitError: there is one.
    """
    if ((distances == 0) & among[..., None]).any():
        raise UnfitError(f"{name} needs a density, and samples equal k others: ksg-mixed is for such data")


def _unit_variance(block: Tensor) -> Tensor:
    centred = block - block.mean(-2, keepdim=True)
    scale = deviation(centred)
    return torch.where(scale > 0, centred / scale, 0.0)
