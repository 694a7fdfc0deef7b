"""The Gaussian copula and Student's: correlations of normal scores, and how heavy their joint tails are.

Correlations from few rows are too strong. Those within x and within y shrink towards 0 by the `ridge` that predicts
held-out rows best. How strongly x and y depend on each other is another matter. It is the sum of -log(1 - s^2) / 2 over
canonical correlations s, which is too large by as much as it is where rows are shuffled: of normal rows, by exactly
that on average, whatever their correlations. So that is taken off. Where columns are many, it also scatters: then all
correlations shrink, before the s are computed, as far as the sum does not change by more than chance does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaln, ndtr, ndtri
from scipy.stats import t as student

from mibench.pairs.columns import Array
from mibench.text import number
from mibench.twins.margins import Coded, clipped

TAILS = (1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
"""Degrees of freedom of Student's copula that are tried."""
_RIDGE = (1e-9, 0.02, 0.1, 0.3)
_ROWS_A_COLUMN = 1.5
"""Of fewer rows canonical correlations without ridge are chance."""
_SWEEPS, _SHUFFLES = 10, 12

Chance: TypeAlias = Sequence[tuple[float, float, float]]
"""Ridges, the information that shuffled rows seem to have at each, and its standard deviation."""


@dataclass(frozen=True)
class Elliptical:
    """A copula with correlations, and tails of `nu` degrees of freedom.

    Attributes:
        correlation: of all scores `(d, d)`.
        dx: how many of them are of x.
        nu: degrees of freedom; infinite for the Gaussian copula.
    """

    correlation: Array
    dx: int
    nu: float = math.inf

    @property
    def name(self) -> str:
        """What it is called in answers."""
        return "Gaussian copula" if math.isinf(self.nu) else f"Student copula with {number(self.nu)} degrees of freedom"

    def log_density(self, coded: Coded) -> Array:
        """The log density of normal scores `(n,)`."""
        points = self._points(coded.scores)
        density = _log_density(points, self.correlation, self.nu)
        if math.isinf(self.nu):
            return density
        return density + (_log_normal(coded.scores) - student.logpdf(points, self.nu)).sum(1)

    def log_ratio(self, coded: Coded) -> Array:
        """log p(x, y) / (p(x) p(y)) `(n,)`."""
        points, dx, r = self._points(coded.scores), self.dx, self.correlation
        apart = _log_density(points[:, :dx], r[:dx, :dx], self.nu) + _log_density(points[:, dx:], r[dx:, dx:], self.nu)
        return _log_density(points, r, self.nu) - apart

    def draw(self, n: int, generator: np.random.Generator) -> Coded:
        """n rows of normal scores."""
        points = generator.standard_normal((n, len(self.correlation))) @ np.linalg.cholesky(self.correlation).T
        if not math.isinf(self.nu):
            points /= np.sqrt(generator.chisquare(self.nu, (n, 1)) / self.nu)
            points = -np.sign(points) * ndtri(student.cdf(-abs(points), self.nu))
        return Coded(clipped(points), np.empty((n, 0), dtype=int))

    def information(self) -> tuple[float, float]:
        """I(X;Y) in nats, and its error, which is 0."""
        d, dx, r = len(self.correlation), self.dx, self.correlation
        volume = (_log_det(r[:dx, :dx]) + _log_det(r[dx:, dx:]) - _log_det(r)) / 2
        if math.isinf(self.nu):
            return volume, 0.0
        return volume + _tail(self.nu) + _tail(self.nu + d) - _tail(self.nu + dx) - _tail(self.nu + d - dx), 0.0

    def normal(self, coded: Coded) -> Coded:
        """The same rows: their margins are normal."""
        return coded

    def _points(self, scores: Array) -> Array:
        """Scores on the axes on which the copula is elliptical."""
        return scores if math.isinf(self.nu) else _quantiles(scores, self.nu)


def candidates(train: Coded, held: Coded, everything: Coded, dx: int) -> list[tuple[float, Elliptical]]:
    """The best Gaussian copula and the best of Student's: the mean log density of held-out rows, and that of all rows.

    Args:
        train: the rows to fit on.
        held: those to compare on.
        everything: both.
        dx: how many scores are of x.
    """
    chance = _chance(train.scores, dx)

    def score(nu: float, ridge: float) -> float:
        return float(fit(train, dx, nu, ridge, chance).log_density(held).mean())

    gaussian, ridge = max((score(math.inf, ridge), ridge) for ridge in _RIDGE)
    tails, nu = max((score(nu, ridge), nu) for nu in TAILS)
    chance = _chance(everything.scores, dx)
    return [(gaussian, fit(everything, dx, math.inf, ridge, chance)), (tails, fit(everything, dx, nu, ridge, chance))]


