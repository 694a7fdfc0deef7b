r"""Directions in which a pair of blocks falls apart into pairs of coordinates, learnt without a network.

Kernels of single coordinates see dependence along the axes alone. For whitened blocks u, v, rotations A and B are
sought with which u A and v B depend on each other in as few pairs of coordinates as can be, by the contrast J
(`mibench_ratio.contrast`).

- Start: fourth-order cross-cumulants, as a matrix from pairs (i, j) of u to pairs (k, l) of v, whose leading singular
  vectors A and B make diagonal together (Cardoso & Souloumiac 1993, whose cumulants are of one block).
- Then Adam along the rotations, with the derivative of J in closed form: no graph, `STEPS` steps of O(n dx dy). A climb
  that is not near its aim after `LOOK` of them is given up.
- The directions are taken where J, less what as many angles gain on independent samples, is `ADVANTAGE` times the J of
  the axes, and that of independent samples; elsewhere nothing is turned. Samples beyond `MOST` play no part.
- From there they are let go of their right angles, where that gains more (`mibench_ratio.oblique`).
- They are not taken where a sum of functions of single coordinates predicts the other block clearly better (`LOSS`)
  from the axes: one direction of a sum over many coordinates has a large J, and hides what the others add.
"""

from functools import cache
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench.devices import free_to_ask
from mibench_ratio.adam import Adam
from mibench_ratio.additive import additive_error
from mibench_ratio.contrast import chance, contrast, covariance, waves
from mibench_ratio.kernels import units
from mibench_ratio.oblique import oblique
from mibench_ratio.pairs import first_of
from mibench_ratio.spectra import spectra

STEPS, LOOK, NEAR = 40, 15, 0.5
"""Of the climb; after the first `LOOK` it is given up below a share `NEAR` of the J that it is to reach."""
SWEEPS = 6
MOST = 2048
ADVANTAGE, LOSS = 2.2, 1.1
OVERFIT = 0.42
"""J of independent samples is `1 + OVERFIT max(dx, dy)` times as large in learnt directions as along the axes."""
_FLOOR = 1e-3
_CONSTANT, _TINY = 1e-9, 1e-12


class Turn(NamedTuple):
    """Matrices for standardised blocks, `(*replicas, dx, dx)` and `(*replicas, dy, dy)`; the identity where not taken.

    Attributes:
        taken: `(*replicas, 1, 1)`.
    """

    of_x: Tensor
    of_y: Tensor
    taken: Bool[Tensor, "*replicas 1 1"]

    def where(self, which: Bool[Tensor, "*replicas 1 1"]) -> "Turn":
        """The same in some replicas, and none in others."""
        return Turn(_where(which, self.of_x), _where(which, self.of_y), which)


def learnable(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> bool:
    """Whether there is anything to turn, and n is large enough for the angles."""
    n, dx, dy = *x.shape[-2:], y.shape[-1]
    return max(dx, dy) > 1 and dx**2 + dy**2 <= n


def directions(
    x: Float[Tensor, "*replicas n dx"],
    y: Float[Tensor, "*replicas n dy"],
    where: Bool[Tensor, "*replicas 1 1"] | None = None,
) -> Turn | None:
    """The directions of standardised samples; `None` if no replica has any, or they are not `learnable`.

    Args:
        x: the samples.
        y: their partners.
        where: the replicas that are turned at most.
    """
    if not learnable(x, y):
        return None
    dx, dy = x.shape[-1], y.shape[-1]
    where = torch.ones_like(x[..., :1, :1], dtype=torch.bool) if where is None else where
    if free_to_ask(where) and not where.any():
        return None
    x, y = first_of(MOST, x, y)
    by_chance = chance(x, y)
    wanted = ADVANTAGE * torch.maximum(contrast(x, y), by_chance) + (1 + OVERFIT * max(dx, dy)) * by_chance
    whiten_x, whiten_y = (spectrum.whitening(_FLOOR) for spectrum in spectra(x, y))
    u, v = x @ whiten_x, y @ whiten_y
    climb = Climb(_side_by_side(u, v), _start(u, v))
    climb.go(LOOK)
    near = (climb.contrast() > NEAR * wanted) & where[..., 0, 0]
    if not near.any():
        return None
    climb.go(STEPS - LOOK)
    taken = (near & (climb.contrast() > wanted))[..., None, None]
    if not taken.any():
        return None
    a, b = climb.turns[..., 0, :dx, :dx], climb.turns[..., 1, :dy, :dy]
    if min(dx, dy) > 1:
        loose = oblique(u, v, a, b)
        better = loose.taken[..., None, None]
        a, b = torch.where(better, loose.of_u, a), torch.where(better, loose.of_v, b)
    taken = taken & ~_lose(x, y, u @ a, v @ b)[..., None, None]
    if not taken.any():
        return None
    return Turn(whiten_x @ a, whiten_y @ b, taken).where(taken)


def _where(
    which: Bool[Tensor, "*replicas 1 1"], matrix: Float[Tensor, "*replicas d d"]
) -> Float[Tensor, "*replicas d d"]:
    """A matrix in some replicas, and the identity in others."""
    return torch.where(which, matrix, torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device))


