"""Standard output and standard error while code of others runs."""

import contextlib
import os
import sys
from collections.abc import Generator
from typing import Any


class Lent:
    """A stream that its user can write to as before, and cannot close for everybody else."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> "Lent":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Writes what is waiting; the stream stays open."""
        self._stream.flush()

    @property
    def buffer(self) -> "Lent":
        """The stream of bytes below, which stays open too."""
        return Lent(self._stream.buffer)

    def detach(self) -> "Lent":
        """The stream of bytes below; this one stays."""
        return self.buffer


@contextlib.contextmanager
def lent_outputs() -> Generator[None]:
    """Lends the two streams; whoever replaces them meanwhile replaces what was lent."""
    with contextlib.ExitStack() as undo:
        for redirect, stream in ((contextlib.redirect_stdout, sys.stdout), (contextlib.redirect_stderr, sys.stderr)):
            if stream is not None and not isinstance(stream, Lent):
                undo.enter_context(redirect(Lent(stream)))
        yield


class Descriptors:
    """Where descriptors 0, 1 and 2 lead at this moment; code of others may close them, for C and for Python alike."""

    def __init__(self) -> None:
        self._copies: dict[int, int] = {}
        for descriptor in range(3):
            with contextlib.suppress(OSError):  # it is closed already
                self._copies[descriptor] = os.dup(descriptor)

    def put_back(self) -> list[str]:
        """Lets them lead there again; returns what could not be undone."""
        failures: list[str] = []
        for descriptor, copy in self._copies.items():
            try:
                if not _same_file(descriptor, copy):
                    os.dup2(copy, descriptor)
                os.close(copy)
            except OSError as error:
                failures.append(f"descriptor {descriptor} could not be put back: {error.strerror}")
        return failures


def _same_file(descriptor: int, copy: int) -> bool:
    """Whether a descriptor still leads to the file of its copy.

    Raises:
        OSError: the copy is closed.
    """
    own = os.fstat(copy)
    try:
        return os.path.samestat(os.fstat(descriptor), own)
    except OSError:
        return False
