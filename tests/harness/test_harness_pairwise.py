"""Estimators against each other: equal ones are not told apart, others are, by an effect whose interval covers it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from rivals_toys import error_table, frame, noise, registry
from scipy import stats

import mibench
from mibench import frames
from mibench.comparison.contests import contests_of, judge_contests
from mibench.comparison.error_table import error_tables
from mibench.comparison.estimates import Estimate, mean_over_cells, mean_over_tasks
from mibench.comparison.pairwise import COLUMNS, compare_estimators
from mibench.errors import UsageError
from mibench.specs import EstimatorSpec

WORLDS = 200


def over_all(table: pd.DataFrame) -> pd.Series:
    return table[table["task"].isin(["all", "t00"])].iloc[-1]


def test_the_table_of_errors_is_that_of_the_frame() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1}, (3, 2, 4))
    (table,) = error_tables(frame(errors), registry(3))
    expected = error_table(errors)
    assert table.estimators == expected.estimators
    np.testing.assert_allclose(table.errors, expected.errors, rtol=1e-12)
    for name in ("tasks", "cells", "seeds"):
        assert getattr(table, name).tolist() == getattr(expected, name).tolist()


def test_equal_estimators_win_half_and_are_told_apart_in_at_most_5_of_100_worlds() -> None:
    shares, separated = list[float](), 0
    for world in range(WORLDS):
        table = error_table(noise(np.random.default_rng(world), {"a": 1, "b": 1}, (3, 2, 4)))
        contests = contests_of(table, "a", "b")
        shares.append(contests[-1].wins / (contests[-1].wins + contests[-1].losses))
        separated += any(judgement.verdict in {"better", "worse"} for judgement in judge_contests(contests))
    assert 0.45 < np.mean(shares) < 0.55
    assert separated <= stats.binom.ppf(0.999, WORLDS, 0.05)


@pytest.mark.parametrize("spread", [0.0, 0.001])
@pytest.mark.parametrize(("cells", "seeds", "rivals"), [(1, 3, 1), (1, 3, 10), (2, 3, 10)])
def test_equal_estimators_whose_training_ends_in_one_of_two_ways_are_not_told_apart(
    cells: int, seeds: int, rivals: int, spread: float
) -> None:
    rng, alarms, names = np.random.default_rng(seeds), 0, ["a", *(f"b{rival}" for rival in range(rivals))]
    for _ in range(60):
        ends = {
            name: rng.choice([0.1, 0.2], (1, cells, seeds)) + spread * rng.random((1, cells, seeds)) for name in names
        }
        table = error_table(ends)
        contests = [contest for name in names[1:] for contest in contests_of(table, "a", name)]
        alarms += any(judgement.verdict in {"better", "worse"} for judgement in judge_contests(contests))
    assert alarms <= stats.binom.ppf(0.999, 60, 0.05)


def test_what_all_pairs_agree_on_is_found_with_as_many_as_tell_it_from_chance() -> None:
    def verdict(cells: int, seeds: int, rivals: int) -> tuple[str, str]:
        table = error_table({"a": np.full((1, cells, seeds), 0.1), "b": np.full((1, cells, seeds), 0.2)})
        judgement = judge_contests(contests_of(table, "a", "b") * rivals)[0]
        return judgement.verdict, judgement.reason

    assert verdict(1, 3, 1)[0] == verdict(2, 3, 20)[0] == verdict(1, 5, 20)[0] == "better"
    assert verdict(1, 3, 20) == ("inconclusive", "about 2 more seeds needed")


def test_levels_of_one_trial_are_no_evidence_of_their_own() -> None:
    values = {"a": np.array([[[1.0, 2, 3]]]), "b": np.array([[[1.6, 2.4, 3.5]]])}
    once = frame(values, "mi/1.386")
    more = pd.concat([once, frame(values, "mi/2.773"), frame(values, "mi/5")])
    shown = ["effect", "low", "high", "p", "verdict"]
    alone, thrice = (compare_estimators(rows, "a", registry(1)).iloc[0] for rows in (once, more))
    assert thrice[shown].tolist() == alone[shown].tolist()
    assert thrice["wins"] + thrice["losses"] == 3 * (alone["wins"] + alone["losses"])


def test_a_task_in_which_a_rival_failed_throughout_leaves_the_others_their_verdict() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1}, (2, 3, 6))
    errors["b"][0] = 20 * errors["a"][0]
    errors["b"][1] = np.inf
    table = compare_estimators(frame(errors), "a", registry(2)).set_index("task")
    assert table.loc["all", ["verdict", "seeds", "wins"]].tolist() == ["better", 6, 36]
    assert table.loc["all", "effect"] == table.loc["t00", "effect"]
    assert table.loc["all", "reason"] == "ahead in 1 of 1 task; 18 trials of the rival failed"
    assert table.loc["t01", "verdict"] == "inconclusive"
    assert table.loc["t01", "reason"] == "no pair without a failure; 18 trials of the rival failed"


def test_two_seeds_are_no_match_though_their_errors_are_tolerated() -> None:
    errors = {"a": np.full((1, 1, 2), 1.01), "b": np.full((1, 1, 2), 1.0)}
    (judgement,) = judge_contests(contests_of(error_table(errors), "a", "b"))
    assert (judgement.verdict, judgement.reason) == ("inconclusive", "at least 1 more seed needed")


@pytest.mark.parametrize(("tasks", "cells", "seeds"), [(1, 4, 3), (2, 2, 5), (3, 2, 10)])
def test_the_interval_covers_the_ratio_of_errors_in_95_of_100_worlds(tasks: int, cells: int, seeds: int) -> None:
    covered = 0
    for world in range(WORLDS):
        table = error_table(noise(np.random.default_rng(world), {"a": 1, "b": 2}, (tasks, cells, seeds)))
        estimate = contests_of(table, "a", "b")[-1].estimate
        covered += abs(estimate.mean - np.log(0.5)) <= estimate.half_width()
    assert 0.92 <= covered / WORLDS <= 0.98


def test_half_the_error_is_found_by_more_seeds_the_more_often() -> None:
    power = list[float]()
    for seeds in (2, 3, 5, 10, 20):
        discoveries = 0
        for world in range(100):
            table = error_table(noise(np.random.default_rng(world), {"a": 1, "b": 2}, (1, 4, seeds)))
            (judgement,) = judge_contests(contests_of(table, "a", "b"))
            discoveries += judgement.verdict == "better"
        power.append(discoveries / 100)
    assert power[0] == 0
    assert power == sorted(power)
    assert power[-1] > 0.9


def test_an_estimator_matches_itself() -> None:
    errors = np.random.default_rng(0).standard_normal((2, 2, 3))
    table = compare_estimators(frame({"a": errors, "b": errors}), "a", registry(2))
    assert list(table.columns) == list(COLUMNS)
    assert set(table["verdict"]) == {"match"}
    assert table["effect"].tolist() == [1, 1, 1]
    assert table[["wins", "ties", "losses"]].to_numpy().tolist() == [[0, 6, 0], [0, 6, 0], [0, 12, 0]]


def test_errors_are_paired_by_cell_and_seed() -> None:
    common = np.random.default_rng(0).lognormal(0, 2, (1, 3, 4))
    row = over_all(compare_estimators(frame({"a": 1.2 * common, "b": common}), "a", registry(1)))
    assert row["verdict"] == "worse"
    assert row[["effect", "low", "high"]].tolist() == pytest.approx([1.2] * 3)
    shifted = pd.concat([frame({"a": common}), frame({"b": common}, first_seed=2)])
    row = over_all(compare_estimators(shifted, "a", registry(1)))
    assert (row["seeds"], row["wins"] + row["losses"]) == (2, 6)


def test_the_tolerated_share_of_an_error_is_a_match() -> None:
    common = np.random.default_rng(0).lognormal(0, 1, (1, 3, 4))
    measured = frame({"a": 1.03 * common, "b": common})
    assert over_all(compare_estimators(measured, "a", registry(1)))["verdict"] == "match"
    assert over_all(compare_estimators(measured, "a", registry(1), large=0.01))["verdict"] == "worse"


def test_what_failed_loses_and_is_worse_and_counted() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1}, (2, 1, 4))
    errors["a"][0, 0, 0] = errors["b"][1, 0, 0] = np.inf
    table = compare_estimators(frame(errors), "a", registry(2)).set_index("task")
    assert table["failed"].to_dict() == {"t00": 1, "t01": 0, "all": 1}
    assert table["rival_failed"].to_dict() == {"t00": 0, "t01": 1, "all": 1}
    assert table.loc[["t00", "all"], "verdict"].tolist() == ["worse", "worse"]
    assert table.loc["t00", "reason"] == "1 trial failed that did not with the rival"
    assert "1 trial of the rival failed" in table.loc["t01", "reason"]
    assert table[["wins", "losses"]].sum(axis=1).tolist() == [4, 4, 8]


def test_what_diverged_throughout_is_worse_though_it_has_no_number() -> None:
    ones = np.ones((1, 2, 3))
    diverged = frame({"a": ones}).assign(status="diverged", value=np.nan)
    finite = frame({"a": ones}, "score").assign(status="diverged")
    rivals = frame({"b": ones})
    (row,) = compare_estimators(pd.concat([diverged, finite, rivals]), "a", registry(1), rivals=["b"]).to_dict(
        "records"
    )
    assert (row["verdict"], row["losses"], row["failed"]) == ("worse", 6, 6)
    elsewhere = frame({"b": np.ones((1, 4, 3)) * np.array([np.nan, np.nan, 1, 1])[:, None]})
    alone = compare_estimators(pd.concat([diverged, elsewhere]), "a", registry(1), rivals=["b"])
    assert alone.attrs["left_out"] == ["all trials of a failed, and no other has what they measured"]


def test_two_that_failed_in_every_run_agree_in_nothing() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1, "c": 1}, (2, 1, 3))
    errors["a"][0], errors["b"][0] = np.inf, np.inf
    compared = compare_estimators(frame(errors), "a", registry(2), rivals=["a", "b"])
    assert compared[["task", "rival"]].to_numpy().tolist() == [["t01", "a"], ["t01", "b"]]
    assert compared.attrs["left_out"] == [
        f"mi: nothing of a and {rival} in t00 is judged: all trials of equal cell and seed failed" for rival in "ab"
    ]
    errors["a"][1], errors["b"][1] = np.inf, np.inf
    known = registry(2, [EstimatorSpec(name=name, target="x:Y", estimates={"value"}) for name in "ab"])
    compared = compare_estimators(frame(errors), "a", known, rivals=["b"])
    assert compared.empty
    (sentence,) = compared.attrs["left_out"]
    assert sentence.startswith("mi: nothing of a and b in t00 and t01 is judged")


def test_the_number_of_more_seeds_is_that_which_brings_the_half_width_down() -> None:
    estimate = Estimate(0.5, 0.3, 8)
    times = estimate.times_needed(0.4, 0.95)
    assert times is not None
    for more, suffices in [(times, True), (times - 0.1, False)]:
        half_width = Estimate(0.5, 0.3 / np.sqrt(more), 8 * more).half_width()
        assert bool(half_width <= 0.4) is suffices
    assert estimate.times_needed(1e-9, 0.95) is None
    errors = noise(np.random.default_rng(3), {"a": 1, "b": 1.6}, (1, 4, 3))
    (judgement,) = judge_contests(contests_of(error_table(errors), "a", "b"))
    assert judgement.verdict == "inconclusive"
    assert judgement.reason.endswith("more seeds needed")


def test_a_mean_over_cells_has_the_standard_error_and_degrees_of_freedom_of_satterthwaite() -> None:
    values, cells = np.array([1.0, 2, 4, 10, 30]), np.array([0, 0, 0, 1, 1])
    parts = np.array([np.var([1, 2, 4], ddof=1) / 3, np.var([10, 30], ddof=1) / 2]) / 4
    estimate = mean_over_cells(values, cells)
    assert estimate.mean == pytest.approx((7 / 3 + 20) / 2)
    assert estimate.error == pytest.approx(np.sqrt(parts.sum()))
    assert estimate.df == pytest.approx(parts.sum() ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2))
    both = mean_over_tasks([estimate, Estimate(0.0, 1.0, 5)])
    assert both.error == pytest.approx(np.sqrt(parts.sum() + 1) / 2)
    assert mean_over_tasks([estimate, Estimate(0.0, np.nan, 0)]).half_width() == np.inf


def test_levels_of_a_measurement_are_pairs_of_their_own_and_one_trial() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1}, (1, 2, 4))
    errors["a"][0, 0, :2] = np.inf
    errors["b"][0, 1, 0] = np.inf
    errors["b"][0, 1, 1] = np.nan
    levels = pd.concat([frame(errors, "mi/1.386"), frame(errors, "mi/2.773")]).drop_duplicates()
    row = over_all(compared := compare_estimators(levels, "a", registry(1)))
    assert (row["measurement"], row["wins"] + row["losses"]) == ("mi", 14)
    assert (row["failed"], row["rival_failed"], row["cells"], row["seeds"]) == (2, 1, 2, 2)
    assert row["reason"] == "2 trials failed that did not with the rival; 1 trial of the rival failed"
    partner = "mi: without a partner of equal cell and seed: 1 run of a beside 1 rival"
    assert compared.attrs["left_out"] == [partner]


def test_other_quantities_are_compared_by_difference_where_they_are_asked_for() -> None:
    values = {"a": np.array([[[1.0, 2, 3]]]), "b": np.array([[[2.0, 3, 4]]])}
    both = pd.concat([frame(values), frame(values, "score")])
    assert set(compare_estimators(both, "a", registry(1))["measurement"]) == {"mi"}
    (row,) = compare_estimators(both, "a", registry(1), measurements=["score"]).to_dict("records")
    assert (row["effect"], row["verdict"]) == (1, "worse")


def test_an_estimator_that_does_not_give_a_quantity_does_not_fail_it() -> None:
    values = {"a": np.ones((1, 1, 3)), "b": 2 * np.ones((1, 1, 3))}
    gradients = frame(values, "mi")
    lost = frame({"c": np.array([[[np.inf]]])})
    other = frame({"c": np.ones((1, 1, 3))}, "cost", first_seed=1)
    (table,) = error_tables(pd.concat([gradients, lost, other]), registry(1))
    assert table.estimators == ("a", "b")


def test_the_oracle_is_a_rival_only_if_it_is_named() -> None:
    measured = frame(noise(np.random.default_rng(0), {"a": 1, "b": 1, "oracle": 1}, (1, 1, 3)))
    assert set(compare_estimators(measured, "a", registry(1))["rival"]) == {"b"}
    assert set(compare_estimators(measured, "a", registry(1), rivals=["oracle"])["rival"]) == {"oracle"}


def test_an_estimator_that_is_named_beside_itself_matches_whatever_its_trials_end_with() -> None:
    errors = noise(np.random.default_rng(3), {"a": 1, "b": 1}, (2, 2, 4))
    errors["a"][0, 0, 0] = np.inf
    compared = compare_estimators(frame(errors), "a", registry(2), rivals=["b", "a"])
    own = compared[compared["rival"] == "a"]
    assert set(own["verdict"]) == {"match"}
    assert own["ties"].tolist() == [7, 8, 15], "a failure is no agreement"
    assert own["wins"].sum() + own["losses"].sum() == 0
    assert "a" not in set(compare_estimators(frame(errors), "a", registry(2))["rival"])


def test_an_unknown_estimator_and_one_alone_are_said() -> None:
    measured = frame(noise(np.random.default_rng(0), {"a": 1}, (1, 1, 3)))
    with pytest.raises(UsageError, match=r"there is no estimator 'mine' in these results; there are: a"):
        compare_estimators(measured, "mine", registry(1))
    assert compare_estimators(measured, "a", registry(1)).empty
    apart = pd.concat([measured, frame({"b": np.ones((1, 1, 3))}, first_seed=9)])
    assert compare_estimators(apart, "a", registry(1)).attrs["left_out"] == ["no cell and seed of b is one of a"]


@pytest.fixture
def gaussian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file of the task `gaussian`, where `mige` errs half as much as `mine`."""
    monkeypatch.chdir(tmp_path)
    errors = noise(np.random.default_rng(0), {"mige": 1, "mine": 4}, (1, 4, 8)) | {
        "infonce": np.full((1, 4, 8), np.inf)
    }
    setting = {"n": 64, "steps": 200, "bend": "none", "rotate": False}
    measured = frame(errors).rename(columns={"d": "rho"}).assign(task="gaussian", task_plugin="gaussian")
    for place, (name, value) in enumerate({"d": 2, **setting}.items()):
        measured.insert(1 + place, name, value)
    frames.write(measured, Path("ours.csv"))
    return "ours.csv"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["mige", "--with", "mine"], 0),
        (["mine", "--with", "mige"], 1),
        (["mine", "--with", "all"], 1),
        (["infonce", "--with", "mine"], 1),
        (["infonce", "--with", "infonce", "--strict"], 3),
        (["mige", "--with", "mige,mine", "--strict"], 0),
        (["mige", "--with", "mige"], 0),
        (["mige", "--with", "mige", "--strict"], 0),
        (["mige", "--with", "nothing"], 2),
        (["--with", "mine"], 2),
        (["mige", "--with", "mine", "--baseline", "ours.csv"], 2),
        (["mige", "--with", "mine", "--measurements", "nosuch"], 2),
        (["ours.csv", "--with", "mine"], 2),
    ],
)
def test_the_command_exits_as_its_other_gates(
    args: list[str], code: int, gaussian: str, cli: Callable[..., Result]
) -> None:
    done = cli("compare", *args, "--results", gaussian)
    assert done.exit_code == code, done.output
    if code == 2:
        assert len(done.stderr.splitlines()) == 1


