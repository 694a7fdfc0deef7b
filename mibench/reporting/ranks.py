"""Ranks for reading, in a terminal and on a page alike."""

import pandas as pd

from mibench.text import interval


def has_intervals(ranks: pd.DataFrame) -> bool:
    """Whether any rank has an interval; of one seed of one task there is none."""
    return bool(ranks["rank_low"].notna().any())


def readable(ranks: pd.DataFrame) -> pd.DataFrame:
    """Ranks as a table for reading: intervals beside their means, and no column that says nothing."""
    places = zip(ranks["rank"], ranks["rank_low"], ranks["rank_high"], strict=True)
    shares = zip(100 * ranks["near"], 100 * ranks["near_low"], 100 * ranks["near_high"], strict=True)
    rank = "rank (95 %)" if has_intervals(ranks) else "rank"
    shown = ranks.assign(
        **{
            rank: [interval(*numbers) for numbers in places],
            "near the oracle, %": [interval(*numbers) for numbers in shares],
        }
    )
    lost = [name for name in ("failed", "diverged", "skipped", "missing") if ranks[name].any()]
    names = ["measurement", rank, "estimator", "near the oracle, %", "tasks", "cells", "seeds", *lost]
    return shown[[*names, "seconds", "samples"]]
