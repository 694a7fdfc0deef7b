"""The standard streams of a process whose descriptors are closed, or lead where nothing can be written."""

import contextlib
import io
import os
import sys
from collections.abc import Generator
from typing import Any, TextIO

from mibench.errors import UsageError


class Results(io.FileIO):
    """A descriptor of results: what cannot be written there ends the command.

    Raises:
        UsageError: from `write`, in one line; a pipe that nobody reads any more raises `BrokenPipeError`.
    """

    def write(self, data: Any, /) -> int:
        """Writes all of it."""
        left = memoryview(data).cast("B")
        try:
            while left:
                left = left[super().write(left) or 0 :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise UsageError(f"cannot write to standard output: {error.strerror}; send it elsewhere") from error
        return len(data)


class Remarks(io.FileIO):
    """A descriptor of remarks: what cannot be written there is lost, and costs nothing else."""

    def write(self, data: Any, /) -> int:
        """Writes what can be written."""
        left = memoryview(data).cast("B")
        with contextlib.suppress(OSError):
            while left:
                left = left[super().write(left) or 0 :]
        return len(data)


def text_to(raw: io.FileIO, like: TextIO) -> io.TextIOWrapper:
    """A stream of text to a descriptor, in the encoding of another, that keeps nothing back."""
    return io.TextIOWrapper(raw, encoding=like.encoding, errors=like.errors, write_through=True)  # pyright: ignore[reportArgumentType] - FileIO has all that is called of a buffer


def open_closed() -> None:
    """Lets descriptors 0, 1 and 2 lead to `/dev/null` where they are closed, for this process and its children."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null == descriptor:
                os.set_inheritable(null, True)
            else:
                os.dup2(null, descriptor)
                os.close(null)


@contextlib.contextmanager
def usable_streams() -> Generator[None]:
    """Standard output ends a command that cannot write there, and standard error loses what cannot be written.

    Closed descriptors lead to `/dev/null`, also afterwards.
    """
    open_closed()
    with (
        contextlib.redirect_stdout(_usable(sys.stdout, 1, Results)),
        contextlib.redirect_stderr(_usable(sys.stderr, 2, Remarks)),
    ):
        yield


def lose_what_cannot_be_written() -> None:
    """Lets both streams of a worker, which nobody has to read, lose what cannot be written."""
    open_closed()
    sys.stdout, sys.stderr = _usable(sys.stdout, 1, Remarks), _usable(sys.stderr, 2, Remarks)


def _usable(stream: TextIO | None, descriptor: int, kind: type[io.FileIO]) -> TextIO:
    """A stream to a descriptor; one that leads elsewhere, because a program replaced it, stays."""
    if stream is None:  # it was closed when this process began
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - lives as long as the process
    try:
        if stream.fileno() != descriptor:
            return stream
    except (OSError, ValueError, AttributeError):
        return stream
    stream.flush()
    return text_to(kind(descriptor, "w", closefd=False), stream)
