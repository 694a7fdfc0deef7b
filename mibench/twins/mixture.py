"""Mixtures: rows come from one of k parts; within a part, symbols are independent of all else and scores are Gaussian.

Fitted by expectation and maximisation. The density of x and y together, and that of each block, are sums over parts, so
that the log ratio is exact for symbols and scores alike, and I(X;Y) is its Monte Carlo mean.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtr, ndtri

from mibench.pairs.columns import Array
from mibench.twins.margins import Coded, Margins, clipped

PARTS = (2, 3, 4, 6, 9, 14, 20, 30)
"""How many parts are tried."""
_SWEEPS, _LLOYD = 60, 10
_SMOOTH = 0.5
"""Rows of the whole data's mixture of levels that each part is given beside its own."""
_DRAWS, _WORK = (4_000, 50_000), 5e7
"""Fewest and most draws for I, and how many products may be spent on them."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of k parts.

    Attributes:
        weights: of the parts `(k,)`.
        means, covariances: of scores in each part, `(k, d)` and `(k, d, d)`.
        levels: for each symbol the probability of each level in each part, `(k, L)`.
        dx, sx: how many scores, and how many symbols, are of x.
    """

    weights: Array
    means: Array
    covariances: Array
    levels: tuple[Array, ...]
    dx: int
    sx: int

    @property
    def name(self) -> str:
        """What it is called in answers."""
        return f"mixture of {len(self.weights)} Gaussians in normal scores"

    def log_density(self, coded: Coded) -> Array:
        """The log density of normal scores and symbols `(n,)`."""
        return _summed(self.parts(coded, slice(None), slice(None)) + np.log(self.weights))[:, 0]

    def log_ratio(self, coded: Coded) -> Array:
        """log p(x, y) / (p(x) p(y)) `(n,)`."""
        blocks = [(slice(self.dx), slice(self.sx)), (slice(self.dx, None), slice(self.sx, None))]
        apart = [_summed(self.parts(coded, *block) + np.log(self.weights))[:, 0] for block in blocks]
        return self.log_density(coded) - apart[0] - apart[1]

    def draw(self, n: int, generator: np.random.Generator) -> Coded:
        """n rows of symbols, and of scores whose margins are nearly normal; `normal` makes them so."""
        part = generator.choice(len(self.weights), n, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        noise = generator.standard_normal((n, self.means.shape[1]))
        scores = self.means[part] + np.einsum("nij,nj->ni", roots[part], noise)
        symbols = [(generator.random(n)[:, None] > np.cumsum(p, 1)[part]).sum(1) for p in self.levels]
        table = np.column_stack(symbols) if symbols else np.empty((n, 0), dtype=int)
        limits = np.array([p.shape[1] - 1 for p in self.levels], dtype=int)
        return Coded(scores, np.minimum(table, limits))

    def information(self) -> tuple[float, float]:
        """I(X;Y) in nats as a Monte Carlo mean, and its standard error."""
        work = _WORK / (len(self.weights) * (1 + self.means.shape[1] ** 2))
        ratios = self.log_ratio(self.draw(int(np.clip(work, *_DRAWS)), np.random.default_rng(0)))
        return float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(len(ratios)))

    def normal(self, coded: Coded) -> Coded:
        """Scores whose margins are exactly normal: one-to-one maps of single scores, which change no information."""
        deviations = np.sqrt(np.diagonal(self.covariances, axis1=1, axis2=2))
        units = (coded.scores[:, None] - self.means) / deviations
        low, high = (np.einsum("nkd,k->nd", ndtr(sign * units), self.weights) for sign in (1, -1))
        scores = np.where(low < high, ndtri(low), -ndtri(high))
        return Coded(clipped(scores), coded.symbols)

    def parts(self, coded: Coded, scores: slice, symbols: slice) -> Array:
        """The log density of some scores and symbols within each part `(n, k)`."""
        points, means = coded.scores[:, scores], self.means[:, scores]
        total = np.zeros((len(coded), len(self.weights)))
        for k, covariance in enumerate(self.covariances[:, scores, scores] if points.shape[1] else ()):
            root = np.linalg.cholesky(covariance)
            form = (solve_triangular(root, (points - means[k]).T, lower=True) ** 2).sum(0)
            total[:, k] -= form / 2 + np.log(np.diag(root)).sum() + points.shape[1] * np.log(2 * np.pi) / 2
        for codes, p in zip(coded.symbols[:, symbols].T, self.levels[symbols], strict=True):
            total += np.log(p[:, codes]).T
        return total


