"""Options that several commands share, and helpers that read them."""

import functools
import os
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mibench.cli import completion, streams, tables
from mibench.discovery.registry import Registry, load_registry
from mibench.errors import UsageError
from mibench.files import write_named
from mibench.refusal import refuse_absent
from mibench.specs import EVERY, SHIPPED, TaskSpec, is_shipped
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record

if TYPE_CHECKING:
    import pandas as pd

results = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder of the records.",
)
data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="MIBENCH_DATA",
    show_envvar=True,
    help="The folder of data sets.",
)
download = click.option("--download", is_flag=True, help="Fetch data sets that are missing.")
profile = click.option(
    "--profile",
    default="quick",
    show_default=True,
    help="How large a run: smoke, quick or paper.",
    shell_complete=completion.profiles,
)
form = click.option("--format", "form", type=click.Choice(tables.FORMATS), default="table", show_default=True)
plugins = click.option(
    "-p",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    help="A plugin to load (./file.py or a module), or no:NAME to block one. Repeatable.",
)


estimators = click.option(
    "--estimators",
    "-e",
    multiple=True,
    metavar="SELECTORS",
    help="Which estimators. Repeatable.  [default: all]",
    shell_complete=completion.estimators,
)
tasks = click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    metavar="SELECTORS",
    help="Which tasks and cells. Repeatable.  [default: all]",
    shell_complete=completion.tasks,
)
measurements = click.option(
    "--measurements", multiple=True, metavar="NAMES", help="Which measurements. Repeatable.  [default: all]"
)


parameters = click.option(
    "--parameters",
    type=click.Choice(["default", "tuned", "all"]),
    help="Which rows, where some are tuned.  [default: all, if they are of one kind or named]",
)
beside = click.option(
    "--with",
    "beside",
    type=click.Choice([SHIPPED]),
    help="Put what mibench ships for the same cells beside the results.",
)


def _executor(ctx: click.Context, param: click.Parameter, given: str | None) -> str:  # noqa: ARG001
    return ("dask" if ctx.params["scheduler"] else "process") if given is None else given


_workforce = (
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--executor",
        callback=_executor,
        help='E.g. serial, or "slurm[partition=gpu]".  [default: process]',
        shell_complete=completion.executors,
    ),
    click.option(
        "--scheduler", metavar="ADDRESS", is_eager=True, help='Short for --executor "dask[scheduler=ADDRESS]".'
    ),
    click.option(
        "--workers", type=click.IntRange(min=1), help="Batches at once.  [default: one a core, one for a GPU]"
    ),
    click.option(
        "--batch", type=click.IntRange(min=1), default=1, show_default=True, help="Trials of one shape at once."
    ),
    click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds a batch may take."),
    click.option(
        "--memory", type=click.FloatRange(min=0, min_open=True), help="GiB a worker may use.  [default: a share]"
    ),
)


def workforce(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where trials run, and what they may use."""
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_workforce), command)


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
        what: what is missing where, for the message: see `nothing_found`.
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
        raise nothing_found(what, whole, of_tasks, results, tasks, estimators)
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
        what: what is missing where, for the message: see `nothing_found`.
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
        raise nothing_found(what, whole, of_tasks, results, *asked)
    return frame


def nothing_found(
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


def save_page(page: str, output: Path) -> None:
    """Writes a page to the file that `--output` names.

    Raises:
        UsageError: it cannot be written there.
    """
    try:
        write_named(output, lambda file: file.write(page.encode()))
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}; choose another --output") from error


def open_registry(plugins: tuple[str, ...]) -> Registry:
    """Loads the plugins, and names each broken plugin in one line on stderr.

    Raises:
        UsageError: a plugin that the user named with `-p` is broken.
    """
    return load_registry(plugins, warn=lambda complaint: streams.say(f"mibench: {complaint}"), hint=_profile_hint)


def _profile_hint(name: str, registry: Registry) -> str:
    """What to add where `-p` is followed by the name of a profile, in a command that takes one."""
    takes_profile = any(option.name == "profile" for option in click.get_current_context().command.params)
    profiles = {profile for entry in registry.entries(TaskSpec) for profile in entry.spec.profiles}
    return f"; did you mean --profile {name}?" if takes_profile and name in profiles else ""


def say_unreadable(registry: Registry) -> None:
    """Names each set of references whose file cannot be used in one line on stderr: tables are made without it."""
    from mibench.comparison.references import load_references
    from mibench.comparison.soundness import LEFT_OUT

    streams.say_each(load_references(registry).attrs[LEFT_OUT])


def warn_invalid(files: Iterable[InvalidRecord]) -> None:
    """Names each file that is no valid record in one line on stderr."""
    streams.say_each(f"skipped {file.path}: {file.reason}" for file in files)


def read_records(results: Path) -> list[Record]:
    """The records of a results folder. Each file among them that is no valid record is named on stderr.

    Raises:
        UsageError: there are no records.
    """
    records, invalid = _store(results).read()
    warn_invalid(invalid)
    refuse_empty(results, len(records), invalid)
    return records


def read_frame(results: Path, *, wide: bool = False, coded: bool = False) -> "pd.DataFrame":
    """A tidy frame of a results folder, of a CSV or Parquet file that was exported from it, or of what mibench ships.

    Trials of tunings are left out.

    The files of a large folder are listed while this function imports pandas and makes the frame, so commands call it
    before they import pandas.

    Args:
        results: the folder or file, or `shipped` where there is none of that name.
        wide: whether a folder's frame has parameters, errors and the environment too; see `mibench.frames.tidy`.
        coded: whether the parameters of a folder's frame may be coded; see `mibench.frames.coded`.

    Raises:
        UsageError: there are no records.
    """
    if is_shipped(results):
        from mibench.comparison.archive import read_shipped

        return read_shipped()
    listed = None if results.is_file() else _store(results).begin_listing()
    from mibench import frames
    from mibench.store.index import read_made

    if listed is None:
        return frames.read(results)
    tidy = frames.coded_columns if coded else frames.tidy_columns
    (count, frame), invalid = read_made(
        _store(results), lambda columns: (len(columns), tidy(columns, wide=wide)), listed
    )
    warn_invalid(invalid)
    refuse_empty(results, count, invalid)
    refuse_tunings_alone(frame, results)
    return frame


def refuse_tunings_alone(frame: "pd.DataFrame", results: Path) -> None:
    """Refuses a folder in which there are records, and none but those of tunings.

    Args:
        frame: its frame without these.
        results: the folder.

    Raises:
        UsageError: the frame is empty.
    """
    if frame.empty:
        raise UsageError(f"there are only trials of tunings under {results}; `mibench run` makes others")


def _store(results: Path) -> Store:
    refuse_absent(results, "mibench run")
    return Store(results)


def refuse_empty(results: Path, count: int, invalid: Sequence[InvalidRecord] = ()) -> None:
    """Refuses a folder without records in their places; files that are none have been named.

    Raises:
        UsageError: the count of its records is 0.
    """
    if not count:
        if invalid:
            raise UsageError(f"no file under {results} is a record in its place, as said above of {len(invalid):,}")
        inside = results.resolve().name == Store(results).records.name
        next_step = f"did you mean {os.path.normpath(results / '..')}?" if inside else "`mibench run` makes some"
        raise UsageError(f"there are no records under {results}; {next_step}")
