"""Results beside a baseline, seed by seed: what is worse, what matches, what decides nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from comparison_toys import LOW, NAMES, frame, of_plugins, on_files, registry, two_plugins
from scipy import stats

from mibench import frames
from mibench.comparison.baseline import APART, SECONDS, compare_baseline
from mibench.discovery import load_plugins
from mibench.discovery.registry import Registry
from mibench.reporting.summary import means

BASELINE = Path(__file__).resolve().parents[2] / "results" / "baseline" / "gaussian.csv"


def shifted(by: float, count: int = 12, seed: int = 0) -> dict[str, list[float]]:
    """Seeds that scatter by 1, and pairs of them that differ by `by` and scatter by .01."""
    rng = np.random.default_rng(0)
    common = rng.normal(50, 1, count)
    return {name: list(common + by + np.random.default_rng(seed).normal(0, 0.01, count)) for name in NAMES}


@pytest.mark.parametrize("count", [4, 12])
def test_a_baseline_is_judged_by_pairs_though_seeds_scatter(count: int) -> None:
    ours, theirs = frame(shifted(2, count, seed=1), truth=60), frame(shifted(0, count, seed=2), truth=60)
    table = compare_baseline(ours, theirs, registry(), against="before").set_index(["measurement", "statistic"])
    verdicts_by_cell = table["verdict"].xs("mean", level="statistic").to_dict()
    assert verdicts_by_cell == {
        "accuracy/conv": "better",
        "error": "worse",
        "mi": "better",
        "odd": "inconclusive",
        "seconds": "other settings",
    }
    assert set(table["against"]) == {"before"}
    differences = table["difference"].xs("mean", level="statistic").drop("seconds")
    assert differences.tolist() == pytest.approx([2] * len(NAMES), abs=0.02)


def test_the_same_numbers_match_even_with_one_seed() -> None:
    table = compare_baseline(frame({"error": [3.0]}), frame({"error": [3.0]}), registry())
    assert set(table.loc[table["measurement"] == "error", "verdict"]) == {"match"}


def test_a_small_difference_is_a_match_however_regular() -> None:
    table = compare_baseline(frame(shifted(0.1, seed=1)), frame(shifted(0, seed=2)), registry())
    (row,) = table[table["measurement"] == "error"].to_dict("records")
    assert (row["verdict"], row["tolerance"], row["p"]) == ("match", pytest.approx(0.5, rel=0.02), 1)


def test_a_large_difference_that_may_be_chance_is_inconclusive() -> None:
    ours, theirs = frame({"error": [50.0, 60, 45, 52]}), frame({"error": [51.0, 50, 50, 49]})
    table = compare_baseline(ours, theirs, registry())
    (row,) = table[table["measurement"] == "error"].to_dict("records")
    assert row["verdict"] == "inconclusive"
    assert "more seeds needed" in row["reason"]


def test_rows_are_adjusted_for_their_number_but_not_for_those_that_are_the_same() -> None:
    ours, theirs = {"error": [55.0, 57, 59, 61]}, {"error": [50.0, 50, 50, 50]}
    rhos = np.linspace(0, 1, 5)

    def pvalues(here: dict[str, list[float]], there: dict[str, list[float]], cells: int) -> pd.Series:
        sides = [pd.concat([frame(side, rho=rho) for rho in rhos[:cells]]) for side in (here, there)]
        table = compare_baseline(*sides, registry())
        return table.loc[(table["measurement"] == "error") & (table["statistic"] == "mean"), "p"]

    (alone,) = pvalues(ours, theirs, cells=1)
    assert alone == pytest.approx(stats.ttest_1samp([4.5, 6.5, 8.5, 10.5], 0).pvalue / 0.8)  # .5 are tolerated
    assert pvalues(ours, theirs, cells=5).iloc[0] == pytest.approx(5 * alone)
    same = {"odd": theirs["error"], "mi": theirs["error"]}
    assert pvalues(ours | same, theirs | same, cells=1).item() == pytest.approx(alone)


def test_cells_that_differ_beyond_nine_digits_are_compared_apart() -> None:
    cells = {0.12345678901: 50.0, 0.12345678902: 70.0}
    measured = pd.concat([frame({"error": [value] * 5}, rho=rho) for rho, value in cells.items()])
    table = compare_baseline(measured, measured, registry()).query("measurement == 'error' and statistic == 'mean'")
    assert dict(zip(table["cell"], table["mean"], strict=True)) == {
        "d=2,rho=0.12345678901": 50.0,
        "d=2,rho=0.12345678902": 70.0,
    }
    assert set(table["seeds"]) == {5}


def spoilt(seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The numbers on record and the same divided by ten, with cosines negated."""
    recorded = frames.read(BASELINE)
    recorded = recorded[recorded["seed"] < seeds]
    cosine = recorded["measurement"] == "gradient_cosine"
    return recorded.assign(value=(recorded["value"] / 10).mask(cosine, -recorded["value"])), recorded


