"""Runs a program for one answer, or keeps it and asks it line by line; no shell is involved."""

import atexit
import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from mibench.errors import CommandError
from mibench.process.children import keep_child
from mibench.text import number, printable, shortened

_TAIL = 10_000
"""Bytes that are read from the end of what a command printed."""
_LINE = 1_000_000
"""Bytes of an answer."""


def ask_once(arguments: Sequence[str], scratch: Path, folder: str, timeout: float) -> str:
    """The last line that a program prints.

    Args:
        arguments: the program and its arguments.
        scratch: where its output goes.
        folder: where it is run.
        timeout: seconds that it may take.

    Raises:
        CommandError: it cannot be run, takes longer, fails, or prints nothing.
    """
    name = printable(arguments[0])
    with (scratch / "stdout").open("w+b") as output, (scratch / "stderr").open("w+b") as errors:
        process = _start(arguments, folder, output, errors, stdin=subprocess.DEVNULL)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise _no_answer(name, timeout, errors) from None
        finally:
            _end(process)
        if code:
            raise CommandError(f"{name} {_exit(code)}{_last_words(errors)}")
        lines = _tail(output).split("\n")
        if not lines[-1]:
            raise CommandError(f"{name} printed nothing{_last_words(errors)}")
        return lines[-1]


def ask_kept(arguments: Sequence[str], question: str, folder: str, timeout: float) -> str:
    """The line that a program answers to another; it is started if it does not run.

    Args:
        arguments: the program and its arguments.
        question: one line.
        folder: where it is run.
        timeout: seconds that it may take.

    Raises:
        CommandError: it cannot be run, takes longer, or ends.
    """
    key = (folder, *arguments)
    kept = _KEPT.pop(key, None)
    if kept is not None and kept.ended:
        kept.end()
        kept = None
    kept = kept or _Kept(arguments, folder)
    try:
        answer = kept.ask(question, timeout)
    except CommandError:
        kept.end()
        raise
    _KEPT[key] = kept
    return answer


class _Kept:
    """A program that is asked line by line."""

    def __init__(self, arguments: Sequence[str], folder: str) -> None:
        self._name = printable(arguments[0])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is there as long as the program is
        self._process = _start(arguments, folder, subprocess.PIPE, self._errors, stdin=subprocess.PIPE)
        self._rest = b""
        self._asked = False
        keep_child(self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether the program has ended since it was asked last."""
        return self._process.poll() is not None

    def ask(self, question: str, timeout: float) -> str:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        if self._asked and self._left_over():
            raise CommandError(f"{self._name} printed more than one line for a question{_last_words(self._errors)}")
        self._asked = True
        try:
            self._process.stdin.write(question.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise CommandError(f"{self._name} has ended{_last_words(self._errors)}") from None
        return self._line(time.monotonic() + timeout, timeout).decode(errors="replace").strip()

    def _line(self, deadline: float, timeout: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        while b"\n" not in self._rest:
            if not self._reads(max(0.0, deadline - time.monotonic())):
                raise _no_answer(self._name, timeout, self._errors)
            read = os.read(self._process.stdout.fileno(), 65536)
            if not read or len(self._rest) > _LINE:
                reason = "has ended" if not read else f"printed a line of more than {_LINE:,} bytes"
                raise CommandError(f"{self._name} {reason}{_last_words(self._errors)}")
            self._rest += read
        line, self._rest = self._rest.split(b"\n", 1)
        return line

    def _left_over(self) -> bytes:
        """What was printed after the last answer."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        return self._rest or (os.read(self._process.stdout.fileno(), _TAIL) if self._reads(0.0) else b"")

    def _reads(self, seconds: float) -> bool:
        """Whether there is something to read within so many seconds; the end of the output counts as something."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def end(self) -> None:
        _end(self._process)
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not sent cannot be sent any more
                    pipe.close()


_KEPT: dict[tuple[str, ...], _Kept] = {}
"""By folder and arguments, what runs in this process."""


@atexit.register
def _end_all() -> None:
    while _KEPT:
        _KEPT.popitem()[1].end()


def _start(
    arguments: Sequence[str], folder: str, stdout: int | IO[bytes], stderr: IO[bytes], *, stdin: int
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a program that the plugin's author named, and no shell
            arguments, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr
        )
    except OSError as error:
        name = printable(arguments[0])
        if not Path(folder).is_dir():
            raise CommandError(f"there is no folder {printable(folder)} to run {name} in") from error
        raise CommandError(f"cannot run {name}: {error.strerror}; is it installed and on the PATH?") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program; what it started and left ends with the trial."""
    process.kill()
    process.wait()


def _exit(code: int) -> str:
    if code > 0:
        return f"exited with {code}"
    known = {number.value: number.name for number in signal.Signals}
    return f"was ended by {known.get(-code, f'signal {-code}')}"


def _no_answer(name: str, timeout: float, errors: IO[bytes]) -> CommandError:
    return CommandError(f"{name} gave no answer within {number(timeout, 6)} s{_last_words(errors)}")


def _last_words(errors: IO[bytes]) -> str:
    """What the program wrote last to its standard error."""
    lines = _tail(errors).split("\n")[-3:]
    return f"; its last words: {shortened(printable(' | '.join(lines)), 500)}" if any(lines) else ""


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return file.read().decode(errors="replace").strip()
