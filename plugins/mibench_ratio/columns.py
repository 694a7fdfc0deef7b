"""Columns of the fits on features: of the margin score and of the ratio, a chunk of the samples at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from mibench_ratio.blocks import Blocks, Parts
from mibench_ratio.clusters import Clusters, Mixed
from mibench_ratio.ellipse import Ellipse
from mibench_ratio.ridge import one_and
from mibench_ratio.waves import ROWS, Pairs, Waves, feature_means


class Chunk(NamedTuple):
    """Columns at some of the samples, a row each.

    Attributes:
        free: unpenalised columns that all coordinates share, in the basis that was asked for, `(q, rows)`.
        own: for coordinate l its other columns `(p_l, rows)`, and for them, in a pass with sums, the sums over the
            samples of `s_l V + d_l V`.
        penalised: for each of those, 1, or 0.
    """

    free: Tensor
    own: Callable[[int], tuple[Tensor, Tensor | None]]
    penalised: Tensor


@dataclass(frozen=True)
class ScoreColumns:
    """Columns of the margin score: 1, y; per coordinate the mixture's score, waves of y_l, and products with others."""

    y: Tensor
    waves: Waves
    pairs: Pairs
    means: Tensor
    clusters: Clusters | None

    def free(self) -> Iterator[Tensor]:
        """1 and y in double precision, `(p, rows)` at a time."""
        for y in self.y.split(ROWS):
            yield one_and(y).mT

    def __call__(self, basis: Tensor, sums: bool) -> Iterator[Chunk]:
        """One pass, with the sums or without; `basis` is `(p, q)`, of the free columns."""
        for y, free in zip(self.y.split(ROWS), self.free(), strict=True):
            waves = self.waves.values(y).flatten(0, 1) - self.means
            slopes, curvatures = self.waves.derivatives(y)
            curvatures = curvatures if sums else None
            known = None if self.clusters is None else self.clusters.margin(y)
            yield Chunk(
                (basis.mT @ free).to(slopes), partial(self._own, waves, slopes, curvatures, known), self._penalised()
            )

    def free_moments(self) -> Tensor:
        """mean(d_l) of 1 and y."""
        d = self.y.shape[1]
        return torch.eye(d + 1, d + 1, dtype=self.y.dtype, device=self.y.device)[:, 1:]

    def _penalised(self) -> Tensor:
        own = self.waves.sizes.shape[1] + self.pairs.of_x.shape[1]
        known = self.y.new_zeros(0 if self.clusters is None else 1)
        return torch.cat([known, self.y.new_ones(own)])

    def _own(
        self, waves: Tensor, slopes: Tensor, curvatures: Tensor | None, known: tuple[Tensor, Tensor] | None, j: int
    ) -> tuple[Tensor, Tensor | None]:
        factors = waves[self.pairs.of_x[j]] * self.pairs.scales[j, :, None].to(waves)
        columns = [slopes[j], factors * slopes.flatten(0, 1)[self.pairs.of_y[j]]]
        if known is not None:
            columns.insert(0, known[0][None, :, j].to(slopes))
        if curvatures is None:
            return torch.cat(columns), None
        sums = [curvatures[j].sum(1), (factors * curvatures.flatten(0, 1)[self.pairs.of_y[j]]).sum(1)]
        if known is not None:
            sums.insert(0, (known[1][None, j] * slopes.shape[-1]).to(slopes))
        return torch.cat(columns), torch.cat(sums)


