"""Ranks for reading, in a terminal and on a page alike."""

import pandas as pd

from mibench.text import interval


def about(ranks: pd.DataFrame) -> str:
    """What the columns are that a page shows of ranks, in sentences."""
    near = "near the oracle are cells in which the error is at most twice that of the exact log ratio on the same seeds"
    near += ", tasks counting alike" if ranks["tasks"].max() > 1 else ""
    columns = {"rank": "the mean rank counts the rivals that are ahead on the same data", "near": near}
    said = "; ".join(text for name, text in columns.items() if ranks[name].notna().any())
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in (said, about_intervals(ranks)) if sentence)


def about_intervals(ranks: pd.DataFrame) -> str:
    """What the intervals of ranks are for, or why there are none."""
    if _has_intervals(ranks):
        tasks = int(ranks["tasks"].max())
        return f"intervals are for other {f'tasks like these {tasks}' if tasks > 1 else 'seeds of this task'}"
    if ranks["rank"].isna().all():
        return "no ranks, which take a run that two estimators have in common"
    return "no intervals, which take a second seed of a cell, or a second task"


def readable(ranks: pd.DataFrame) -> pd.DataFrame:
    """Ranks as a table for reading: intervals beside their means, and no column that says nothing."""
    places = zip(ranks["rank"], ranks["rank_low"], ranks["rank_high"], strict=True)
    shares = zip(100 * ranks["near"], 100 * ranks["near_low"], 100 * ranks["near_high"], strict=True)
    rank = "rank (95 %)" if _has_intervals(ranks) else "rank"
    shown = ranks.assign(
        **{
            rank: [interval(*numbers) for numbers in places],
            "near the oracle, %": [interval(*numbers) for numbers in shares],
        }
    )
    lost = [name for name in ("failed", "diverged", "skipped", "missing") if ranks[name].any()]
    names = ["measurement", rank, "estimator", "near the oracle, %", "tasks", "cells", "seeds", *lost]
    return shown[[*names, "seconds", "samples"]]


def _has_intervals(ranks: pd.DataFrame) -> bool:
    return bool(ranks["rank_low"].notna().any())
