"""A parameter that an estimator gains later leaves the keys of what was measured before it as they were."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mibench import frames
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.plan import make_plan
from mibench.plan.request import RunRequest
from mibench.plan.selectors import combinations, field_values
from mibench.specs import added

RESULTS = Path(__file__).parents[2] / "results"


@dataclass(frozen=True, kw_only=True)
class Before:
    threshold: float = 0.99


@dataclass(frozen=True, kw_only=True)
class After(Before):
    width: str = added("blocks")
    rank: int = field(default=3)


def test_a_parameter_added_at_its_default_is_not_among_the_values() -> None:
    assert field_values(After(), "a") == {"threshold": 0.99, "rank": 3}
    assert field_values(After(width="each"), "a") == {"threshold": 0.99, "rank": 3, "width": "each"}


def test_values_without_an_added_parameter_make_the_instance_that_they_were_of() -> None:
    values = {name: [value] for name, value in field_values(After(rank=5), "a").items()}
    assert combinations(After, values, "toy") == [After(rank=5)]


@pytest.mark.parametrize("estimator", ["mige", "mine"])
def test_trials_of_the_committed_frame_keep_their_keys(estimator: str) -> None:
    frame = frames.read(RESULTS / "gaussian.csv")
    measured = frame[(frame["estimator"] == estimator) & (frame["d"] == 5) & (frame["bend"] == "none")]
    request = RunRequest(estimators=estimator, tasks="gaussian[d=5]", profile="paper", seeds=2, device="cpu")
    planned = {trial.key for trial in make_plan(Registry(load_plugins()), request).trials}
    assert planned <= set(measured["key"])
