"""What is done to pairs before an estimator sees them, by name: most of it keeps their information."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

Block: TypeAlias = Float[Tensor, "n _"]
Both: TypeAlias = tuple[Block, Block]
Name = Literal[
    "none", "shuffled", "scores", "ranks", "scaled", "rotated", "swapped", "jittered", "rounded", "noise", "quarters"
]

JITTER = 1e-3
"""The standard deviation of jitter, in standard deviations of each column."""
NOISE_COLUMNS = 2


def ranks(block: Block) -> Block:
    """Each column's ranks, averaged where values are equal, in standard units."""
    return standardised(torch.stack([_ranked(column) for column in block.T], -1))


def normal_scores(block: Block) -> Block:
    """The normal quantiles of each column's ranks, in standard units."""
    middle = torch.stack([_ranked(column) for column in block.T], -1) / (len(block) + 1)
    return standardised(torch.special.ndtri(middle))


def _ranked(column: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Ranks from 1, averaged where values are equal."""
    _, place, count = column.unique(return_inverse=True, return_counts=True)
    return (count.cumsum(0).double() - (count - 1) / 2)[place]


def standardised(block: Block) -> Block:
    """Each column with mean 0 and standard deviation 1; a constant column is 0."""
    centred = block - block.mean(0)
    return centred / centred.std(0, correction=0).clamp_min(torch.finfo(block.dtype).tiny)


def rotated(block: Block, generator: torch.Generator) -> Block:
    """A random rotation of the columns."""
    normal = torch.randn(block.shape[1], block.shape[1], generator=generator, dtype=block.dtype)
    return block @ torch.linalg.qr(normal).Q


def _rotate_wider(x: Block, y: Block, generator: torch.Generator) -> Both:
    return (rotated(x, generator), y) if x.shape[1] > y.shape[1] else (x, rotated(y, generator))


def _shuffle(x: Block, y: Block, generator: torch.Generator) -> Both:
    return x, y[torch.randperm(len(y), generator=generator)]


def _jitter(x: Block, y: Block, generator: torch.Generator) -> Both:
    x, y = (
        block + JITTER * block.std(0) * torch.randn(block.shape, generator=generator, dtype=block.dtype)
        for block in (x, y)
    )
    return x, y


def _noise(x: Block, y: Block, generator: torch.Generator) -> Both:
    return torch.cat([x, torch.randn(len(x), NOISE_COLUMNS, generator=generator, dtype=x.dtype)], -1), y


CHANGES: Mapping[str, Callable[[Block, Block, torch.Generator], Both]] = MappingProxyType(
    {
        "shuffled": _shuffle,
        "scores": lambda x, y, _: (normal_scores(x), normal_scores(y)),
        "ranks": lambda x, y, _: (ranks(x), ranks(y)),
        "scaled": lambda x, y, _: (x, 1e6 * y),
        "rotated": _rotate_wider,
        "swapped": lambda x, y, _: (y, x),
        "jittered": _jitter,
        "rounded": lambda x, y, _: (x.round(decimals=1), y.round(decimals=1)),
        "noise": _noise,
    }
)
"""Changes of pairs. `shuffled` takes all information away, `rounded` a little; the others keep it."""
QUARTERS = 4
"""Into how many parts `quarters` deals rows out, for the mean of the estimates on each."""


def changed(name: str, x: Any, y: Any, generator: torch.Generator) -> Both:
    """Pairs after the change called `name`."""
    change = CHANGES.get(name)
    return (x, y) if change is None else change(x, y, generator)
