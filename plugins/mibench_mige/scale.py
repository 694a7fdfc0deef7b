"""The scale of a block, by which kernels of one width serve blocks of other units and spreads."""

from typing import NamedTuple

import torch
from mibench_baselines.scale import power
from torch import Tensor

from mibench_mige.kernels import centred, median_width, refuse_overflow, squared_distances
from mibench_mige.landmarks import landmark_places
from mibench_mige.params import MIGEParams

WIDTH_SAMPLES = 512
"""With landmarks, of how many samples `width=each` takes the median distance, where there are twice as many or more."""


class Scale(NamedTuple):
    """What `standardize` and `width=each` divide blocks by.

    Attributes:
        params: which of them, if any.
    """

    params: MIGEParams

    def standard(self, block: Tensor) -> tuple[Tensor, Tensor]:
        """The block over its scale, centred in double precision or an offset would take its digits, and the scale."""
        scale = self.of(block)
        if not self._divides:
            return block, scale
        return (centred(block) / scale).to(block.dtype), scale

    def of(self, block: Tensor) -> Tensor:
        """The scale of a block, 1 where nothing is divided; NaN in replicas where it is no number of its dtype.

        Raises:
            ValueError: as `refuse_overflow`.
        """
        scale = block.new_ones(())
        if not self._divides:
            return scale
        if self.params.standardize:
            z = centred(block)
            size = power(z)
            deviation = (z / size).std(-2, keepdim=True) * size
            scale = torch.where(deviation > 0, deviation, 1.0)
        if self.params.width == "each":
            some = self._measured(centred(block) / scale)
            size = power(some.flatten(-2)[..., None])  # one for the block
            scale = scale * size * median_width(squared_distances(some / size))[..., None, None]
        scale = scale.to(block.dtype)
        refuse_overflow(scale, block)
        return torch.where(scale.isfinite().all(-1, keepdim=True), scale, torch.nan)

    @property
    def _divides(self) -> bool:
        return self.params.standardize or self.params.width == "each"

    def _measured(self, block: Tensor) -> Tensor:
        """The samples of which `width=each` takes the median distance: the same rows at each call, at random."""
        n = block.shape[-2]
        if self.params.landmarks is None or n < 2 * WIDTH_SAMPLES:
            return block
        places = landmark_places(n, WIDTH_SAMPLES, torch.Generator().manual_seed(0))
        return block[..., places.to(block.device, non_blocking=True), :]
