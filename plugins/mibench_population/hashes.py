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
Counting: TypeAlias = Callable[[Int[Tensor, "*replicas n"]], Int[Tensor, "*replicas n"]]
"""From hashes to how many rows of a population have each."""
_ODD = 0x1E35A7BD1E35A7BD
_AT_ONCE = 4096
"""Rows of a population that are hashed at once."""


def hashing(width: int, device: torch.device) -> Hashing:
    """A hash of rows of so many numbers: their bits, mixed, weighted by random odd numbers and summed.

    Bits are mixed first because those of small whole numbers in double precision are nearly all 0, and so would most
    bits of the sum be. Nothing waits for the device. Sums of integers wrap, so that their order does not matter.
    """
    generator = torch.Generator().manual_seed(0)
    weights = 2 * torch.randint(2**62, (width,), generator=generator).to(device) + 1

    def hashes_of(samples: Tensor) -> Int[Tensor, "*replicas n"]:
        numbers = samples.detach().contiguous() + 0.0  # -0 is 0
        bits = numbers.view(_BITS[samples.element_size()]).long()
        return (_mixed(bits) * weights).sum(-1)

    return hashes_of


def _mixed(bits: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
    """A bijection of 64 bits, in which each depends on most of the others."""
    mixed = (bits ^ (bits >> 32)) * _ODD
    return mixed ^ (mixed >> 29)


def numbering(population: Tensor) -> Callable[[Tensor], Int[Tensor, "*replicas n"]]:
    """A function from samples to their numbers in a population, which are -1 for those that are not of it.

    Nothing waits for the device: rows are told apart by their bits.
    """
    hashes_of = hashing(population.shape[-1], population.device)
    known, numbers = _hashes(population).sort(-1)

    def numbers_of(x: Tensor) -> Int[Tensor, "*replicas n"]:
        asked = hashes_of(x)
        leading = asked.shape[:-1]
        places = torch.searchsorted(known.expand(*leading, -1).contiguous(), asked).clamp(max=known.shape[-1] - 1)
        there = known.expand(*leading, -1).gather(-1, places) == asked
        return torch.where(there, numbers.expand(*leading, -1).gather(-1, places), -1)

    return numbers_of


def counting(population: Tensor) -> Counting | None:
    """A function from hashes to how many rows of a population have them; `None` where all of its rows differ."""
    known = _hashes(population).sort(-1).values
    if bool((known.diff(dim=-1) != 0).all()):
        return None

    def counts_of(hashes: Int[Tensor, "*replicas n"]) -> Int[Tensor, "*replicas n"]:
        there, asked = known.expand(*hashes.shape[:-1], -1).contiguous(), hashes.contiguous()
        return torch.searchsorted(there, asked, right=True) - torch.searchsorted(there, asked)

    return counts_of


def _hashes(population: Tensor) -> Int[Tensor, "*replicas size"]:
    """Those of many rows, a part at a time."""
    hashes_of = hashing(population.shape[-1], population.device)
    return torch.cat([hashes_of(part) for part in population.split(_AT_ONCE, -2)], -1)
