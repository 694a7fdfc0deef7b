"""Adam (Kingma & Ba 2015) for a climb of so many steps, with derivatives in closed form."""

import math

import torch
from torch import Tensor

_TINY = 1e-12


class Adam:
    """Steps along slopes, at a rate that falls linearly to nothing.

    Args:
        rate: of the first step.
        steps: how many there are.
        per_column: whether the entries of a column share a step length, so that directions stay those of the means.
    """

    def __init__(self, rate: float, steps: int, *, per_column: bool = False) -> None:
        self._rate, self._steps, self._per_column, self._taken = rate, steps, per_column, 0

    def step(self, slope: Tensor) -> Tensor:
        """The next step."""
        if not self._taken:
            self._mean = torch.zeros_like(slope)
            self._square = torch.zeros_like(slope[..., :1, :] if self._per_column else slope)
        self._mean.mul_(0.9).add_(slope, alpha=0.1)
        if self._per_column:
            self._square.mul_(0.99).add_(slope.square().sum(-2, keepdim=True), alpha=0.01)
        else:
            self._square.mul_(0.99).addcmul_(slope, slope, value=0.01)
        rate = self._rate * (1 - self._taken / self._steps)
        self._taken += 1
        size = rate * math.sqrt(1 - 0.99**self._taken) / (1 - 0.9**self._taken)
        return size * self._mean / self._square.sqrt().add_(_TINY)
