"""The margins of a user's columns: what a twin takes from the data as it is.

A column that takes many values is seen as its normal scores. Those of a normal column are its values, standardised;
else they follow from ranks, which tell where a value stands to a cell between its neighbours only. Where values repeat,
it is a latent normal variable, rounded. Columns that take few values are symbols: those of one block are one symbol, a
level for each combination that occurs, unless there are too many combinations, and then each column is a symbol of its
own.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import shapiro

from mibench.pairs.checks import MOST_VALUES
from mibench.pairs.columns import Array

_ROWS_A_LEVEL = 5
"""Columns of a block are one symbol where each combination has at least this many rows on average."""
_NOT_NORMAL = 0.01
"""The p-value of Shapiro and Wilk's test below which a column is not normal."""
_FURTHEST = 8.0
"""Normal scores beyond this have no probability that double precision can tell from 0."""
_MOST_TESTED = 5_000
"""Rows of a column that are tested: of more, their p-value is not exact."""


@dataclass(frozen=True)
class Coded:
    """Rows as models see them.

    Attributes:
        scores: `(n, d)`, of the columns with many values, those of x first.
        symbols: `(n, s)`, whole numbers from 0, those of x first.
    """

    scores: Array
    symbols: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: "slice | np.ndarray") -> "Coded":
        """Some of the rows."""
        return Coded(self.scores[rows], self.symbols[rows])


@dataclass(frozen=True)
class Smooth:
    """The margin of a column with many values.

    Attributes:
        column: its place in its block.
        values: its different values `(m,)`, sorted.
        edges: the normal scores between which each value stands `(m + 1,)`, from minus to plus infinity.
        places: the normal score of each value `(m,)`.
        normal: whether these are the values themselves, standardised.
    """

    column: int
    values: Array
    edges: Array
    places: Array
    normal: bool = False

    @property
    def rounded(self) -> bool:
        """Whether values repeat."""
        return bool(np.ptp(np.diff(ndtr(self.edges))) > 1e-9)

    def scores(self, column: Array) -> Array:
        """The normal scores of values, those in between interpolated."""
        return np.interp(column, self.values, self.places)

    def restored(self, scores: Array) -> Array:
        """The values of normal scores: the data's own where they repeat, else interpolated."""
        if self.rounded:
            return self.values[np.searchsorted(self.edges[1:-1], scores)]
        inside = np.interp(scores, self.places, self.values)
        return inside + self._beyond(scores)

    def _beyond(self, scores: Array) -> Array:
        """What lies outside the data goes on as their last step does, so that no two scores share a value."""
        (low, high), (first, last) = np.diff(self.values)[[0, -1]], np.diff(self.places)[[0, -1]]
        below, above = np.minimum(scores - self.places[0], 0), np.maximum(scores - self.places[-1], 0)
        return below * low / first + above * high / last

    def variance(self, scores: Array) -> Array:
        """How much a score can vary without its value changing: the variance of a normal variable between two edges."""
        if self.normal:
            return np.zeros_like(scores)
        low, high = self.edges[:-1], self.edges[1:]
        mass = np.maximum(ndtr(high) - ndtr(low), 1e-300)
        mean = (_density(low) - _density(high)) / mass
        spread = 1 + (_weighted(low) - _weighted(high)) / mass - mean**2
        return np.maximum(spread, 0)[np.searchsorted(self.edges[1:-1], scores)]


@dataclass(frozen=True)
class Symbol:
    """Columns that are one symbol.

    Attributes:
        columns: their places in their block.
        levels: the values of each level `(L, len(columns))`.
        share: the share of rows at each level `(L,)`.
    """

    columns: tuple[int, ...]
    levels: Array
    share: Array

    def codes(self, block: Array) -> np.ndarray:
        """The level of each row, all of which occurred in the data."""
        place = {level.tobytes(): code for code, level in enumerate(self.levels)}
        return np.array([place[row.tobytes()] for row in _one_zero(block[:, self.columns])])


@dataclass(frozen=True)
class Block:
    """The margins of x or of y."""

    width: int
    smooth: tuple[Smooth, ...]
    symbols: tuple[Symbol, ...]

    def coded(self, block: Array) -> Coded:
        """Rows of the data as models see them."""
        scores = [margin.scores(block[:, margin.column]) for margin in self.smooth]
        symbols = [symbol.codes(block) for symbol in self.symbols]
        return Coded(_table(scores, len(block), float), _table(symbols, len(block), int))

    def restored(self, coded: Coded) -> Array:
        """What models drew as rows like the data's."""
        block = np.empty((len(coded), self.width))
        for margin, scores in zip(self.smooth, coded.scores.T, strict=True):
            block[:, margin.column] = margin.restored(scores)
        for symbol, codes in zip(self.symbols, coded.symbols.T, strict=True):
            block[:, symbol.columns] = symbol.levels[codes]
        return block


