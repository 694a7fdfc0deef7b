"""Ways to run batches: the runner knows `submit`, futures and `slots`, and nothing else."""

import concurrent.futures
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a user allows.

    Attributes:
        workers: how many batches run at once.
        timeout: seconds a trial may take; `None` for no limit.
        memory: bytes a worker may use; `None` for no limit.
    """

    workers: int
    timeout: float | None = None
    memory: int | None = None


class Executor(concurrent.futures.Executor):
    """Runs batches. Made with `Limits`; a worker that is lost raises one of the two errors below from its future.

    Attributes:
        slots: how many batches it can hold at once; the runner keeps this many, and a few more, submitted.
        plans: whether its workers are so near that they may plan a run too, which takes torch.
    """

    slots: int = 1
    plans: bool = False

    def __init__(self, limits: Limits) -> None:
        self.limits = limits


class WorkerLostError(Exception):
    """The process that ran a batch died; the message says how."""


class OverdueError(Exception):
    """A batch took longer than it was allowed and was stopped."""
