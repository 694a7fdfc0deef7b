r"""Oblique directions: those of a turn, let go of their right angles.

What the units of a layer look at is not at right angles to each other, and what one unit says is correlated with what
another does. Directions a of u and b of v are matched, the pairs that depend on each other most first, and as unit
vectors they climb

.. math::
    \sum_k \log H(u^\top a_k, v^\top b_k) + \lambda \big( \log \left| \det A \right| + \log \left| \det B \right| \big),

with H the contrast of a pair (`mibench_ratio.contrast`). The determinants keep two pairs from becoming one, as they do
in independent component analysis (Bell & Sejnowski 1995). The rest of A and B stays as it is. Oblique directions are
taken where the sum of :math:`H_{kk}^2` is `GAIN` times that of the turn.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.adam import Adam
from mibench_ratio.contrast import covariance, waves

STEPS, RATE = 30, 0.15
LOOK, NEAR = 10, 1.02
"""The step after which a climb is given up that has not gained so much."""
APART = 0.4
"""The weight of the determinants."""
GAIN = 1.1
_CONSTANT, _NOTHING = 1e-9, 1e-9
"""Below the first a coordinate is constant, and below the second a pair has no contrast: it stays where it is."""


class Oblique(NamedTuple):
    """Unit vectors, matched pairs first, and where they are better than those of the turn.

    Attributes:
        of_u, of_v: `(*replicas, dx, dx)` and `(*replicas, dy, dy)`.
        taken: `(*replicas,)`.
    """

    of_u: Tensor
    of_v: Tensor
    taken: Bool[Tensor, "*replicas"]


def oblique(
    u: Float[Tensor, "*replicas n dx"],
    v: Float[Tensor, "*replicas n dy"],
    a: Float[Tensor, "*replicas dx dx"],
    b: Float[Tensor, "*replicas dy dy"],
) -> Oblique:
    """From whitened blocks and the rotations that they were turned by."""
    pairs = min(u.shape[-1], v.shape[-1])
    of_pairs = covariance(waves(u @ a)[0], waves(v @ b)[0])[1]
    sides = [_Side(u, a, _matched(of_pairs)), _Side(v, b, _matched(of_pairs.mT))]
    sizes, *pulls = _contrasts(*(side.turned(pairs) for side in sides))
    before = reached = sizes.square().sum(-1)
    moves = (sizes > _NOTHING)[..., None, :]
    near = torch.ones_like(before, dtype=torch.bool)
    for step in range(STEPS):
        for side, pull in zip(sides, pulls, strict=True):
            side.climb(torch.where(moves, pull / sizes.clamp_min(_NOTHING)[..., None, :], 0.0), moves)
        sizes, *pulls = _contrasts(*(side.turned(pairs) for side in sides))
        reached = sizes.square().sum(-1)
        if step == LOOK:
            near = reached > NEAR * before
            if free_to_ask(near) and not near.any():
                break
    return Oblique(sides[0].vectors, sides[1].vectors, near & (reached > GAIN * before))


def _matched(sizes: Float[Tensor, "*replicas k l"]) -> Int[Tensor, "*replicas k"]:
    """The numbers k, those of the pairs (k, l) first, the largest pair with what no larger one has taken first."""
    left, order = sizes.clone(), []
    for _ in range(min(sizes.shape[-2:])):
        best = left.flatten(-2).argmax(-1, keepdim=True)[..., None]
        row, column = best // sizes.shape[-1], best % sizes.shape[-1]
        left = left.scatter(-2, row.expand(*row.shape[:-1], sizes.shape[-1]), -1.0)
        left = left.scatter(-1, column.expand(*column.shape[:-2], sizes.shape[-2], 1), -1.0)
        order.append(row[..., 0])
    taken = torch.cat(order, -1)
    rest = torch.ones_like(sizes[..., 0]).scatter(-1, taken, 0.0).argsort(dim=-1, descending=True, stable=True)
    return torch.cat([taken, rest[..., : sizes.shape[-2] - taken.shape[-1]]], -1)


class _Side:
    """One block and its directions on the climb, by Adam with one step length for each direction."""

    def __init__(self, block: Tensor, turn: Tensor, order: Int[Tensor, "*replicas d"]) -> None:
        self.block, self.vectors = block, torch.take_along_dim(turn, order[..., None, :], -1)
        self._varies = (block.abs().amax(-2) > _CONSTANT)[..., :, None]
        self._adam = Adam(RATE, STEPS, per_column=True)

    def turned(self, pairs: int) -> Float[Tensor, "*replicas n pairs"]:
        """The coordinates along the matched directions."""
        return self.block @ self.vectors[..., :pairs]

    def climb(self, pull: Float[Tensor, "*replicas n pairs"], moves: Bool[Tensor, "*replicas 1 pairs"]) -> None:
        """One step of those that move, given the derivative of the sum of logarithms in the coordinates along them."""
        pairs = pull.shape[-1]
        moving = self.vectors[..., :pairs]
        slope = self.block.mT @ pull + APART * torch.linalg.inv_ex(self.vectors).inverse.mT[..., :pairs]
        slope = torch.where(self._varies & moves, slope - moving * (moving * slope).sum(-2, keepdim=True), 0.0)
        moved = moving + self._adam.step(slope)
        self.vectors = torch.cat([moved / moved.norm(dim=-2, keepdim=True), self.vectors[..., pairs:]], -1)


def _contrasts(u: Float[Tensor, "*replicas n m"], v: Float[Tensor, "*replicas n m"]) -> tuple[Tensor, Tensor, Tensor]:
    """H of each coordinate of u with that of v, `(*replicas, m)`, and its derivatives in both, `(*replicas, n, m)`."""
    n = u.shape[-2]
    (of_u, in_u), (of_v, in_v) = (
        tuple(part.unflatten(-1, (4, -1)).movedim(-1, -3) for part in waves(block)) for block in (u, v)
    )
    whole = of_u.mT @ of_v / n
    pull_u, pull_v = (of_v @ whole.mT * in_u).sum(-1), (of_u @ whole * in_v).sum(-1)
    return whole.square().sum((-2, -1)), pull_u.mT * (2 / n), pull_v.mT * (2 / n)
