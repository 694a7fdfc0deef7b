"""Frames as tables of the page, which its script sorts and filters."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mibench.charts import End
from mibench.comparison.samples import MEAN, direction
from mibench.comparison.verdicts import VERDICTS
from mibench.specs import TaskSpec
from mibench.text import MOST_CHARACTERS, cut_apart, shortened, text, with_deviation

MOST_ROWS = 2000
"""Rows of one table; those beyond are counted, not shown."""

_ALWAYS = frozenset(
    {"rank", "place", "estimator", "cell", "measurement", "verdict", "measured", "mean ± std", "rmse"}
    | {"reference", "difference", "reason"}
)
"""Columns that stay where all of their rows say the same."""
_FOLDED = 40
"""Characters of a cell that is folded, so that rows are equally high."""
_START = 14
"""Characters of a folded cell that are shown; of the name of an estimator, `MOST_CHARACTERS`."""
_LONGEST = 1000
"""Characters of a cell."""
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+|inf)(e[+-]?\d+)?(?![\w.])")


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds numbers, and whether the page offers its values to choose from."""

    name: str
    numeric: bool = False
    facet: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell.

    Attributes:
        text: what stands in it.
        kind: the style sheet's class.
        strong: whether it stands out.
        verdict: the class of the verdict that it is, if it is one.
        start: what is seen of a text that is so long that it is unfolded on demand.
    """

    text: str
    kind: str = ""
    strong: bool = False
    verdict: str = ""
    start: str = ""


@dataclass(frozen=True)
class Table:
    """What the template of tables shows.

    Attributes:
        name: what assistive technology calls it.
        columns: the headings.
        rows: the cells.
        plain: whether it is without sorting and filtering.
        more: how many rows are not shown.
        common: what would stand in every row of a column, and is therefore none.
    """

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    plain: bool = False
    more: int = 0
    common: str = ""


def good_ends(frame: pd.DataFrame, spec: TaskSpec | None) -> dict[str, End]:
    """The columns of a task's table in which one end is good, as the task's `better` says; a report ranks by the first.

    Args:
        frame: the table. What its columns show stands in `attrs["shows"]`: `{"RMSE": "rmse(mi)"}`, a measurement, a
            statistic of one, `seconds` or `error`; without it, columns are called like what they show.
        spec: what the task declares, if its plugin is there.
    """
    shows: Mapping[str, str] = frame.attrs.get("shows") or {str(name): str(name) for name in frame.columns}
    ends: dict[str, End] = {}
    for name, of in shows.items():
        end = _good_end(of, spec)
        if end is not None and name in frame.columns:
            ends[name] = end
    return ends


def leaderboard(frame: pd.DataFrame, name: str, varied: Collection[str], best: Mapping[str, End]) -> Table:
    """A task's table, the best of each group on top and in bold; what did not end well has no rank.

    Args:
        frame: the table that a run of the task shows.
        name: what assistive technology calls it.
        varied: the columns that say what was run on. Rows that differ in them are not ranked against each other, nor
            those that differ in the columns that the table's `attrs["apart"]` names.
        best: the columns in which `lower` or `higher` is good; the first ranks.
    """
    apart = {*varied, *frame.attrs.get("apart", ())}
    frame = _joined(frame).reset_index(drop=True)
    best = {column: better for column, better in best.items() if column in frame.columns}
    by = [column for column in frame.columns if column in apart]
    values = {column: frame[column].map(leading_number).where(_well(frame)) for column in best}
    winners = {column: _winners(frame, values[column], by, better) for column, better in best.items()}
    rank = "rank" if "rank" not in frame.columns else "place"
    if best:
        first = next(iter(best))
        order = values[first] * (1 if best[first] == "lower" else -1)
        frame.insert(0, rank, _grouped(frame, order, by).rank(method="min").astype("Int64"))
        frame = frame.assign(**{".order": order}).sort_values([*by, ".order"], kind="stable").drop(columns=".order")
    leading = [column for column in (rank, "estimator", *by, *best) if column in frame.columns]
    frame = frame[[*leading, *(column for column in frame.columns if column not in leading)]]
    return table(frame, name, strong=winners, facets=[*by, "estimator", "measurement"])


def table(
    frame: pd.DataFrame,
    name: str,
    *,
    strong: Mapping[str, Collection[int]] | None = None,
    facets: Sequence[str] = (),
    plain: bool = False,
) -> Table:
    """Any frame, without the columns in which nothing stands.

    Args:
        frame: what to show.
        name: what assistive technology calls the table.
        strong: by column, the labels of the rows whose value stands out.
        facets: the columns to choose values of.
        plain: without sorting and filtering.
    """
    strong = strong or {}
    shown = frame.head(MOST_ROWS)
    texts = {str(name): [shortened(text(value), _LONGEST) for value in shown[name]] for name in shown.columns}
    texts = {column: cells for column, cells in texts.items() if any(cells) or shown.empty}
    columns = [Column(column, _is_numeric(cells), column in facets) for column, cells in texts.items()]
    common = [] if plain else [column for column in columns if _is_common(texts[column.name], column, strong)]
    columns = [column for column in columns if column not in common]
    starts = {column.name: _starts(texts[column.name], column) for column in columns}
    rows = [
        [
            _cell(texts[column.name][i], column, row in strong.get(column.name, ()), starts[column.name])
            for column in columns
        ]
        for i, row in enumerate(shown.index)
    ]
    said = "; ".join(f"{column.name} {texts[column.name][0]}" for column in common)
    return Table(name, columns, rows, plain, len(frame) - len(shown), said)


def _is_common(cells: Sequence[str], column: Column, strong: Mapping[str, Collection[int]]) -> bool:
    """Whether a column says the same in each of several rows, and is none that a reader looks for."""
    return len(cells) > 1 and len({*cells}) == 1 and column.name not in {*_ALWAYS, *strong}


def leading_number(value: Any) -> float:
    """The number that a cell begins with, as in `0.045 ± 0.003`; NaN if it does not."""
    match = _NUMBER.match(text(value))
    return float(match[0]) if match else float("nan")


def _good_end(of: str, spec: TaskSpec | None) -> End | None:
    if of in {"seconds", "error"}:
        return "lower"
    better = direction(spec, of, MEAN)
    return None if better == "truth" else better


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """With `mean` and `std` in one column."""
    if not {"mean", "std"} <= {*frame.columns}:
        return frame.copy()
    place = list(frame.columns).index("mean")
    values = [with_deviation(mean, std) for mean, std in zip(frame["mean"], frame["std"], strict=True)]
    joined = frame.drop(columns=["mean", "std"])
    joined.insert(place, "mean ± std", values)
    return joined


def _well(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are of trials that all ended well."""
    return frame["not ok"].map(text) == "" if "not ok" in frame.columns else pd.Series(True, index=frame.index)


