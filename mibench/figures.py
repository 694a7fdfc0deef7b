"""Figures by matplotlib: the charts that a task declares, pictures that no chart can say, and those of all tasks."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from mibench.charts import Chart
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.frames import task_entry
from mibench.frames.endings import without_failed_values
from mibench.frames.origins import apart
from mibench.frames.plugged import made_of
from mibench.plan.selectors import parse_selectors
from mibench.plan.suites import PREFIX
from mibench.reporting.charts.drawing import Drawing, compose
from mibench.reporting.charts.named import named_charts
from mibench.reporting.charts.series import short_names, with_defaults
from mibench.reporting.overview import pictures
from mibench.specs import TaskSpec
from mibench.style import Looks
from mibench.text import either, suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


Say: TypeAlias = Callable[[str], None]
"""Takes a sentence about what was measured and is not in a figure."""


def say_nothing(_: str) -> None:
    """For those who read the caption."""


def draw_asked(
    frame: pd.DataFrame,
    registry: Registry,
    task: str | Sequence[str],
    names: Sequence[str] = (),
    say: Say = say_nothing,
) -> "dict[str, Figure]":
    """Draws the figures of the task that a user named, or those that compare estimators over all tasks.

    Args:
        frame: a tidy frame of what was asked for.
        registry: the plugins' specs.
        task: a selector of one task; of several, of a suite, or nothing for all tasks together.
        names: which figures; empty for all.
        say: is told what was left out of which figure.

    Returns:
        matplotlib figures by name.

    Raises:
        UsageError: as `draw` and `draw_overview`.
    """
    selectors = parse_selectors(task)
    of_one_task = len(selectors) == 1 and not selectors[0].name.startswith(PREFIX)
    return (draw if of_one_task else draw_overview)(frame, registry, names, say)


def draw(
    frame: pd.DataFrame, registry: Registry, names: Sequence[str] = (), say: Say = say_nothing
) -> "dict[str, Figure]":
    """Draws a task's figures.

    Args:
        frame: a tidy frame of one task.
        registry: the plugins' specs.
        names: which figures; if empty, all of the task's that these rows can be drawn in.
        say: is told what was left out of which figure, and which cannot be drawn.

    Returns:
        matplotlib figures by name, prefixed with the task's.

    Raises:
        UsageError: matplotlib is not installed, the task is not, or it has no such figure, or nothing of that was
            measured, or has a place on its axes.
    """
    _require_matplotlib()
    (task,) = frame["task"].unique()
    entry = task_entry(frame, registry)
    if entry is None:
        raise UsageError(f"the plugin that brought task {task} is not installed; it declares what is drawn")
    wanted = (chart for chart in entry.spec.charts if not names or chart.slug in names)
    frame = with_defaults(frame, wanted, registry)
    charts = {chart.slug: (chart, rows) for chart, rows in named_charts(frame, entry.spec.charts)}
    known = [*charts, *entry.spec.figures]
    if not known:
        why = "has one value of each parameter here" if entry.spec.charts else "declares no charts"
        raise UsageError(f"task {task} {why}; `mibench report` shows its table")
    _refuse_unknown(f"task {task} has", names, known)
    looks = Looks()
    looks.meet(short_names(frame, entry.spec).values())
    stem = task.replace(":", "-")
    figures: dict[str, Figure | None] = {}
    for name in names or known:
        say_of = _of(f"{stem}-{name}", say)
        try:
            figures[name] = _figure(name, frame, entry.spec, looks, charts, say_of)
        except UsageError as error:
            if names:
                raise
            say_of(f"not drawn: {error}")
            figures[name] = None
    missing = [name for name, figure in figures.items() if figure is None]
    if missing and (names or len(missing) == len(known)):
        raise UsageError(f"nothing was measured of task {task} that the figure {either(missing)} shows on its axes")
    return {f"{stem}-{name}": figure for name, figure in figures.items() if figure is not None}


def draw_overview(
    frame: pd.DataFrame, registry: Registry, names: Sequence[str] = (), say: Say = say_nothing
) -> "dict[str, Figure]":
    """Draws the pictures of several tasks together: `mibench.reporting.overview` declares them.

    Args:
        frame: a tidy frame of any tasks.
        registry: the plugins' specs.
        names: which pictures; if empty, all of which something was measured.
        say: is told what was left out of which picture.

    Returns:
        matplotlib figures by name.

    Raises:
        UsageError: matplotlib is not installed, or there is no such picture, or nothing can be compared.
    """
    _require_matplotlib()
    charts = {chart.slug: (chart, rows) for chart, rows in pictures(frame, registry)}
    if not charts:
        raise UsageError("no task here says which way is good of two estimators; name a task to draw its own figures")
    _refuse_unknown("all tasks together have", names, list(charts))
    looks = Looks()
    drawings = {name: compose(rows, chart, looks) for name, (chart, rows) in charts.items()}
    figures = {name: _rendered(drawings[name], _of(name, say)) for name in names or charts}
    if missing := [name for name in names if figures[name] is None]:
        raise UsageError(f"nothing was measured that the figure {either(missing)} shows on its axes")
    return {name: figure for name, figure in figures.items() if figure is not None}


def _of(figure: str, say: Say) -> Say:
    """Takes sentences about a figure."""
    return lambda sentence: say(f"{figure}: {sentence}")


def _rendered(drawing: Drawing | None, say: Say) -> "Figure | None":
    from mibench.reporting.charts.mpl import render

    for sentence in drawing.left_out if drawing else ():
        say(sentence)
    return render(drawing) if drawing else None


def _require_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("figures need matplotlib; install mibench[plot]")


def _refuse_unknown(owner: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{owner} no figure {name!r}; {suggestion(name, known)}")


def _figure(
    name: str,
    frame: pd.DataFrame,
    spec: TaskSpec,
    looks: Looks,
    charts: Mapping[str, tuple[Chart, pd.DataFrame]],
    say: Say,
) -> "Figure | None":
    if name in spec.figures:
        named = without_failed_values(frame).assign(estimator=frame["estimator"].map(short_names(frame, spec)))
        return made_of(apart(named), spec.figures[name], spec.name, f"the figure {name}")
    chart, rows = charts[name]
    return _rendered(compose(rows, chart, looks, spec), say)