def test_trials_that_are_left_out_are_not_counted_among_those_that_failed(
    gaussian: str, cli: Callable[..., Result]
) -> None:
    new = frames.read(Path(gaussian)).assign(estimator_version=2)
    old = new[new["estimator"] == "infonce"].assign(estimator_version=1, key=lambda rows: rows["key"] + "-old")
    frames.write(pd.concat([new, old], ignore_index=True), Path("both.csv"))
    for args in (
        ["mige", "--with", "mine", "--results", "both.csv"],
        ["both.csv"],
        ["both.csv", "--baseline", gaussian],
    ):
        told = cli("compare", *args).stderr.splitlines()
        assert "  left out: 32 rows of an older estimator version" in told
        assert told[-1] == "  32 of 96 trials failed; `mibench report` shows why"


def test_a_ratio_of_errors_is_shown_with_two_digits_and_a_difference_as_wide_as_its_interval(
    gaussian: str, cli: Callable[..., Result]
) -> None:
    (row,) = mibench.compare(gaussian, "mige", rivals="mine").to_dict("records")
    shown = f"{row['effect']:.2g} [{row['low']:.2g}, {row['high']:.2g}]"
    assert shown in cli("compare", "mige", "--with", "mine", "--results", gaussian).stdout


def test_results_in_the_place_of_an_estimator_are_sent_to_their_option(
    gaussian: str, cli: Callable[..., Result]
) -> None:
    done = cli("compare", gaussian, "--with", "mine,mige")
    assert done.exit_code == 2
    assert done.stderr == (
        "mibench: with --with an estimator comes first, and ours.csv is a path; say `mibench compare ESTIMATOR "
        "--with mine,mige --results ours.csv`\n"
    )
    Path("mige").mkdir()
    assert cli("compare", "mige", "--with", "mine", "--results", gaussian).exit_code == 0


