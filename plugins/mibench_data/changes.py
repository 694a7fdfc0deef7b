"""What is done to pairs before an estimator sees them, by name: most of it keeps their information."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.pairs.far import far_out

Block: TypeAlias = Float[Tensor, "n _"]
Both: TypeAlias = tuple[Block, Block]
Name = Literal[
    "none", "shuffled", "scores", "ranks", "scaled", "rotated", "swapped", "jittered", "rounded", "noise", "quarters"
]

JITTER = 1e-3
"""The standard deviation of jitter, in standard deviations of each column without values that lie far out."""
FURTHER = 0.03
"""By which share of the furthest of the others a value is put beyond it for each factor e that it lies far out."""
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
    """Each column with mean 0 and standard deviation 1; a constant column is 0.

    In a column in which values lie far out (`mibench.pairs.far`), the others have that mean and deviation, and those
    far out are pulled in to just beyond them, one to one, which keeps all information: a deviation that a single row
    makes would leave single precision no digits for the others.
    """
    centred = block - block.mean(0)
    units = centred / centred.std(0, correction=0).clamp_min(torch.finfo(block.dtype).tiny)
    far = _far_out(block)
    for k in far.any(0).nonzero()[:, 0].tolist():
        units[:, k] = _pulled_in(block[:, k], far[:, k])
    return units


def _pulled_in(column: Float[Tensor, " n"], far: Bool[Tensor, " n"]) -> Float[Tensor, " n"]:
    """A column in units of its values that do not lie far out, beyond the furthest of which the others follow."""
    centred = column - column[~far].mean()
    units = centred / centred[~far].std(correction=0)
    furthest = units[~far].abs().max()
    beyond = units.sign() * furthest * (1 + FURTHER * (units.abs() / furthest).log())
    return torch.where(far, beyond, units)


def _far_out(block: Block) -> Bool[Tensor, "n _"]:
    return torch.from_numpy(far_out(block.numpy()))


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
        block + JITTER * _spread(block) * torch.randn(block.shape, generator=generator, dtype=block.dtype)
        for block in (x, y)
    )
    return x, y


def _spread(block: Block) -> Float[Tensor, " _"]:
    """The standard deviation of each column, without its values that lie far out."""
    spread, far = block.std(0), _far_out(block)
    for k in far.any(0).nonzero()[:, 0].tolist():
        spread[k] = block[~far[:, k], k].std()
    return spread


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
