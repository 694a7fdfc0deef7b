"""Who is ranked: estimators that have enough of the cells. One rule for commands, reports and sites.

A mean rank over a few cells stands beside those over all of them as if it were as good, though these cells may be the
easy ones. So an estimator is ranked where it has half of the cells of the estimator that has most, tasks counting
alike. The others are not among anyone's rivals, so that no rank depends on them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mibench.comparison.error_table import ORACLE, ErrorTable
from mibench.comparison.meetings import groups
from mibench.comparison.statistics import Array
from mibench.text import percent, pluralise

LEAST = 0.5
"""The share of the cells of the estimator that has most which another needs to be ranked."""


def eligible(table: ErrorTable) -> tuple[ErrorTable, Sequence[str]]:
    """The table of the estimators that have enough cells, and of the oracle; and the estimators that have too few.

    Rows that say nothing of the former are left out of the table, and estimators without any cell of either.
    """
    names = np.array(table.estimators)
    share = shares_of_cells(table)
    is_oracle = names == ORACLE
    enough = share >= LEAST * np.where(is_oracle, 0, share).max(initial=0)
    kept = (share > 0) & (enough | is_oracle)
    part = replace(table, estimators=tuple(names[kept].tolist()), errors=table.errors[:, kept])
    return part.only(np.asarray(~np.isnan(part.errors).all(axis=1))), names[(share > 0) & ~kept].tolist()


def shares_of_cells(table: ErrorTable) -> Array:
    """The share of a table's cells that each estimator has: the mean over tasks, which count alike."""
    present = ~np.isnan(table.errors)
    tasks = [
        np.mean([present[rows[places]].any(axis=0) for places in groups(table.cells[rows])], axis=0)
        for rows in groups(table.tasks)
    ]
    return np.mean(tasks, axis=0)


def too_few(table: ErrorTable, names: Sequence[str]) -> str:
    """A sentence about the estimators of a table that have too few cells to be ranked."""
    counts = {name: len(np.unique(table.trial_cells[~np.isnan(table.of(name))])) for name in names}
    listed = ", ".join(f"{name} ({pluralise(count, 'cell')})" for name, count in counts.items())
    rule = f"a rank by {table.quantity} takes {percent(LEAST)} of the cells of the estimator that has most"
    return f"{rule}, tasks counting alike; not ranked: {listed}"
