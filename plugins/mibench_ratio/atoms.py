"""Atoms of x: values that many samples share of a coordinate that is continuous otherwise, as where missing ones are 0.

In the midst of the others a smooth function cannot tell an atom from them. So a further coordinate of x is 1 there, and
0 elsewhere; from x one can read it, and I(X;Y) is the same. The gradient is asked for in y alone, whose atoms stay as
they are.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.determined import SAMPLES_A_COORDINATE
from mibench_ratio.idle import kept
from mibench_ratio.options import FitOptions

RARE, OFTEN, DISTINCT = 0.05, 0.9, 0.5
"""Which shares of the samples an atom has, and what share of the others differ from each other, at least."""


def atoms(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> Float[Tensor, "*replicas 1 dx"] | None:
    """The atom of each coordinate of x, NaN where there is none; `None` if none is to be marked.

    Few samples for twice as many coordinates have none marked, and neither have those that are reduced to components,
    or whose linear part is penalised or shrunk.

    Args:
        x: the block, 0 where it says nothing (`mibench_ratio.idle`).
        y: the other one, likewise.
        options: whether any are marked.
    """
    n, plain = x.shape[-2], options.linear == "free" and options.components is None
    if options.atoms == "none" or not plain:
        return None
    enough = n >= SAMPLES_A_COORDINATE * (2 * kept(x).sum(-1) + kept(y).sum(-1))
    if free_to_ask(enough) and not enough.any():
        return None
    values = x.mode(-2, keepdim=True).values
    count = (x == values).sum(-2, keepdim=True)
    others = (x.sort(-2).values.diff(dim=-2) != 0).sum(-2, keepdim=True)
    there = (count >= RARE * n) & (count <= OFTEN * n) & (others > DISTINCT * (n - count))
    there = there & enough[..., None, None]
    return torch.where(there, values, torch.nan) if there.any() else None  # waits for a GPU


def marked(x: Float[Tensor, "*replicas n dx"], at: Float[Tensor, "*replicas 1 dx"]) -> Float[Tensor, "*replicas n k"]:
    """x, and for each coordinate whether it is at its atom."""
    return torch.cat([x, (x == at).to(x)], -1)
