"""Verdicts: each for its reason, against references and against a baseline."""

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from comparison_toys import NAMES, frame, references, registry
from scipy import stats

import mibench
from mibench import frames
from mibench.comparison import compare
from mibench.comparison.baseline import SECONDS, compare_baseline
from mibench.comparison.verdicts import COLUMNS
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import PluginError, UsageError
from mibench.reporting.summary import means, summarise
from mibench.specs import Better, Profile, TaskSpec

BASELINE = Path(__file__).resolve().parents[2] / "results" / "baseline" / "gaussian.csv"

NOISE = [-1.0, -0.5, 0.0, 0.5, 1.0]  # mean 0, standard deviation .79, half-width of the interval .98
LOW = [50 + value for value in NOISE]


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


@pytest.mark.parametrize("seeds", [3, 4, 5, 6, 7, 10, 16])
def test_a_tenth_of_every_number_on_record_is_worse_from_three_seeds_on(seeds: int) -> None:
    table = compare_baseline(*spoilt(seeds), Registry(load_plugins()))
    table = table[table["measurement"] != SECONDS]
    assert table["statistic"].eq("mean").all(), "a curve of one point is judged by its value alone"
    assert (table["verdict"] == "worse").mean() >= (0.6 if seeds == 3 else 0.9)
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


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package whose references the toy plugin names."""
    folder = tmp_path / "site" / "comparison_toys_data"
    folder.mkdir(parents=True)
    rows = [
        ("error", 50.2, "", "paper"),
        ("error", 45.0, "", "third party"),
        ("accuracy/conv", 60.0, 0.1, "paper"),
        ("mi", 1.0, "", "paper"),
    ]
    table = references(*(dict(zip(["measurement", "value", "spread", "provenance"], row, strict=True)) for row in rows))
    table = table.drop(columns="reference").assign(settings=[json.dumps(settings) for settings in table["settings"]])
    table.to_csv(folder / "references.csv", index=False)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.fixture
def gate(cli: Callable[..., Result], site: None) -> Callable[..., Result]:
    """`mibench compare` with the third party's plugin."""

    def gate(results: str, *args: str) -> Result:
        return cli("compare", results, "-p", "comparison_toys", *args)

    return gate


def write(name: str, values: dict[str, list[float]], **changes: object) -> str:
    frames.write(frame(values, **changes), Path(name))
    return name


@pytest.mark.parametrize(
    ("values", "args", "code"),
    [
        ({"error": [value - 5 for value in LOW]}, [], 0),
        ({"error": LOW}, [], 1),
        ({"error": [50.0]}, [], 0),
        ({"error": [50.0]}, ["--strict"], 3),
        ({"error": [value - 5 for value in LOW]}, ["--strict"], 0),
        ({"error": LOW}, ["--strict"], 1),
    ],
)
def test_the_exit_code_tells_worse_from_inconclusive(
    values: dict[str, list[float]], args: list[str], code: int, gate: Callable[..., Result]
) -> None:
    done = gate(write("ours.csv", values), "--reference", "toy-2025", *args)
    assert done.exit_code == code, done.output
    assert done.stderr.splitlines()[-1].startswith("mibench: 2 rows compared: ")


def test_an_empty_comparison_says_why_and_what_can_be_compared(gate: Callable[..., Result]) -> None:
    frames.write(frame({"error": LOW}).assign(estimator="new"), Path("ours.csv"))
    done = gate("ours.csv", "--reference", "toy-2025")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "mibench: 0 rows compared",
        "  toy: new is not in the references (steady)",
        "  --baseline RESULTS compares with other results of the same trials, seed by seed",
        "  ESTIMATOR --with all compares one of these estimators with the others on the same data",
    ]
    assert gate("ours.csv", "--reference", "toy-2025", "--strict").exit_code == 3


def test_what_the_baseline_does_not_hold_is_named(gate: Callable[..., Result]) -> None:
    write("theirs.csv", {"error": LOW})
    both = pd.concat([frame({"error": LOW}), frame({"error": LOW}).assign(estimator="new", key="new")])
    frames.write(both, Path("ours.csv"))
    said = gate("ours.csv", "--baseline", "theirs.csv").stderr
    assert f"  toy: {len(LOW)} trials here not compared: the baseline lacks new\n" in said
    said = gate("theirs.csv", "--baseline", "ours.csv").stderr
    assert f"  toy: {len(LOW)} trials of the baseline not compared: these results lack new\n" in said


