r"""Directions in which a pair of blocks falls apart into pairs of coordinates, learnt without a network.

Kernels of single coordinates see dependence along the axes alone. For whitened blocks u, v, rotations A and B are
sought with which `(u A)_k` and `(v B)_l` depend on each other in as few pairs as can be, by the contrast

.. math::
    J(A, B) = \sum_{k l} H_{k l}^2, \qquad
    H_{k l} = \left\| \mathrm{Cov}\big( \varphi((u A)_k), \varphi((v B)_l) \big) \right\|^2,

with the sine, the cosine, and both of twice the argument in :math:`\varphi`.

- Start: fourth-order cross-cumulants, as a matrix from pairs (i, j) of u to pairs (k, l) of v, whose leading singular
  vectors A and B make diagonal together (Cardoso & Souloumiac 1993, whose cumulants are of one block).
- Then Adam along the rotations, with the derivative of J in closed form: no graph, `STEPS` steps of O(n dx dy).
- The directions are taken where J, less what as many angles gain on independent samples, is `ADVANTAGE` times the J of
  the axes, and that of independent samples; elsewhere nothing is turned. Samples beyond `MOST` play no part.
"""

import math
from functools import cache
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mibench_ratio.pairs import own_order
from mibench_ratio.spectra import Spectrum, spectra

STEPS, LOOK = 40, 15
"""Of the climb; after the first `LOOK` it is given up where it is still below the axes."""
SWEEPS = 6
MOST = 2048
ADVANTAGE = 2.2
OVERFIT = 0.42
"""J of independent samples is `1 + OVERFIT max(dx, dy)` times as large in learnt directions as along the axes."""
_FLOOR = 1e-3
_TINY = 1e-12


class Turn(NamedTuple):
    """Matrices for standardised blocks, `(*replicas, dx, dx)` and `(*replicas, dy, dy)`; the identity where not taken.

    Attributes:
        taken: `(*replicas, 1, 1)`.
    """

    of_x: Tensor
    of_y: Tensor
    taken: Bool[Tensor, "*replicas 1 1"]


def directions(x: Float[Tensor, "*replicas n dx"], y: Float[Tensor, "*replicas n dy"]) -> Turn | None:
    """The directions of standardised samples, or `None` if no replica has any, or n is too small for the angles."""
    n, dx, dy = *x.shape[-2:], y.shape[-1]
    if max(dx, dy) == 1 or dx**2 + dy**2 > n:
        return None
    x, y = _subset(x, y)
    along_axes = _contrast(x, y)
    by_chance = _chance(x, y)
    whiten_x, whiten_y = (_whitening(spectrum) for spectrum in spectra(x, y))
    u, v = x @ whiten_x, y @ whiten_y
    climb = Climb(u, v, *_start(u, v))
    climb.go(0, LOOK)
    if not (climb.contrast() > along_axes).any():
        return None
    climb.go(LOOK, STEPS)
    excess = climb.contrast() - (1 + OVERFIT * max(dx, dy)) * by_chance
    taken = (excess > ADVANTAGE * torch.maximum(along_axes, by_chance))[..., None, None]
    if not taken.any():
        return None
    eye_x, eye_y = (torch.eye(d, dtype=x.dtype, device=x.device) for d in (dx, dy))
    of_x, of_y = torch.where(taken, whiten_x @ climb.a, eye_x), torch.where(taken, whiten_y @ climb.b, eye_y)
    return Turn(of_x, of_y, taken)