@pytest.mark.parametrize("seeds", [6, 7, 10, 16])
def test_a_tenth_of_38_numbers_on_record_is_worse_from_six_seeds_on(seeds: int) -> None:
    table = compare_baseline(*spoilt(seeds), Registry(load_plugins()))
    table = table[table["measurement"] != SECONDS]
    assert table["statistic"].eq("mean").all(), "a curve of one point is judged by its value alone"
    assert (table["verdict"] == "worse").mean() >= 0.9
    overestimated = set(table.loc[table["verdict"] == "better", "estimator"])
    assert overestimated <= {"club[hidden=64x64,learning_rate=0.005]"}, "what is far too large is better as a tenth"


def test_gradients_mirrored_about_the_truth_do_not_match() -> None:
    rng = np.random.default_rng(0)
    theirs = 2.307 + rng.normal(0, 0.027, 16)
    ours = 2 * 2.6665 - theirs
    table = compare_baseline(frame({"mi": list(ours)}, 2.6665), frame({"mi": list(theirs)}, 2.6665), registry())
    (row,) = table[table["measurement"] == "mi"].to_dict("records")
    assert (row["verdict"], row["reason"]) == ("inconclusive", "differs, about as far from the truth on its other side")


def test_noisier_values_about_the_truth_are_worse_though_their_means_match() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 30)
    table = compare_baseline(frame({"mi": list(10 + 3 * noise)}, 10), frame({"mi": list(10 + noise)}, 10), registry())
    assert table.loc[table["measurement"] == "mi", "verdict"].item() == "worse"


def test_statistics_of_one_point_are_one_row_and_those_of_several_points_are_more() -> None:
    whole = frame({"mi": LOW})
    assert set(compare_baseline(whole, whole, registry())["statistic"]) == {"mean"}
    curve = pd.concat([whole, frame({"mi": LOW}, rho=0.9)])
    table = compare_baseline(curve, curve, registry())
    assert sorted(table.loc[table["measurement"] == "mi", "statistic"]) == ["mean", "mean", "range"]


