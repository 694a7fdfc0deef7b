"""What makes a user's pairs useless to every estimator, and is refused in one line before anything is run."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import bdtrc

from mibench.errors import UsageError
from mibench.pairs.columns import Array
from mibench.pairs.far import far_out
from mibench.text import number, pluralise, shortened

FEWEST_ROWS = 20
MOST_REPEATED = 0.05
"""The share of rows that may hold one value, or repeat others, without a word."""
MOST_VALUES = 30
"""A column with at most this many values holds symbols."""
MOST_EQUAL = 3
"""How many equal rows rounding may make: with more, some have no nearest neighbour but each other."""
_BY_CHANCE = 1e-3
"""The p-value below which rows are copies and no draws: of files of draws, at most so many."""
_NEARLY_WHOLE = 0.1
"""How far a number is from a whole one that it is about."""
MOST_COLUMNS = 1_000
"""Of x and y together: estimators say nothing of more, and take hours for it."""
_SMALLEST, _LARGEST = 1e-100, 1e100
"""Between these lies what the values of a column may span: estimators take squares and their products."""
_DEPENDENT = 1e-10
"""The part of a column's variance, not explained by others, below which it is a linear combination of them."""


def refuse_few(rows: int, where: str) -> None:
    """Refuses what is no sample.

    Raises:
        UsageError: there are fewer than `FEWEST_ROWS` rows.
    """
    if rows < FEWEST_ROWS:
        raise UsageError(f"{where}: {rows} complete rows are too few; at least {FEWEST_ROWS} are needed")


def refuse_wide(columns: int, where: str) -> None:
    """Refuses more columns than estimators take.

    Raises:
        UsageError: there are more than `MOST_COLUMNS`.
    """
    if columns > MOST_COLUMNS:
        raise UsageError(f"{where}: {columns:,} columns are too many, at most {MOST_COLUMNS:,}: choose or project some")


def refuse_useless(x: Array, y: Array, names: tuple[list[str], list[str]], where: str) -> None:
    """Refuses too few rows, constant columns, copies, and columns that determine each other in all rows but a few.

    Args:
        x: finite numbers `(n, dx)`.
        y: finite numbers `(n, dy)`.
        names: of the columns of each.
        where: the file, for messages.

    Raises:
        UsageError: no estimator could say anything of them.
    """
    refuse_few(len(x), where)
    for block, side, labels in ((x, "x", names[0]), (y, "y", names[1])):
        spans = np.ptp(block, axis=0)
        flat = [label for label, span in zip(labels, spans, strict=True) if not span]
        if flat:
            listed = shortened(", ".join(flat), 100)
            verb = "changes" if len(flat) == 1 else "change"
            raise UsageError(f"{where}: {pluralise(len(flat), 'column')} of {side} never {verb}: leave out {listed}")
        if extreme := [label for label, span in zip(labels, spans, strict=True) if not _SMALLEST < span < _LARGEST]:
            listed = shortened(", ".join(extreme), 100)
            raise UsageError(
                f"{where}: {side} has values too far apart or too close for their squares: rescale {listed}"
            )
    if x.shape == y.shape and np.array_equal(x, y):
        _refuse_copy(x, where)
    rows, far = len(x), far_out(np.hstack([x, y]), most=0.5).any(axis=1)
    x, y = x[~far], y[~far]  # rows far out would alone decide what is linear
    if len(x) <= max(rows / 2, x.shape[1] + y.shape[1] + 1):
        return  # with so few rows, columns look dependent by accident
    for block, side, labels in ((x, "x", names[0]), (y, "y", names[1])):
        if (column := _redundant(block)) is not None:
            raise UsageError(
                f"{where}: column {labels[column]!r} of {side} is a linear combination of its other columns, so "
                "covariances have no inverse: leave it out"
            )
    _refuse_determined(x, y, names, where)


