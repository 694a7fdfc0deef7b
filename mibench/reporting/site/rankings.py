"""The rankings that a site offers to choose from: of each quantity, in all cells and in those that filters leave."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from mibench.comparison.eligible import eligible
from mibench.comparison.error_table import ORACLE, ErrorTable
from mibench.comparison.ranking import RESAMPLES, mean_seconds
from mibench.comparison.shares import ranks_of
from mibench.frames.grouping import Rows
from mibench.text import fixed, interval, number

ALL = ""
"""What a filter is set to that leaves everything."""
DIMENSIONS = ((1, "1"), (5, "2 to 5"), (20, "6 to 20"), (float("inf"), "above 20"))
"""Classes of dimensions: the largest of each, and its name."""
_SIDES = ("d", "dx", "dy")
_FEWER_RESAMPLES = 400
"""Of rankings of fewer cells, of which there are many."""


@dataclass(frozen=True)
class Standing:
    """An estimator's place in a ranking.

    Attributes:
        estimator: as the frame spells it.
        rank: the mean rank; `rank_text` with its interval. NaN and empty where it has too few cells to be ranked.
        near: the share of cells near the oracle with its interval, in percent; empty without an oracle.
        cells: how many cells it has.
        seeds: of how many seeds.
        failed: trials that failed; they count as last.
        absent: runs that a rival has and it has not: skipped, or not run.
        samples: how many pairs a trial in these cells has seen at most; empty where their tasks do not count them.
        seconds: the mean over tasks of the mean time of a trial; NaN where it is not known.
    """

    estimator: str
    rank: float
    rank_text: str
    near: str
    cells: int
    seeds: int
    failed: int
    absent: int
    samples: str
    seconds: float


@dataclass(frozen=True)
class Choices:
    """The rankings of one quantity.

    Attributes:
        quantity: what was estimated, e.g. `mi_gradient`.
        families: the tasks, `dimensions` and `numbers` (of pairs, n) that can be chosen.
        rankings: each a list of standings, the best first; those with too few cells come last.
        chosen: by family, dimension and number the place of a ranking in that list.
    """

    quantity: str
    families: Sequence[str]
    dimensions: Sequence[str]
    numbers: Sequence[str]
    rankings: Sequence[Sequence[Standing]]
    chosen: dict[tuple[str, str, str], int]

    def of(self, family: str = ALL) -> Sequence[Standing]:
        """The ranking of all cells, or of all of a family; empty where two estimators are too few."""
        number = self.chosen.get((family, ALL, ALL))
        return () if number is None else self.rankings[number]


def choices(table: ErrorTable, trials: pd.DataFrame) -> Choices:
    """Every ranking of a table that filters can ask for; cells that several filters leave are ranked once.

    Args:
        table: the errors in one quantity.
        trials: those that ended well: `task`, `estimator`, the number of the `cell` as the table has it, `seconds`, and
            how many pairs they have seen, `samples`, NaN where their task does not count them.
    """
    places = table.places.reindex(table.cells)
    columns = (places["task"].to_numpy(str), _dimensions(places), _numbers(places))
    options = [[ALL, *dict.fromkeys(sorted(set(column.tolist()), key=_in_order))] for column in columns]
    rankings: list[Sequence[Standing]] = []
    chosen: dict[tuple[str, str, str], int] = {}
    known: dict[bytes, int] = {}
    for choice in itertools.product(*options):
        rows = _rows(columns, choice)
        mark = np.packbits(rows).tobytes()
        if mark not in known:
            ranking = list(_ranked(table, rows, trials))
            known[mark] = len(rankings) if ranking else -1
            rankings += [ranking] if ranking else []
        if known[mark] >= 0:
            chosen[choice[0], choice[1], choice[2]] = known[mark]
    families, dimensions, numbers = (option[1:] for option in options)
    return Choices(table.quantity, families, dimensions, numbers, rankings, chosen)


def _rows(columns: Sequence["np.ndarray[Any, Any]"], choice: Sequence[str]) -> Rows:
    rows = np.ones(len(columns[0]), dtype=bool)
    for column, wanted in zip(columns, choice, strict=True):
        if wanted != ALL:
            rows &= column == wanted
    return rows


def _ranked(table: ErrorTable, rows: Rows, trials: pd.DataFrame) -> Iterator[Standing]:
    """The standings in some rows of a table; nothing where there are not two estimators to rank."""
    if not rows.any():
        return
    part = table.only(rows)
    ranked, few = eligible(part)
    if len({*ranked.estimators} - {ORACLE}) < 2:
        return
    resamples = RESAMPLES if rows.all() else _FEWER_RESAMPLES
    ranks = ranks_of(ranked, resamples, np.random.default_rng(0))
    ordered = pd.concat([ranks.sort_values(["rank", "estimator"], kind="stable"), pd.DataFrame({"estimator": few})])
    here = trials[trials["cell"].isin(np.unique(part.trial_cells))]
    took = mean_seconds(here)
    seen = here.groupby("estimator")["samples"].max()
    for row in cast("list[dict[str, Any]]", ordered.to_dict("records")):
        errors = part.of(row["estimator"])
        there = ~np.isnan(errors)
        yield Standing(
            estimator=row["estimator"],
            rank=row["rank"],
            rank_text=interval(row["rank"], row["rank_low"], row["rank_high"]),
            near=interval(*(100 * row[name] for name in ("near", "near_low", "near_high"))),
            cells=len(np.unique(part.trial_cells[there])),
            seeds=len(np.unique(part.seeds[there])),
            failed=part.count_trials(np.isinf(errors)),
            absent=part.count_trials(~there),
            samples=number(float(seen.get(row["estimator"], float("nan"))), 6),
            seconds=float(took.get(row["estimator"], float("nan"))),
        )


def _dimensions(places: pd.DataFrame) -> "np.ndarray[Any, Any]":
    """The class of each cell's dimension: the larger one of x and y, times the number of copies."""
    sides = [pd.to_numeric(places[name], errors="coerce") for name in _SIDES if name in places.columns]
    largest = pd.concat(sides, axis=1).max(axis=1) if sides else pd.Series(1.0, index=places.index)
    copies = pd.to_numeric(places["copies"], errors="coerce") if "copies" in places.columns else 1
    dimension = largest.fillna(1) * (copies.fillna(1) if isinstance(copies, pd.Series) else copies)
    return np.array([next(name for most, name in DIMENSIONS if value <= most) for value in dimension])


def _numbers(places: pd.DataFrame) -> "np.ndarray[Any, Any]":
    if "n" not in places.columns:
        return np.full(len(places), "not said")
    numbers = pd.to_numeric(places["n"], errors="coerce")
    return np.array(["not said" if pd.isna(size) else fixed(size, 0) for size in numbers])


def _in_order(name: str) -> tuple[float, str]:
    """Numbers by size, names by letter."""
    first = name.partition(" ")[0]
    number = next((most for most, text in DIMENSIONS if text == name), float(first) if first.isdigit() else 0.0)
    return number, name
