"""How far a run is, in a notebook, and what came of it: for `mibench.run`."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from mibench.outcome import Status
from mibench.store.record import Record
from mibench.text import pluralise

_EVERY = 0.5
"""Seconds between two updates."""


def losses(records: Iterable[Record]) -> str:
    """How many trials failed, by how they ended, e.g. `2 of 60 trials failed (1 failed, 1 diverged)`; or nothing."""
    statuses = Counter(record.outcome.status for record in records)
    failed = {status: count for status, count in statuses.items() if status.failed}
    if not failed:
        return ""
    ways = ", ".join(f"{count} {status.value}" for status, count in sorted(failed.items()))
    return f"{sum(failed.values())} of {pluralise(statuses.total(), 'trial')} failed ({ways})"


def announced(records: Iterable[Record], total: int) -> Iterator[Record]:
    """Records as they come; a notebook shows how many of a number there are so far."""
    handle = _line() if total else None
    statuses, shown = Counter[Status](), 0.0
    for record in records:
        statuses[record.outcome.status] += 1
        if handle and time.monotonic() - shown > _EVERY:
            handle.update(_Line(_so_far(statuses, total)))
            shown = time.monotonic()
        yield record
    if handle:
        handle.update(_Line(_so_far(statuses, total)))


class _Line:
    """Text that a notebook shows without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _so_far(statuses: "Counter[Status]", total: int) -> str:
    ways = ", ".join(f"{count} {status.value}" for status, count in sorted(statuses.items()))
    return f"mibench: {statuses.total()} of {pluralise(total, 'trial')}: {ways}"


def _line() -> Any:
    """A line that a notebook updates in place; `None` elsewhere. IPython is never imported for it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # type: ignore[import-not-found, unused-ignore]

    return display(_Line("mibench: starting"), display_id=True)
