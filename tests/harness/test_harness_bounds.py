"""A lower bound on information that lies far below zero has diverged, and its trial says so."""

import pytest

from mibench.outcome import Measurement, Outcome, Status
from mibench.runner.answers import refuse_lost_bound


def outcome(value: float, name: str = "mi") -> Outcome:
    return Outcome(Status.OK, [Measurement(name, value, 2.04)])


@pytest.mark.parametrize("name", ["mi", "mi/1.386"])
def test_a_lower_bound_far_below_zero_is_diverged_and_keeps_its_number(name: str) -> None:
    refused = refuse_lost_bound(outcome(-12.0, name), "lower")
    assert refused.status is Status.DIVERGED
    assert refused.measurements[0].value == -12.0
    assert refused.error is not None
    assert refused.error.message == f"a lower bound far below 0, whose critic has diverged: {name} is -12 nats"


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        (outcome(-2.9), "lower"),
        (outcome(-12.0), None),
        (outcome(-12.0), "upper"),
        (outcome(-12.0, "mi_gradient"), "lower"),
    ],
)
def test_noise_about_zero_and_what_is_no_lower_bound_stay_as_they_are(given: Outcome, bound: str | None) -> None:
    assert refuse_lost_bound(given, bound) is given  # pyright: ignore[reportArgumentType]


def test_a_failure_stays_a_failure() -> None:
    failed = Outcome(Status.FAILED, [Measurement("mi", -12.0)])
    assert refuse_lost_bound(failed, "lower") is failed