def _subset(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    if x.shape[-2] <= MOST:
        return x, y
    order = own_order(torch.cat([x, y], -1))[..., :MOST, :]
    return torch.take_along_dim(x, order, -2), torch.take_along_dim(y, order, -2)


def _whitening(of: Spectrum) -> Float[Tensor, "*replicas d d"]:
    floored = of.values.clamp_min(_FLOOR * of.values[..., -1:]).clamp_min(_TINY)
    return (of.vectors * floored.rsqrt()[..., None, :]) @ of.vectors.mT


# the contrast


def _waves(block: Float[Tensor, "*replicas n d"]) -> tuple[Tensor, Tensor]:
    """Centred phi and its derivative, `(*replicas, n, 4, d)` each."""
    sine, cosine = block.sin(), block.cos()
    sine_of_two, cosine_of_two = 2 * sine * cosine, 2 * cosine.square() - 1
    waves = torch.stack([sine, cosine, sine_of_two, cosine_of_two], -2)
    slopes = torch.stack([cosine, -sine, 2 * cosine_of_two, -2 * sine_of_two], -2)
    return waves - waves.mean(-3, keepdim=True), slopes


def _covariance(waves: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Covariances `(*replicas, 4, dx, 4, dy)` and their squared norms H `(*replicas, dx, dy)`."""
    flat = waves.flatten(-2).mT @ others.flatten(-2) / waves.shape[-3]
    whole = flat.unflatten(-1, others.shape[-2:]).unflatten(-3, waves.shape[-2:])
    return whole, whole.square().sum((-4, -2))


def _contrast(x: Tensor, y: Tensor) -> Float[Tensor, "*replicas"]:
    return _covariance(_waves(x)[0], _waves(y)[0])[1].square().sum((-2, -1))


def _chance(x: Tensor, y: Tensor) -> Float[Tensor, "*replicas"]:
    """The mean of J over pairings of the samples, to first order in 1 / n."""

    def moments(block: Tensor) -> tuple[Tensor, Tensor]:
        by_coordinate = _waves(block)[0].transpose(-2, -1).transpose(-3, -2)
        covariance = by_coordinate.mT @ by_coordinate / block.shape[-2]
        return covariance.diagonal(dim1=-2, dim2=-1).sum(-1).square(), covariance.square().sum((-2, -1))

    (trace_x, norm_x), (trace_y, norm_y) = moments(x), moments(y)
    means = trace_x[..., :, None] * trace_y[..., None, :] + 2 * norm_x[..., :, None] * norm_y[..., None, :]
    return means.sum((-2, -1)) / x.shape[-2] ** 2


def _slopes(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The derivatives of J in u and in v."""
    n = u.shape[-2]
    (of_u, slope_u), (of_v, slope_v) = _waves(u), _waves(v)
    covariance, sizes = _covariance(of_u, of_v)
    pulls = (covariance * (4 / n * sizes)[..., None, :, None, :]).flatten(-4, -3).flatten(-2)
    in_u = (of_v.flatten(-2) @ pulls.mT).unflatten(-1, of_u.shape[-2:])
    in_v = (of_u.flatten(-2) @ pulls).unflatten(-1, of_v.shape[-2:])
    return (in_u * slope_u).sum(-2), (in_v * slope_v).sum(-2)


class Climb:
    """Adam along the rotations a and b, with a rate that falls linearly to nothing at `STEPS`."""

    def __init__(self, u: Tensor, v: Tensor, a: Tensor, b: Tensor) -> None:
        self.u, self.v, self.a, self.b = u, v, a, b
        self._rate = 0.5 / max(u.shape[-1], v.shape[-1])
        self._moments = [Moments(torch.zeros_like(turn), torch.zeros_like(turn)) for turn in (a, b)]

    def contrast(self) -> Float[Tensor, "*replicas"]:
        """J in the present directions."""
        return _contrast(self.u @ self.a, self.v @ self.b)

    def go(self, start: int, end: int) -> None:
        """Takes the steps from one number to another."""
        for step in range(start, end):
            in_u, in_v = _slopes(self.u @ self.a, self.v @ self.b)
            size = self._rate * (1 - step / STEPS) * math.sqrt(1 - 0.99 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            self.a = self.a @ _rotation(size * self._moments[0].step(self.a.mT @ (self.u.mT @ in_u)))
            self.b = self.b @ _rotation(size * self._moments[1].step(self.b.mT @ (self.v.mT @ in_v)))


class Moments(NamedTuple):
    """Running means of a derivative along the rotations, and of its squares."""

    mean: Tensor
    square: Tensor

    def step(self, derivative: Float[Tensor, "*replicas d d"]) -> Float[Tensor, "*replicas d d"]:
        """The skew matrix to go along, with entries near 1 in size."""
        along = derivative - derivative.mT
        self.mean.mul_(0.9).add_(along, alpha=0.1)
        self.square.mul_(0.99).addcmul_(along, along, value=0.01)
        return self.mean / (self.square.sqrt() + _TINY)


def _rotation(skew: Float[Tensor, "*replicas d d"]) -> Float[Tensor, "*replicas d d"]:
    """Cayley's rotation of a skew matrix, its exponential to second order."""
    eye = torch.eye(skew.shape[-1], dtype=skew.dtype, device=skew.device)
    return cast("Tensor", torch.linalg.solve_ex(eye - skew / 2, eye + skew / 2).result)


# the start


def _start(u: Float[Tensor, "*replicas n dx"], v: Float[Tensor, "*replicas n dy"]) -> tuple[Tensor, Tensor]:
    """The rotations that make the leading cross-cumulant matrices diagonal."""
    dx, dy = u.shape[-1], v.shape[-1]
    left, sizes, right = torch.linalg.svd(_cross_cumulants(u, v), full_matrices=False)
    count = min(max(dx, dy), sizes.shape[-1])
    weights = sizes[..., :count, None]
    of_u = (left.mT[..., :count, :] * weights).unflatten(-1, (dx, dx))
    of_v = (right[..., :count, :] * weights).unflatten(-1, (dy, dy))
    return joint_diagonaliser(of_u), joint_diagonaliser(of_v)


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
    turned = torch.eye(d, dtype=matrices.dtype, device=matrices.device).expand(*matrices.shape[:-3], d, d).clone()
    for _ in range(SWEEPS):
        for p, q in _rounds(d, matrices.device):
            differences = matrices[..., p, p] - matrices[..., q, q]
            crossed = 2 * matrices[..., p, q]
            a, b = differences.square().sum(-2) - crossed.square().sum(-2), 2 * (differences * crossed).sum(-2)
            angles = torch.atan2(b, a + torch.hypot(a, b) + _TINY) / 2
            rotation = torch.diag_embed(torch.ones_like(turned[..., 0, :]))
            rotation[..., p, p] = rotation[..., q, q] = angles.cos()
            rotation[..., q, p] = angles.sin()
            rotation[..., p, q] = -angles.sin()
            matrices = rotation.mT[..., None, :, :] @ matrices @ rotation[..., None, :, :]
            turned = turned @ rotation
    return turned


@cache  # copying them again would wait for a GPU
def _rounds(d: int, device: torch.device) -> list[Tensor]:
    return [torch.tensor(pairs, device=device).mT for pairs in _tournament(d)]


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
