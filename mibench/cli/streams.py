"""Where commands write: results to standard output, everything else to standard error.

Programs read what `--format json` and `--format csv` print. So whatever plugins print while a command runs, by `print`,
from C or in a worker process, goes to standard error.
"""

import contextlib
import os
import sys
from collections.abc import Generator, Iterable
from typing import TextIO

from mibench.process.standard import Results, text_to
from mibench.text import printable

_results: TextIO | None = None
"""Standard output while `reserve_stdout` keeps it for results."""


@contextlib.contextmanager
def reserve_stdout() -> Generator[None]:
    """Keeps standard output for `write` and `echo`; what is printed in another way goes to standard error."""
    global _results  # noqa: PLW0603 - there is one standard output
    with contextlib.ExitStack() as undo:
        _results = undo.enter_context(_own_stream(sys.stdout))
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        try:
            yield
        finally:
            _results = None


def stream() -> TextIO:
    """The stream of results."""
    return sys.stdout if _results is None else _results


def write(document: str) -> None:
    """Writes a document that is safe to print, e.g. a rendered table."""
    stream().write(document)
    stream().flush()


def echo(line: object) -> None:
    """Writes a line of results."""
    write(f"{printable(str(line))}\n")


def say(line: str) -> None:
    """Writes a line for the user to standard error."""
    sys.stderr.write(f"{printable(line)}\n")
    sys.stderr.flush()


def say_each(sentences: Iterable[str], mark: str = "mibench: ") -> None:
    """Writes a line for each sentence to standard error, behind a mark."""
    for sentence in sentences:
        say(f"{mark}{sentence}")


@contextlib.contextmanager
def _own_stream(stdout: TextIO) -> Generator[TextIO]:
    """Standard output as a stream that nobody else has: a copy of descriptor 1, which then leads to standard error."""
    stdout.flush()
    try:
        if stdout.fileno() != 1:
            raise OSError  # noqa: TRY301 - a program that replaced standard output has no descriptor to move
        copy = os.dup(1)
        os.dup2(2, 1)
    except (OSError, ValueError):
        yield stdout
        return
    own = text_to(Results(copy, "w"), stdout)
    own.reconfigure(errors="backslashreplace")
    try:
        yield own
    finally:
        sys.stdout.flush()
        os.dup2(copy, 1)
        own.close()
