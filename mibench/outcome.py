"""What comes of a trial: how it ended, what it measured, and why it did not end well. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LARGEST_NUMBER = 1e150
"""Numbers beyond count as not finite, since squares of them are not."""
LARGEST_WHOLE = 2**63 - 1
"""Whole numbers beyond, on either side of 0, are refused: records, frames and torch hold none."""
NO_TRUTH = 1e-9
"""The size up to which a truth is 0 but for rounding: an error is no multiple of it."""
TIMES = frozenset({"s", "ms", "min", "h"})
"""The units of how long something took, which differs from run to run."""


class Status(StrEnum):
    """How a trial ended."""

    OK = "ok"
    SKIPPED = "skipped"
    DIVERGED = "diverged"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CRASHED = "crashed"

    @property
    def done(self) -> bool:
        """Whether the same command does not run it again, because it would end in the same way."""
        return self in {Status.OK, Status.SKIPPED, Status.DIVERGED}

    @property
    def failed(self) -> bool:
        """Whether it was run and did not end well; a run with such a trial exits with 1."""
        return self not in {Status.OK, Status.SKIPPED}

    @classmethod
    def failures(cls) -> list[str]:
        """The statuses that count as failed, as a frame holds them."""
        return [status.value for status in cls if status.failed]


@dataclass(frozen=True)
class Measurement:
    """One number of a trial.

    Attributes:
        name: e.g. `mi`, `mi_gradient`, `accuracy/conv`.
        value: what was measured; NaN in a record for what was not finite.
        truth: what it should be, where that is known.
        unit: `nats`, `nats/rho`, `%`, or empty.
        epoch: when it was measured, for a point of a learning curve; `None` for what a trial ends with.
        truth_error: how far the truth itself may be off: the standard error of a Monte Carlo mean, the error of a
            quadrature; `None` for an exact one.
    """

    name: str
    value: float
    truth: float | None = None
    unit: str = "nats"
    epoch: int | None = None
    truth_error: float | None = None

    @property
    def is_time(self) -> bool:
        """Whether it says how long something took, which differs from run to run."""
        return self.unit in TIMES


@dataclass(frozen=True)
class ErrorInfo:
    """Why a trial did not end well, or was skipped.

    Attributes:
        type: the exception's class, or `Skipped`, `Diverged`, `Overdue`, `WorkerLost`.
        message: one sentence, or whatever a plugin raised.
        traceback: Python's, where an exception ended the trial.
    """

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one trial.

    Attributes:
        status: how it ended.
        measurements: what it measured, possibly before it failed.
        error: why it is not `ok`; `None` if it is.
    """

    status: Status
    measurements: Sequence[Measurement] = ()
    error: ErrorInfo | None = None
