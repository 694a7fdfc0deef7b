"""Rows of samples that are told apart by their bits."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Int
from torch import Tensor

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as floating point numbers, by bytes."""

Hashing: TypeAlias = Callable[[Tensor], Int[Tensor, "*replicas n"]]
"""From samples `(*replicas, n, d)` to a number a row, which is the same for rows of the same bits."""


def hashing(width: int, device: torch.device) -> Hashing:
    """A hash of rows of so many numbers: their bits, weighted by random odd numbers and summed.

    Nothing waits for the device. Sums of integers wrap, so that their order does not matter.
    """
    generator = torch.Generator().manual_seed(0)
    weights = 2 * torch.randint(2**62, (width,), generator=generator).to(device) + 1

    def hashes_of(samples: Tensor) -> Int[Tensor, "*replicas n"]:
        bits = samples.detach().contiguous().view(_BITS[samples.element_size()])
        return (bits.long() * weights).sum(-1)

    return hashes_of
