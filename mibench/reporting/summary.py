"""The table shown after a run: the task's own, or means by cell."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mibench.comparison.references import load_references
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns, task_entry, with_adversarial, with_published
from mibench.frames.endings import without_failed_values
from mibench.frames.grouping import by_task, group_numbers
from mibench.frames.origins import apart
from mibench.frames.plugged import made_of
from mibench.outcome import Status
from mibench.plan.selectors import parse_selectors
from mibench.plan.suites import published
from mibench.plan.trial import ON_DATA


def summarise(frame: pd.DataFrame, registry: Registry, tasks: str | Sequence[str] = "") -> dict[str, pd.DataFrame]:
    """A table for each task in a tidy frame; tasks whose plugin is gone get the general one.

    Cells that were measured on several data are apart, and have a column `data`. What a trial measured that did not end
    well is in no table: tasks' functions see its rows without values and seconds.

    Args:
        frame: a tidy frame.
        registry: what the plugins brought.
        tasks: what was asked for; rows of a suite that has names for its tasks show them.
    """
    named = published(registry, parse_selectors(tasks))
    references = load_references(registry)
    tables: dict[str, pd.DataFrame] = {}
    for rows in by_task(apart(without_failed_values(frame))):
        entry, task = task_entry(rows, registry), str(rows["task"].iloc[0])
        shown = with_published(rows, named) if named else rows
        if entry is not None and entry.spec.table:
            table = made_of(with_adversarial(shown, entry.spec), entry.spec.table, task, "its table", references)
        else:
            table = means(shown)
        tables[task] = table.rename(columns={ON_DATA: "data"})
    return tables


def means(frame: pd.DataFrame) -> pd.DataFrame:
    """What trials end with, by cell and estimator.

    Returns:
        Mean and standard deviation over seeds, the truth (its mean, where seeds have truths of their own), the root
        mean square error of single seeds where the truth is known, by which a report ranks, of how many seeds these
        are, and how those trials of the cell ended that are not ok.
    """
    frame = _ends(without_failed_values(frame))
    there = frame["value"].notna()
    frame = frame.assign(seed=frame["seed"].where(there), truth=frame["truth"].where(there))
    frame[".square"] = (frame["value"] - frame["truth"]) ** 2  # no parameter has a dot
    groups = frame.groupby([*cell_columns(frame), "estimator", "measurement"], sort=True, dropna=False)
    table = groups.agg(
        mean=("value", "mean"),
        std=("value", "std"),
        truth=("truth", "mean"),
        rmse=(".square", "mean"),
        seeds=("seed", "nunique"),
        **{"not ok": (".not ok", "first")},
    )
    least, most = groups["truth"].min(), groups["truth"].max()
    truth = table["truth"].where(least != most, most)  # of equal truths the mean may be off by rounding
    table = table.assign(truth=truth, rmse=table["rmse"] ** 0.5).reset_index()
    table.attrs.update(shows={"rmse": "error"}, apart=["measurement"])
    return table


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of what trials end with, and how those of their cell and estimator ended that are not ok, as `.not ok`.

    Where none of these ended with anything, their rows stay, without a measurement.
    """
    row = group_numbers(frame, [*cell_columns(frame), "estimator"])
    lost = (frame["status"] != Status.OK.value).to_numpy(bool)
    trials = frame.loc[lost, ["key", "status"]].assign(row=row[lost]).drop_duplicates(["row", "key"])
    not_ok = trials.groupby("row")["status"].agg(_not_ok).reindex(row, fill_value="")
    ended = (frame["epoch"].isna() & frame["measurement"].fillna("").ne("")).to_numpy(bool)
    kept = ended | (lost & ~np.isin(row, row[ended]))
    named = frame["measurement"].where(ended, "")
    return frame.assign(measurement=named, **{".not ok": not_ok.to_numpy(object)})[kept]


def _not_ok(statuses: "pd.Series[str]") -> str:
    """How often each status but `ok` occurs, e.g. `2 failed`."""
    counts = Counter(status for status in statuses if status != Status.OK.value)
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
