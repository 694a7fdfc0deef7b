"""The pictures of several tasks together: a report and a site begin with them, and `mibench plot` draws them.

Each is declared as a `Chart`, as a task's own are; its rows are errors of cells in place of measurements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from mibench.charts import Axis, Chart
from mibench.comparison.cell_errors import cell_errors, profile
from mibench.comparison.error_table import ORACLE, ErrorTable, error_tables
from mibench.comparison.meetings import mean_of, shares_ahead
from mibench.comparison.soundness import sound
from mibench.discovery.registry import Registry
from mibench.frames.endings import failed_said, without_failed_values
from mibench.frames.grouping import cell_numbers
from mibench.outcome import NO_TRUTH
from mibench.text import listed, number, pluralise

PROFILE = Chart(
    name="profile",
    title="Share of cells with an error below x",
    kind="lines",
    x=Axis("threshold", "error / truth", log=True),
    y=Axis("share/*", "share of cells", shared=True),
    note="The error is the root mean square over seeds. What failed is never below.",
)
FRONT = Chart(
    name="front",
    title="Error against seconds",
    kind="points",
    x=Axis("seconds", "seconds a trial", log=True),
    y=Axis("error/*", "median error / truth", log=True),
    front=True,
    note="Medians are over the cells that an estimator has, and seconds are those of its trials there.",
)
SAMPLES = Chart(
    name="samples",
    title="Error against n",
    kind="lines",
    x=Axis("n", "pairs that are seen at once, n", log=True),
    y=Axis("error/*", "median error / truth", log=True),
    note="Medians are over the cells that an estimator has.",
)
PAIRS = Chart(
    name="pairs-{quantity}",
    title="Who is ahead of whom: {quantity}",
    kind="matrix",
    x=Axis("rival", "rival"),
    y=Axis("ahead", "share of runs ahead"),
    note="In a row stands how often an estimator errs less than each rival on the same data, a tie counting half.",
)
OF_FAMILIES = "families-"
"""What begins the names of pictures with a panel a family; pages of families show more."""
FAMILIES = Chart(
    name=f"{OF_FAMILIES}{{quantity}}",
    title="Estimates against the truth, task by task: {quantity}",
    kind="lines",
    x=Axis("truth", "truth"),
    y=Axis("estimate", "mean estimate"),
    note="Cells of equal truth are averaged.",
)
THRESHOLDS = 10 ** np.linspace(-3, 1, 41)
"""The errors at which a profile is drawn."""


def pictures(frame: pd.DataFrame, registry: Registry) -> list[tuple[Chart, pd.DataFrame]]:
    """Every picture with the rows that it is drawn of, as `mibench.reporting.charts.named.named_charts` returns them.

    Args:
        frame: a tidy frame of any tasks.
        registry: the tasks' specs, for their directions.
    """
    frame, _ = sound(frame)
    tables = [table for table in error_tables(frame, registry) if len(table.estimators) > 1]
    errors = {table.quantity: cell_errors(table) for table in tables if table.distances}
    known = [rows.assign(quantity=quantity) for quantity, rows in errors.items()]
    drawn: list[tuple[Chart, pd.DataFrame]] = []
    if known:
        rows = pd.concat(known, ignore_index=True)
        rows = rows[rows["relative"].notna()]
        drawn = [(_noted(PROFILE, _coverage(rows)), _profiles(rows)), _front(rows, frame), _samples(rows)]
    drawn += [_pairs(table) for table in tables]
    drawn += [_families(table, frame) for table in tables if table.distances]
    return [(chart, rows) for chart, rows in drawn if len(rows)]


def _profiles(rows: pd.DataFrame) -> pd.DataFrame:
    parts = [
        _tidy(
            estimator=name,
            measurement=f"share/{quantity}",
            value=profile(part["relative"].to_numpy(float), THRESHOLDS),
            cell={"threshold": THRESHOLDS},
        )
        for (quantity, name), part in rows.groupby(["quantity", "estimator"], sort=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _front(rows: pd.DataFrame, frame: pd.DataFrame) -> tuple[Chart, pd.DataFrame]:
    rows = rows[rows["estimator"] != ORACLE]  # whose seconds are those of the task
    trials = without_failed_values(frame).assign(cell=cell_numbers(frame)).drop_duplicates("key")
    cells = rows[["quantity", "estimator", "cell"]].drop_duplicates()
    took = cells.merge(trials[["estimator", "cell", "seconds"]]).groupby(["quantity", "estimator"])["seconds"].mean()
    medians, lost = _medians(rows, [])
    points = _tidy(
        estimator=medians["estimator"],
        measurement="error/" + medians["quantity"],
        value=medians["relative"],
        seconds=took.reindex(pd.MultiIndex.from_frame(medians[["quantity", "estimator"]])).to_numpy(),
    )
    return _noted(FRONT, lost), points


def _samples(rows: pd.DataFrame) -> tuple[Chart, pd.DataFrame]:
    """Of tasks that were run with several n; nothing where there are none."""
    if "n" not in rows.columns:
        return SAMPLES, rows.iloc[:0]
    rows = rows.assign(n=pd.to_numeric(rows["n"], errors="coerce"))  # a task may have a text of this name
    rows = rows[rows.groupby("task")["n"].transform("nunique") > 1]
    medians, lost = _medians(rows, ["n"])
    lines = _tidy(
        estimator=medians["estimator"],
        measurement="error/" + medians["quantity"],
        value=medians["relative"],
        cell={"n": medians["n"].astype(float)},
    )
    return _noted(SAMPLES, lost), lines


def _medians(rows: pd.DataFrame, along: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """The medians over cells that are finite, and a sentence about whose are not: too many of their trials failed."""
    medians = rows.groupby(["quantity", "estimator", *along])["relative"].median().reset_index()
    finite = np.isfinite(medians["relative"])
    lost = medians.loc[~finite, "estimator"].unique()
    said = f"No median where trials failed in half of the cells or more: {listed(lost)}." if len(lost) else ""
    return medians[finite], said


def _noted(chart: Chart, more: str) -> Chart:
    """A chart whose note says more."""
    return replace(chart, note=f"{chart.note} {more}".rstrip())


def _pairs(table: ErrorTable) -> tuple[Chart, pd.DataFrame]:
    names = [name for name in table.estimators if name != ORACLE]
    keep = [table.estimators.index(name) for name in names]
    shares = shares_ahead(table)[np.ix_(keep, keep)]
    order = [names[index] for index in np.argsort(-np.nan_to_num(mean_of(shares, 1)), kind="stable")]
    row, column = np.nonzero(~np.isnan(shares))
    chart = _spelled_out(PAIRS, table.quantity)
    pairs = _tidy(
        estimator=[names[index] for index in row],
        measurement="ahead",
        value=shares[row, column],
        cell={"rival": [names[index] for index in column]},
    )
    return replace(chart, x=replace(chart.x, order=order)), pairs


def _families(table: ErrorTable, frame: pd.DataFrame) -> tuple[Chart, pd.DataFrame]:
    measured = table.places["measurement"].unique()
    of_tasks = without_failed_values(frame[frame["task"].isin(table.places["task"].unique())])
    ended = of_tasks["epoch"].isna() & of_tasks["truth"].notna() & of_tasks["value"].notna()
    rows = of_tasks[of_tasks["measurement"].isin(measured) & ended]
    truth = rows["truth"].map(_rounded)
    means = rows.assign(truth=truth).groupby(["task", "estimator", "truth"])["value"].mean().reset_index()
    estimates = _tidy(
        estimator=means["estimator"],
        measurement="estimate",
        value=means["value"],
        truth=means["truth"],
        cell={"family": means["task"]},
    )
    return _noted(_spelled_out(FAMILIES, table.quantity), failed_said(of_tasks)), estimates


def _rounded(truth: float) -> float:
    return float(number(truth, 3)) if abs(truth) > NO_TRUTH else 0.0


def _coverage(rows: pd.DataFrame) -> str:
    """How many cells each estimator has, where they differ."""
    counts = rows.groupby("estimator")["place"].nunique()
    if counts.nunique() < 2:
        return ""
    return (
        f"Shares are of the cells that an estimator has: {counts.min()} ({counts.idxmin()}) to "
        f"{pluralise(int(counts.max()), 'cell')} ({counts.idxmax()})."
    )


def _spelled_out(chart: Chart, quantity: str) -> Chart:
    name = chart.name.format(quantity=quantity.replace("/", "-"))  # which a file is named after
    return replace(chart, name=name, title=chart.title.format(quantity=quantity))


def _tidy(
    *,
    estimator: Any,
    measurement: Any,
    value: Any,
    truth: Any = np.nan,
    seconds: Any = np.nan,
    cell: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Rows as those of a tidy frame, from which charts are drawn: each argument is a column, or is in all rows."""
    columns = {"task": "all", **(cell or {}), "estimator": estimator, "seed": 0, "measurement": measurement}
    columns |= {"epoch": None, "value": value, "truth": truth, "unit": "", "status": "ok", "seconds": seconds}
    frame = pd.DataFrame(columns | {"device": "", "data": ""})
    return frame.assign(key=frame.index.astype(str), task_plugin="", estimator_plugin="")
