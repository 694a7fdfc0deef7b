"""Reads the results that a command is asked about, and refuses those that hold nothing."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mibench.cli import streams
from mibench.errors import UsageError
from mibench.refusal import refuse_absent
from mibench.specs import is_shipped
from mibench.store import Store
from mibench.store.record import InvalidRecord, Record

if TYPE_CHECKING:
    import pandas as pd


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


def warn_invalid(files: Iterable[InvalidRecord]) -> None:
    """Names each file that is no valid record in one line on stderr."""
    streams.say_each(f"skipped {file.path}: {file.reason}" for file in files)


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


def _store(results: Path) -> Store:
    refuse_absent(results, "mibench run")
    return Store(results)