def _lose(x: Tensor, y: Tensor, u: Tensor, v: Tensor) -> Bool[Tensor, "*replicas"]:
    """Whether a block is predicted clearly worse from the other one's directions u, v than from its coordinates."""
    u, v = (units(block).standardise(block) for block in (u, v))
    worse = [
        additive_error(turned, predicted) > LOSS * additive_error(straight, predicted)
        for turned, straight, predicted in ((u, x, v), (v, y, u))
    ]
    return worse[0] | worse[1]


def _side_by_side(*blocks: Float[Tensor, "*replicas m _"]) -> Float[Tensor, "*replicas 2 m d"]:
    """Two blocks stacked, the narrower with columns of zeros."""
    d = max(block.shape[-1] for block in blocks)
    return torch.stack([torch.nn.functional.pad(block, (0, d - block.shape[-1])) for block in blocks], -3)


def _slopes(blocks: Float[Tensor, "*replicas 2 n d"]) -> Float[Tensor, "*replicas 2 n d"]:
    """The derivatives of J in each of two blocks."""
    n = blocks.shape[-2]
    values, slopes = waves(blocks)
    of_u, of_v = values.unbind(-3)
    whole, sizes = covariance(of_u, of_v)
    pulls = (whole * (4 / n * sizes)[..., None, :, None, :]).flatten(-4, -3).flatten(-2)
    pulled = torch.stack([of_v @ pulls.mT, of_u @ pulls], -3)
    return pulled.mul_(slopes).unflatten(-1, (4, -1)).sum(-2)


class Climb:
    """Adam along the rotations of two blocks, with a rate that falls linearly to nothing at `STEPS`.

    Columns of zeros stay as they are: to share a coordinate between two would raise J and say the same twice.
    """

    def __init__(self, blocks: Float[Tensor, "*replicas 2 n d"], turns: Float[Tensor, "*replicas 2 d d"]) -> None:
        self.blocks, self.turns = blocks, turns
        self._adam = Adam(0.5 / blocks.shape[-1], STEPS)
        varies = (blocks.abs().amax(-2) > _CONSTANT).to(blocks)
        self._planes = varies[..., :, None] * varies[..., None, :]

    def contrast(self) -> Float[Tensor, "*replicas"]:
        """J in the present directions."""
        return contrast(*(self.blocks @ self.turns).unbind(-3))

    def go(self, steps: int) -> None:
        """Takes so many steps."""
        for _ in range(steps):
            turned = self.blocks @ self.turns
            derivative = turned.mT @ _slopes(turned)
            along = (derivative - derivative.mT) * self._planes
            self.turns = self.turns @ _rotation(self._adam.step(along))


def _rotation(skew: Float[Tensor, "*replicas d d"]) -> Float[Tensor, "*replicas d d"]:
    """Cayley's rotation of a skew matrix, its exponential to second order."""
    eye = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    return cast("Tensor", torch.linalg.solve_ex(eye - skew / 2, eye + skew / 2).result)


# the start


def _start(u: Float[Tensor, "*replicas n dx"], v: Float[Tensor, "*replicas n dy"]) -> Float[Tensor, "*replicas 2 d d"]:
    """The rotations that make the leading cross-cumulant matrices diagonal."""
    dx, dy = u.shape[-1], v.shape[-1]
    d = max(dx, dy)
    left, sizes, right = torch.linalg.svd(_cross_cumulants(u, v), full_matrices=False)
    weights = sizes[..., :d, None]
    parts = [
        torch.nn.functional.pad((vectors[..., :d, :] * weights).unflatten(-1, (own, own)), (0, d - own, 0, d - own))
        for vectors, own in ((left.mT, dx), (right, dy))
    ]
    return joint_diagonaliser(torch.stack(parts, -4))


