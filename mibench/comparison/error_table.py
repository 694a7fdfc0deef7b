"""The errors of several estimators on the same data, side by side, for rankings and pairwise comparisons."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mibench.comparison.samples import MEAN, direction, quantity_of
from mibench.comparison.statistics import Array, Integers
from mibench.discovery.registry import Registry
from mibench.frames import ADVERSARIAL, cell_columns, task_entry, with_adversarial
from mibench.frames.coded import plain_frame
from mibench.frames.grouping import Rows, by_task, cell_numbers, distinct, group_numbers
from mibench.outcome import Status
from mibench.plan.trial import TRUTH_ERROR
from mibench.specs import EstimatorSpec, Quantity

ORACLE = "oracle"
"""The estimator that knows the answer, and errs because it sees finitely many samples."""

HEADLINES: Mapping[str, Quantity] = {"mi": "value", "mi_gradient": "gradient"}
"""The quantities that estimators are for, and what those that give them declare.

Where a task measures one, its other quantities are asked for by name.
"""

NO_TRUTH = "no truth is known"
_NAMES = ("task", "task_plugin", "estimator", "seed", "measurement", "epoch", "status")
_TRIAL = ["cell", "estimator", "seed"]
_READ = frozenset({*_NAMES, "value", "truth", TRUTH_ERROR})
"""The columns that errors are made of, beside the parameters of cells."""


@dataclass(frozen=True, kw_only=True)
class ErrorTable:
    """The errors of every estimator in one quantity; a row is a seed of a cell.

    A task may measure a quantity at several levels, as `mi/1.386` and `mi/2.773`; each level is then a cell of its own.

    Attributes:
        quantity: what the measurements are levels of, e.g. `mi_gradient`; see `mibench.comparison.samples.quantity_of`.
        estimators: in alphabetical order.
        tasks: the task of each row.
        cells: the number of the cell of each row; no two tasks share one, and no two levels.
        seeds: the seed of each row.
        errors: rows x estimators; less is better. The distance from the truth, an error rate, or an accuracy with its
            sign turned. Infinite where the trial failed, NaN where there is none.
        places: by the number of the cell its `task`, `measurement`, `truth` (NaN where there is none), parameters, and
            the number `cell` that the frame's rows have by `mibench.frames.grouping.cell_numbers`, which the levels of
            what one trial measured share; and whether the quantity is a gradient and the cell `adversarial`, so that
            the oracle errs by more than noise there.
        distances: whether the errors are distances from the truth, so that their ratios mean something.
        unknown: estimators that are in no row: all of their trials failed where others have the quantity, and neither a
            trial nor a plugin here says that they estimate it.
    """

    quantity: str
    estimators: tuple[str, ...]
    tasks: np.ndarray[Any, Any]
    cells: Integers
    seeds: Integers
    errors: Array
    places: pd.DataFrame
    distances: bool
    unknown: tuple[str, ...] = ()

    def of(self, estimator: str) -> Array:
        """The errors of one estimator."""
        return self.errors[:, self.estimators.index(estimator)]

    @property
    def trial_cells(self) -> Integers:
        """The number of the cell of each row's trial, which measured all levels of the quantity there."""
        return self.places["cell"].to_numpy(np.int64)[self.cells]

    @property
    def adversarial(self) -> Rows:
        """Whether each row is of an adversarial cell."""
        return self.places[ADVERSARIAL].to_numpy(bool)[self.cells]

    def count_trials(self, rows: "np.ndarray[Any, np.dtype[np.bool_]]") -> int:
        """How many trials some rows of one estimator are of: one a cell and seed, however many levels it measured."""
        return len(set(zip(self.trial_cells[rows].tolist(), self.seeds[rows].tolist(), strict=True)))

    def only(self, rows: "np.ndarray[Any, np.dtype[np.bool_]]") -> "ErrorTable":
        """The table of some rows."""
        return replace(
            self, tasks=self.tasks[rows], cells=self.cells[rows], seeds=self.seeds[rows], errors=self.errors[rows]
        )


def error_tables(frame: pd.DataFrame, registry: Registry, quantities: Collection[str] = ()) -> list[ErrorTable]:
    """One table for each quantity whose tasks declare which way is good. Learning curves are left out.

    Args:
        frame: a tidy frame without repeated rows, as `mibench.comparison.soundness.sound` leaves it.
        registry: the tasks' specs, for their directions.
        quantities: which; empty for `HEADLINES`, or where a task has neither for all that have no `/` in their name.
    """
    (tables,) = error_tables_by_truth(frame, registry, quantities, [0.0])
    return tables


def not_known(table: ErrorTable, among: Collection[str] | None = None, *, done: str = "ranked") -> list[str]:
    """A sentence about the estimators of which nobody here knows that they estimate a table's quantity, if there are.

    Args:
        table: the table.
        among: which estimators were asked for; `None` for all.
        done: what is not done with them.
    """
    names = [name for name in table.unknown if among is None or name in among]
    why = "all trials failed where others have it, and no plugin here says what is estimated; -p loads one"
    return [f"not {done} by {table.quantity}: {', '.join(names)} ({why})"] if names else []


