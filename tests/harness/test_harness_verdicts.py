"""What verdicts promise about their errors, simulated: few false alarms, and power that rises with the seeds."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from mibench.comparison.samples import Row as RowName
from mibench.comparison.samples import Sample, resolutions
from mibench.comparison.verdicts import Evidence, judge

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SEEDS = [2, 3, 4, 5, 6, 10, 30]
FAMILIES = 200
ROWS = 5
DRAWS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(10, 1, shape),
    "skewed": lambda rng, shape: rng.exponential(10, shape),
    "heavy-tailed": lambda rng, shape: 10 + rng.standard_t(2, shape),
    "without a mean": lambda rng, shape: 10 + rng.standard_cauchy(shape),
    "rounded": lambda rng, shape: np.round(rng.normal(10, 1, shape)),
    "either of two": lambda rng, shape: 10.0 + rng.integers(0, 2, shape),
    "collapsed or good": lambda rng, shape: rng.normal(3.0 + 7 * rng.integers(0, 2, shape), 0.001),
    "one of five": lambda rng, shape: 10.0 + rng.integers(0, 5, shape),
    "near one of two": lambda rng, shape: rng.normal(10.0 + rng.integers(0, 2, shape), 0.001),
    "mostly near one of two": lambda rng, shape: rng.normal(10.0 + (rng.random(shape) < 0.2), 0.001),
}


def test_no_number_of_seeds_is_named_where_too_few_agree() -> None:
    (judgement,) = judge(paired(np.array([[1.0, 11.0, 11.0, 11.5]]), np.full((1, 4), 10.0), tolerance=0.05))
    assert judgement.reason == "too few seeds agree for any number of them; look at single ones"


def most_alarms(share: float = 0.05) -> int:
    """The count that 200 families exceed with a probability of 1/1000 if each alarms with the probability `share`."""
    return int(stats.binom.ppf(0.999, FAMILIES, share))


def paired(ours: np.ndarray, theirs: np.ndarray, tolerance: float = 0.1) -> list[Evidence]:
    """A baseline's rows, of which more is worse."""
    step = step_of(ours, theirs)
    return [
        Evidence(
            differences=here - there,
            losses=here - there,
            tolerance=tolerance,
            resolution=step,
            symmetric=True,
        )
        for here, there in zip(ours, theirs, strict=True)
    ]


def step_of(*sides: np.ndarray) -> float:
    """What `resolutions` says of a measurement with these rows."""
    named = [
        {
            RowName("t", str(cell), "e", "m", "mean"): Sample(
                cell={}, seeds=np.arange(len(values)), values=values, truths=np.full(len(values), np.nan), better=None
            )
            for cell, values in enumerate(side)
        }
        for side in sides
    ]
    return resolutions(*named)["t", "m", "mean"]


@pytest.mark.parametrize("name", DRAWS)
def test_at_most_5_of_100_comparisons_of_equal_things_call_anything_better_or_worse(name: str) -> None:
    for seeds in SEEDS:
        rng = np.random.default_rng(seeds)
        alarms = 0
        for _ in range(FAMILIES):
            ours, theirs = (DRAWS[name](rng, (ROWS, seeds)) for _ in range(2))
            alarms += any(judgement.verdict in {"better", "worse"} for judgement in judge(paired(ours, theirs)))
        assert alarms <= most_alarms(), f"{alarms} of {FAMILIES} with {seeds} seeds"


@pytest.mark.parametrize("off", [0.0, 0.1])
def test_at_most_5_of_100_comparisons_with_references_call_anything_that_is_tolerated(off: float) -> None:
    for seeds in SEEDS:
        rng = np.random.default_rng(seeds)
        alarms = 0
        for _ in range(FAMILIES):
            values = rng.normal(10 + off, 0.2, (ROWS, seeds))
            rows = [Evidence(differences=row - 10, losses=row - 10, tolerance=0.1) for row in values]
            alarms += any(judgement.verdict in {"better", "worse"} for judgement in judge(rows))
        assert alarms <= most_alarms(), f"{alarms} of {FAMILIES} with {seeds} seeds"