def test_what_does_not_go_together_is_said_before_anything_is_read(cli: Callable[..., Result]) -> None:
    done = cli("compare", "mige", "--with", "mine", "--baseline", "nowhere", "--results", "nowhere")
    assert done.exit_code == 2
    assert done.stderr == "mibench: compare with other estimators or with a baseline, not with both\n"


def test_a_measurement_that_was_not_made_is_refused_alike_by_all_that_compare(
    gaussian: str, cli: Callable[..., Result]
) -> None:
    line = "mibench: there is nothing to compare: in these results is no such measurement 'nosuch'; there are: mi\n"
    asks = (["compare", "mige", "--with", "mine", "--results"], ["rank"], ["compare", "--baseline", gaussian])
    for ask in asks:
        done = cli(*ask, gaussian, "--measurements", "nosuch")
        assert (done.exit_code, done.stderr) == (2, line)
    for ask in (mibench.rank, mibench.compare):
        with pytest.raises(UsageError, match="is no such measurement 'nosuch'"):
            ask(gaussian, measurements="nosuch")


def test_a_name_that_is_none_of_what_a_command_takes_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result]
) -> None:
    """`rank` and `compare --with` take quantities; the others take measurements, of which quantities have several."""
    monkeypatch.chdir(tmp_path)
    errors = noise(np.random.default_rng(0), {"mige": 1, "mine": 1}, (1, 1, 3))
    measured = pd.concat([frame(errors, "mi/1.386"), frame(errors, "mi/2.773"), frame(errors, "seen")])
    frames.write(measured.assign(task="gaussian-staircase", task_plugin="gaussian"), Path("ours.csv"))
    level = "mibench: there is no quantity 'mi/1.386' here; there are: mi, seen"
    for line in (["rank", "ours.csv"], ["compare", "mige", "--with", "mine", "--results", "ours.csv"]):
        assert level in cli(*line, "--measurements", "mi/1.386,mi").stderr.splitlines(), line
        assert level not in cli(*line, "--measurements", "mi").stderr
    quantity = "mibench: there is no measurement 'mi' here; "
    for line in (["compare", "ours.csv", "--baseline", "ours.csv"], ["export", "ours.csv", "-o", "some.csv"]):
        assert quantity in cli(*line, "--measurements", "seen,mi").stderr, line


