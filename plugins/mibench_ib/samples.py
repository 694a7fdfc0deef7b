"""Images as the bottleneck takes them, and which of them are held out."""

import torch
from jaxtyping import Float
from torch import Tensor

from mibench.contracts import Context, Split


class Samples:
    """A split in memory: inputs in [-1, 1] with a leading axis of one replica, and labels."""

    def __init__(self, split: Split, context: Context) -> None:
        pixels = split.images.flatten(1).to(context.device, context.dtype)
        self.x: Float[Tensor, "1 n inputs"] = (pixels / 127.5 - 1)[None]
        self.labels = split.labels.to(context.device)


def hold_out(split: Split, size: int) -> tuple[Split, Split]:
    """A split without `size` of its images, and these, which are the same for every trial."""
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    held, left = order[:size].sort().values, order[size:].sort().values
    return Split(split.images[left], split.labels[left]), Split(split.images[held], split.labels[held])
