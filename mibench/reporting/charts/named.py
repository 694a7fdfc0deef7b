"""Charts along the parameter that another parameter names, as the `theta` of a family does."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pandas as pd

from mibench.charts import Axis, Chart
from mibench.frames import cell_columns

_NAMING = re.compile(r"\{(\w+)\}")


def named_charts(frame: pd.DataFrame, charts: Iterable[Chart]) -> list[tuple[Chart, pd.DataFrame]]:
    """Every chart with the rows that it is about.

    A chart along `{theta}` stands once for each name that the column `theta` holds, about the rows that hold it, and
    its texts say the name in place of `{theta}`. For a parameter that has one value it is left out: there is no line.

    Args:
        frame: a tidy frame of one task.
        charts: what the task declares.
    """
    return [pair for chart in charts for pair in _named(frame, chart)]


def _named(frame: pd.DataFrame, chart: Chart) -> Iterator[tuple[Chart, pd.DataFrame]]:
    naming = _NAMING.fullmatch(chart.x.of)
    if naming is None:
        yield chart, frame
    elif naming[1] in cell_columns(frame):
        for name in sorted(frame[naming[1]].dropna().unique()):
            rows = frame[frame[naming[1]] == name]
            if name in cell_columns(rows) and rows[name].nunique() > 1:
                yield _spelled_out(chart, naming[0], name), rows


def _spelled_out(chart: Chart, placeholder: str, name: str) -> Chart:
    def spelled(axis: Axis) -> Axis:
        return replace(axis, of=axis.of.replace(placeholder, name), label=axis.label.replace(placeholder, name))

    texts = {text: getattr(chart, text).replace(placeholder, name) for text in ("title", "name", "note")}
    return replace(chart, x=spelled(chart.x), y=[spelled(axis) for axis in chart.rows], **texts)
