"""Coordinates that say nothing: a fit is the same with them as without.

They are constant, or others of their block determine them (`mibench_baselines.redundant`, `mibench_ratio.determined`),
and are 0 here. Much of a fit depends on how many coordinates there are, so they are left out before it. Replicas that
keep others are fitted apart.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.determined import without_determined
from mibench_ratio.options import FitOptions
from mibench_ratio.usable import healthy, without_redundant


class Alike(NamedTuple):
    """Replicas that keep the same coordinates: which these are, and which coordinates of x and of y they keep."""

    which: Bool[Tensor, "*replicas"]
    of_x: Bool[Tensor, " dx"]
    of_y: Bool[Tensor, " dy"]


def ready(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> tuple[Tensor, Tensor, Bool[Tensor, "*replicas 1 1"]]:
    """Both blocks in double precision, 0 where they say nothing, and which replicas are finite; the others are 0."""
    (x, y), finite = healthy(without_redundant(x), without_redundant(y))
    return x, without_determined(y) if options.surfaces == "auto" else y, finite


def kept(block: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas d"]:
    """Which coordinates of such a block are any but 0; all of them where none is."""
    varies = (block != 0).any(-2)
    return varies | ~varies.any(-1, keepdim=True)


def alike(
    x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"], options: FitOptions
) -> list[Alike] | None:
    """The groups of replicas of such blocks; `None` where all keep all coordinates.

    And where that is not asked: of a device that would have to be waited for, by a fit that asks it nothing else.
    """
    if not (free_to_ask(x) or options.adapts):
        return None
    of_replicas = torch.cat([kept(x), kept(y)], -1)
    if of_replicas.all():
        return None
    patterns = of_replicas.reshape(-1, of_replicas.shape[-1]).unique(dim=0)
    return [Alike((of_replicas == each).all(-1), *each.split([x.shape[-1], y.shape[-1]])) for each in patterns]
