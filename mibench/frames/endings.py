"""How the trials of a frame ended: what one measured that did not end well is in no mean, and is counted."""

import pandas as pd

from mibench.outcome import Status
from mibench.text import listed, pluralise


def without_failed_values(frame: pd.DataFrame) -> pd.DataFrame:
    """A tidy frame in which only trials that ended well have values and seconds; the rows of the others stay.

    What a trial measured before it diverged or failed, a 0 perhaps, is no estimate.
    """
    lost = frame["status"] != Status.OK.value
    if not lost.any():
        return frame
    return frame.assign(**{name: frame[name].mask(lost) for name in ("value", "seconds") if name in frame.columns})


def failed_said(frame: pd.DataFrame) -> str:
    """A sentence that counts the trials of each estimator that failed or diverged; empty if none did."""
    failed = frame[frame["status"].isin(Status.failures())]
    counts = failed.groupby("estimator", sort=True)["key"].nunique()
    names = [f"{pluralise(int(count), 'trial')} of {name}" for name, count in counts.items()]
    return f"In no value, since they failed or diverged: {listed(names)}." if names else ""
