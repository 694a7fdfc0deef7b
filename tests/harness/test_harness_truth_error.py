"""A truth may be off by its own error: nothing is called better or worse that another truth would call otherwise."""

import dataclasses

import comparison_toys as toys
import numpy as np
import pandas as pd
import pytest

from mibench.comparison import compare
from mibench.comparison.baseline import compare_baseline
from mibench.comparison.pairwise import compare_estimators
from mibench.comparison.samples import Sample
from mibench.comparison.verdicts import UNRESOLVED
from mibench.outcome import Measurement
from mibench.runner.answers import collect

TRUTH = 1.0
SCATTER = 1e-4 * np.linspace(-1, 1, 8)


def measured(mean: float, error: float | None, estimator: str = "steady") -> pd.DataFrame:
    values = toys.frame({"mi": (mean + SCATTER).tolist()}, truth=TRUTH, estimator=estimator)
    return values if error is None else values.assign(truth_error=error)


@pytest.mark.parametrize("error", [0.0, float("nan")])
def test_an_error_that_is_none_is_not_recorded(error: float) -> None:
    (outcome,) = collect([[Measurement("mi", 1.0, 1.0, truth_error=error)]], 1, lambda _: None)
    assert outcome.measurements[0].truth_error is None


@pytest.mark.parametrize(
    ("ours", "error", "expected"),
    [
        (0.90, None, "worse"),  # farther from 1 than 1.04 is
        (0.90, 0.001, "worse"),
        (0.90, 0.02, "inconclusive"),  # if the truth is 0.96, 0.90 is nearer
        (1.20, 0.02, "worse"),  # both are too large, wherever the truth is
        (1.041, 0.02, "match"),  # and these are as good as each other wherever it is
    ],
)
def test_a_baseline_is_called_better_only_where_it_is_so_wherever_the_truth_may_be(
    ours: float, error: float | None, expected: str
) -> None:
    row = compare_baseline(measured(ours, error), measured(1.04, error), toys.registry()).iloc[0]
    assert row["verdict"] == expected
    assert (row["reason"] == UNRESOLVED) == (expected == "inconclusive")


@pytest.mark.parametrize(("error", "expected"), [(None, "worse"), (0.001, "worse"), (0.02, "inconclusive")])
def test_the_same_holds_of_references(error: float | None, expected: str) -> None:
    references = toys.references({"measurement": "mi", "value": 1.04})
    assert compare(measured(0.90, error), references, toys.registry())["verdict"].tolist() == [expected]


@pytest.mark.parametrize(("error", "expected"), [(None, "worse"), (0.001, "worse"), (0.02, "inconclusive")])
def test_the_same_holds_of_two_estimators(error: float | None, expected: str) -> None:
    both = pd.concat([measured(0.90, error, "a"), measured(1.04, error, "b")], ignore_index=True)
    row = compare_estimators(both, "a", toys.registry()).iloc[0]
    assert row["verdict"] == expected
    assert (row["reason"] == UNRESOLVED) == (expected == "inconclusive")


@pytest.mark.parametrize("truth", np.linspace(0.7, 1.3, 13))
def test_doubt_is_what_the_mean_loss_moves_by_and_at_most_four_errors(truth: float) -> None:
    truths = np.full(2, truth)
    sample = Sample(cell={}, seeds=np.arange(2), values=np.zeros(2), truths=truths, better="truth", truth_error=0.05)

    def losses(moved: Sample) -> np.ndarray:
        return moved.loss(np.array([0.9, 0.9])) - moved.loss(np.array([1.1, 1.1]))

    moved = [losses(dataclasses.replace(sample, truths=truths + shift)).mean() for shift in (-0.1, 0.1)]
    assert sample.doubt(losses) == pytest.approx(np.abs(np.array(moved) - losses(sample).mean()).max())
    assert sample.doubt(losses) <= 4 * 0.05 + 1e-12