def test_a_rival_of_which_no_task_says_what_is_good_is_named_as_such() -> None:
    measured = frame(noise(np.random.default_rng(0), {"a": 1, "b": 1}, (1, 1, 3)))
    other = measured.assign(measurement="width", truth=np.nan)
    compared = compare_estimators(pd.concat([measured, other]), "a", registry(1), measurements=["width"])
    assert compared.attrs["left_out"] == [
        f"no task says which way is good of what was measured of {name}" for name in ("a", "b")
    ]


def test_an_estimator_of_which_nothing_that_is_asked_for_was_measured_is_named_as_such() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1, "c": 1}, (1, 1, 3))
    slopes = frame({"c": errors.pop("c")}, "mi_gradient")
    measured = pd.concat([frame(errors), slopes, frame({"lost": np.full((1, 1, 3), np.inf)})])
    compared = compare_estimators(measured, "a", registry(1), rivals=["b"], measurements=["mi_gradient", "cost"])
    assert compared.attrs["left_out"] == [f"no mi_gradient or cost was measured of {name}" for name in ("a", "b")]
    known = registry(1, [EstimatorSpec(name="lost", target="x:Y", estimates={"gradient"})])
    compared = compare_estimators(measured[measured["estimator"] != "c"], "a", known, rivals=["lost"])
    assert compared.attrs["left_out"] == ["nothing was measured of lost"]
    unknown = compare_estimators(measured, "a", registry(1), rivals=["lost"])
    assert unknown.attrs["left_out"] == [
        f"not compared by {name}: lost (all trials failed where others have it, and no plugin here says what is "
        "estimated; -p loads one)"
        for name in ("mi", "mi_gradient")
    ]


