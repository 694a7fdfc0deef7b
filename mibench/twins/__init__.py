"""A twin of a user's data: drawn from a model, with the margins of the data, and with known information.

The model is the copula (Gaussian, Student's or a mixture of Gaussians) that predicts held-out rows best. Maps of single
columns change no information, so that I(X;Y) is the copula's own: closed form, or the Monte Carlo mean of an exact log
ratio. Rounding does take information away, up to all of it. It is subtracted to second order, and all of that counts as
error. So does what ranks would take: a twin's values lie between those of the data, but its model knows ranks alone.
Where the error is large, as for coarse cells, or where x and y lie closer together than neighbouring rows, the
information is not known.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from mibench.pairs import Pairs, drawn
from mibench.pairs.columns import Array
from mibench.twins import elliptical, mixture, resemblance
from mibench.twins.elliptical import Elliptical
from mibench.twins.margins import Coded, Margins, margins, standing
from mibench.twins.mixture import Mixture
from mibench.twins.resemblance import Resemblance

FEWEST_ROWS = 40
"""Fewer rows say too little of how x and y depend on each other to make a twin."""
MOST_ERROR = 0.1
"""The share of the information that its error may be which is larger than estimates must scatter."""
_HELD = 3
"""Every third row is held out to choose between models."""
_DRAWS = 1000
_STEP = 1e-3
"""Of the finite differences of the log ratio, in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A distribution like that of the data.

    Attributes:
        margins: those of the data.
        model: how columns depend on each other.
        information: I(X;Y) in nats.
        error: how far it may be off.
        deviation: the standard deviation of the log ratio, whose mean the information is.
        rows: how many rows of data it was made of.
        resemblance: how well a classifier tells it from the data.
    """

    margins: Margins
    model: Elliptical | Mixture
    information: float
    error: float
    deviation: float
    rows: int
    resemblance: Resemblance

    @property
    def sampling(self) -> float:
        """The standard error of the information, since it was made of so many rows: that of the mean of log ratios."""
        return self.deviation / math.sqrt(self.rows)

    @property
    def known(self) -> bool:
        """Whether errors against the information are errors of estimates, and not its own.

        No estimate of n rows scatters less than the mean of n log ratios.
        """
        return self.error <= max(MOST_ERROR * self.information, self.sampling)

    def draw(self, n: int, number: int, seed: int = 0) -> tuple[Array, Array]:
        """n pairs; `number`, from 1, and the seed of a trial say which."""
        return _drawn(self.model, self.margins, n, number, seed)


@functools.lru_cache(maxsize=4)
def twin_of(pairs: Pairs, rows: int) -> Twin | None:
    """The twin of at most `rows` rows of the pairs; `None` for fewer than `FEWEST_ROWS`."""
    x, y = drawn(pairs, rows)
    return make(x, y) if len(x) >= FEWEST_ROWS else None


def make(x: Array, y: Array) -> Twin:
    """The twin of data `(n, dx)` and `(n, dy)`."""
    own = margins(x, y)
    model = _chosen(own.coded(x, y), own)
    information, error = model.information()
    rounding, ranking = _lost(model, own)
    lost = min(rounding, information)
    data, twin = (
        np.hstack([standing(x, left), standing(y, right)]) for left, right in ((x, y), _drawn(model, own, len(x), 0))
    )
    return Twin(
        margins=own,
        model=model,
        information=max(information - lost, 0.0),
        error=math.hypot(error, lost, ranking),
        deviation=float(model.log_ratio(model.draw(_DRAWS, np.random.default_rng(0))).std()),
        rows=len(x),
        resemblance=resemblance.compare(data, twin),
    )


def _chosen(coded: Coded, own: Margins) -> Elliptical | Mixture:
    """The model with the highest log density on held-out rows."""
    order = np.random.default_rng(0).permutation(len(coded))
    held = order % _HELD == 0
    train, judge = coded.take(~held), coded.take(held)
    models: list[tuple[float, Elliptical | Mixture]] = [*mixture.candidates(train, judge, coded, own)]
    if not own.shares and 0 < own.dx < coded.scores.shape[1]:
        models += elliptical.candidates(train, judge, coded, own.dx)
    return max(models, key=lambda scored: scored[0])[1]


def _drawn(model: Elliptical | Mixture, own: Margins, n: int, number: int, seed: int = 0) -> tuple[Array, Array]:
    return own.restored(model.normal(model.draw(n, np.random.default_rng([number, n, seed]))))


def _lost(model: Elliptical | Mixture, own: Margins) -> tuple[float, float]:
    """What rounding takes from the information, and what ranks do: half the variance in a cell, times Fisher's.

    That is to second order; of coarse cells it may be far more than there is.

    I(X;Y) - I(q(X);Y) = I(X;Y|q(X)) is E[Var(X|q) (d log p(y|x) / dx)^2] / 2 for fine cells.
    """
    coded = model.draw(_DRAWS, np.random.default_rng(0))
    normal, rounding, ranking = model.normal(coded).scores, 0.0, 0.0
    for k, margin in enumerate(own.smooth):
        if margin.normal:
            continue
        step = _STEP * np.eye(coded.scores.shape[1])[k]
        ends = [model.log_ratio(Coded(coded.scores + sign * step, coded.symbols)) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * _STEP)
        lost = float((margin.variance(normal[:, k]) * slope**2).mean() / 2)
        rounding, ranking = (rounding + lost, ranking) if margin.rounded else (rounding, ranking + lost)
    return rounding, ranking
