"""What a comparison leaves out, because there is nothing to compare it with."""

import pandas as pd

from mibench.comparison.samples import respell


def unmatched(frame: pd.DataFrame, other: pd.DataFrame, *, owner: str) -> list[str]:
    """A sentence for each task of a frame that has estimators which the other side does not hold.

    Args:
        frame: a tidy frame.
        other: references, or the tidy frame of a baseline.
        owner: what the other side is called, `the baseline` or `the references`.
    """
    other = respell(other, frame)
    sentences: list[str] = []
    for task, part in frame.groupby("task", sort=True):
        known = sorted(set(other.loc[other["task"] == task, "estimator"]))
        missing = sorted(set(part["estimator"]) - set(known))
        if missing:
            there = f" ({', '.join(known)})" if known else ""
            sentences.append(
                f"{task}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {owner}{there}"
            )
    return sentences
