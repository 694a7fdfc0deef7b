"""From what a task returns or raises to the outcome of each trial, whatever that is."""

import itertools
import math
import operator
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mibench.errors import ContractError, DivergedError, MibenchError, PluginError, UnfitError
from mibench.outcome import LARGEST_NUMBER, LARGEST_WHOLE, ErrorInfo, Measurement, Outcome, Status
from mibench.specs import Bound
from mibench.text import described, lacks_memory, message_of, number, printable, shortened, traceback_of

MOST = 100_000
"""Measurements of one trial."""
LOST = 3.0
"""How many nats below 0 a lower bound on I(X;Y) may lie, by a weak critic or the noise of a batch."""
_NAME, _MESSAGE, _TRACEBACK = 200, 10_000, 100_000
"""How many characters a record takes of each."""


def collect(answers: Any, trials: int, before: Callable[[int], object]) -> list[Outcome]:
    """The outcomes of a batch.

    Args:
        answers: what `Task.run` returned: for each trial, its measurements.
        trials: how many there are.
        before: is called with the index of a trial before its answer is asked for, which may be when it is run.

    Raises:
        ContractError: these are no answers, there are more or fewer of them, or one of them is empty.
    """
    if not isinstance(answers, Iterable):
        raise ContractError("`run` to give the measurements of each trial", described(answers))
    outcomes: list[Outcome] = []
    iterator = iter(answers)
    for index in range(trials):
        before(index)
        try:
            measurements = next(iterator)
        except StopIteration:
            raise ContractError(f"`run` to give measurements {trials} times, once a trial", f"{index}") from None
        outcomes.append(judge(measurements))
    for _ in iterator:
        raise ContractError(f"`run` to give measurements {trials} times, once a trial", "more")
    if not all(outcome.measurements for outcome in outcomes):
        raise ContractError("at least one measurement of a trial", "none: raise UnfitError where there is none")
    return outcomes


def judge(measurements: Any) -> Outcome:
    """`ok`, or `diverged` with the names of what is not finite.

    Raises:
        ContractError: these are no measurements, or too many, or one is there twice.
    """
    if not isinstance(measurements, Iterable):
        raise ContractError("the measurements of a trial", described(measurements))
    clean = [_clean(measurement) for measurement in itertools.islice(measurements, MOST + 1)]
    if len(clean) > MOST:
        raise ContractError(f"at most {MOST:,} measurements of a trial", "more")
    (twice, epoch), count = Counter((one.name, one.epoch) for one in clean).most_common(1)[0] if clean else (("", 0), 0)
    if count > 1:  # their mean would pass for that of several seeds
        when = "" if epoch is None else f" at epoch {epoch}"
        raise ContractError(f"one measurement of {twice}{when} in a trial", f"{count}")
    lost = list(dict.fromkeys(measurement.name for measurement in clean if math.isnan(measurement.value)))
    if not lost:
        return Outcome(Status.OK, clean)
    return Outcome(Status.DIVERGED, clean, error_info("Diverged", f"not finite: {', '.join(lost)}"))