def on_a_curve(rhos_of_seeds: list[list[float]]) -> pd.DataFrame:
    """The `mi` of seeds 0, 1, ... at these values of rho, by which it grows."""
    return pd.concat(
        [
            frame({"mi": [40 * rho + value]}, rho=rho).assign(seed=seed, key=f"{seed} {rho}")
            for seed, (rhos, value) in enumerate(zip(rhos_of_seeds, LOW, strict=False))
            for rho in rhos
        ],
        ignore_index=True,
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_a_curve_is_compared_over_the_points_that_both_sides_have(swapped: bool) -> None:
    whole = on_a_curve([[0.1, 0.5, 0.9]] * 5)
    killed = on_a_curve([[0.1, 0.5, 0.9]] * 2 + [[0.1, 0.5]] * 3)
    judged = compare_baseline(*((whole, killed) if swapped else (killed, whole)), registry())
    ranges = judged[judged["statistic"] == "range"]
    assert ranges[["verdict", "difference", "seeds"]].values.tolist() == [["match", 0.0, 5]]
    assert {*judged["verdict"][judged["measurement"] == "mi"]} <= {"match", "inconclusive"}
    assert any("3 trials" in sentence and "not compared" in sentence for sentence in judged.attrs["left_out"])


def test_curves_without_two_points_in_common_are_not_judged() -> None:
    here, there = on_a_curve([[0.1, 0.5]] * 5), on_a_curve([[0.5, 0.9]] * 5)
    judged = compare_baseline(here, there, registry()).query("statistic == 'range'")
    assert judged[["verdict", "reason", "seeds"]].values.tolist() == [[APART.verdict, APART.reason, 0]]


def test_whole_curves_of_gaussians_are_paired_and_what_failed_is_told_by_its_cell() -> None:
    recorded = frames.read(BASELINE)
    ours = recorded[recorded["estimator"] == "mige"]
    ours = pd.concat([ours, ours.assign(rho=0.9, key=ours["key"] + "+", value=ours["value"] + ours["seed"])])
    lost = (ours["rho"] == 0.9) & (ours["seed"] > 3)
    killed = compare_baseline(ours[~lost], ours, Registry(load_plugins()))
    of_curves = killed[(killed["statistic"] != "mean")]
    assert set(of_curves["verdict"]) == {"match"}
    assert set(of_curves["seeds"]) == {4}
    failed = ours.assign(value=ours["value"].mask(lost), status=ours["status"].mask(lost, "failed"))
    judged = compare_baseline(failed, ours, Registry(load_plugins()))
    assert set(judged.loc[judged["statistic"] != "mean", "verdict"]) == {"match"}
    assert "worse" in set(judged["verdict"])


@pytest.mark.parametrize("better", [True, False])
def test_without_a_truth_a_baseline_matches_or_differs_undirected(better: bool) -> None:
    ours, theirs = frame({"mi": [value + 5 for value in LOW]}), frame({"mi": LOW})
    table = compare_baseline(ours if better else theirs, theirs, registry()).set_index(["measurement", "statistic"])
    assert table.loc[("mi", "mean"), "verdict"] == ("inconclusive" if better else "match")


def test_what_failed_here_alone_is_worse_and_what_is_missing_is_inconclusive() -> None:
    good = frame({"error": LOW})
    failed = good.assign(status="failed", value=np.nan, measurement="", seconds=np.nan)
    comparison = compare_baseline(failed, good, registry())
    assert set(comparison["verdict"][comparison["statistic"] == "mean"]) == {"worse", "other settings"}
    assert "5 trials failed that did not in the baseline" in set(comparison["reason"])
    missing = compare_baseline(frame({"mi": LOW}), good, registry()).set_index("measurement")
    assert missing.loc["error", "reason"] == "not measured here"
    both = compare_baseline(pd.concat([good, failed]), pd.concat([good, failed]), registry())
    assert "worse" not in set(both["verdict"])


def test_seeds_that_are_not_shared_decide_nothing() -> None:
    table = compare_baseline(frame({"error": LOW}), frame({"error": LOW}).assign(seed=range(7, 12)), registry())
    assert set(table.loc[table["measurement"] == "error", "reason"]) == {"no seed in common"}


def lost(measured: pd.DataFrame, *seeds: int) -> pd.DataFrame:
    """The frame whose trials of these seeds diverged, though they measured something."""
    return measured.assign(status=measured["status"].mask(measured["seed"].isin(seeds), "diverged"))


@pytest.mark.parametrize("failed_here", [(), (4,)])
def test_mean_reference_and_seeds_are_those_of_the_pairs_and_failures_of_both_sides_are_counted(
    failed_here: tuple[int, ...],
) -> None:
    there = frame({"error": [50.0, 51.0, 52.0, 53.0, 9.0]}).assign(seed=[0, 1, 2, 3, 4])
    ours, theirs = lost(frame({"error": [50.0, 51.0, 52.0, 99.0, 9.0]}), *failed_here), lost(there, 3)
    (row,) = compare_baseline(ours, theirs, registry()).query("measurement == 'error'").to_dict("records")
    values = [50.0, 51.0, 52.0] + ([] if failed_here else [9.0])
    assert (row["mean"], row["reference"], row["seeds"]) == (np.mean(values), np.mean(values), len(values))
    assert (row["difference"], row["tolerance"]) == (0, pytest.approx(0.01 * np.mean(values)))
    notes = ["1 trial failed that did not in the baseline"] * len(failed_here) + [
        "1 trial failed in the baseline alone"
    ]
    assert (row["verdict"], row["reason"]) == ("worse" if failed_here else "match", "; ".join(notes))


def test_what_a_baseline_lacks_of_trials_that_it_has_is_inconclusive() -> None:
    good = frame({"error": LOW, "mi": LOW})
    for theirs in (lost(good, *range(5)), good.assign(status="failed", value=np.nan, measurement="", seconds=np.nan)):
        judged = compare_baseline(good, theirs, registry())
        assert judged["measurement"].tolist() == ["error", "mi"]
        assert set(judged["reason"]) == {"5 trials failed in the baseline alone"}
        assert set(judged["verdict"]) == {"inconclusive"}
        assert judged["reference"].isna().all()
    judged = compare_baseline(good, good.query("measurement == 'error'"), registry()).set_index("measurement")
    assert judged.loc["mi", ["verdict", "reason"]].tolist() == ["inconclusive", "not measured in the baseline"]
    elsewhere = compare_baseline(pd.concat([good, frame({"odd": LOW}, rho=0.9)]), good, registry())
    assert "odd" not in set(elsewhere["measurement"]), "counted below the table, among trials without a partner"


def test_cells_in_which_all_trials_failed_on_both_sides_are_said() -> None:
    both = pd.concat([frame({"error": LOW}), lost(frame({"error": LOW}, rho=0.9), *range(5))])
    judged = compare_baseline(both, both, registry())
    assert set(judged["cell"]) == {"d=2,rho=0.5"}
    sentence = "toy: nothing of steady in rho=0.9 is judged: all trials failed, here and in the baseline"
    assert judged.attrs["left_out"] == [sentence]


def test_a_failure_at_a_seed_that_the_baseline_lacks_is_counted_below_and_not_worse() -> None:
    judged = compare_baseline(lost(frame({"error": LOW}), 4), frame({"error": LOW[:4]}), registry())
    assert judged.loc[judged["measurement"] == "error", ["verdict", "seeds"]].values.tolist() == [["match", 4]]
    (sentence,) = judged.attrs["left_out"]
    assert sentence == "toy: 1 trial here not compared: the baseline lacks seed 4 in 1 cell"


@pytest.mark.parametrize("swapped", [False, True])
def test_a_curve_that_failed_at_one_point_on_one_side_is_compared_over_the_others(swapped: bool) -> None:
    recorded = frames.read(BASELINE)
    whole = recorded[recorded["estimator"] == "mige"]
    whole = pd.concat([whole.assign(rho=rho, value=whole["value"] + rho) for rho in (0.1, 0.3, 0.5, 0.9)])
    part = whole.assign(status=whole["status"].mask(whole["rho"] == 0.9, "diverged"))
    judged = compare_baseline(*((whole, part) if swapped else (part, whole)), Registry(load_plugins()))
    curves = judged[judged["statistic"] != "mean"]
    assert set(curves["verdict"]) == {"match"}
    assert set(curves["seeds"]) == {whole["seed"].nunique()}
    nothing = whole.assign(status=whole["status"].mask(whole["rho"] > 0.1, "diverged"))
    judged = compare_baseline(*((whole, nothing) if swapped else (nothing, whole)), Registry(load_plugins()))
    curves = judged[judged["statistic"] != "mean"]
    assert set(curves["reason"]) == {APART.reason}


@pytest.mark.parametrize(
    ("ours", "theirs", "seconds", "expected"),
    [
        ("2.11", "2.11", 2.0, "worse"),
        ("2.11", "2.11", 0.5, "better"),
        ("2.11", "2.11", 1.05, "match"),
        ("2.11", "2.15", 2.0, "other settings"),
    ],
)
def test_seconds_are_gated_in_one_environment_alone(ours: str, theirs: str, seconds: float, expected: str) -> None:
    here = frame({"error": LOW}, seconds=seconds).assign(**{"environment.torch": ours, "environment.mibench": "0.2"})
    there = frame({"error": LOW}).assign(**{"environment.torch": theirs, "environment.mibench": "0.1"})
    table = compare_baseline(here, there, registry()).set_index("measurement")
    assert table.loc["seconds", "verdict"] == expected
    assert table.loc["seconds", "mean"] == seconds


def with_truths(values: list[float], truths: list[float]) -> pd.DataFrame:
    """One `mi` of each seed, whose truth is that seed's own."""
    return frame({"mi": values}).assign(truth=truths)


def test_each_seed_of_a_baseline_is_judged_by_its_own_truth() -> None:
    truths = [0.25, 2.9, 1.1, 0.6, 2.2, 1.7, 0.9, 2.6]
    near = [truth + 0.01 * (-1) ** seed for seed, truth in enumerate(truths)]
    good, constant = with_truths(near, truths), with_truths([0.25] * len(truths), truths)
    for ours, theirs, expected in ((constant, good, "worse"), (good, constant, "better"), (good, good, "match")):
        judged = compare_baseline(ours, theirs, registry())
        assert judged.loc[judged["measurement"] == "mi", "verdict"].tolist() == [expected]


def test_truths_of_seeds_do_not_depend_on_which_seeds_both_sides_have() -> None:
    truths = [3.0, 1.0, 2.0, 1.5, 2.5]
    ours = with_truths([truth + 1 for truth in truths], truths)
    theirs = with_truths(truths, truths)
    (row,) = compare_baseline(ours[1:], theirs[:4], registry()).query("measurement == 'mi'").to_dict("records")
    assert (row["verdict"], row["difference"]) == ("worse", 1.0)


def test_a_table_shows_the_mean_of_truths_that_differ() -> None:
    (row,) = means(with_truths([1.0, 2.0, 3.0], [1.0, 1.5, 3.5])).to_dict("records")
    assert row["truth"] == 2.0
    (row,) = means(with_truths([1.0, 2.0, 3.0], [0.1] * 3)).to_dict("records")
    assert row["truth"] == 0.1


def test_what_is_more_than_rounding_is_an_alarm_where_the_baseline_is_zero() -> None:
    judged = compare_baseline(frame({"mi": [1e-4] * 3}, truth=0.0), frame({"mi": [0.0] * 3}, truth=0.0), registry())
    assert judged.loc[judged["measurement"] == "mi", "verdict"].tolist() == ["worse"]


def test_a_share_of_zero_tolerates_nothing() -> None:
    ours, theirs = frame({"mi": [1e-9] * 3}, truth=0.0), frame({"mi": [0.0] * 3}, truth=0.0)
    judged = compare_baseline(ours, theirs, registry(), large=0.0)
    assert judged.loc[judged["measurement"] == "mi", "verdict"].tolist() == ["worse"]


def test_only_equal_data_are_paired_with_a_baseline() -> None:
    judged = compare_baseline(on_files(new=[9.0] * 5), on_files(old=[1.0] * 5), registry())
    assert set(judged["verdict"]) == {"other settings"}
    assert judged["reason"].tolist()[0] == "other data: here new, not old"
    assert judged.attrs["left_out"][0].startswith("toy: 5 trials here not compared: the baseline lacks 1 cell")
    both = on_files(new=[9.0] * 5, old=[1.0] * 5)
    judged = compare_baseline(both, on_files(old=[1.0] * 5), registry())
    assert judged.loc[judged["measurement"] == "error", ["mean", "verdict"]].values.tolist() == [[1.0, "match"]]
    judged = compare_baseline(both, both, registry())
    assert judged.loc[judged["measurement"] == "error", "mean"].tolist() == [9.0, 1.0]


def test_rows_that_do_not_say_their_data_are_paired_as_before() -> None:
    old = frame({"error": LOW}).drop(columns="data")
    for theirs in (old, frame({"error": LOW})):
        judged = compare_baseline(on_files(new=LOW), theirs, registry())
        assert judged.loc[judged["measurement"] == "error", "verdict"].tolist() == ["match"]


def test_a_statistic_is_made_of_cells_on_the_same_data() -> None:
    two_cells = pd.concat([on_files(a=[1.0] * 3, b=[5.0] * 3).assign(rho=rho) for rho in (0.1, 0.5)])
    alike = compare_baseline(two_cells, two_cells, registry())
    ranges = alike[alike["statistic"] == "range"]
    assert ranges["cell"].tolist() == ["d=2,on data=a", "d=2,on data=b"]
    assert set(ranges["mean"]) == {0.0}


def test_tasks_of_one_name_are_judged_each_by_its_own_plugins_direction() -> None:
    more = [value + 5 for value in LOW]
    ours, theirs = of_plugins({"up": more, "down": more}), of_plugins({"up": LOW, "down": LOW})
    table = compare_baseline(ours, theirs, two_plugins())
    errors = table[table["measurement"] == "error"].set_index("task")["verdict"].to_dict()
    assert errors == {"up:toy": "better", "down:toy": "worse"}


def test_a_baseline_with_one_of_two_namesakes_is_paired_with_the_same_plugins() -> None:
    ours = of_plugins({"up": [value + 5 for value in LOW], "down": LOW})
    theirs = of_plugins({"up": LOW}, spelled=False)
    table = compare_baseline(ours, theirs, two_plugins())
    (row,) = table[table["measurement"] == "error"].to_dict("records")
    assert (row["task"], row["verdict"]) == ("up:toy", "better")


def test_a_measurement_in_another_unit_is_not_judged() -> None:
    measured = frame({"error": LOW, "mi": LOW}, unit="nats")
    bits = measured.assign(unit=measured["unit"].mask(measured["measurement"] == "mi", "bits"))
    table = compare_baseline(bits, measured, registry()).query("statistic == 'mean'").set_index("measurement")
    assert table["verdict"].drop(SECONDS).to_dict() == {"error": "match", "mi": "other settings"}
    assert table.loc["mi", "reason"] == "another unit: bits, not nats"
    assert np.isnan(table.loc["mi", "difference"])
    failed = pd.concat([bits.query("measurement == 'error' or seed > 0"), bits[:0]])
    failed["status"] = failed["status"].mask(failed["seed"] == 0, "failed")
    table = compare_baseline(failed, measured, registry()).query("measurement == 'mi'")
    assert set(table["verdict"]) == {"worse"}
