"""Who wants to end this process: the user, or code of a plugin."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType


@contextlib.contextmanager
def noting_interrupts() -> Generator[Callable[[], bool]]:
    """Tells a Ctrl-C from a `KeyboardInterrupt` that a plugin raises.

    Yields:
        A function: whether a signal has come to end this process.
    """
    came: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _ending_signals()}

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        handler = handlers[number]
        if callable(handler):
            handler(number, frame)

    changed = [number for number, handler in handlers.items() if callable(handler)]
    for number in changed:
        signal.signal(number, note)
    try:
        yield lambda: bool(came)
    finally:
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
