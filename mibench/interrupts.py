"""Requests to stop, such as Ctrl-C, told apart from a `KeyboardInterrupt` that a plugin raises."""

import contextlib
import signal
import threading
from collections.abc import Generator
from types import FrameType


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
