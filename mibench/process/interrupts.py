"""Requests to stop, such as Ctrl-C, told apart from what code of plugins does to end this process."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType

_AGAIN = 1.0
"""Seconds after which a request to stop is repeated, as long as the code of a plugin goes on."""
_PATIENCE = 10
"""Requests to stop that the code of a plugin may drop; the next ends the process, its unfinished trial with it."""


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop.

    Attributes:
        number: the signal's number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def listen(*names: str) -> Generator[None]:
    """Raises `Interrupted` when one of the signals arrives; afterwards the handlers are what they were.

    A signal that this process ignores, as after `nohup`, stays ignored. Only the main thread can listen.

    Args:
        names: e.g. `SIGINT` and `SIGHUP`; a signal that this system lacks is passed over.
    """
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    in_main = threading.current_thread() is threading.main_thread()
    heard = [number for number in numbers if in_main and signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _raise) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(error: KeyboardInterrupt) -> int:
    """The exit code of a process that a signal ended, as shells count: 130 for Ctrl-C."""
    return 128 + (error.number if isinstance(error, Interrupted) else signal.SIGINT)


def _raise(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what a handler is called with
    raise Interrupted(number)


@contextlib.contextmanager
def noting_interrupts() -> Generator[Callable[[], bool]]:
    """Tells a Ctrl-C from a `KeyboardInterrupt` that a plugin raises.

    The signal comes again until the block ends: a plugin may have caught what the handler raised, and Python itself
    drops it where it cannot raise, as in `__del__`. Code that goes on nevertheless ends with the process.

    Yields:
        A function: whether a signal has come to end this process.
    """
    came: list[threading.Timer] = []
    handlers = {number: signal.getsignal(number) for number in _ending_signals()}

    def note(number: int, frame: FrameType | None) -> None:
        came.append(threading.Timer(_AGAIN, os.kill, (os.getpid(), number)))
        came[-1].daemon = True
        came[-1].start()
        if len(came) > _PATIENCE:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        handler = handlers[number]
        if callable(handler):
            handler(number, frame)

    changed = [number for number, handler in handlers.items() if callable(handler)]
    for number in changed:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
        for again in came:
            again.cancel()
        for number in changed:
            signal.signal(number, handlers[number])


def _ending_signals() -> list[int]:
    """Those that Python's code may answer, which it does in the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def staying_alive() -> Generator[None]:
    """Makes of `os._exit` in code of others an exception that can be caught; child processes end as ever.

    Raises:
        SystemExit: `os._exit` was called.
    """
    end, process = os._exit, os.getpid()

    def refuse(status: int) -> None:
        if os.getpid() != process:
            end(status)
        raise SystemExit(f"os._exit({status}) was called")

    os._exit = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = end
