"""Features of Gaussian kernels of single coordinates, their derivatives, and which products of them matter."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROWS = 4096
"""Samples in a chunk."""
_CENTRES = 12
_REACH = 2.6
"""Outermost centres, as quantiles of a normal density in standard deviations."""
_RANK = 1e-6


@dataclass(frozen=True)
class Waves:
    """Features of a Gaussian kernel of each coordinate of a block.

    Attributes:
        centres: quantiles, `(d, Q)`.
        mixing: R, `(d, Q, Q)`.
        sizes: the features' variances over the centres, descending, `(d, Q)`.
        precision: 1 / width^2, `(d, 1, 1)`.
    """

    centres: Tensor
    mixing: Tensor
    sizes: Tensor
    precision: Tensor

    @classmethod
    def of(cls, block: Float[Tensor, "n d"], widths: Float[Tensor, " d"]) -> "Waves":
        """Of samples in an order that looks random, whose first part gives the quantiles."""
        ordered = block[:ROWS].sort(0).values
        levels = torch.special.ndtr(torch.linspace(-_REACH, _REACH, _CENTRES, dtype=block.dtype, device=block.device))
        places = (levels * (len(ordered) - 1)).round().long()
        centres = ordered[places].mT
        precision = widths[:, None, None] ** -2
        gram = torch.exp(-precision / 2 * (centres[:, :, None] - centres[:, None, :]).square())
        values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(gram))
        values, vectors = values.flip(-1), vectors.flip(-1)
        kept = values > _RANK * values[:, :1]
        scales = torch.where(kept, values.abs().rsqrt(), 0.0)
        sizes = torch.where(kept, values / _CENTRES, 0.0)
        return cls(centres, vectors * scales[:, None, :], sizes, precision)

    @classmethod
    def plain(cls, block: Float[Tensor, "n d"], width: float) -> "Waves":
        """The same of one width for all coordinates."""
        return cls.of(block, torch.full_like(block[0], width))

    def to(self, dtype: torch.dtype) -> "Waves":
        """The features in another precision."""
        return Waves(self.centres.to(dtype), self.mixing.to(dtype), self.sizes, self.precision.to(dtype))

    def values(self, block: Float[Tensor, "rows d"]) -> Float[Tensor, "d Q rows"]:
        """The features at points."""
        return self.mixing.mT @ self._kernel(block)[1]

    def derivatives(self, block: Float[Tensor, "rows d"]) -> tuple[Tensor, Tensor]:
        """Their first and second derivatives, `(d, Q, rows)`."""
        offset, kernel = self._kernel(block)
        slopes = offset * kernel
        first = self.mixing.mT @ slopes
        second = self.mixing.mT @ slopes.mul_(offset).mul_(self.precision).sub_(kernel)
        return first.mul_(-self.precision), second.mul_(self.precision)

    def _kernel(self, block: Tensor) -> tuple[Tensor, Tensor]:
        offset = block.mT[:, None, :].to(self.centres) - self.centres[:, :, None]
        return offset, offset.square().mul_(-self.precision / 2).exp_()


class Pairs(NamedTuple):
    """The products that each coordinate of y gets.

    Attributes:
        of_x, of_y: which features, counted over all coordinates of the block, `(dy, p)`.
        scales: roots of the pairs' weights, `(dy, p)`.
    """

    of_x: Int[Tensor, "dy p"]
    of_y: Int[Tensor, "dy p"]
    scales: Float[Tensor, "dy p"]

    @classmethod
    def strongest(
        cls,
        sizes_x: Float[Tensor, "dx Q"],
        sizes_y: Float[Tensor, "dy Q"],
        weights: Float[Tensor, "dx dy"],
        count: int,
    ) -> "Pairs":
        """Those of greatest prior variance."""
        variances = weights.mT[:, :, None, None] * sizes_x[None, :, :, None] * sizes_y[:, None, None, :]
        (dy, dx, q, _) = variances.shape
        best = variances.flatten(1).topk(min(count, dx * q * q), 1).indices
        coordinate, of_x, of_y = best // (q * q), best // q, best % q
        of_y = of_y + q * torch.arange(dy, device=best.device)[:, None]
        return cls(of_x, of_y, weights.mT.gather(1, coordinate).sqrt())


def feature_means(waves: Waves, block: Float[Tensor, "n d"]) -> Float[Tensor, "dQ 1"]:
    """The features' means over the samples, of all coordinates in a row."""
    total = sum(waves.values(rows).double().sum(-1) for rows in block.split(ROWS))
    return (torch.as_tensor(total) / len(block)).flatten()[:, None].to(waves.centres)
