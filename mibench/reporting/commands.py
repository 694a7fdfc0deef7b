"""The commands that measure what a frame holds, where selectors can say it."""

import itertools
import shlex
from collections import defaultdict
from typing import Any

import pandas as pd

from mibench.frames import cell_columns
from mibench.plan.selectors import Selector, spell_value

_Grid = tuple[frozenset[tuple[str, ...]], int]


def run_commands(frame: pd.DataFrame) -> list[str]:
    """One command for estimators that were run on the same grid of cells and seeds.

    There is none for those whose cells are no grid or whose seeds do not count from 0.

    Args:
        frame: a tidy frame of one task.
    """
    trials = frame.drop_duplicates("key")
    cell = [name for name in cell_columns(trials) if trials[name].notna().any()]
    together: dict[_Grid, list[str]] = defaultdict(list)
    for estimator, rows in trials.groupby("estimator", sort=True):
        seeds = sorted({int(seed) for seed in rows["seed"]})
        cells = [tuple(map(_spelled, values)) for values in rows[cell].itertuples(index=False, name=None)]
        if seeds == list(range(len(seeds))) and len(cells) == len({*cells}) * len(seeds):
            together[frozenset(cells), len(seeds)].append(str(estimator))
    task = str(frame["task"].iloc[0])
    shown = [_command(task, cell, cells, seeds, names) for (cells, seeds), names in together.items()]
    return [command for command in shown if command]


def _command(task: str, cell: list[str], cells: frozenset[tuple[str, ...]], seeds: int, estimators: list[str]) -> str:
    axes = [sorted({values[i] for values in cells}, key=_order) for i in range(len(cell))]
    if frozenset(itertools.product(*axes)) != cells:
        return ""
    selector = str(Selector(task, dict(zip(cell, axes, strict=True))))
    words = ["mibench", "run", "--estimators", ",".join(estimators), "--task", selector, "--seeds", str(seeds)]
    return shlex.join(words)


def _spelled(value: Any) -> str:
    if pd.isna(value):
        return "none"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return spell_value(value.item() if hasattr(value, "item") else value)


def _order(value: str) -> tuple[float, str]:
    try:
        return float(value), ""
    except ValueError:
        return 0.0, value
