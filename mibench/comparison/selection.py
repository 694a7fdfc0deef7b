"""Which trials of a frame are compared: by tasks, suites of tasks and estimators."""

from collections.abc import Sequence

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.frames import narrow
from mibench.plan.selectors import Selector, parse_selectors, split_selectors
from mibench.plan.suites import expand


def select(
    frame: pd.DataFrame, registry: Registry, tasks: str | Sequence[str] = "", estimators: str | Sequence[str] = ""
) -> pd.DataFrame:
    """The rows of a tidy frame that selectors name, of trials that failed too. An empty argument selects everything.

    Args:
        frame: a tidy frame.
        registry: what the plugins brought, for suites.
        tasks: selectors of tasks, or of suites, e.g. `suite:gradients`; tasks of a suite that were not measured are
            passed over.
        estimators: selectors as the frame spells them.

    Raises:
        UsageError: there is no such suite, or the frame has no such parameter.
    """
    selectors = expand(registry, parse_selectors(tasks))
    measured = {name for task in frame["task"].unique() for name in (task, task.rpartition(":")[2])}
    present = [_spell(selector) for selector in selectors if selector.name.rpartition(":")[2] in measured]
    if selectors and not present:
        return frame.iloc[:0]
    return narrow(frame, present, estimators)


def split_names(names: str | Sequence[str]) -> list[str]:
    """Names, given comma-separated or one by one."""
    return [name for part in ([names] if isinstance(names, str) else names) for name in split_selectors(part)]


def _spell(selector: Selector) -> str:
    parameters = ",".join(f"{name}={'|'.join(values)}" for name, values in selector.sweep.items())
    return f"{selector.name}[{parameters}]" if parameters else selector.name