def _summed(parts: Array) -> Array:
    """The log of the sum over parts `(n, 1)`."""
    total: Any = logsumexp(parts, axis=1, keepdims=True)
    return total


def candidates(train: Coded, held: Coded, everything: Coded, margins: Margins) -> list[tuple[float, Mixture]]:
    """The mixture that predicts held-out rows best, if there are rows enough for any: its score, and that of all rows.

    Args:
        train: the rows to fit on.
        held: those to compare on.
        everything: both.
        margins: of the data.
    """
    d = train.scores.shape[1]
    each = 1 + d + d * (d + 1) // 2 + sum(len(share) - 1 for share in margins.shares)
    counts = [k for k in PARTS if k * each <= len(everything)] or ([PARTS[0]] if margins.shares else [])
    scored = [(float(fit(train, k, margins).log_density(held).mean()), k) for k in counts]
    if not scored:
        return []
    score, count = max(scored)
    return [(score, fit(everything, count, margins))]


def fit(coded: Coded, count: int, margins: Margins) -> Mixture:
    """A mixture of `count` parts, by expectation and maximisation from the clusters of Lloyd's algorithm."""
    shares = _begin(coded, count, margins)
    mixture = _maximised(coded, shares, margins)
    last = -np.inf
    for _ in range(_SWEEPS):
        parts = mixture.parts(coded, slice(None), slice(None)) + np.log(mixture.weights)
        total = _summed(parts)
        mixture = _maximised(coded, np.exp(parts - total), margins)
        if total.mean() - last < 1e-5:
            break
        last = total.mean()
    return mixture


def _begin(coded: Coded, count: int, margins: Margins) -> Array:
    """Which cluster each row is in, `(n, k)` of 0 and 1."""
    generator = np.random.default_rng(count)
    codes = [np.eye(len(share))[column] for share, column in zip(margins.shares, coded.symbols.T, strict=True)]
    points = np.hstack([coded.scores, *codes])
    centres = points[[generator.integers(len(points))]]
    while len(centres) < count:  # each further centre is far from those before it (k-means++)
        far = _distances(points, centres).min(1) + 1e-12
        centres = np.vstack([centres, points[generator.choice(len(points), p=far / far.sum())]])
    for _ in range(_LLOYD):
        nearest = _distances(points, centres).argmin(1)
        centres = np.array([points[nearest == k].mean(0) if (nearest == k).any() else centres[k] for k in range(count)])
    return np.eye(count)[_distances(points, centres).argmin(1)]


def _distances(points: Array, centres: Array) -> Array:
    return ((points[:, None] - centres) ** 2).sum(-1)


def _maximised(coded: Coded, shares: Array, margins: Margins) -> Mixture:
    """The mixture that suits rows of which parts have these shares.

    To a part's covariance, that of all rows counts as one row more, scaled to the volume of a part (Fraley & Raftery,
    Journal of Classification 2007), so that no part shrinks to a point.
    """
    scores, count = coded.scores, shares.shape[1]
    d, rows = scores.shape[1], shares.sum(0) + 1e-9
    means = shares.T @ scores / rows[:, None]
    covariances = np.empty((count, d, d))
    whole = np.atleast_2d(np.cov(scores.T)) / count ** (2 / d) if d else np.empty((0, 0))
    for k in range(count):
        centred = scores - means[k]
        moments = (shares[:, k, None] * centred).T @ centred
        covariances[k] = (moments + whole) / (rows[k] + 1) + 1e-9 * np.eye(d)
    levels = [
        (shares.T @ np.eye(len(share))[codes] + _SMOOTH * share) / (rows + _SMOOTH)[:, None]
        for share, codes in zip(margins.shares, coded.symbols.T, strict=True)
    ]
    levels = [p / p.sum(1, keepdims=True) for p in levels]
    return Mixture(rows / rows.sum(), means, covariances, tuple(levels), margins.dx, margins.sx)
