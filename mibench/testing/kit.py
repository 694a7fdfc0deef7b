"""Properties, the verdicts on them, and how a property comes to its verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from mibench.errors import ContractError, UnfitError
from mibench.testing.failures import Failure
from mibench.testing.subject import Numbers, Subject

Status = Literal["passed", "failed", "not applicable"]


class NonconformingError(AssertionError):
    """An estimator does not keep the contract.

    Attributes:
        expected: the claim, and where it helps how to keep it.
        got: what came instead.
    """

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}; got {got}")
        self.expected = expected
        self.got = got


@dataclass(frozen=True)
class NotApplicable:
    """A property that does not concern an estimator, or cannot be tried here.

    Attributes:
        reason: why.
        cause: of one that cannot be run, as `Verdict.cause`.
    """

    reason: str
    cause: str = ""


Check: TypeAlias = Callable[[Subject], NotApplicable | None]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One claim that the contract makes of every estimator.

    Attributes:
        name: what a user reads, e.g. `global-state`.
        claim: the claim in one line.
        see: where the contract says so.
        check: raises `NonconformingError` if the claim is false of an estimator.
        gate: whether it is checked of an estimator that cannot be run at all; the other properties then are not.
    """

    name: str
    claim: str
    see: str
    check: Check
    gate: bool = False

    def verdict(self, subject: Subject) -> "Verdict":
        """Checks the claim; whatever the estimator raises is a failure of it."""
        clock = time.perf_counter()
        try:
            outcome = self._outcome(subject)
            found = Verdict(self.name, "passed")
            if outcome:
                found = Verdict(self.name, "not applicable", outcome.reason, cause=outcome.cause)
        except UnfitError as error:
            found = Verdict(self.name, "not applicable", f"the estimator declines the problem: {error}")
        except NonconformingError as error:
            found = self._failed(error.expected, Failure(error.got))
        except ContractError as error:
            found = self._failed(error.expected, Failure(error.got, cause=error.got))
        except Exception as error:  # noqa: BLE001 - whatever an author's code raises
            failure = subject.failure(error)
            found = self._failed(failure.expected or f"that {self.claim}", failure)
        return replace(found, seconds=time.perf_counter() - clock)

    def _failed(self, expected: str, failure: Failure) -> "Verdict":
        hint = f"; {failure.hint}" if failure.hint else ""
        return Verdict(
            self.name,
            "failed",
            f"expected {expected}; got {failure.text}{hint}; see {self.see}",
            expected=expected,
            got=failure.text,
            hint=failure.hint,
            see=self.see,
            cause=failure.cause,
            traceback=failure.trace,
        )

    def _outcome(self, subject: Subject) -> NotApplicable | None:
        if subject.spec.baseline_of:
            return NotApplicable(f"a baseline of {subject.spec.baseline_of} estimates nothing")
        if not self.gate and subject.obstacle:
            return NotApplicable(f"the estimator cannot be run: {subject.obstacle.text}", subject.obstacle.cause)
        return self.check(subject)


@dataclass(frozen=True)
class Verdict:
    """What came of one property.

    Attributes:
        name: of the property.
        status: `passed`, `failed` or `not applicable`.
        message: what was expected, what came and where to read, or why the property does not apply; empty if it passed.
        expected: of one that failed, the claim.
        got: of one that failed, what came instead.
        hint: of one that failed, what the mistake may be, where the kit can tell.
        see: of one that failed, where the contract says so.
        cause: of what the estimator raised, the same for all properties that fail by one mistake; empty if nothing.
        seconds: that the check took.
        traceback: of what the estimator raised; empty if nothing.
    """

    name: str
    status: Status
    message: str = ""
    expected: str = ""
    got: str = ""
    hint: str = ""
    see: str = ""
    cause: str = ""
    seconds: float = 0.0
    traceback: str = ""


def expect(holds: bool, expected: str, got: str) -> None:
    """Raises `NonconformingError` unless the claim holds.

    Args:
        holds: whether it does.
        expected: the claim, and where it helps how to keep it.
        got: what came instead.
    """
    if not holds:
        raise NonconformingError(expected, got)


def expect_equal(ours: Numbers, theirs: Numbers, expected: str, *, relative: float = 0.0) -> None:
    """Raises `NonconformingError` unless both say the same of a batch; absent numbers equal each other.

    Args:
        ours: what is judged.
        theirs: what it should be.
        expected: the claim.
        relative: largest difference, as a share of the largest absolute number; none allowed by default.
    """
    for name, our in ours.items():
        their = theirs[name]
        expect(our.shape == their.shape, expected, f"a {name} of shape {tuple(our.shape)}, not {tuple(their.shape)}")
        distance = _distance(our, their)
        expect(
            distance <= relative * their.nan_to_num().abs().max().item(),
            expected,
            f"a {name} that differs by up to {distance:.3g}",
        )


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; infinite where only one is NaN."""
    if ours.numel() == 0:
        return 0.0
    one_is_nan = ours.isnan() != theirs.isnan()
    difference = torch.where(ours == theirs, 0.0, (ours - theirs).abs()).nan_to_num(nan=0.0)
    return torch.where(one_is_nan, torch.inf, difference).max().item()