def repeated(table: Array) -> np.ndarray:
    """Which rows are an earlier one once more, and not by chance.

    All that repeat are, where more rows are there exactly twice, say, than any independent draws make (`_too_many`), as
    in a file that was appended to itself. All rows of a balanced design are there equally often too: so the largest
    number of times proves copies only where the values do. By chance, rows are equal whose values are all atoms of
    their columns: held by more than `MOST_REPEATED` of the rows, as zeros are in censored data, or standing beside
    other values elsewhere, as symbols and rounded numbers do. Rounding makes about twice as many pairs of rows that are
    equal but for one step of a column as pairs that are equal; copying makes none of those. Copies are the rows of
    which a column has fewer, but for those that hold a value of more than `MOST_REPEATED` of the rows there, beside
    which none is as frequent. So it is in a column alone, whatever the others are: where one has no more equal pairs
    than rounding makes, and these are most of them equal rows, they are equal by chance, as are rows of whole numbers
    and of what depends on them.
    """
    which = numbered(table)
    again = pd.Series(which).duplicated().to_numpy()
    counts, many = np.bincount(which), max(MOST_REPEATED * len(table), 2)
    times = _too_many(counts, many)
    if any(k < counts.max() for k in times):
        return again
    held = [_held(column, column) > many for column in table.T]
    shared = [_held(column, column[~again]) > 1 for column in table.T]
    equal = again & ~np.logical_and.reduce(np.logical_or(held, shared))
    few = min(MOST_VALUES, (~again).sum() / 2)
    fine = [k for k, column in enumerate(table.T) if len(np.unique(column)) > few]
    copies = np.zeros_like(again)
    for k in fine:
        new = equal & ~held[k]
        if (new & ~copies).any() and new.sum() > 2 * _pairs(table[~again], k)[1]:
            copies |= new
    pairs = int(counts @ (counts - 1)) // 2
    if not copies.any() or any(_repeats_by_chance(table[:, [k]], pairs) for k in fine):
        return np.zeros_like(again)
    return again if times else copies


def numbered(table: Array) -> np.ndarray:
    """A number for each row, from 0, the same for rows that are equal."""
    rows = np.ascontiguousarray(table + 0.0)  # -0 equals 0
    return np.unique(rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel(), return_inverse=True)[1]


def _too_many(counts: np.ndarray, many: float) -> list[int]:
    """The k from 2 to `many` for which more rows are there exactly k times than independent draws of anything make.

    A row that is drawn l times on average is there k times with the probability p(k) = l^k exp(-l) / k!, so that
    p(k)^2 = p(k - 1) p(k + 1) (k + 1) / k. So p(k) is at most c (p(k - 1) + p(k + 1)) with c = ((k + 1) / k)^(1/2) / 2,
    for each l, and in sum for any distribution. The levels, `_BY_CHANCE` / k (k - 1), add up to `_BY_CHANCE`.
    """
    times = np.append(np.bincount(counts), 0)
    found = []
    for k in range(2, int(min(many, counts.max())) + 1):
        most = ((k + 1) / k) ** 0.5 / 2
        beside = times[k - 1 : k + 2].sum()
        if times[k] and bdtrc(times[k] - 1, beside, most / (1 + most)) < _BY_CHANCE / (k * (k - 1)):
            found.append(k)
    return found


def _repeats_by_chance(column: Array, rows: int) -> bool:
    """Whether a column `(n, 1)` makes most of its equal pairs equal rows, and has as many as rounding makes.

    Beyond those of rounding there are none then, where so many pairs of copies would be as many again. Half of that
    decides.
    """
    equal, apart = _pairs(column, 0)
    return max(equal / 2, 2 * (equal - apart / 2)) < rows


def _pairs(table: Array, column: int) -> tuple[int, int]:
    """How many pairs of rows are equal, and equal but for one step of a column (`_places`)."""
    grid = table.copy()
    grid[:, column] = _places(table[:, column])
    above = grid.copy()
    above[:, column] += 1
    which = numbered(np.concatenate([grid, above]))
    here, there = (np.bincount(half, minlength=which.max() + 1) for half in np.split(which, 2))
    return int((here * (here - 1) / 2).sum()), int(here @ there)


def _places(column: Array) -> Array:
    """Numbers for values, that of the next one greater by 1 where it is one step further, and by more elsewhere.

    A step is no larger than any gap on one of its sides, and the gaps beside it are about whole multiples of
    it: that of rounding to significant digits is small around 0 and grows outwards, and that between logarithms of
    counts falls. Between values that were not rounded there is none.
    """
    levels, which = np.unique(column, return_inverse=True)
    gaps = np.diff(levels)
    smallest = np.maximum(np.minimum.accumulate(gaps), np.minimum.accumulate(gaps[::-1])[::-1])
    around = np.pad(gaps, 1, mode="edge")
    with np.errstate(over="ignore", invalid="ignore"):
        times = np.stack([around[:-2], around[2:]]) / gaps
        whole = (np.abs(times - times.round()) < _NEARLY_WHOLE).all(axis=0)
    return np.append(0, np.where(whole & np.isclose(gaps, smallest, rtol=1e-5, atol=0), 1, 2).cumsum())[which]