def _grouped(frame: pd.DataFrame, values: "pd.Series[float]", by: Sequence[str]) -> Any:
    return values.groupby([frame[column] for column in by] or [0] * len(frame), dropna=False)


def _winners(frame: pd.DataFrame, values: "pd.Series[float]", by: Sequence[str], better: End) -> set[int]:
    """The rows that are best of their group, where there is something to be better than."""
    grouped = _grouped(frame, values, by)
    most = grouped.transform("min" if better == "lower" else "max")
    return {*frame.index[(values == most) & (grouped.transform("count") > 1)]}


def _is_numeric(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_NUMBER.match(cell) for cell in filled)


def _starts(cells: Sequence[str], column: Column) -> dict[str, str]:
    """What is seen of those cells of a column that are folded: something else of each that is different."""
    folded = list(dict.fromkeys(cell for cell in cells if len(cell) > _FOLDED))
    room = MOST_CHARACTERS if column.name == "estimator" else _START
    return dict(zip(folded, cut_apart(folded, room), strict=True))


def _cell(value: str, column: Column, strong: bool, starts: Mapping[str, str]) -> Cell:
    kind = "num" if column.numeric else "long" if len(value) > _FOLDED else ""
    verdict = value.replace(" ", "-") if value in VERDICTS else ""
    return Cell(value, kind, strong, verdict, starts.get(value, ""))
