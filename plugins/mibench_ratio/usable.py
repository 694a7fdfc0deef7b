"""What of samples is of use: replicas that are finite, and coordinates that others do not determine."""

import torch
from jaxtyping import Float
from mibench_baselines.redundant import redundant
from torch import Tensor

from mibench.finite import finite_replicas


def without_redundant(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The block, without a graph, with 0 in place of coordinates that others determine, along which nothing is free."""
    block = block.detach()
    return block.where(~redundant(block)[..., None, :], 0.0)


def healthy(*blocks: Tensor) -> tuple[list[Tensor], Tensor]:
    """The blocks in double precision, zero in replicas that hold a number that is not finite.

    Returns:
        The blocks, and whether a replica is finite, `(*replicas, 1, 1)`.
    """
    doubles = [block.detach().double() for block in blocks]
    finite = torch.stack([finite_replicas(block) for block in doubles]).all(0)[..., None, None]
    return [torch.where(finite, block, 0.0) for block in doubles], finite
