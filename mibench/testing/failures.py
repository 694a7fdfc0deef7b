"""What an estimator raises, as its author needs to read it: what it was asked, where in the file, what may be wrong."""

import re
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NOTE = "expected "
_DTYPES = re.compile(r"same dtype|scalar type|double.*float|float.*double", re.IGNORECASE)
_SIZES = re.compile(r"[\d\[\](), ]+")
IN_DTYPE = "make weights in `problem.dtype`, as `problem.draw` does; the kit asks for float64 and for float32"


@dataclass(frozen=True)
class Failure:
    """An exception that came out of an estimator.

    Attributes:
        text: its type, its message, and the line of the author's file that it came from, as `my_critic.py:31`.
        expected: what the estimator was asked when it raised this; empty if nothing in particular.
        cause: the text without sizes: equal of exceptions that are one mistake.
        hint: what the mistake may be, where its message tells.
        trace: the traceback.
    """

    text: str
    expected: str = ""
    cause: str = ""
    hint: str = ""
    trace: str = ""

    @classmethod
    def of(cls, error: Exception, package: str) -> "Failure":
        """Describes an exception.

        Args:
            error: what was raised.
            package: the top-level module that the author's files belong to.
        """
        text = f"{type(error).__name__}: {error}"
        place = _place(error, package)
        notes: list[str] = getattr(error, "__notes__", [])
        return cls(
            text=f"{text} ({place})" if place else text,
            expected=next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), ""),
            cause=f"{_SIZES.sub('#', text)} {place}",
            hint=IN_DTYPE if _DTYPES.search(str(error)) else "",
            trace="".join(traceback.format_exception(error)),
        )


@contextmanager
def asked(expected: str) -> Generator[None]:
    """Whatever is raised inside carries what was expected, unless it does already."""
    try:
        yield
    except Exception as error:
        if not any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):
            error.add_note(_NOTE + expected)
        raise


def _place(error: Exception, package: str) -> str:
    """The innermost line in the author's files; torch's and the kit's say nothing to an author."""
    frames = traceback.walk_tb(error.__traceback__)
    theirs = [(frame.f_code.co_filename, line) for frame, line in frames if _owns(package, frame.f_globals)]
    return f"{Path(theirs[-1][0]).name}:{theirs[-1][1]}" if theirs else ""


def _owns(package: str, names: dict[str, Any]) -> bool:
    return str(names.get("__name__", "")).partition(".")[0] == package
