"""What the tables that tasks declare are made of."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from mibench.outcome import Status
from mibench.text import PLACES, fixed_with_deviation, seconds, text


def groups(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Groups of rows, in order, each with what its rows have in common."""
    for key, group in frame.groupby(list(columns), sort=True, dropna=False):
        yield dict(zip(columns, key, strict=True)), group


def over_seeds(values: "pd.Series[float]", places: int = PLACES) -> str:
    """Mean ± standard deviation of what is a number; the value alone if it is one, nothing if there is none."""
    return fixed_with_deviation(values.mean(), values.std(), places)


def seconds_a_trial(trials: pd.DataFrame) -> str:
    """The mean of what trials took."""
    return seconds(trials["seconds"].mean())


def not_ok(trials: pd.DataFrame) -> int | str:
    """How many trials were run and did not end well, or else how many were skipped; nothing if all ended well."""
    skipped = int((trials["status"] == Status.SKIPPED.value).sum())
    return int(trials["status"].isin(Status.failures()).sum()) or (f"{skipped} skipped" if skipped else "")


def without_constants(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """A table without those of `columns` that say the same in every row."""
    return table.drop(columns=[name for name in columns if len(table) and table[name].nunique() == 1])


def with_constants_below(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """A table in which those of `columns` that say the same in every row are a line below, `attrs["note"]`."""
    constant = [name for name in columns if name in table.columns and table[name].nunique(dropna=False) == 1]
    shown = table.drop(columns=constant)
    said = [f"{name} {value}" for name in constant if (value := text(table[name].iloc[0]))]
    if said:
        shown.attrs["note"] = f"in all rows: {'; '.join(said)}."
    return shown
