"""The Gaussian copula and Student's: correlations of normal scores, and how heavy their joint tails are.

Correlations from few rows are too strong. So those within x and within y shrink towards 0 by the `ridge` that predicts
held-out rows best. Canonical correlations s between x and y shrink by those that shuffled rows have, s0, as an adjusted
R^2 does: to 1 - (1 - s^2) / (1 - s0^2), which takes weak ones away and leaves those near 1 as they are.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import digamma, gammaln, ndtr, ndtri
from scipy.stats import t as student

from mibench.pairs.columns import Array
from mibench.text import number
from mibench.twins.margins import Coded

TAILS = (1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
"""Degrees of freedom of Student's copula that are tried."""
_RIDGE = (1e-6, 0.02, 0.1, 0.3)
_FURTHEST = 8.0
"""Normal scores beyond this have no probability that double precision can tell from 0."""
_SWEEPS, _SHUFFLES = 10, 4


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
        return Coded(np.clip(points, -_FURTHEST, _FURTHEST), np.empty((n, 0), dtype=int))

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
    gaussian, ridge = max((_score(train, held, dx, math.inf, ridge), ridge) for ridge in _RIDGE)
    tails, nu = max((_score(train, held, dx, nu, ridge), nu) for nu in TAILS)
    return [(gaussian, fit(everything, dx, math.inf, ridge)), (tails, fit(everything, dx, nu, ridge))]


def _score(train: Coded, held: Coded, dx: int, nu: float, ridge: float) -> float:
    return float(fit(train, dx, nu, ridge).log_density(held).mean())


def fit(coded: Coded, dx: int, nu: float, ridge: float) -> Elliptical:
    """The copula with these tails."""
    fitted = _fitted(coded.scores, nu)
    r = _ridged(fitted, ridge)
    cross = _adjusted(r[:dx, :dx], r[dx:, dx:], fitted[:dx, dx:], coded.scores, ridge)
    r[:dx, dx:], r[dx:, :dx] = cross, cross.T
    return Elliptical(r, dx, nu)


def _ridged(r: Array, ridge: float) -> Array:
    return (1 - ridge) * r + ridge * np.eye(len(r))


def _adjusted(x: Array, y: Array, cross: Array, scores: Array, ridge: float) -> Array:
    """Correlations between x and y without the strength that shuffled rows have too.

    Args:
        x: correlations within x.
        y: correlations within y.
        cross: those between them, as they are.
        scores: rows of both.
        ridge: by which those within have shrunk.
    """
    dx, generator = len(x), np.random.default_rng(0)
    left, strengths, right = np.linalg.svd(_canonical(x, y, cross), full_matrices=False)
    if strengths[0] >= 1:
        strengths = strengths * (1 - ridge)
    noise = np.zeros_like(strengths)
    for _ in range(_SHUFFLES):
        shuffled = np.hstack([scores[:, :dx], generator.permutation(scores[:, dx:])])
        chance = _canonical(x, y, _correlation(shuffled.T @ shuffled)[:dx, dx:])
        noise += np.linalg.svd(chance, compute_uv=False) ** 2 / _SHUFFLES
    squares = 1 - (1 - strengths**2) / np.maximum(1 - noise, 1 - strengths**2)
    return np.linalg.cholesky(x) @ (left * np.sqrt(squares)) @ right @ np.linalg.cholesky(y).T


def _canonical(x: Array, y: Array, cross: Array) -> Array:
    """Correlations between x and y where both are whitened; its singular values are the canonical correlations."""
    half = solve_triangular(np.linalg.cholesky(x), cross, lower=True)
    return solve_triangular(np.linalg.cholesky(y), half.T, lower=True).T


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
