"""What goes wrong, said in one line: what, where, what to do."""

from collections.abc import Sequence
from typing import Any


class MibenchError(Exception):
    """A failure that its message explains; the command line shows it without a traceback and exits with 2."""


class UsageError(MibenchError):
    """What was asked for does not exist or does not fit."""


class PluginError(MibenchError):
    """A plugin could not be loaded, or what it declares is wrong."""


class UnfitError(MibenchError):
    """Raised in a trial by a task or an estimator: this estimator does not fit this cell; the trial is skipped."""


class ContractError(MibenchError):
    """An estimator gave something else than the contract asks of it.

    Attributes:
        expected: what it asks.
        got: what came instead.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}; got {got}")
        self.expected = expected
        self.got = got


class DataError(UsageError):
    """A data set is absent, damaged or not what it should be."""


class AbsentDataError(DataError):
    """A data set is not here, nor anything that looks like it."""


class DivergedError(MibenchError):
    """Raised in a trial by a task: numbers are no longer finite; what was measured until then is kept.

    Attributes:
        measurements: what was measured, as `mibench.contracts.Measurement`.
    """

    def __init__(self, message: str, measurements: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.measurements = list(measurements)


class StoreError(MibenchError):
    """Results could not be written or read."""
