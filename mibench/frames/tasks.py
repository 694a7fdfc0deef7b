"""The task of a frame, and which of its cells were published under a name, and which are adversarial."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from mibench.discovery.registry import Entry, Registry
from mibench.frames.files import cell_columns
from mibench.frames.narrowing import ALIASES, cells_named
from mibench.plan.selectors import Selector, parse_selectors
from mibench.specs import TaskSpec

PUBLISHED_AS = "published as"
"""The column of tables that holds the name that others gave a cell."""

ADVERSARIAL = "adversarial"
"""The column that says whether dI/dtheta does not pass through the samples of a cell."""


def task_entry(frame: pd.DataFrame, registry: Registry) -> Entry[TaskSpec] | None:
    """The task that a frame of one task was measured on; `None` if the plugin that brought it is not installed.

    Args:
        frame: a tidy frame of one task; where it does not say the plugin, any plugin's task of this name will do.
        registry: what the plugins brought.

    Raises:
        UsageError: the frame does not say the plugin, and two bring this task.
    """
    task = str(frame["task"].iloc[0])
    named = frame["task_plugin"].unique() if "task_plugin" in frame.columns else ()
    plugin = next((name for name in named if isinstance(name, str) and name), "")  # rows of older frames name none
    name = task.rpartition(":")[2]
    entries = [entry for entry in registry.entries(TaskSpec) if entry.spec.name == name]
    if plugin:
        entries = [entry for entry in entries if entry.plugin.name == plugin]
    return registry.find(TaskSpec, task) if len(entries) > 1 else next(iter(entries), None)


def with_published(frame: pd.DataFrame, named: Mapping[str, Selector]) -> pd.DataFrame:
    """A tidy frame of one task with a column `published as` before its parameters, if a row has such a name.

    Args:
        frame: a tidy frame.
        named: selectors of tasks by the names that they were published under. Of several that fit a row, that counts
            which says most of it.
    """
    names = pd.Series(pd.NA, index=frame.index, dtype="string")
    for name, selector in sorted(named.items(), key=lambda item: len(item[1].sweep)):
        if {ALIASES.get(given, given) for given in selector.sweep} <= {*cell_columns(frame)}:
            names[cells_named(frame, selector)] = name
    if names.isna().all():
        return frame
    return pd.concat([frame.iloc[:, :1], names.rename(PUBLISHED_AS), frame.iloc[:, 1:]], axis=1)


def with_adversarial(frame: pd.DataFrame, spec: TaskSpec | None) -> pd.DataFrame:
    """A tidy frame of one task whose last column, `adversarial`, says what the task declares of each row's cell.

    Args:
        frame: a tidy frame.
        spec: the task; `None` if the plugin that brought it is not installed.
    """
    rows = np.zeros(len(frame), dtype=bool)
    for name, conditions in ((it.name, it.sweep) for it in parse_selectors(sorted(spec.adversarial if spec else ()))):
        selector = Selector(str(frame["task"].iloc[0]), {"theta": [name], **conditions})
        if selector.sweep.keys() <= {*cell_columns(frame)}:
            rows |= cells_named(frame, selector)
    return frame.assign(**{ADVERSARIAL: rows})
