"""Whether rows are independent draws: series, sorted files and copies of rows are not.

Halves, splits and shuffles take rows for independent draws. Where x and y both depend on the order of rows they look
dependent on each other even if they are not, and estimates scatter more than independent rows show (Yule, Why Do We
Sometimes Get Nonsense-Correlations between Time-Series?, JRSS 1926). Where one of them does not, shuffles hold. A copy
of a row is its nearest neighbour, and an estimator that was trained on the row knows it: both take it for information.
"""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd

from mibench.estimation.intervals import COPIES, IN_ORDER
from mibench.pairs import Pairs, drawn
from mibench.pairs.checks import MOST_REPEATED, numbered, repeated
from mibench.pairs.columns import Array
from mibench.twins.margins import standing

LEVEL = 0.01
"""The p-value of each block at or below which rows are no independent draws: of data that are, at most so many."""
_MOST_ROWS = 2_000
"""Of neighbours in the file: more take time, and show little more."""
_PERMUTATIONS = 199


def dependence(pairs: Pairs, rows: int) -> str:
    """Why rows are no independent draws: `COPIES`, `IN_ORDER`, or empty where they may be."""
    if share_of_copies(pairs, rows):
        return COPIES
    return IN_ORDER if depend_on_order(pairs, rows) else ""


@functools.lru_cache(maxsize=4)
def share_of_copies(pairs: Pairs, rows: int) -> float:
    """The share of rows drawn that are copies of others, if it is more than may pass without a word, else 0.

    All rows tell which are copies: of few drawn, fewer are there twice.
    """
    table = np.hstack([pairs.x, pairs.y])
    which = numbered(table)
    copied = which[repeated(table)]
    taken = pd.Series(drawn(replace(pairs, x=which[:, None]), rows)[0][:, 0])
    share = float((taken.duplicated() & taken.isin(copied)).mean())
    return share if share > MOST_REPEATED else 0.0


def depend_on_order(pairs: Pairs, rows: int) -> bool:
    """Whether both blocks depend on the order of the file, in at most `rows` rows as estimators are given them."""
    x, y = drawn(pairs, rows)
    places, _ = drawn(replace(pairs, x=np.arange(len(pairs), dtype=np.float64)[:, None]), rows)
    order = places[:, 0].argsort()[:_MOST_ROWS]
    return order_p_value(x[order]) <= LEVEL and order_p_value(y[order]) <= LEVEL


def order_p_value(block: Array) -> float:
    """The share of orders of the rows `(n, d)`, their own among them, that show as much dependence on the row before.

    What is compared is the largest of the columns' autocorrelations, of normal scores at lag 1.
    """
    scores = standing(block, block)
    scores -= scores.mean(0)
    lengths = np.linalg.norm(scores, axis=0)
    scores /= np.where(lengths > 0, lengths, 1)
    generator = np.random.default_rng(0)
    own = _largest(scores)
    others = [_largest(scores[generator.permutation(len(scores))]) for _ in range(_PERMUTATIONS)]
    return (1 + sum(other >= own for other in others)) / (1 + _PERMUTATIONS)


def _largest(units: Array) -> float:
    """The largest lag-1 autocorrelation of columns of mean 0 and length 1, rounded so that ties are ties."""
    return float(np.abs(np.einsum("nd,nd->d", units[1:], units[:-1])).max().round(12))
