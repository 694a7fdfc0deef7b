"""Polyak's average of weights: an exponential moving average, corrected for its start at zero."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Average:
    """`(1 - kept) sum_s kept^(t - s) w_s / (1 - kept^t)` after t steps.

    Args:
        weights: what is averaged; they are read at every `update`.
        kept: the share of the average that stays at each step.
    """

    def __init__(self, weights: Sequence[Tensor], kept: float) -> None:
        self._kept = kept
        self._steps = 0
        self._sums = [torch.zeros_like(one, requires_grad=False) for one in weights]

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor]) -> None:
        """Takes the weights of one more step in."""
        self._steps += 1
        for total, one in zip(self._sums, weights, strict=True):
            total.lerp_(one, 1 - self._kept)

    def weights(self) -> list[Tensor]:
        """The average, as new tensors."""
        correction = 1 - self._kept**self._steps
        return [one / correction for one in self._sums]
