r"""Coordinates that are a smooth function of another one of their block, as powers are, and that leave no density.

Samples are put in order of coordinate k. The two neighbours of a sample give its coordinate l by linear interpolation,
but for

.. math::
    r_i = l_i - \frac{(k_{i+1} - k_i) \, l_{i-1} + (k_i - k_{i-1}) \, l_{i+1}}{k_{i+1} - k_{i-1}}.

Of a smooth function the geometric mean of :math:`r^2` is next to nothing beside the variance of l that is not linear in
k, and beside that of :math:`(l_{i+1} - l_{i-1})^2`; of noise, however little, it is not. Few r, in sparse tails, are
not small themselves; where a curve has two branches, there are more. Then I(X;Y) is the same without l, and so is its
gradient, in the coordinates that are kept. Coordinates of few values stay.
Functions of several others are left out if they are quadratic (`mibench_ratio.quadrics`).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.kernels import units
from mibench_ratio.pairs import first_of
from mibench_ratio.quadrics import quadratic

SHARE, ROUGH = 1e-4, 0.05
"""Below which shares of the two it is next to nothing."""
LARGE, FEW = 0.01, 0.05
"""From which share of that variance on a square is not small, and how many of all samples may have one."""
SAMPLES_A_COORDINATE, MOST = 8, 2048
"""Below how many samples nothing is looked for, since few always lie on a surface, and how many are looked at."""
_STORED = 2**22
"""Numbers that are taken together."""
_TINY = 1e-12


def without_determined(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas n d"]:
    """The block, with 0 in place of the coordinates to leave out."""
    return block.where(~determined(block)[..., None, :], 0.0)


def determined(block: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas d"]:
    """Which coordinates to leave out: of two that are functions of each other, the one that is interpolated better."""
    n, d = block.shape[-2:]
    left_out = torch.zeros_like(block[..., 0, :], dtype=torch.bool)
    if d == 1 or n < SAMPLES_A_COORDINATE * d:
        return left_out
    block = some_of(block)
    standard = units(block).standardise(block)
    shares = _shares(standard)
    if not free_to_ask(block) or shares.isfinite().any():
        for _ in range(d - 1):
            smallest, best = shares.flatten(-2).min(-1, keepdim=True)
            goes = (torch.arange(d, device=block.device) == best % d) & smallest.isfinite()
            left_out = left_out | goes
            shares = shares.where(~(goes[..., None, :] | goes[..., :, None]), torch.inf)
    looked_at = continuous(standard) & ~left_out
    return left_out | quadratic(standard * looked_at[..., None, :])


def some_of(block: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas m d"]:
    """At most MOST of the samples, whichever order they are handed in."""
    return first_of(MOST, block)[0]


def continuous(z: Float[Tensor, "*replicas n d"]) -> Bool[Tensor, "*replicas d"]:
    """Which coordinates have a different value at every other sample, or more."""
    return (z.sort(-2).values.diff(dim=-2) != 0).sum(-2) >= z.shape[-2] // 2


def _shares(z: Float[Tensor, "*replicas n d"]) -> Float[Tensor, "*replicas d d"]:
    """How much of coordinates l (columns) is no smooth function of k (rows); infinite where that is more than SHARE."""
    n, d = z.shape[-2:]
    z = z * continuous(z)[..., None, :]
    curved = 1 - (z.mT @ z / n).square()
    varies = (z != 0).any(-2)
    pairs = varies[..., :, None] & varies[..., None, :] & ~torch.eye(d, dtype=torch.bool, device=z.device)
    together = max(1, _STORED // z.numel())
    parts = [_leaves(z, k, curved[..., k, :]) for k in torch.arange(d, device=z.device).split(together)]
    return torch.cat(parts, -2).where(pairs, torch.inf)


def _leaves(
    z: Float[Tensor, "*replicas n d"], k: Int[Tensor, " some"], curved: Float[Tensor, "*replicas some d"]
) -> Float[Tensor, "*replicas some d"]:
    """The same of some coordinates k, with themselves and what does not vary."""
    own, order = z[..., k].mT.sort(-1)
    step = (own[..., 2:] - own[..., :-2]).clamp_min(_TINY)
    weight = ((own[..., 2:] - own[..., 1:-1]) / step)[..., :, None, :]
    others = torch.take_along_dim(z.mT[..., None, :, :], order[..., :, None, :], -1)
    before, after = others[..., :-2], others[..., 2:]
    residual = (others[..., 1:-1] - torch.lerp(after, before, weight)).square()
    rough = _geometric_mean(residual)
    smooth = (rough < SHARE * curved) & (rough < ROUGH * _geometric_mean((after - before).square()))
    smooth &= (residual > LARGE * curved[..., None]).sum(-1) <= FEW * z.shape[-2]
    return (rough / curved).where(smooth, torch.inf)


def _geometric_mean(squares: Float[Tensor, "*any n"]) -> Float[Tensor, "*any"]:
    return squares.clamp_min(_TINY).log().mean(-1).exp()
