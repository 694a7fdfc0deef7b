"""Which trials of a frame are compared: by tasks, suites of tasks and estimators."""

from collections.abc import Collection, Sequence

import pandas as pd

from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import narrow
from mibench.plan.selectors import Selector, parse_selectors, spell_value
from mibench.plan.suites import PREFIX, expand
from mibench.specs import TaskSpec
from mibench.text import suggestion


def select(
    frame: pd.DataFrame, registry: Registry, tasks: str | Sequence[str] = "", estimators: str | Sequence[str] = ""
) -> pd.DataFrame:
    """The rows of a tidy frame that selectors name, of trials that failed too. An empty argument selects everything.

    Args:
        frame: a tidy frame.
        registry: what the plugins brought, for suites.
        tasks: selectors of tasks, or of suites, e.g. `suite:gradients`; tasks of a suite that were not measured are
            passed over, and so are cells that no run of the suite makes.
        estimators: selectors as the frame spells them.

    Raises:
        UsageError: there is no such suite, or the frame has no such parameter.
    """
    selectors = [task for given in parse_selectors(tasks) for task in _tasks(registry, given, frame)]
    measured = {name for task in frame["task"].unique() for name in (task, task.rpartition(":")[2])}
    present = [str(selector) for selector in selectors if selector.name.rpartition(":")[2] in measured]
    if selectors and not present:
        return frame.iloc[:0]
    return narrow(frame, present, estimators)


def refuse_unmeasured(names: Sequence[str], there: Collection[str], whose: str = "these results") -> None:
    """Refuses measurements of which none was made; where nothing was measured at all, trials have failed.

    Args:
        names: which are to be compared; empty for all.
        there: those that were made.
        whose: what was searched, for the message.

    Raises:
        UsageError: in one line.
    """
    if names and there and not {*names} & {*there}:
        hint = suggestion(names[0], sorted(there))
        raise UsageError(f"there is nothing to compare: in {whose} is no such measurement {names[0]!r}; {hint}")


def _tasks(registry: Registry, given: Selector, frame: pd.DataFrame) -> list[Selector]:
    """The selectors of tasks that one stands for; a suite has the values that its runs sweep over, and no others."""
    tasks = expand(registry, [given])
    if not given.name.startswith(PREFIX):
        return tasks
    known = {entry.name: entry.spec for entry in registry.entries(TaskSpec)}
    return [_as_swept(task, known[task.name], frame) if task.name in known else task for task in tasks]


def _as_swept(task: Selector, spec: TaskSpec, frame: pd.DataFrame) -> Selector:
    """A selector with the values of those parameters that it leaves to profiles, and that all profiles sweep over."""
    sweeps = [profile.sweep for profile in spec.profiles.values()]
    names = [name for name in frame.columns if sweeps and all(name in sweep for sweep in sweeps)]
    swept = {name: [spell_value(value) for sweep in sweeps for value in sweep[name]] for name in names}
    return Selector(task.name, {**swept, **task.sweep})
