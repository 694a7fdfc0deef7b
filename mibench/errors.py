"""The errors that a user can see. Each message is one line: what went wrong, where, what to do."""

from collections.abc import Sequence
from typing import Any


class MibenchError(Exception):
    """A failure that its message explains. The command line shows the message alone and exits with 2."""


class UsageError(MibenchError):
    """What a user asked for does not exist or does not fit."""


class TrialsFailed(UserWarning):
    """Some trials of a run failed; the warning counts them."""


class PluginError(MibenchError):
    """A plugin could not be loaded, declares what is wrong, or failed in a trial of another plugin's estimator."""


class CommandError(MibenchError):
    """A command that is an estimator could not be run or gave no answer; the message says what it did."""


class UnfitError(MibenchError):
    """A task or an estimator raises this in a trial to have it skipped: this estimator does not fit this cell."""


class SmallBatchError(UnfitError, ValueError):
    """There are fewer samples than an estimator needs; the message says how many it needs."""


class ContractError(MibenchError, AssertionError):
    """An estimator, a task or a family returned or did something that the contract does not allow.

    Attributes:
        expected: what the contract asks for, and where it helps how to keep it.
        got: what it returned or did.
        hint: what the mistake may be, where that can be told.
    """

    def __init__(self, expected: str, got: str, hint: str = "") -> None:
        super().__init__(f"expected {expected}; got {got}{hint and f'; {hint}'}")
        self.expected = expected
        self.got = got
        self.hint = hint


class DataError(UsageError):
    """A data set is absent, damaged or not the expected one."""


class AbsentDataError(DataError):
    """No file of a data set is here."""


class DivergedError(MibenchError):
    """A task raises this in a trial when numbers are no longer finite; the record keeps what it measured before.

    Attributes:
        measurements: what the task measured before, as `mibench.contracts.Measurement`.
    """

    def __init__(self, message: str, measurements: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.measurements = list(measurements)


class StoreError(MibenchError):
    """Results could not be written or read."""