def refuse_lost_bound(outcome: Outcome, bound: Bound | None) -> Outcome:
    """`diverged` for a lower bound on I(X;Y) that lies far below 0, where a constant critic would give 0.

    Args:
        outcome: of a trial.
        bound: what the estimator declares its value to be.
    """
    if bound != "lower" or outcome.status is not Status.OK:
        return outcome
    lost = [
        f"{measurement.name} is {number(measurement.value)} nats"
        for measurement in outcome.measurements
        if measurement.name.partition("/")[0] == "mi" and measurement.value < -LOST
    ]
    if not lost:
        return outcome
    message = f"a lower bound far below 0, whose critic has diverged: {', '.join(lost)}"
    return Outcome(Status.DIVERGED, outcome.measurements, error_info("Diverged", message))


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of a trial that raised an exception."""
    message = message_of(error)
    if isinstance(error, UnfitError):
        return skipped(message)
    if isinstance(error, DivergedError):
        try:
            return Outcome(Status.DIVERGED, judge(error.measurements).measurements, error_info("Diverged", message))
        except Exception as second:  # noqa: BLE001 - what it carries may be anything
            return outcome_of(second)
    if lacks_memory(error):
        message = f"out of memory: {message}"
    return Outcome(Status.FAILED, error=error_info(type(error).__name__, message, traceback_of(error)))


def blaming(error: BaseException, task: str, task_module: str, estimator_module: str) -> BaseException:
    """The same error; or one that names the task, where its answer was refused or its own module raised, at that line.

    Args:
        error: what ended a batch.
        task: its name.
        task_module: where the task's class is.
        estimator_module: where the estimator's class is; where that is one with the task's nobody can tell.
    """
    steps = [*traceback.walk_tb(error.__traceback__)]
    modules = [frame.f_globals.get("__name__", "") for frame, _ in steps]
    in_task = task_module in modules[-1:] and estimator_module not in modules and not isinstance(error, MibenchError)
    if lacks_memory(error) or not (in_task or __name__ in modules[-1:]):
        return error
    kind = "" if isinstance(error, MibenchError) else f"{type(error).__name__}: "
    frame, line = steps[-1]
    place = f" ({Path(frame.f_code.co_filename).name}:{line})" if in_task else ""
    blame = PluginError(f"task {task}: {kind}{message_of(error)}{place}")
    blame.__cause__ = error
    return blame.with_traceback(error.__traceback__)


def skipped(reason: str) -> Outcome:
    """The outcome of a trial whose estimator does not fit its task or its cell."""
    return Outcome(Status.SKIPPED, error=error_info("Skipped", reason))


def error_info(kind: str, message: str, trace: str = "") -> ErrorInfo:
    """What a record says of an error: printable, and not longer than a person reads."""
    return ErrorInfo(
        shortened(printable(kind), _NAME),
        shortened(printable(message), _MESSAGE),
        shortened(printable(trace), _TRACEBACK),
    )


def _clean(measurement: Any) -> Measurement:
    """A measurement in plain types: a value that is not finite is NaN, and such a truth is unknown.

    Raises:
        ContractError: it is none, or says what no measurement can.
    """
    if not isinstance(measurement, Measurement):
        raise ContractError("a Measurement", described(measurement))
    name = _text(measurement.name, "name")
    if not name:
        raise ContractError("a measurement to have a name", "none")
    truth, error = (
        None if given is None else _number(given, f"the {what} of {name}")
        for given, what in ((measurement.truth, "truth"), (measurement.truth_error, "truth's error"))
    )
    if error is not None and error < 0:
        raise ContractError(f"the truth's error of {name} not to be below 0", number(error))
    epoch = None if measurement.epoch is None else _whole(measurement.epoch, f"the epoch of {name}")
    if epoch is not None and epoch < 0:
        raise ContractError(f"the epoch of {name} not to be below 0", f"{epoch}")
    return Measurement(
        name=name,
        value=_number(measurement.value, f"the value of {name}"),
        truth=None if truth is None or math.isnan(truth) else truth,
        unit=_text(measurement.unit, f"unit of {name}"),
        epoch=epoch,
        truth_error=None if error is None or not error > 0 else error,
    )


def _text(given: Any, what: str) -> str:
    if not isinstance(given, str):
        raise ContractError(f"a measurement's {what} to be text", described(given))
    if len(given) > _NAME:
        raise ContractError(f"a measurement's {what} of at most {_NAME} characters", f"{len(given):,}")
    if len(given.splitlines()) > 1 or given != given.rstrip("\r\n"):
        raise ContractError(f"a measurement's {what} of one line", described(given))
    return printable(str(given))


def _number(given: Any, what: str) -> float:
    """Any kind of number as a float, NaN for one that is not finite or too large."""
    if isinstance(given, str | bytes) or not (hasattr(given, "__float__") or hasattr(given, "__index__")):
        raise ContractError(f"{what} to be a number", described(given))
    try:
        plain = given.item() if hasattr(given, "item") else given
        number = float(plain)
    except OverflowError:
        return math.nan
    if isinstance(plain, bool):
        raise ContractError(f"{what} to be a number", described(given))
    return number if abs(number) <= LARGEST_NUMBER else math.nan


def _whole(given: Any, what: str) -> int:
    try:
        number = operator.index(given)
    except TypeError as error:
        raise ContractError(f"{what} to be a whole number", described(given)) from error
    if abs(number) > LARGEST_WHOLE:
        raise ContractError(f"{what} to be below 2**63", "a larger one")
    return number