def _cross_cumulants(u: Tensor, v: Tensor) -> Float[Tensor, "*replicas xx yy"]:
    """cum(u_i, u_j, v_k, v_l) of centred samples."""
    n = u.shape[-2]
    of_u, of_v = ((block[..., :, None] * block[..., None, :]).flatten(-2) for block in (u, v))
    cross = u.mT @ v / n
    pairs = cross[..., :, None, :, None] * cross[..., None, :, None, :]
    pairs = (pairs + pairs.transpose(-1, -2)).flatten(-4, -3).flatten(-2)
    return of_u.mT @ of_v / n - of_u.mean(-2)[..., :, None] * of_v.mean(-2)[..., None, :] - pairs


def joint_diagonaliser(matrices: Float[Tensor, "*replicas m d d"]) -> Float[Tensor, "*replicas d d"]:
    """The rotation V that makes all `V' M V` as diagonal as can be, for symmetric matrices, by Jacobi rotations.

    Planes without a common axis turn at once: d - 1 rounds of d / 2 planes make a sweep.
    """
    d = matrices.shape[-1]
    turned = torch.eye(d, dtype=matrices.dtype, device=matrices.device).expand(*matrices.shape[:-3], d, d)
    for _ in range(SWEEPS):
        for planes in _rounds(d, matrices.dtype, matrices.device):
            differences, crossed = (matrices.flatten(-2) @ planes.parts).chunk(2, -1)
            a, b = differences.square().sum(-2) - crossed.square().sum(-2), 2 * (differences * crossed).sum(-2)
            angles = torch.atan2(b, a + torch.hypot(a, b) + _TINY) / 2
            turns = torch.cat([angles.cos(), angles.sin()], -1) @ planes.turns
            rotation = (turns + planes.fixed).unflatten(-1, (d, d))
            matrices = rotation.mT[..., None, :, :] @ matrices @ rotation[..., None, :, :]
            turned = turned @ rotation
    return turned


class Planes(NamedTuple):
    """Planes (p, q) of a round of Jacobi rotations, as maps between flat matrices and entries of each plane.

    Attributes:
        parts: from a matrix to `M_pp - M_qq` and `2 M_pq`, `(d * d, 2 * planes)`.
        turns: from cosines and sines to a rotation, `(2 * planes, d * d)`.
        fixed: the rotation's entries for coordinates in no plane, `(d * d,)`.
    """

    parts: Tensor
    turns: Tensor
    fixed: Tensor


@cache  # copying them again would wait for a GPU
def _rounds(d: int, dtype: torch.dtype, device: torch.device) -> list[Planes]:
    return [Planes(*(part.to(device, dtype) for part in _planes(d, pairs))) for pairs in _tournament(d)]


def _planes(d: int, pairs: list[tuple[int, int]]) -> Planes:
    count = len(pairs)
    parts, turns, fixed = torch.zeros(d, d, 2 * count), torch.zeros(2 * count, d, d), torch.eye(d)
    for k, (p, q) in enumerate(pairs):
        parts[p, p, k], parts[q, q, k], parts[p, q, count + k] = 1, -1, 2
        turns[k, p, p] = turns[k, q, q] = turns[count + k, q, p] = 1
        turns[count + k, p, q] = -1
        fixed[p, p] = fixed[q, q] = 0
    return Planes(parts.flatten(0, 1), turns.flatten(1), fixed.flatten())


def _tournament(d: int) -> list[list[tuple[int, int]]]:
    """All pairs of d players in rounds in which nobody plays twice (the circle method)."""
    players = list(range(d + d % 2))
    rounds: list[list[tuple[int, int]]] = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        pairs = zip(players[:half], reversed(players[half:]), strict=True)
        rounds.append([(min(pair), max(pair)) for pair in pairs if max(pair) < d])
        players = [players[0], players[-1], *players[1:-1]]
    return [pairs for pairs in rounds if pairs]
