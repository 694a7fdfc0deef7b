"""Properties, the verdicts on them, and how a property comes to its verdict."""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from mibench.discovery.isolation import preserved
from mibench.errors import ContractError, UnfitError
from mibench.process.interrupts import staying_alive
from mibench.testing.failures import Failure
from mibench.testing.scenario import served
from mibench.testing.subject import Numbers, Subject
from mibench.text import message_of, number

Status = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True)
class NotApplicable:
    """A property that does not concern an estimator, or cannot be tried here.

    Attributes:
        reason: why.
    """

    reason: str


Check: TypeAlias = Callable[[Subject], NotApplicable | None]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One claim that the contract makes of every estimator.

    Attributes:
        name: what a user reads, e.g. `global-state`.
        claim: the claim in one line.
        see: where the contract says so.
        check: raises `ContractError` if the claim is false of an estimator.
        after: properties without which this one cannot hold: if one of them fails too, it alone is the finding.
        gate: whether it is judged even if the spec's target is no estimator that can be imported.
    """

    name: str
    claim: str
    see: str
    check: Check
    after: tuple["Property", ...] = ()
    gate: bool = False

    def verdict(self, subject: Subject) -> "Verdict":
        """Checks the claim; whatever the estimator raises is a failure of it."""
        clock = time.perf_counter()
        verdict = self._judge(subject)
        if verdict.status == "failed":
            failed = next((earlier for earlier in self.earlier() if earlier._judge(subject).status == "failed"), None)
            if failed is not None:
                verdict = self.not_judged(failed)
        return replace(verdict, seconds=time.perf_counter() - clock)

    def earlier(self) -> "Iterator[Property]":
        """All that must hold before this property can, what must hold first in front."""
        for earlier in self.after:
            yield from earlier.earlier()
            yield earlier

    def not_judged(self, failed: "Property") -> "Verdict":
        """The verdict on a property that cannot hold while another fails."""
        return Verdict(self.name, "not applicable", f"not judged while {failed.name!r} fails")

    def lost(self, how: str, hint: str) -> "Verdict":
        """The verdict where the process that judged this property was lost."""
        return self._failed(f"that {self.claim}", Failure(how, hint=hint))

    def _judge(self, subject: Subject) -> "Verdict":
        if subject.spec.baseline_of:
            reason = f"a baseline of {subject.spec.baseline_of} estimates nothing"
            return Verdict(self.name, "not applicable", reason)
        if not (self.gate or subject.loads):
            return Verdict(self.name, "not applicable", "not judged while 'spec' fails")
        try:
            with preserved(environment=True):  # what the estimator does to the process is no matter of other properties
                outcome = self._check(subject)
        except UnfitError as error:
            return Verdict(self.name, "not applicable", f"the estimator declines the problem: {message_of(error)}")
        except ContractError as error:
            return self._failed(error.expected, Failure(error.got, hint=error.hint))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever an author's code raises, `sys.exit` included
            failure = subject.failure(error)
            return self._failed(failure.expected or f"that {self.claim}", failure)
        return Verdict(self.name, "not applicable", outcome.reason) if outcome else Verdict(self.name, "passed")

    def _check(self, subject: Subject) -> NotApplicable | None:
        """Tries it on x and y of several dimensions, or of one, and on as many pairs as it asks for."""
        with staying_alive(), ExitStack() as asked:
            while True:
                try:
                    return self.check(subject)
                except (UnfitError, ValueError) as error:
                    scenarios = served(error)
                    if scenarios is None:
                        raise
                    asked.enter_context(scenarios)

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
            traceback=failure.trace,
        )


def claim(text: str, *, see: str, after: tuple[Property, ...] = (), gate: bool = False) -> Callable[[Check], Property]:
    """Makes a property of the function that checks it, whose name is the property's, with hyphens.

    Args:
        text: the claim in one line.
        see: where the contract says so.
        after: properties without which this one cannot hold.
        gate: whether it is judged even if the spec's target is no estimator that can be imported.

    Example::

        @claim("it takes at least one sample", see="mibench.contracts.Estimator")
        def one_sample(subject):
            expect(...)
    """

    def decorate(check: Check) -> Property:
        name = getattr(check, "__name__", "").replace("_", "-")
        return Property(name=name, claim=text, see=see, check=check, after=after, gate=gate)

    return decorate


@dataclass(frozen=True)
class Verdict:
    """What came of one property.

    Attributes:
        name: of the property.
        status: `passed`, `failed` or `not applicable`.
        message: what was expected, what came and where to read, or why the property does not apply; empty if it passed.
        expected: the claim, if it failed.
        got: what came instead, if it failed.
        hint: what the mistake may be, if it failed and the kit can tell.
        see: where the contract says so, if it failed.
        seconds: how long the check took.
        traceback: of what the estimator raised; empty if nothing.
    """

    name: str
    status: Status
    message: str = ""
    expected: str = ""
    got: str = ""
    hint: str = ""
    see: str = ""
    seconds: float = 0.0
    traceback: str = ""


def expect(holds: bool, expected: str, got: str, hint: str = "") -> None:
    """Raises `ContractError` unless the claim holds.

    Args:
        holds: whether it does.
        expected: the claim, and where it helps how to keep it.
        got: what came instead.
        hint: what the mistake may be.
    """
    if not holds:
        raise ContractError(expected, got, hint)


def expect_equal(ours: Numbers, theirs: Numbers, expected: str, *, relative: float = 0.0) -> None:
    """Raises `ContractError` unless both say the same of a batch; absent numbers equal each other.

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
            f"a {name} that differs by up to {number(distance)}",
        )


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; infinite where only one is NaN."""
    if ours.numel() == 0:
        return 0.0
    one_is_nan = ours.isnan() != theirs.isnan()
    difference = torch.where(ours == theirs, 0.0, (ours - theirs).abs()).nan_to_num(nan=0.0)
    return torch.where(one_is_nan, torch.inf, difference).max().item()


def __getattr__(name: str) -> Any:
    """`NonconformingError` is `mibench.errors.ContractError`; its old name goes with the next minor version."""
    if name != "NonconformingError":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is now mibench.errors.ContractError", DeprecationWarning, stacklevel=2)
    return ContractError
