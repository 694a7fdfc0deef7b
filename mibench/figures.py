"""The figures that tasks declare, drawn from tidy frames."""

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.specs import TaskSpec, load_target
from mibench.text import suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(frame: pd.DataFrame, registry: Registry, names: Sequence[str] = ()) -> "dict[str, Figure]":
    """Draws a task's figures.

    Args:
        frame: a tidy frame of one task.
        registry: the plugins' specs.
        names: which figures; all of the task's if empty.

    Returns:
        matplotlib figures by name, prefixed with the task's.

    Raises:
        UsageError: matplotlib is not installed, or the task has no such figure, or none.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("figures need matplotlib; install mibench[plot]")
    (task,) = frame["task"].unique()
    declared = registry.find(TaskSpec, task).spec.figures
    if not declared:
        raise UsageError(f"task {task} has no figures; `mibench report` draws its charts")
    for name in names:
        if name not in declared:
            raise UsageError(f"task {task} has no figure {name!r}; {suggestion(name, list(declared))}")
    return {f"{task}-{name}": load_target(declared[name], f"task {task!r}")(frame) for name in names or declared}