def _held(values: Array, among: Array) -> np.ndarray:
    """How often each of the values is among others, all of them being there."""
    levels, counts = np.unique(among, return_counts=True)
    return counts[np.searchsorted(levels, values)]


def is_discrete(column: Array) -> bool:
    """Whether at most half of a column's values differ: densities, and what is made of them, do not exist."""
    return len(np.unique(column)) <= len(column) / 2


def holds_symbols(column: Array) -> bool:
    """Whether a column is discrete and takes few values: any other value, however near, is then another symbol."""
    return is_discrete(column) and len(np.unique(column)) <= MOST_VALUES


def any_symbols(*blocks: Array) -> bool:
    """Whether a column of these blocks holds symbols."""
    return any(holds_symbols(column) for block in blocks for column in block.T)


def has_atom(column: Array) -> bool:
    """Whether a column holds one value in more than `MOST_REPEATED` of its rows, as censored and inflated data do."""
    return _most_held(column) > MOST_REPEATED * len(column)


def repeats_often(x: Array, y: Array) -> bool:
    """Whether columns are discrete or have atoms, or rows are equal: estimators of densities may refuse such data."""
    columns = [*x.T, *y.T]
    if any(is_discrete(column) or has_atom(column) for column in columns):
        return True
    few = any(_most_held(column) <= MOST_EQUAL for column in columns)  # spares the work of comparing rows
    return not few and int(pd.DataFrame(np.hstack([x, y])).value_counts().max()) > MOST_EQUAL


def _most_held(column: Array) -> int:
    """How often the most frequent value of a column is there."""
    return int(np.unique(column, return_counts=True)[1].max())


def _refuse_copy(x: Array, where: str) -> None:
    counts = pd.DataFrame(x).value_counts().to_numpy() / len(x)
    if len(counts) > len(x) / 2:
        raise UsageError(
            f"{where}: x and y are equal, so their information is infinite and there is nothing to estimate"
        )
    entropy = number(float(-(counts * np.log(counts)).sum()))
    raise UsageError(f"{where}: x and y are equal, so their information is the entropy of x, {entropy} nats as counted")


def _redundant(block: Array) -> int | None:
    """The first column that those before it determine linearly; none that changes in rows far out alone."""
    changing = np.flatnonzero(np.ptp(block, axis=0))
    unit = _units(block[:, changing])
    diagonal = np.abs(np.diag(np.linalg.qr(unit, mode="r"))) / np.sqrt(len(unit))
    dependent = np.flatnonzero(diagonal**2 < _DEPENDENT)
    return int(changing[dependent[0]]) if len(dependent) else None


def _units(block: Array) -> Array:
    return (block - block.mean(0)) / block.std(0)


def _refuse_determined(x: Array, y: Array, names: tuple[list[str], list[str]], where: str) -> None:
    """Refuses continuous columns of one block that a linear or a monotone function makes of the other's."""
    keep = [[k for k in range(block.shape[1]) if not is_discrete(block[:, k])] for block in (x, y)]
    if not all(keep):
        return
    left, right = (block[:, columns] for block, columns in zip((x, y), keep, strict=True))
    bases: list[Any] = [np.linalg.qr(_units(block))[0] for block in (left, right)]
    strongest = float(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)[0])
    if 1 - strongest**2 < _DEPENDENT:
        raise UsageError(
            f"{where}: a linear combination of x's columns equals a linear combination of y's, so the information is "
            "infinite and there is nothing to estimate"
        )
    ranks = [pd.DataFrame(block).rank().to_numpy() for block in (left, right)]
    units = [(rank - rank.mean(0)) / (rank.std(0) * np.sqrt(len(rank))) for rank in ranks]
    same = np.argwhere(1 - (units[0].T @ units[1]) ** 2 < 1e-12)
    if len(same):
        first, second = names[0][keep[0][same[0][0]]], names[1][keep[1][same[0][1]]]
        raise UsageError(
            f"{where}: column {second!r} of y is a monotone function of {first!r} of x, so the information is infinite "
            "and there is nothing to estimate"
        )
