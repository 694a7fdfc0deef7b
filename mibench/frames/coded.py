"""Parameters of cells as codes: each row says by a small number which of a column's few values it has.

A frame of many tasks has dozens of such columns, most of which are absent from most rows. As pandas' categoricals they
take a byte a row; `mibench.frames.grouping.by_task` gives each task the plain columns that it has.
"""

from typing import Any

import numpy as np
import pandas as pd

from mibench.store.columns import Numbers


def coded(column: "pd.Series[Any]", rows: Numbers) -> pd.Categorical:
    """Some entries of a column, by their places, as codes that compare as the entries do."""
    places, different = pd.factorize(column, sort=True)  # -1 is the place of an absent value
    return pd.Categorical.from_codes(places.astype(np.min_scalar_type(-len(different) - 1))[rows], different)


def plain(values: Any) -> Any:
    """A column, of the type that its values have where these are coded."""
    if not isinstance(values, pd.Categorical):
        return values
    known, places = values.categories.array, values.codes
    if known.dtype != "Int64":
        return known.take(places, allow_fill=True)
    there = np.flatnonzero(places >= 0)
    numbers, absent = np.zeros(len(places), dtype=np.int64), np.ones(len(places), dtype=bool)
    numbers[there], absent[there] = known.take(places[there]), False  # zeros that stay take no memory
    return pd.arrays.IntegerArray(numbers, absent)


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame none of whose columns is coded."""
    return pd.DataFrame({name: plain(frame[name].array) for name in frame.columns}, index=frame.index, copy=False)