@dataclass(frozen=True)
class RatioColumns:
    """Columns of the ratio: 1, x, y, s0; per coordinate g0, waves of y_l, products with x, quadratic, and of blocks."""

    x: Tensor
    y: Tensor
    score: Tensor
    waves_x: Waves
    waves_y: Waves
    pairs: Pairs
    mixed: Mixed | None
    quadratic: tuple[Ellipse, float] | None
    blocks: Blocks | None

    def free(self) -> Iterator[Tensor]:
        """1, x and y, and s0 where there are clusters, in double precision, `(p, rows)` at a time."""
        for x, y in zip(self.x.split(ROWS), self.y.split(ROWS), strict=True):
            known = [] if self.mixed is None else [self.mixed.margin(y)]
            yield one_and(x, y, *known).mT

    def __call__(self, basis: Tensor, sums: bool) -> Iterator[Chunk]:
        """One pass, with the sums or without; `basis` is `(p, q)`, of the free columns."""
        means = feature_means(self.waves_x, self.x)
        blocks = (block.split(ROWS) for block in (self.x, self.y, self.score))
        for x, y, score, free in zip(*blocks, self.free(), strict=True):
            waves = self.waves_x.values(x).flatten(0, 1) - means
            slopes, curvatures = self.waves_y.derivatives(y)
            curvatures = curvatures.add_(score.mT[:, None, :].to(slopes) * slopes) if sums else None
            known = None
            if self.mixed is not None:
                scale = self.mixed.weights.sqrt()
                known = scale * self.mixed.clusters.difference(x, y), scale * self.mixed.moments
            parts = None if self.quadratic is None else self.quadratic[0].derivatives(x, y)
            whole = None if self.blocks is None else self.blocks.parts(x, y)
            made = _Made(waves, slopes, curvatures, known, parts, whole, score)
            yield Chunk((basis.mT @ free).to(slopes), partial(self._own, made), self._penalised())

    def free_moments(self) -> Tensor:
        """(0, mean of x s, 0), and 0 for s0."""
        (n, dx), dy = self.x.shape, self.y.shape[1]
        moments = self.y.new_zeros(1 + dx + dy + (0 if self.mixed is None else dy), dy)
        moments[1 : 1 + dx] = self.x.mT @ self.score / n
        return moments

    def prior(self) -> Tensor:
        """What the coefficients of the penalised columns are drawn to, `(dy, p)`: that of g0 to 1, others to 0."""
        prior = self.y.new_zeros(self.y.shape[1], len(self._penalised()))
        if self.mixed is not None:
            prior[:, 0] = self.mixed.weights.rsqrt()
        return prior

    def _penalised(self) -> Tensor:
        own = self.waves_y.sizes.shape[1] + self.pairs.of_x.shape[1] + (0 if self.mixed is None else 1)
        if self.quadratic is not None:
            own += self.quadratic[0].moments.shape[-1]
        if self.blocks is not None:
            own += 4 * len(self.blocks.of_x)
        return self.y.new_ones(own)

    def _own(self, made: "_Made", j: int) -> tuple[Tensor, Tensor | None]:
        waves, slopes, curvatures, known, parts, whole, score = made
        factors = waves[self.pairs.of_x[j]] * self.pairs.scales[j, :, None].to(waves)
        columns = [slopes[j], factors * slopes.flatten(0, 1)[self.pairs.of_y[j]]]
        if known is not None:
            columns.insert(0, known[0][None, :, j].to(slopes))
        if self.quadratic is not None and parts is not None:
            columns.append((self.quadratic[1] * self.quadratic[0].features(parts, j)).mT.to(slopes))
        if self.blocks is not None and whole is not None:
            columns.append(self.blocks.derivatives(whole, j).to(slopes))
        if curvatures is None:
            return torch.cat(columns), None
        of_pairs = (factors * curvatures.flatten(0, 1)[self.pairs.of_y[j]]).sum(1)
        sums = [torch.zeros_like(slopes[j, :, 0]), of_pairs]
        if known is not None:
            sums.insert(0, (known[1][None, j] * slopes.shape[-1]).to(slopes))
        if self.quadratic is not None:
            sums.append((self.quadratic[1] * slopes.shape[-1] * self.quadratic[0].moments[j]).to(slopes))
        if self.blocks is not None and whole is not None:
            sums.append(self.blocks.sums(whole, score[:, j].to(slopes), j))
        return torch.cat(columns), torch.cat(sums)


class _Made(NamedTuple):
    """What the ratio's columns at some samples are made of, for all coordinates of y.

    Attributes:
        waves: centred features of x, `(dx Q, rows)`.
        slopes, curvatures: derivatives of the features of y, and the operator on them in a pass with sums.
        known: the mixtures' ratio, and its moments.
        parts, whole: of the quadratic features, and of those of whole blocks.
        score: the margin score, `(rows, dy)`.
    """

    waves: Tensor
    slopes: Tensor
    curvatures: Tensor | None
    known: tuple[Tensor, Tensor] | None
    parts: tuple[Tensor, Tensor, Tensor, Tensor] | None
    whole: Parts | None
    score: Tensor


Columns: TypeAlias = ScoreColumns | RatioColumns
