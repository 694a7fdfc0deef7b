"""Runs batches one after the other in this process: for debugging, and for classes that no worker can import."""

import concurrent.futures
from collections.abc import Callable
from typing import Any

from mibench.executors import Executor, Limits
from mibench.executors.hosted import end_children
from mibench.executors.orphans import Watchdog
from mibench.process.interrupts import staying_alive


class SerialExecutor(Executor):
    """Runs a batch as soon as it is submitted. It keeps no limits: this process cannot enforce them on itself.

    A trial that calls `os._exit` fails and ends nothing.
    """

    keeps = frozenset()

    def __init__(self, limits: Limits, params: Any = None) -> None:
        super().__init__(limits.on_this_machine(), params)
        self._watchdog = Watchdog()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        """Runs the call and returns a finished future."""
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            with end_children(), staying_alive():
                future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future carries whatever was raised
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the watchdog over this process's trials; every future is finished already."""
        del wait, cancel_futures
        self._watchdog.dismiss()
