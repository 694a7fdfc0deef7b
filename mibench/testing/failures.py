"""What an estimator raises, as its author needs to read it: what it was asked, where in the file, what may be wrong."""

import re
import traceback
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mibench.testing.scenario import MOST
from mibench.text import message_of, traceback_of

_EXPECTED = "expected "
_HINT = "hint: "
_DTYPES = re.compile(r"same dtype|scalar type|double.*float|float.*double", re.IGNORECASE)
IN_DTYPE = "make weights in `problem.dtype`, as `problem.draw` does; the kit asks for float64 and for float32"

_FEW = re.compile(r"(?=.*\d)(?=.*(need|requir|least|few|more)).*(samples|pairs|points|observations)", re.IGNORECASE)
AS_MANY = f"to a message that says `at least 20` the kit gives as many samples, up to {MOST}"


@dataclass(frozen=True)
class Failure:
    """An exception that came out of an estimator.

    Attributes:
        text: its type, its message, and the line of the author's file that it came from, as `my_critic.py:31`.
        expected: what the estimator was asked when it raised this; empty if nothing in particular.
        hint: what the mistake may be, where its message or its circumstances tell.
        trace: the traceback.
    """

    text: str
    expected: str = ""
    hint: str = ""
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException, package: str) -> "Failure":
        """Describes an exception.

        Args:
            error: what was raised.
            package: the top-level module that the author's files belong to.
        """
        message = message_of(error)
        text = f"{type(error).__name__}: {message}"
        place = _place(error, package)
        return cls(
            text=f"{text} ({place})" if place else text,
            expected=_note(error, _EXPECTED),
            hint=_hint(error, message),
            trace=traceback_of(error),
        )


def _hint(error: BaseException, message: str) -> str:
    """What a message tells of the mistake, or else what was noted where it was raised."""
    if _DTYPES.search(message):
        return IN_DTYPE
    return AS_MANY if isinstance(error, ValueError) and _FEW.search(message) else _note(error, _HINT)


def asked(expected: str) -> AbstractContextManager[None]:
    """Whatever is raised inside carries what was expected, unless it does already."""
    return _noted(_EXPECTED, expected)


def hinted(hint: str) -> AbstractContextManager[None]:
    """Whatever is raised inside carries what the mistake may be, unless it does already."""
    return _noted(_HINT, hint)


@contextmanager
def _noted(kind: str, text: str) -> Generator[None]:
    try:
        yield
    except BaseException as error:
        if text and not _note(error, kind):
            error.add_note(kind + text)
        raise


def _note(error: BaseException, kind: str) -> str:
    notes: list[str] = getattr(error, "__notes__", [])
    return next((note.removeprefix(kind) for note in notes if note.startswith(kind)), "")


def _place(error: BaseException, package: str) -> str:
    """The innermost line in the author's files; torch's and the kit's say nothing to an author."""
    frames = traceback.walk_tb(error.__traceback__)
    theirs = [(frame.f_code.co_filename, line) for frame, line in frames if owns(package, frame.f_globals)]
    return f"{Path(theirs[-1][0]).name}:{theirs[-1][1]}" if theirs else ""


def owns(package: str, names: dict[str, Any]) -> bool:
    """Whether a frame's globals are those of a module of this top-level package."""
    return str(names.get("__name__", "")).partition(".")[0] == package