def test_estimators_that_share_cells_but_no_measurement_are_said_to() -> None:
    values, slopes = frame({"a": np.ones((1, 2, 3))}), frame({"b": np.ones((1, 2, 3))}, "mi_gradient")
    compared = compare_estimators(pd.concat([values, slopes]), "a", registry(1), rivals=["b"])
    assert compared.attrs["left_out"] == ["b has no measurement in common with a: mi_gradient, not mi"]
    elsewhere = frame({"b": np.full((1, 2, 3), 2.0)}, first_seed=7)
    compared = compare_estimators(pd.concat([values, elsewhere]), "a", registry(1), rivals=["b"])
    assert compared.attrs["left_out"] == ["no cell and seed of b is one of a"]


def test_from_python_everything_is_compared_without_a_registry(gaussian: str) -> None:
    table = mibench.compare(gaussian, "mige", rivals="mine")
    assert table["verdict"].tolist() == ["better"]
    assert mibench.compare(frames.read(Path(gaussian)), "mige", rivals=["mine"]).equals(table)
    assert (
        mibench.compare(gaussian, baseline=gaussian, task="gaussian")["verdict"].isin(["match", "other settings"]).all()
    )
    assert mibench.compare(gaussian).attrs["left_out"] != []
    with pytest.raises(UsageError, match="compare with other estimators or with a baseline, not with both"):
        mibench.compare(gaussian, "mige", baseline=gaussian)


def test_a_folder_that_is_not_there_and_a_task_that_was_not_measured_are_named(gaussian: str) -> None:
    for ask in (mibench.compare, mibench.rank):
        with pytest.raises(UsageError, match="there are no results in nowhere"):
            ask("nowhere")
        with pytest.raises(UsageError, match="there are no such results"):
            ask(gaussian, task="ring")


def test_the_old_module_of_the_same_name_can_be_called(gaussian: str) -> None:
    with pytest.warns(DeprecationWarning, match=r"mibench\.comparison"):
        import mibench.compare as module
    assert module(gaussian, "mige", rivals="mine")["verdict"].tolist() == ["better"]
    assert mibench.compare(gaussian, "mige", rivals="mine")["verdict"].tolist() == ["better"]


def test_runs_without_a_partner_are_counted() -> None:
    errors = noise(np.random.default_rng(0), {"a": 1, "b": 1, "c": 1}, (2, 2, 5))
    errors["a"][0, 0, 0] = np.nan
    errors["b"][1] = np.nan
    compared = compare_estimators(frame(errors), "a", registry())
    assert compared.attrs["left_out"] == [
        "mi: without a partner of equal cell and seed: 10 runs of a beside 1 rival, 2 runs of 2 rivals"
    ]
