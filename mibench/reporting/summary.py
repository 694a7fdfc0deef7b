"""The table shown after a run: the task's own, or means by cell."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from mibench.comparison.references import load_references
from mibench.discovery.registry import Registry
from mibench.frames import cell_columns, task_entry, with_published
from mibench.frames.grouping import by_task
from mibench.frames.origins import apart
from mibench.frames.plugged import made_of
from mibench.outcome import Status
from mibench.plan.selectors import parse_selectors
from mibench.plan.suites import published
from mibench.plan.trial import ON_DATA


def summarise(frame: pd.DataFrame, registry: Registry, tasks: str | Sequence[str] = "") -> dict[str, pd.DataFrame]:
    """A table for each task in a tidy frame; tasks whose plugin is gone get the general one.

    Cells that were measured on several data are apart, and have a column `data`.

    Args:
        frame: a tidy frame.
        registry: what the plugins brought.
        tasks: what was asked for; rows of a suite that has names for its tasks show them.
    """
    named = published(registry, parse_selectors(tasks))
    references = load_references(registry)
    tables: dict[str, pd.DataFrame] = {}
    for rows in by_task(apart(frame)):
        entry, task = task_entry(rows, registry), str(rows["task"].iloc[0])
        shown = with_published(rows, named) if named else rows
        if entry is not None and entry.spec.table:
            table = made_of(shown, entry.spec.table, task, "its table", references)
        else:
            table = means(shown)
        tables[task] = table.rename(columns={ON_DATA: "data"})
    return tables


def means(frame: pd.DataFrame) -> pd.DataFrame:
    """What trials end with, by cell and estimator.

    Returns:
        Mean and standard deviation over seeds, the truth (its mean, where seeds have truths of their own), the root
        mean square error of single seeds where the truth is known, by which a report ranks, how many seeds there are,
        and how those ended that are not ok.
    """
    frame = frame[frame["epoch"].isna()]
    frame = frame.assign(**{".square": (frame["value"] - frame["truth"]) ** 2})  # no parameter has a dot
    groups = frame.groupby([*cell_columns(frame), "estimator", "measurement"], sort=True, dropna=False)
    table = groups.agg(
        mean=("value", "mean"),
        std=("value", "std"),
        truth=("truth", "mean"),
        rmse=(".square", "mean"),
        seeds=("seed", "nunique"),
        **{"not ok": ("status", _not_ok)},
    )
    least, most = groups["truth"].min(), groups["truth"].max()
    truth = table["truth"].where(least != most, most)  # of equal truths the mean may be off by rounding
    table = table.assign(truth=truth, rmse=table["rmse"] ** 0.5).reset_index()
    table.attrs.update(shows={"rmse": "error"}, apart=["measurement"])
    return table


def _not_ok(statuses: "pd.Series[str]") -> str:
    """How often each status but `ok` occurs, e.g. `2 failed`."""
    counts = Counter(status for status in statuses if status != Status.OK.value)
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