@dataclass(frozen=True)
class Margins:
    """The margins of x and of y."""

    x: Block
    y: Block

    @property
    def dx(self) -> int:
        """How many scores are of x."""
        return len(self.x.smooth)

    @property
    def sx(self) -> int:
        """How many symbols are of x."""
        return len(self.x.symbols)

    @functools.cached_property
    def smooth(self) -> tuple[Smooth, ...]:
        """The margins of all scores, in their order."""
        return (*self.x.smooth, *self.y.smooth)

    @functools.cached_property
    def shares(self) -> tuple[Array, ...]:
        """The share of rows at each level of each symbol."""
        return tuple(symbol.share for symbol in (*self.x.symbols, *self.y.symbols))

    def coded(self, x: Array, y: Array) -> Coded:
        """Rows of the data as models see them."""
        left, right = self.x.coded(x), self.y.coded(y)
        return Coded(np.hstack([left.scores, right.scores]), np.hstack([left.symbols, right.symbols]))

    def restored(self, coded: Coded) -> tuple[Array, Array]:
        """What models drew as pairs like the data's."""
        left = Coded(coded.scores[:, : self.dx], coded.symbols[:, : self.sx])
        right = Coded(coded.scores[:, self.dx :], coded.symbols[:, self.sx :])
        return self.x.restored(left), self.y.restored(right)


def margins(x: Array, y: Array) -> Margins:
    """The margins of data `(n, dx)` and `(n, dy)`."""
    return Margins(_block(x), _block(y))


def _block(block: Array) -> Block:
    few = [k for k in range(block.shape[1]) if len(np.unique(block[:, k])) <= MOST_VALUES]
    many = [k for k in range(block.shape[1]) if k not in few]
    return Block(block.shape[1], tuple(_smooth(block[:, k], k) for k in many), tuple(_symbols(block, few)))


def _smooth(column: Array, place: int) -> Smooth:
    values, counts = np.unique(column, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    middle = (below[:-1] + below[1:] + 1) / 2
    normal = len(values) == len(column) and _is_normal(column)
    places = (values - values.mean()) / values.std() if normal else ndtri(middle / (len(column) + 1))
    return Smooth(place, values, ndtri(below / below[-1]), places, normal)


def _is_normal(column: Array) -> bool:
    """Whether a column without repeated values cannot be told from a normal one."""
    tested = np.random.default_rng(0).permutation(column)[:_MOST_TESTED]
    return float(shapiro((tested - tested.mean()) / tested.std()).pvalue) >= _NOT_NORMAL


def _symbols(block: Array, columns: Sequence[int]) -> Iterable[Symbol]:
    if not columns:
        return []
    together = _symbol(block, tuple(columns))
    if len(together.levels) * _ROWS_A_LEVEL <= len(block):
        return [together]
    return [_symbol(block, (column,)) for column in columns]


def _symbol(block: Array, columns: tuple[int, ...]) -> Symbol:
    levels, counts = np.unique(_one_zero(block[:, columns]), axis=0, return_counts=True)
    return Symbol(columns, np.ascontiguousarray(levels), counts / len(block))


def _one_zero(block: Array) -> Array:
    """Rows whose equal numbers have equal bytes: -0.0 becomes 0.0."""
    return np.ascontiguousarray(block) + 0.0


def standing(data: Array, block: Array) -> Array:
    """The normal score of each number among those of its column in the data, for data and twin alike."""
    columns: list[Array] = []
    for own, other in zip(data.T, block.T, strict=True):
        ordered = np.sort(own)
        middle = (np.searchsorted(ordered, other, "left") + np.searchsorted(ordered, other, "right") + 1) / 2
        columns.append(ndtri(middle / (len(own) + 1)))
    return np.column_stack(columns)


def clipped(scores: Array) -> Array:
    """Normal scores, none of which is further out than double precision can tell."""
    return np.clip(scores, -_FURTHEST, _FURTHEST)


def _table(columns: Sequence[np.ndarray], rows: int, kind: type) -> np.ndarray:
    return np.column_stack(columns) if columns else np.empty((rows, 0), dtype=kind)


def _density(score: Array) -> Array:
    return np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi)


def _weighted(score: Array) -> Array:
    """The score times its density, which is 0 where the score is infinite."""
    finite = np.where(np.isfinite(score), score, 0)
    return finite * _density(finite) * np.isfinite(score)