def test_trials_that_one_side_lacks_are_counted_by_seed_and_by_cell(gate: Callable[..., Result]) -> None:
    whole = frame({"error": LOW})
    of_width = [whole.assign(key=whole["key"] + str(width)) for width in range(7)]
    for width, part in enumerate(of_width):
        part.insert(1, "width", width)
    ours, theirs = pd.concat(of_width[1:6], ignore_index=True), pd.concat([of_width[1], of_width[6]], ignore_index=True)
    frames.write(ours[ours["seed"] != 1], Path("ours.csv"))
    frames.write(theirs[~theirs["seed"].isin([0, 2, 3])], Path("theirs.csv"))
    said = gate("ours.csv", "--baseline", "theirs.csv").stderr.splitlines()
    seeds = len(LOW)
    cells = "4 cells, width=2; width=3; width=4 and 1 other"
    assert f"  toy: {4 * (seeds - 1)} trials here not compared: the baseline lacks {cells}" in said
    assert "  toy: 3 trials here not compared: the baseline lacks seeds 0, 2-3 in 1 cell" in said
    assert f"  toy: {seeds - 3} trials of the baseline not compared: these results lack 1 cell, width=6" in said
    assert "  toy: 1 trial of the baseline not compared: these results lack seed 1 in 1 cell" in said
    assert not any("not compared" in line for line in gate("ours.csv", "--baseline", "ours.csv").stderr.splitlines())


def test_the_table_shows_the_tolerance_in_per_cent(gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW})
    assert "50.2 ± 5 %" in gate("ours.csv", "--reference", "toy-2025").stdout


def test_trials_that_failed_are_counted(gate: Callable[..., Result]) -> None:
    whole = frame({"error": LOW})
    spoilt = whole["seed"].eq(0)
    frames.write(whole.assign(status=whole["status"].mask(spoilt, "crashed")), Path("ours.csv"))
    *_, counts, failed = gate("ours.csv", "--reference", "toy-2025").stderr.splitlines()
    assert counts.startswith("mibench: 2 rows compared: ")
    assert failed == f"  1 of {len(LOW)} trials failed; `mibench report` shows why"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.csv"], "there are no results in none.csv"),
        (["ours.csv", "--reference", "toy-2024"], "there is no reference 'toy-2024'; did you mean toy-2025"),
        (
            ["ours.csv", "--reference", "toy-2025", "--baseline", "ours.csv"],
            "compare with a baseline or with references, not with both",
        ),
        (["ours.csv", "--baseline", "none"], "there are no results in none"),
        (["ours.csv", "--task", "other"], "nothing to compare in ours.csv"),
        (["broken.csv"], "cannot read broken.csv as a frame of mibench: it lacks task"),
        (
            ["ours.csv", "--baseline", "ours.csv", "--measurements", "erorr"],
            "there is nothing to compare: in these results is no such measurement 'erorr'; did you mean error?",
        ),
        (
            ["ours.csv", "--baseline", "bare.csv"],
            "there is nothing to compare: in the baseline bare.csv is no such trial",
        ),
        (["ours.txt"], "ours.txt ends neither in .csv nor in .parquet"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(args: list[str], message: str, gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW})
    Path("broken.csv").write_text("a,b\n1,2\n")
    Path("bare.csv").write_text(Path("ours.csv").read_text().splitlines()[0] + "\n")
    Path("ours.txt").touch()
    done = gate(*args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: {message}")


@pytest.mark.parametrize("large", [-1, float("nan"), float("inf"), True, "x", [1], None])
def test_a_share_that_is_none_is_refused(large: Any) -> None:
    ours = frame({"error": LOW})
    if large is None:
        assert len(mibench.compare(ours, baseline=ours, large=large))
        return
    with pytest.raises(UsageError) as raised:
        mibench.compare(ours, baseline=ours, large=large)
    given = "a list" if isinstance(large, list) else repr(large)
    assert str(raised.value) == f"`large` is a share, a number from 0 on, not {given}"


def test_a_share_that_is_no_number_is_refused_on_the_command_line(gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW})
    for large in ("nan", "inf"):
        done = gate("ours.csv", "--baseline", "ours.csv", "--large", large)
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_every_format_says_the_same(gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW, "accuracy/conv": LOW, "mi": [1.0]})
    tables = {form: gate("ours.csv", "--format", form, "--large", "0.03") for form in ("table", "csv", "md", "json")}
    assert {done.exit_code for done in tables.values()} == {1}
    rows = json.loads(tables["json"].stdout)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 4
    assert [row["verdict"] for row in rows] == ["worse", "match", "worse", "inconclusive"]
    from_csv = pd.read_csv(io.StringIO(tables["csv"].stdout))
    assert from_csv["mean"].tolist() == pytest.approx([row["mean"] for row in rows])
    shown = tables["table"].stdout.splitlines()
    assert shown[0].split()[:2] == ["verdict", "measurement"]
    assert [line.split()[0] for line in shown[1:5]] == ["worse", "worse", "inconclusive", "match"]
    assert shown[6].startswith("in all rows: task toy; ")
    assert len(tables["md"].stdout.splitlines()) == len(rows) + 2


