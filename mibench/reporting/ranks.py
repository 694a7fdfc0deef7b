"""Ranks for reading, in a terminal and on a page alike."""

import pandas as pd

from mibench.text import interval


def readable(ranks: pd.DataFrame) -> pd.DataFrame:
    """Ranks as a table for reading: intervals beside their means, and no column that says nothing."""
    places = zip(ranks["rank"], ranks["rank_low"], ranks["rank_high"], strict=True)
    shares = zip(100 * ranks["near"], 100 * ranks["near_low"], 100 * ranks["near_high"], strict=True)
    shown = ranks.assign(
        **{
            "rank (95 %)": [interval(*numbers) for numbers in places],
            "near the oracle, %": [interval(*numbers) for numbers in shares],
        }
    )
    lost = [name for name in ("failed", "diverged", "skipped", "missing") if ranks[name].any()]
    names = ["measurement", "rank (95 %)", "estimator", "near the oracle, %", "tasks", "cells", "seeds", *lost]
    return shown[[*names, "seconds", "samples"]]
