"""Frames as HTML tables that the page's script sorts and filters."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from mibench.charts import End
from mibench.reporting.markup import Markup, element
from mibench.text import spread, text

MOST_ROWS = 2000
"""Rows of one table; those beyond are pluralise, not shown."""

_LONG = 40
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+|inf)(e[+-]?\d+)?(?![\w.])")
VERDICTS = ("worse", "inconclusive", "better", "match", "other settings")
"""What asks for attention first."""


def leaderboard(frame: pd.DataFrame, name: str, settings: Collection[str], best: Mapping[str, End]) -> Markup:
    """A task's table, the best of every setting on top and in bold; what did not end well has no rank.

    Args:
        frame: the table that a run of the task shows.
        name: what assistive technology calls it.
        settings: the columns that say what was run on; rows that differ in them are not ranked against each other, nor
            those that differ in the columns that the table's `attrs["setting"]` names.
        best: the columns in which `lower` or `higher` is good; the first ranks.
    """
    apart = {*settings, *frame.attrs.get("setting", ())}
    frame = _joined(frame).reset_index(drop=True)
    best = {column: better for column, better in best.items() if column in frame.columns}
    by = [column for column in frame.columns if column in apart]
    values = {column: frame[column].map(leading_number).where(_well(frame)) for column in best}
    winners = {column: _winners(frame, values[column], by, better) for column, better in best.items()}
    if best:
        first = next(iter(best))
        order = values[first] * (1 if best[first] == "lower" else -1)
        rank = _grouped(frame, order, by).rank(method="min")
        frame.insert(0, "rank", rank.astype("Int64"))
        frame = frame.assign(_order=order).sort_values([*by, "_order"], kind="stable").drop(columns="_order")
    leading = [column for column in ("rank", "estimator", *by, *best) if column in frame.columns]
    frame = frame[[*leading, *(column for column in frame.columns if column not in leading)]]
    return table(frame, name, strong=winners, facets=[*by, "estimator", "measurement"])


def table(
    frame: pd.DataFrame,
    name: str,
    *,
    strong: Mapping[str, Collection[int]] | None = None,
    facets: Sequence[str] = (),
    plain: bool = False,
) -> Markup:
    """Any frame.

    Args:
        frame: what to show.
        name: what assistive technology calls the table.
        strong: by column, the labels of the rows whose value stands out.
        facets: the columns to choose values of.
        plain: without sorting and filtering.
    """
    strong = strong or {}
    shown = frame.head(MOST_ROWS)
    texts = {column: [text(value) for value in shown[column]] for column in shown.columns}
    texts = {column: cells for column, cells in texts.items() if any(cells) or shown.empty}
    numeric = {column for column, cells in texts.items() if _is_numeric(cells)}
    heading = _plain_heading if plain else _heading
    head = [heading(str(column), column in numeric, column in facets) for column in texts]
    rows = [
        element(
            "tr",
            [_cell(cells[i], column in numeric, row in strong.get(column, ())) for column, cells in texts.items()],
        )
        for i, row in enumerate(shown.index)
    ]
    drawn = element(
        "table", element("thead", element("tr", head)), element("tbody", rows), class_=None if plain else "sortable"
    )
    left = len(frame) - len(shown)
    more = element("p", f"{left} more rows are not shown; narrow the report, or see mibench show.", class_="note")
    scroller = element("div", drawn, class_="scroll", role="region", tabindex=0, aria_label=name)
    return element("div", scroller, more if left else "", class_="table")


def leading_number(value: Any) -> float:
    """The number that a cell begins with, as in `0.045 ± 0.003`; NaN if it does not."""
    found = _NUMBER.match(text(value))
    return float(found[0]) if found else float("nan")


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """With `mean` and `std` in one column."""
    if not {"mean", "std"} <= {*frame.columns}:
        return frame.copy()
    place = list(frame.columns).index("mean")
    values = [spread(mean, std) for mean, std in zip(frame["mean"], frame["std"], strict=True)]
    joined = frame.drop(columns=["mean", "std"])
    joined.insert(place, "mean ± std", values)
    return joined


def _well(frame: pd.DataFrame) -> "pd.Series[bool]":
    """Which rows are of trials that all ended well."""
    return frame["not ok"].map(text) == "" if "not ok" in frame.columns else pd.Series(True, index=frame.index)


def _grouped(frame: pd.DataFrame, values: "pd.Series[float]", by: Sequence[str]) -> Any:
    return values.groupby([frame[column] for column in by] or [0] * len(frame), dropna=False)


def _winners(frame: pd.DataFrame, values: "pd.Series[float]", by: Sequence[str], better: End) -> set[int]:
    """The rows that are best of their setting, where there is something to be better than."""
    grouped = _grouped(frame, values, by)
    most = grouped.transform("min" if better == "lower" else "max")
    return {*frame.index[(values == most) & (grouped.transform("count") > 1)]}


def _is_numeric(cells: Sequence[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_NUMBER.match(cell) for cell in filled)


def _heading(name: str, numeric: bool, facet: bool) -> Markup:
    button = element("button", name, type="button")
    return element(
        "th", button, scope="col", class_="num" if numeric else None, aria_sort="none", data_facet=facet or None
    )


def _plain_heading(name: str, numeric: bool, _: bool) -> Markup:
    return element("th", name, scope="col", class_="num" if numeric else None)


def _cell(value: str, numeric: bool, strong: bool) -> Markup:
    if value in VERDICTS:
        return element("td", element("span", value, class_=f"verdict {value.replace(' ', '-')}"))
    class_ = "num" if numeric else "long" if len(value) > _LONG else None
    return element("td", element("strong", value) if strong else value, class_=class_)
