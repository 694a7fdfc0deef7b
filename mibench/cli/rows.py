"""The rows of a frame that a command is asked about, and what it says of those that are not there or left out."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mibench.cli import streams
from mibench.discovery.registry import Registry
from mibench.errors import UsageError
from mibench.specs import EVERY

if TYPE_CHECKING:
    import pandas as pd


def chosen(
    what: str,
    whole: "pd.DataFrame",
    registry: Registry,
    results: Path,
    tasks: str | tuple[str, ...],
    estimators: tuple[str, ...],
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """The rows of the tasks that were asked for, of any estimator, and among them those of the estimators.

    Args:
        what: what is missing where, for the message, e.g. `nothing to rank in`.
        whole: a tidy frame of these results.
        registry: what the plugins brought, for suites.
        results: their folder or file.
        tasks: selectors of tasks or suites.
        estimators: selectors as the frame spells them.

    Raises:
        UsageError: no row is left, or there is no such suite or parameter.
    """
    from mibench.comparison.selection import select
    from mibench.frames import narrow

    of_tasks = select(whole, registry, tasks)
    frame = narrow(of_tasks, estimators=estimators)
    if frame.empty:
        raise _nothing_found(what, whole, of_tasks, results, tasks, estimators)
    return of_tasks, frame


def of_measurements(
    what: str,
    whole: "pd.DataFrame",
    of_tasks: "pd.DataFrame",
    results: Path,
    *asked: str | tuple[str, ...],
) -> "pd.DataFrame":
    """The rows of some measurements, and those of trials that failed before they had them.

    Args:
        what: what is missing where, for the message, e.g. `nothing to rank in`.
        whole: a tidy frame of these results.
        of_tasks: its rows of the tasks that were asked for, of any estimator.
        results: their folder or file.
        *asked: these tasks, the estimators and the measurements.

    Raises:
        UsageError: no row is left, or nothing of this name was ever measured here.
    """
    from mibench.frames import narrow
    from mibench.plan.selectors import split_names

    *_, estimators, measurements = asked
    frame, names = narrow(of_tasks, (), estimators, measurements), {*split_names(measurements)} - {EVERY}
    there = {*whole["measurement"].dropna()} - {""}
    if frame.empty or (names and there and not names & there):
        raise _nothing_found(what, whole, of_tasks, results, *asked)
    return frame


def put_beside(frame: "pd.DataFrame", beside: str | None, estimators: tuple[str, ...] = ()) -> "pd.DataFrame":
    """A frame with what `--with` asks for beside it, and says on stderr what that is."""
    if beside is None or frame.empty:
        return frame
    from mibench.comparison import archive

    frame, note = archive.beside(frame, estimators)
    streams.say(f"mibench: {note}")
    return frame


def keep_sound(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of a frame that can be averaged and drawn. Says on stderr what is left out, and why.

    Raises:
        UsageError: no row is left.
    """
    from mibench.comparison.soundness import fit_to_show

    frame, sentences = fit_to_show(frame)
    streams.say_each(sentences)
    return frame


def say_unfound(
    frame: "pd.DataFrame",
    of_tasks: "pd.DataFrame",
    *asked: str | tuple[str, ...],
    quantities: Collection[str] | None = None,
) -> None:
    """Says on stderr which parts of what was asked for select nothing: see `mibench.frames.unfound`."""
    from mibench.frames import unfound

    streams.say_each(unfound(frame, of_tasks, *asked, quantities=quantities))


@contextmanager
def refusing_with_unfound(
    frame: "pd.DataFrame",
    of_tasks: "pd.DataFrame",
    *asked: str | tuple[str, ...],
    quantities: Collection[str] | None = None,
) -> Generator[None]:
    """What `say_unfound` says, after what the block makes; where it refuses, as part of the one line of its error.

    Raises:
        UsageError: the block does.
    """
    from mibench.frames import unfound

    try:
        yield
    except UsageError as error:
        sentences = unfound(frame, of_tasks, *asked, quantities=quantities)
        raise UsageError("; ".join([str(error), *sentences])) from error
    say_unfound(frame, of_tasks, *asked, quantities=quantities)


def _nothing_found(
    what: str, whole: "pd.DataFrame", of_tasks: "pd.DataFrame", results: Path, *asked: str | tuple[str, ...]
) -> UsageError:
    """The error of a command for which nothing is left of some results.

    Args:
        what: what is missing where, e.g. `nothing to rank in`.
        whole: a tidy frame of these results.
        of_tasks: its rows of the tasks that were asked for, of any estimator.
        results: their folder or file.
        *asked: what was asked for: tasks, estimators and measurements. What of it is not there is named, with what was
            perhaps meant.
    """
    from mibench.frames import unfound

    sentences = unfound(whole, of_tasks, *asked)
    why = f": {'; '.join(sentences)}" if sentences else "; `mibench show` without arguments says what there is"
    return UsageError(f"{what} {results}{why}")
