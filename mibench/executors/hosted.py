"""Child processes that end with their parent, whatever ends the parent."""

import functools
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from typing import Any


def exit_with_parent(call: Callable[[], Any]) -> Any:
    """Calls a function in a process that ends with its host: a batch whose worker is gone is run again elsewhere."""
    _end_with_host()
    return call()


@functools.cache
def _end_with_host() -> None:
    host = multiprocessing.parent_process()
    if host is not None:
        threading.Thread(target=_watch, args=(host.sentinel,), daemon=True).start()


def _watch(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