def quantities_of(frame: pd.DataFrame, registry: Registry) -> set[str]:
    """The quantities that a tidy frame holds measurements of."""
    named = {
        quantity_of(entry.spec if entry else None, str(name))
        for part in by_task(frame, coded=True)
        for entry in [task_entry(part, registry)]
        for name in part["measurement"].dropna().unique()
    }
    return named - {""}


def why_unranked(frame: pd.DataFrame, registry: Registry) -> str:
    """Why `error_tables` finds no two estimators in a frame."""
    unknown = [str(part["task"].iloc[0]) for part in by_task(frame, coded=True) if task_entry(part, registry) is None]
    if unknown:
        return f"the plugin that brought task {unknown[0]} is not installed; it declares which way is good"
    if not (frame["status"] == Status.OK.value).any():
        return "no trial here ended well; `mibench report` shows why"
    if lacks_truths(frame, registry):
        return f"{NO_TRUTH} of what was measured here"
    names = sorted({*map(str, frame["estimator"].unique())} - {ORACLE})
    if len(names) < 2:
        reserve = f"{ORACLE}, the exact critic, is not ranked, and " if ORACLE in frame["estimator"].unique() else ""
        return f"{reserve}there is {f'one estimator here, {names[0]}' if names else 'no estimator here'}"
    return "no two estimators here have a quantity in common of which a task says which way is good"


def lacks_truths(frame: pd.DataFrame, registry: Registry) -> bool:
    """Whether a frame holds what should be near the truth, and no truth at all."""
    measured = frame[frame["value"].notna()]
    return bool(measured["truth"].isna().all()) and any(
        direction(entry.spec, name, MEAN) == "truth"
        for part in by_task(measured, coded=True)
        if (entry := task_entry(part, registry))
        for name in part["measurement"].unique()
    )


def error_tables_by_truth(
    frame: pd.DataFrame, registry: Registry, quantities: Collection[str], moves: Sequence[float]
) -> list[list[ErrorTable]]:
    """The tables of `error_tables` for each of `moves`: by how many of its own errors every truth is moved."""
    parameters = cell_columns(frame)
    frame = frame[[name for name in frame.columns if name in {*parameters, *_READ}]]
    rows_of_tasks: list[pd.DataFrame] = []
    cells_of_tasks: list[pd.DataFrame] = []
    gives: dict[tuple[str, str], bool] = {}
    for part in by_task(frame.assign(cell=cell_numbers(frame)), coded=True):
        _, first = np.unique(part["cell"], return_index=True)
        rows_of_tasks.append(_directed(part, registry, quantities))
        for pair, given in _given(part, rows_of_tasks[-1], registry).items():
            gives[pair] = given or gives.get(pair, False)
        entry = task_entry(part, registry)
        cells_of_tasks.append(with_adversarial(plain_frame(part.iloc[first]), entry.spec if entry else None))
    rows = pd.concat(rows_of_tasks, ignore_index=True) if rows_of_tasks else frame
    if rows.empty:
        return [[] for _ in moves]
    cells = pd.concat(cells_of_tasks, ignore_index=True).reindex(columns=["task", *parameters, "cell", ADVERSARIAL])
    rows, unknown = _without_guesses(rows, gives, registry)
    of_quantity = [(str(name), part) for name, part in rows.groupby("quantity", sort=True)]
    return [
        [_table(name, _with_truths_moved(part, move), cells, unknown.get(name, ())) for name, part in of_quantity]
        for move in moves
    ]


def _directed(part: pd.DataFrame, registry: Registry, quantities: Collection[str]) -> pd.DataFrame:
    """The errors of one task's trials, each with whether it is a `distance` from the truth."""
    entry = task_entry(part, registry)
    places, names = pd.factorize(part["measurement"])  # few names, each of which is looked up once
    spec = entry.spec if entry else None
    ways = [direction(spec, name, MEAN) for name in names]
    named = [quantity_of(spec, str(name)) for name in names]
    value, truth = (part[name].to_numpy(float) for name in ("value", "truth"))
    distance = np.array([way == "truth" for way in ways])[places]
    higher = np.array([way == "higher" for way in ways])[places]
    known = np.array([way is not None for way in ways])[places]
    ended = (part["status"] == Status.OK.value).to_numpy(bool) & part["epoch"].isna().to_numpy(bool)
    measured = ended & known & ~np.isnan(value) & ~(distance & np.isnan(truth))
    present = {named[place] for place in np.unique(places[measured])}
    whole = {name for name in present if "/" not in name}
    wanted = set(quantities) or present & HEADLINES.keys() or whole or present
    rows = np.flatnonzero(measured & np.array([name in wanted for name in named])[places])
    error = np.where(distance, np.abs(value - truth), np.where(higher, -value, value))
    columns = ["task", "measurement", *_TRIAL, "value", "truth", TRUTH_ERROR]
    errors = part[[name for name in columns if name in part]].iloc[rows]
    quantity = pd.array(named, dtype="string").take(places[rows])
    return _with_failures(errors.assign(quantity=quantity, distance=distance[rows], error=error[rows]), part)


