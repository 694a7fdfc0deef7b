"""Verdicts: each for its reason, against references and against a baseline."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from comparison_toys import LOW, NOISE, frame, of_plugins, references, registry, two_plugins
from scipy import stats

from mibench import frames
from mibench.comparison import compare
from mibench.comparison.baseline import compare_baseline
from mibench.comparison.verdicts import COLUMNS
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import PluginError
from mibench.outcome import Status
from mibench.reporting.summary import summarise

BASELINE = Path(__file__).resolve().parents[2] / "results" / "baseline" / "gaussian.csv"


def verdicts(measured: pd.DataFrame, *rows: dict[str, object], **options: float) -> list[tuple[str, str]]:
    table = compare(measured, references(*rows), registry(), **options)
    assert list(table.columns) == list(COLUMNS)
    return list(zip(table["verdict"], table["reason"], strict=True))


@pytest.mark.parametrize(
    ("measurement", "reference", "expected"),
    [
        ("accuracy/conv", 50.2, "match"),
        ("accuracy/conv", 45.0, "better"),
        ("accuracy/conv", 55.0, "worse"),
        ("error", 45.0, "worse"),
        ("error", 55.0, "better"),
        ("error", 52.0, "inconclusive"),
        ("odd", 50.2, "match"),
        ("odd", 45.0, "inconclusive"),
    ],
)
def test_the_verdict_follows_the_interval_and_the_declared_direction(
    measurement: str, reference: float, expected: str
) -> None:
    ((verdict, _),) = verdicts(frame({measurement: LOW}), {"measurement": measurement, "value": reference}, large=0.03)
    assert verdict == expected


@pytest.mark.parametrize(
    ("truth", "reference", "expected"),
    [(60, 45.0, "better"), (40, 45.0, "worse"), (51, 57.0, "better"), (47.5, 45.0, "inconclusive")],
)
def test_towards_the_truth_is_better_from_either_side(truth: float, reference: float, expected: str) -> None:
    ((verdict, reason),) = verdicts(frame({"mi": LOW}, truth), {"measurement": "mi", "value": reference}, large=0.01)
    assert verdict == expected
    assert (reason == "differs, about as far from the truth on its other side") == (expected == "inconclusive")


def test_without_a_truth_or_a_direction_nothing_is_better_or_worse() -> None:
    for name in ("mi", "odd"):
        ((verdict, reason),) = verdicts(frame({name: LOW}), {"measurement": name, "value": 1.0})
        assert (verdict, reason) == ("inconclusive", "differs, and the task does not declare which way is better")


def test_the_tolerance_is_a_share_of_the_reference_or_two_of_its_deviations_but_never_our_noise() -> None:
    row = {"measurement": "error", "value": 50.0}
    noisy = [value + 20 * noise for value, noise in zip(LOW, NOISE, strict=True)]
    for values in (LOW, noisy):
        published = references(row, row | {"spread": 2.0}, row | {"spread": 0.1}, row | {"spread": 25.0})
        assert compare(frame({"error": values}), published, registry())["tolerance"].tolist() == [2.5, 4.0, 2.5, 5.0]
        wide = compare(frame({"error": values}), published, registry(), large=0.2)
        assert wide["tolerance"].tolist() == [10.0] * 4


def test_a_mean_that_is_half_the_reference_never_matches_however_noisy_it_is() -> None:
    rng = np.random.default_rng(0)
    reference = {"measurement": "error", "value": 1.0}
    verdicts_of_draws = [verdicts(frame({"error": list(rng.normal(0.5, 0.5, 10))}), reference)[0][0] for _ in range(60)]
    assert "match" not in verdicts_of_draws


def test_the_number_of_more_seeds_is_that_which_decides() -> None:
    reference = {"measurement": "error", "value": 51.0}
    ((verdict, reason),) = verdicts(frame({"error": LOW}), reference, large=0.01)
    assert (verdict, reason) == ("inconclusive", "about 8 more seeds needed")
    deviation = float(np.std(NOISE, ddof=1))
    for more, decides in [(7, False), (8, True)]:
        count = len(NOISE) + more
        half_width = float(stats.t.ppf(0.975, count - 1) * deviation / np.sqrt(count))
        assert (half_width <= 1 - 0.51) is decides


def test_one_seed_decides_nothing() -> None:
    ((verdict, reason),) = verdicts(frame({"error": [99.0]}), {"measurement": "error", "value": 1.0})
    assert (verdict, reason) == ("inconclusive", "at least 2 more seeds needed: a verdict takes 3")
    (row,) = compare(frame({"error": [99.0]}), references({"measurement": "error", "value": 1.0}), registry()).to_dict(
        "records"
    )
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_other_settings_are_named_with_the_command_that_would_match_and_not_judged() -> None:
    ((verdict, reason),) = verdicts(
        frame({"error": LOW}),
        {"measurement": "error", "value": 1.0, "settings": {"d": 3, "rho": 0.9, "epochs": 7}},
        {"measurement": "error", "value": 2.0, "settings": {"d": 2, "rho": 0.7, "grid": "fine"}},
    )
    assert verdict == "other settings"
    command = 'mibench run --profile paper --task "toy[d=2,rho=0.7]" --estimators "steady"'
    assert reason == f"rho=0.5, not 0.7; no grid, not fine: {command}"


def test_a_reference_whose_settings_were_run_advises_no_other_row_to_run_them() -> None:
    measured = pd.concat([frame({"error": LOW}), frame({"error": LOW}, rho=0.9), frame({"error": LOW}, d=3)])
    there = {"measurement": "error", "value": 50.0, "settings": {"d": 2, "rho": 0.9}}
    table = compare(measured, references(there), registry())
    assert table[["cell", "verdict"]].values.tolist() == [["d=2,rho=0.9", "match"]]
    table = compare(measured, references(there, there | {"settings": {"d": 2, "rho": 0.8}}), registry())
    assert table["verdict"].tolist() == ["match", "other settings", "other settings"]
    assert table["reason"].str.contains("rho=0.8").tolist() == [False, True, True]


def test_what_has_no_reference_is_no_row_and_learning_curves_are_none() -> None:
    assert verdicts(frame({"error": LOW}), {"measurement": "mi", "value": 1.0}) == []
    assert verdicts(frame({"error": LOW}), {"measurement": "error", "value": float("nan")}) == []
    assert verdicts(frame({"error": LOW}, epoch=3), {"measurement": "error", "value": 1.0}) == []
    assert verdicts(frame({"error": LOW}), {"measurement": "error", "value": 1.0, "estimator": "other"}) == []


def test_a_tasks_statistics_are_judged_like_what_it_measures() -> None:
    measured = pd.concat([frame({"mi": LOW}), frame({"mi": [value + 3 for value in LOW]}, rho=0.9)])
    row = {"measurement": "mi", "statistic": "range"}
    table = compare(measured, references(row | {"value": 3.0}, row | {"value": 2.0}), registry())
    assert table["verdict"].tolist() == ["match", "worse"]
    assert table["cell"].tolist() == ["d=2", "d=2"]
    assert table["mean"].tolist() == pytest.approx([3, 3])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([1e-9] * 3, [0.0] * 3), ([0.0] * 3, [1e-9] * 3), ([6e-8 * (-1) ** i * i for i in range(16)], [1e-8] * 16)],
)
@pytest.mark.parametrize("name", ["mi", "error", "accuracy/conv"])
def test_what_is_zero_but_for_rounding_matches(ours: list[float], theirs: list[float], name: str) -> None:
    here, there = (frame({name: values}, truth=0.0) for values in (ours, theirs))
    judged = compare_baseline(here, there, registry())
    assert judged.loc[judged["measurement"] == name, "verdict"].tolist() == ["match"]
    assert verdicts(here, {"measurement": name, "value": 0.0})[0][0] == "match"


def halved(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(value=rows["d"].astype(float) / 2, statistic="half")


def halved_table(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return halved(rows)


def test_a_task_whose_statistics_fail_is_named_with_the_record_of_another_type() -> None:
    rows = frame({"error": LOW}).assign(d=["2", "2", "two", "2", "2"], key=list("abcde"))
    toys = registry()
    (spec, *_) = toys.plugins[0].specs
    spec = dataclasses.replace(spec, statistics=f"{__name__}:halved", table=f"{__name__}:halved_table")
    broken = Registry([Plugin("toys", "here", specs=[spec])])
    for fails, what in (
        (lambda: compare_baseline(rows, rows, broken), "the statistics"),
        (lambda: summarise(rows, broken), "its table"),
    ):
        with pytest.raises(PluginError) as raised:
            fails()
        start = f"task 'toy': {what} cannot be made of these rows: "
        assert str(raised.value).startswith(start)
        assert str(raised.value).endswith("; d is 'two' in record c, and a number in most: take that out")


def test_a_reference_is_about_the_task_of_the_plugin_that_brings_it() -> None:
    more = [value + 9 for value in LOW]
    about = references({"measurement": "error", "value": 50.0, "task_plugin": "up"})
    table = compare(of_plugins({"up": more, "down": more}), about, two_plugins())
    assert list(zip(table["task"], table["verdict"], strict=True)) == [("up:toy", "better")]
    assert compare(of_plugins({"down": more}, spelled=False), about, two_plugins()).empty


def test_information_in_bits_is_not_judged_by_references() -> None:
    table = compare(frame({"mi": LOW}, unit="bits"), references({"measurement": "mi", "value": 50.0}), registry())
    assert table.empty
    assert table.attrs["left_out"][0] == "left out: 5 rows of mi in bits: references are in nats"


def test_a_reference_of_what_nobody_measures_is_named_and_the_names_that_there_are() -> None:
    rows = [{"measurement": "eror", "value": 1.0}, {"measurement": "error", "statistic": "median", "value": 1.0}]
    declared = {"measurement": "mi", "value": 1.0}
    table = compare(frame({"error": LOW}), references(*rows, declared), registry())
    assert table.attrs["left_out"] == [
        "toy: toy-2025 has eror of steady, which was not measured here; did you mean error?",
        "toy: toy-2025 has median(error) of steady, which was not measured here",
        "toy: toy-2025 has mi of steady, which was not measured here; there are: error",
    ]
    table = compare(frame({"error": LOW}), references(declared, rows[0] | {"measurement": "error"}), registry())
    assert table.attrs["left_out"] == []


def with_failures(measured: pd.DataFrame, *seeds: int, status: str = "diverged") -> pd.DataFrame:
    """The frame whose trials of these seeds ended so, though they measured something."""
    return measured.assign(status=measured["status"].mask(measured["seed"].isin(seeds), status))


@pytest.mark.parametrize("status", Status.failures())
def test_trials_that_failed_are_in_no_mean_and_the_reason_counts_them(status: str) -> None:
    measured = with_failures(frame({"error": [50.0, 50.1, 49.9, 1.0, 1.0]}), 3, 4, status=status)
    curve = frame({"error": [9.0] * 5, "mi": [9.0] * 5}, epoch=3, rho=0.9)
    settings = {"settings": {"d": 2, "rho": 0.5}}
    about = {"measurement": "error", "value": 50.0} | settings
    table = compare(pd.concat([measured, with_failures(curve, 1)]), references(about), registry())
    assert table[["verdict", "reason", "seeds"]].values.tolist() == [["match", "2 trials failed", 3]]
    assert table["mean"].tolist() == pytest.approx([50])
    elsewhere = {"measurement": "error", "value": 50.0, "settings": {"d": 2, "rho": 0.7}}
    (reason,) = compare(measured, references(elsewhere), registry())["reason"]
    assert reason.endswith("; 2 trials failed")


def test_where_all_trials_failed_nothing_is_judged_and_it_is_said_of_which_cells() -> None:
    good, lost = frame({"error": LOW}), with_failures(frame({"error": LOW}, rho=0.9), *range(5))
    about = references(
        {"measurement": "error", "value": 50.0}, {"measurement": "error", "statistic": "range", "value": 1}
    )
    table = compare(pd.concat([good, lost]), about, registry())
    assert table[["cell", "statistic"]].values.tolist() == [["d=2,rho=0.5", "mean"], ["d=2", "range"]]
    assert table["reason"].str.contains("5 trials failed").tolist() == [False, True]
    assert table.attrs["left_out"] == ["toy: nothing of steady in rho=0.9 is judged: all 5 trials failed"]
    table = compare(with_failures(good, *range(5)), about, registry())
    assert table.empty
    assert table.attrs["left_out"] == ["toy: nothing of steady is judged: all 5 trials failed"]


def test_curves_of_which_each_lacks_a_point_are_not_judged_and_it_is_said() -> None:
    measured = frames.read(BASELINE).query("estimator == 'mige' and seed < 3")
    measured = pd.concat([measured, with_failures(measured.assign(rho=0.9), 0, 1, 2)])
    of_curves = {"estimator": "mige", "task": "gaussian", "measurement": "mi_gradient", "statistic": "relative_rmse"}
    table = compare(measured, references(of_curves | {"value": 1.0}), Registry(load_plugins()))
    assert table.empty
    cell, curve = table.attrs["left_out"]
    assert cell == "gaussian: nothing of mige in rho=0.9 is judged: all 3 trials failed"
    lost = "no curve is whole, since 3 of 6 trials failed"
    assert curve == f"gaussian: relative_rmse(mi_gradient) of mige not judged: {lost}"
