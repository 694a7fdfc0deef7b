"""Polyak's average of weights: an exponential moving average, corrected for its start at zero."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Average:
    """`(1 - decay) sum_s decay^(t - s) w_s / (1 - decay^t)` after t steps.

    Args:
        weights: what is averaged; they are read at every `update`.
        decay: the factor that past weights are multiplied by at each step.
    """

    def __init__(self, weights: Sequence[Tensor], decay: float) -> None:
        self._decay = decay
        self._steps = 0
        self._sums = [torch.zeros_like(weight, requires_grad=False) for weight in weights]

    @torch.no_grad()
    def update(self, weights: Sequence[Tensor]) -> None:
        """Adds the weights of one more step."""
        self._steps += 1
        for total, weight in zip(self._sums, weights, strict=True):
            total.lerp_(weight, 1 - self._decay)

    def weights(self) -> list[Tensor]:
        """The average, as new tensors."""
        correction = 1 - self._decay**self._steps
        return [total / correction for total in self._sums]