def fit(coded: Coded, dx: int, nu: float, ridge: float, chance: Chance) -> Elliptical:
    """The copula with these tails."""
    fitted = _fitted(coded.scores, nu)
    r = _ridged(fitted, ridge)
    left, strengths, right = _dependence(fitted, dx, chance)
    cross = np.linalg.cholesky(r[:dx, :dx]) @ (left * strengths) @ right @ np.linalg.cholesky(r[dx:, dx:]).T
    r[:dx, dx:], r[dx:, :dx] = cross, cross.T
    return Elliptical(r, dx, nu)


def _ridged(r: Array, ridge: float) -> Array:
    return (1 - ridge) * r + ridge * np.eye(len(r))


def _chance(scores: Array, dx: int) -> Chance:
    """What dependence x and y seem to have where there is none."""
    generator = np.random.default_rng(0)
    shuffled = [np.hstack([scores[:, :dx], generator.permutation(scores[:, dx:])]) for _ in range(_SHUFFLES)]
    correlations = [_correlation(rows.T @ rows) for rows in shuffled]
    found: list[tuple[float, float, float]] = []
    for ridge in _RIDGE if len(scores) >= _ROWS_A_COLUMN * scores.shape[1] else _RIDGE[1:]:
        totals = [_information(_canonical(_ridged(r, ridge), dx)[1]).sum() for r in correlations]
        found.append((ridge, float(np.mean(totals)), float(np.std(totals, ddof=1))))
    return found


def _dependence(fitted: Array, dx: int, chance: Chance) -> tuple[Array, Array, Array]:
    """Canonical directions of x, correlations and directions of y, without the strength that is due to chance.

    Of all ridges it is the largest whose information is that of every smaller one, give or take its standard deviation.
    """
    found: list[tuple[Array, Array, Array]] = []
    for ridge, mean, _ in chance:
        left, strengths, right = _canonical(_ridged(fitted, ridge), dx)
        found.append((left, _lowered(_information(strengths), mean), right))
    totals = [float(each.sum()) for _, each, _ in found]
    largest = max(k for k in range(len(found)) if all(abs(totals[k] - totals[j]) <= chance[j][2] for j in range(k)))
    left, each, right = found[largest]
    return left, np.sqrt(-np.expm1(-2 * each)), right


def _lowered(each: Array, excess: float) -> Array:
    """Numbers from the largest down, each less by the same but none below 0, so that their sum is less by `excess`."""
    total = max(each.sum() - excess, 0.0)
    return np.maximum(each - ((each.cumsum() - total) / np.arange(1, len(each) + 1)).max(), 0)


def _information(strengths: Array) -> Array:
    """Of each canonical correlation, in nats."""
    return -np.log1p(-(strengths**2)) / 2


def _canonical(r: Array, dx: int) -> tuple[Array, Array, Array]:
    """Canonical directions of x, correlations from the largest down, and directions of y, where both are whitened."""
    half = solve_triangular(np.linalg.cholesky(r[:dx, :dx]), r[:dx, dx:], lower=True)
    whitened = solve_triangular(np.linalg.cholesky(r[dx:, dx:]), half.T, lower=True).T
    return np.linalg.svd(whitened, full_matrices=False)


def _fitted(scores: Array, nu: float) -> Array:
    """The correlations that explain scores best, without shrinkage: for Student's, weights and correlations in turn."""
    points = scores if math.isinf(nu) else _quantiles(scores, nu)
    d = points.shape[1]
    r = _correlation(points.T @ points)
    for _ in range(0 if math.isinf(nu) else _SWEEPS):
        form = _whitened(points, _ridged(r, _RIDGE[0])).sum(0)
        weighted = points * ((nu + d) / (nu + form))[:, None]
        r = _correlation(weighted.T @ points)
    return r


def _correlation(moments: Array) -> Array:
    scale = np.sqrt(np.diag(moments))
    return moments / np.outer(scale, scale)


def _whitened(points: Array, r: Array) -> Array:
    """The squared coordinates of whitened points, `(d, n)`."""
    return solve_triangular(np.linalg.cholesky(r), points.T, lower=True) ** 2


def _quantiles(scores: Array, nu: float) -> Array:
    """Student's quantiles of normal scores, precise in both tails."""
    return -np.sign(scores) * student.ppf(ndtr(-abs(scores)), nu)


def _log_density(points: Array, r: Array, nu: float) -> Array:
    d, form = len(r), _whitened(points, r).sum(0)
    if math.isinf(nu):
        return -(form + d * math.log(2 * math.pi) + _log_det(r)) / 2
    constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - (d * math.log(nu * math.pi) + _log_det(r)) / 2
    return constant - (nu + d) / 2 * np.log1p(form / nu)


def _log_normal(scores: Array) -> Array:
    return -(scores**2 + math.log(2 * math.pi)) / 2


def _log_det(r: Array) -> float:
    return float(np.linalg.slogdet(r)[1])


def _tail(t: float) -> float:
    """The part of Student's information that is of one number of degrees of freedom (Arellano-Valle et al. 2013)."""
    return float(gammaln(t / 2) - t / 2 * digamma(t / 2))