@pytest.mark.parametrize(
    ("name", "shift"), [("normal", 2.0), ("heavy-tailed", 3.0), ("without a mean", 8.0), ("rounded", 2.0)]
)
def test_more_seeds_never_weaken_what_is_worse(name: str, shift: float) -> None:
    families, power = 60, list[float]()
    for seeds in SEEDS:
        rng = np.random.default_rng(seeds)
        rows = [
            judgement.verdict == "worse"
            for _ in range(families)
            for judgement in judge(paired(DRAWS[name](rng, (ROWS, seeds)) + shift, DRAWS[name](rng, (ROWS, seeds))))
        ]
        power.append(float(np.mean(rows)))
    margin = 3 * np.sqrt(2 * 0.25 / (families * ROWS))  # three standard errors of a difference, at the most
    assert power[0] == 0
    assert all(after > before - margin for before, after in itertools.pairwise(power)), power
    assert power[-1] > 0.9


@pytest.mark.parametrize("noise", [0.02, 0.1])
@pytest.mark.parametrize("seeds", [3, 4, 5, 6, 7, 15])
def test_a_tenth_is_worse_from_three_seeds_on(seeds: int, noise: float) -> None:
    rng = np.random.default_rng(seeds)
    for _ in range(100):
        theirs = rng.normal(1, noise, (1, seeds))
        reference = Evidence(differences=theirs[0] / 10 - 1, losses=1 - theirs[0] / 10, tolerance=0.05)
        baseline = Evidence(differences=-0.9 * theirs[0], losses=0.9 * theirs[0], tolerance=0.01, symmetric=True)
        for row, most in ((reference, 18), (baseline, MOST_ROWS[min(seeds, 7)])):
            rows = most if noise < 0.1 else 1
            assert {judgement.verdict for judgement in judge([row] * rows)} == {"worse"}


MOST_ROWS = {3: 1, 4: 6, 5: 25, 6: 102, 7: 409}
"""How many rows so many seeds are enough for, beside a baseline."""


def test_so_many_rows_and_no_more_are_judged_where_all_seeds_agree() -> None:
    for seeds, rows in MOST_ROWS.items():
        off = np.full(seeds, 1.0)
        row = Evidence(differences=off, losses=off, tolerance=0.01, symmetric=True)
        assert {judgement.verdict for judgement in judge([row] * rows)} == {"worse"}
        assert {judgement.verdict for judgement in judge([row] * (rows + 1))} == {"inconclusive"}


def test_rows_say_how_many_seeds_tell_them_from_chance() -> None:
    def rows(seeds: int) -> list[Evidence]:
        off = np.full(seeds, 1.0) + 1e-6 * np.arange(seeds)
        return [Evidence(differences=off, losses=off, tolerance=0.1, symmetric=True)] * 20

    assert {judgement.verdict for judgement in judge(rows(5))} == {"worse"}
    for seeds, missing in ((3, "about 2 more seeds needed"), (4, "about 1 more seed needed")):
        assert {judgement.reason for judgement in judge(rows(seeds))} == {missing}


def test_two_seeds_decide_nothing_though_they_agree() -> None:
    ours = np.array([1.0, 1.0])
    (judgement,) = judge([Evidence(differences=ours, losses=ours, tolerance=0.01, symmetric=True)])
    assert (judgement.verdict, judgement.reason) == (
        "inconclusive",
        "at least 1 more seed needed: a verdict takes 3",
    )


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_match_takes_three_seeds_and_the_deviation_that_the_step_allows(symmetric: bool) -> None:
    def verdict(values: list[float], resolution: float = 0.0) -> str:
        given = np.array(values)
        row = Evidence(differences=given, losses=given, tolerance=0.5, resolution=resolution, symmetric=symmetric)
        return judge([row])[0].verdict

    assert verdict([0.1, 0.1]) == "inconclusive"
    assert verdict([0.1, 0.1, 0.1]) == "match"
    assert verdict([0.1, 0.1, 0.1], resolution=1.0) == "inconclusive"
    assert verdict([0.0, 0.0], resolution=1.0) == ("match" if symmetric else "inconclusive"), "nothing changed"


def test_the_step_of_a_measurement_is_known_where_values_repeat() -> None:
    assert step_of(np.array([[0.1, 0.2, 0.2]]), np.array([[0.4, 0.5, 0.9]])) == pytest.approx(0.1)
    assert step_of(np.array([[0.1, 0.2, 0.3]]), np.array([[0.4, 0.5, 0.9]])) == 0
    assert step_of(np.array([[5.0, 5.0, 5.0]])) == 0
    assert step_of(np.array([[0.1, 0.1 + 1e-9, 0.6]])) == pytest.approx(0.5)