def test_a_baseline_may_be_a_folder_or_an_exported_file(
    cli: Callable[..., Result], toy_cli: Callable[..., Result], results: Path
) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    for name in ("all.csv", "all.parquet"):
        assert cli("export", str(results), "-o", name, "--wide").exit_code == 0
        for here, there in [(str(results), name), (name, str(results)), (name, name)]:
            done = cli("compare", here, "--baseline", there, "--format", "json")
            assert done.exit_code == 0, done.output
            assert {row["verdict"] for row in json.loads(done.stdout)} == {"match"}


def test_references_of_a_third_party_come_in_by_the_hook(
    cli: Callable[..., Result], gate: Callable[..., Result]
) -> None:
    write("ours.csv", {"error": LOW})
    listed = cli("list", "references", "-p", "comparison_toys")
    assert "toy-2025" in listed.stdout
    assert {row["against"] for row in json.loads(gate("ours.csv", "--format", "json").stdout)} == {"toy-2025"}


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


def test_what_is_more_than_rounding_is_an_alarm_where_the_baseline_is_zero() -> None:
    judged = compare_baseline(frame({"mi": [1e-4] * 3}, truth=0.0), frame({"mi": [0.0] * 3}, truth=0.0), registry())
    assert judged.loc[judged["measurement"] == "mi", "verdict"].tolist() == ["worse"]


def test_a_share_of_zero_tolerates_nothing() -> None:
    ours, theirs = frame({"mi": [1e-9] * 3}, truth=0.0), frame({"mi": [0.0] * 3}, truth=0.0)
    judged = compare_baseline(ours, theirs, registry(), large=0.0)
    assert judged.loc[judged["measurement"] == "mi", "verdict"].tolist() == ["worse"]


def on_files(**values: list[float]) -> pd.DataFrame:
    """One cell on several data, by the name of each: the `error` of seeds 0, 1, ..."""
    return pd.concat(
        [frame({"error": numbers}, data=name, key=name) for name, numbers in values.items()], ignore_index=True
    )


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


def test_a_strict_gate_does_not_pass_where_the_data_changed(gate: Callable[..., Result]) -> None:
    frames.write(on_files(new=LOW), Path("ours.csv"))
    frames.write(on_files(old=LOW), Path("theirs.csv"))
    assert [gate("ours.csv", "--baseline", "theirs.csv", *more).exit_code for more in ([], ["--strict"])] == [0, 3]


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


def halved(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(value=rows["d"].astype(float) / 2, statistic="half")


def halved_table(rows: pd.DataFrame, _: pd.DataFrame) -> pd.DataFrame:
    return halved(rows)


def two_plugins() -> Registry:
    """Plugins `up` and `down` both bring a task `toy`, of which each declares another direction."""
    directions: dict[str, Better] = {"up": "higher", "down": "lower"}
    specs = {
        name: TaskSpec(name="toy", target="x:Y", profiles={"quick": Profile(seeds=1)}, better={"error": better})
        for name, better in directions.items()
    }
    return Registry([Plugin(name, "here", specs=[spec]) for name, spec in specs.items()])


def of_plugins(values: dict[str, list[float]], *, spelled: bool = True) -> pd.DataFrame:
    parts = [
        frame({"error": numbers}, task=f"{plugin}:toy" if spelled else "toy", task_plugin=plugin, key=plugin)
        for plugin, numbers in values.items()
    ]
    return pd.concat(parts)


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


def test_a_reference_is_about_the_task_of_the_plugin_that_brings_it() -> None:
    more = [value + 9 for value in LOW]
    about = references({"measurement": "error", "value": 50.0, "task_plugin": "up"})
    table = compare(of_plugins({"up": more, "down": more}), about, two_plugins())
    assert list(zip(table["task"], table["verdict"], strict=True)) == [("up:toy", "better")]
    assert compare(of_plugins({"down": more}, spelled=False), about, two_plugins()).empty