def _with_failures(errors: pd.DataFrame, part: pd.DataFrame) -> pd.DataFrame:
    """The errors of one task's trials, infinite where a trial failed, in whatever others measured in its cell."""
    failed = part.loc[part["status"].isin(Status.failures()), _TRIAL].drop_duplicates()
    if failed.empty:
        return errors
    beside = errors["cell"].isin(failed["cell"])
    places = errors.loc[beside, ["task", "cell", "quantity", "measurement", "distance"]].drop_duplicates()
    lost = places.merge(failed, on="cell").assign(error=np.inf)
    return pd.concat([errors, lost], ignore_index=True).drop_duplicates(["measurement", *_TRIAL])


def _given(part: pd.DataFrame, errors: pd.DataFrame, registry: Registry) -> dict[tuple[str, str], bool]:
    """What the trials of one task say about whether an estimator gives a quantity, by the names of both.

    It does where a trial measured it, even one that diverged. It does not where a trial ended well in a cell in which
    others gave the quantity, and none measured it.

    Args:
        part: a tidy frame of one task, with the number of the `cell`.
        errors: as of `_directed`.
        registry: the tasks' specs.
    """
    entry = task_entry(part, registry)
    ended = part.loc[part["status"] == Status.OK.value, ["cell", "estimator"]]
    ended = ended.iloc[distinct(ended, ["cell", "estimator"])[1]]
    cells = errors[["cell", "quantity"]].iloc[distinct(errors, ["cell", "quantity"])[1]]
    others = ended.merge(cells, on="cell")[["estimator", "quantity"]].drop_duplicates()
    named = part[["estimator", "measurement"]].iloc[distinct(part, ["estimator", "measurement"])[1]].dropna()
    given = {
        (str(name), quantity_of(entry.spec if entry else None, str(measurement)))
        for name, measurement in named.itertuples(index=False, name=None)
    }
    return dict.fromkeys(others.itertuples(index=False, name=None), False) | dict.fromkeys(given, True)


def _with_truths_moved(rows: pd.DataFrame, move: float) -> pd.DataFrame:
    """The errors from truths that are so many of their own errors higher."""
    if not move or TRUTH_ERROR not in rows:
        return rows
    moved = rows.assign(truth=rows["truth"] + move * rows[TRUTH_ERROR].fillna(0))
    apart = (moved["value"] - moved["truth"]).abs()
    return moved.assign(error=apart.where(rows["distance"] & np.isfinite(rows["error"]), rows["error"]))


def _without_guesses(
    rows: pd.DataFrame, gives: Mapping[tuple[str, str], bool], registry: Registry
) -> tuple[pd.DataFrame, Mapping[str, tuple[str, ...]]]:
    """Without failures in quantities of which it is not known that the estimator gives them.

    Its trials say that it does not, or they say nothing and its spec does not declare the quantity, or is not here. The
    estimators of the last kind are returned by quantity.

    Args:
        rows: the errors of all tasks.
        gives: what trials say about estimators and quantities, as of `_given`.
        registry: what the plugins brought.
    """
    pairs, first = distinct(rows, ["estimator", "quantity"])
    specs = {entry.name: entry.spec for entry in registry.entries(EstimatorSpec)}
    kept, unknown = np.zeros(len(first), dtype=bool), defaultdict[str, tuple[str, ...]](tuple)
    of_pairs = rows[["estimator", "quantity"]].iloc[first].itertuples(index=False, name=None)
    for place, (name, quantity) in enumerate(of_pairs):
        if (name, quantity) in gives:
            kept[place] = gives[name, quantity]
            continue
        spec = specs.get(name.partition("[")[0].partition(" ")[0])
        kept[place] = spec is not None and HEADLINES.get(quantity) in {None, *spec.estimates}
        unknown[quantity] += () if spec else (name,)
    return rows[kept[pairs]], unknown


def _table(quantity: str, rows: pd.DataFrame, cells: pd.DataFrame, unknown: tuple[str, ...]) -> ErrorTable:
    rows = rows.assign(place=group_numbers(rows, ["task", "cell", "measurement"]))
    run = group_numbers(rows, ["place", "seed"])
    runs, of_place = (rows.iloc[np.unique(numbers, return_index=True)[1]] for numbers in (run, rows["place"]))
    estimator, estimators = pd.factorize(rows["estimator"], sort=True)
    errors = np.full((len(runs), len(estimators)), np.nan)
    errors[run, estimator] = rows["error"]
    truths = rows.groupby("place")["truth"].mean()
    places = of_place[["place", "task", "cell", "measurement"]].assign(truth=truths.to_numpy(float))
    places = places.merge(cells, on=["task", "cell"], how="left").set_index("place")
    adversarial = places[ADVERSARIAL] & (HEADLINES.get(quantity) == "gradient")
    return ErrorTable(
        quantity=quantity,
        estimators=tuple(estimators),
        tasks=runs["task"].to_numpy(str),
        cells=runs["place"].to_numpy(np.int64),
        seeds=runs["seed"].to_numpy(np.int64),
        errors=errors,
        places=places.assign(**{ADVERSARIAL: adversarial}),
        distances=bool(rows["distance"].all()),
        unknown=unknown,
    )
