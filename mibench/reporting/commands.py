"""The commands that measure what a frame holds, where selectors can say it."""

import itertools
import os
import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mibench.frames import cell_columns
from mibench.plan.selectors import Selector, spell_value

_Grid = tuple[frozenset[tuple[str, ...]], int]
_BESIDE = re.compile(r" \(\w+\)$")
"""What `--with` puts behind the name of an estimator."""
_DEFAULT = Path("results")
"""Where `mibench run` puts records that no option names a folder for."""


def rerun_options(plugins: os.PathLike[str] | str | Iterable[os.PathLike[str] | str], results: object) -> list[str]:
    """The options that `mibench run` needs to measure again what results hold, and to put it beside them.

    Args:
        plugins: as after `-p`.
        results: a folder; anything else, such as a file or a frame, is no place for records.
    """
    named = [plugins] if isinstance(plugins, str | os.PathLike) else plugins
    words = [word for plugin in named for word in ("-p", os.fspath(plugin))]
    if isinstance(results, str | os.PathLike) and Path(results).is_dir() and Path(results) != _DEFAULT:
        words += ["--results", os.fspath(results)]
    return words


def run_command(estimators: Iterable[str], tasks: Iterable[str], options: Sequence[str]) -> str:
    """The command that runs these estimators, with or without an origin behind their names, on these tasks.

    Args:
        estimators: as frames spell them.
        tasks: their selectors.
        options: what else stands in it.
    """
    names = dict.fromkeys(map(without_origin, estimators))
    return shlex.join(["mibench", "run", "--estimators", ",".join(names), "--task", ",".join(tasks), *options])


def without_origin(name: str) -> str:
    """The name of an estimator without what `--with` puts behind it."""
    return _BESIDE.sub("", name)


def run_commands(frame: pd.DataFrame, options: Sequence[str] = ()) -> list[str]:
    """One command for estimators that were run on the same grid of cells and seeds.

    There is none for those whose cells are no grid or whose seeds do not count from 0.

    Args:
        frame: a tidy frame of one task.
        options: as `rerun_options` returns them.
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
    return [
        run_command(names, [selector], ["--seeds", str(seeds), *options])
        for (cells, seeds), names in together.items()
        if (selector := _selector(task, cell, cells))
    ]


def _selector(task: str, cell: list[str], cells: frozenset[tuple[str, ...]]) -> str:
    """The selector of a grid of cells; empty where they are none."""
    axes = [sorted({values[i] for values in cells}, key=_order) for i in range(len(cell))]
    if frozenset(itertools.product(*axes)) != cells:
        return ""
    return str(Selector(task, dict(zip(cell, axes, strict=True))))


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
