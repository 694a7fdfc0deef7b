"""Verdicts: each for its reason, against references and against a baseline."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from comparison_toys import NAMES, frame, references, registry

from mibench import frames
from mibench.comparison import compare
from mibench.comparison.baseline import compare_baseline
from mibench.comparison.verdicts import COLUMNS, judge

SPREAD = [-1.0, -0.5, 0.0, 0.5, 1.0]  # mean 0, deviation .79, half-width of the interval .98
LOW = [50 + one for one in SPREAD]


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
    ((verdict, _),) = verdicts(frame({measurement: LOW}), {"measurement": measurement, "value": reference})
    assert verdict == expected


@pytest.mark.parametrize(
    ("truth", "reference", "expected"),
    [(60, 45.0, "better"), (40, 45.0, "worse"), (51, 54.0, "better"), (47.5, 45.0, "inconclusive")],
)
def test_towards_the_truth_is_better_from_either_side(truth: float, reference: float, expected: str) -> None:
    ((verdict, reason),) = verdicts(frame({"mi": LOW}, truth), {"measurement": "mi", "value": reference})
    assert verdict == expected
    assert (reason == "differs, about as far from the truth on its other side") == (expected == "inconclusive")


def test_without_a_truth_or_a_direction_nothing_is_better_or_worse() -> None:
    for name in ("mi", "odd"):
        ((verdict, reason),) = verdicts(frame({name: LOW}), {"measurement": name, "value": 1.0})
        assert (verdict, reason) == ("inconclusive", "differs, and the task does not declare which way is better")


def test_the_tolerance_is_two_deviations_of_a_single_run_and_at_least_the_large_share() -> None:
    row = {"measurement": "error", "value": 50.0}
    table = compare(
        frame({"error": LOW}),
        references(row, row | {"spread": 3.0}, row | {"spread": 0.1}),
        registry(),
    )
    assert table["tolerance"].tolist() == pytest.approx([2 * np.std(SPREAD, ddof=1), 6.0, 0.5])
    wide = compare(frame({"error": LOW}), references(row), registry(), large=0.1)
    assert wide["tolerance"].tolist() == [5.0]


def test_the_number_of_more_seeds_is_that_which_decides() -> None:
    ((verdict, reason),) = verdicts(frame({"error": LOW}), {"measurement": "error", "value": 51.0, "spread": 0.2})
    assert (verdict, reason) == ("inconclusive", "about 8 more seeds needed")
    deviation = float(np.std(SPREAD, ddof=1))
    for more, decided in [(7, False), (8, True)]:
        width = compare_half_width(deviation, len(SPREAD) + more)
        found = judge(-1.0, -1.0, width, 0.51, deviation=deviation, seeds=len(SPREAD) + more)
        assert (found.verdict != "inconclusive") is decided


def compare_half_width(deviation: float, count: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, count - 1) * deviation / np.sqrt(count))


def test_one_seed_decides_nothing() -> None:
    ((verdict, reason),) = verdicts(frame({"error": [99.0]}), {"measurement": "error", "value": 1.0})
    assert (verdict, reason) == ("inconclusive", "at least 1 more seed needed: one has no interval")
    (row,) = compare(frame({"error": [99.0]}), references({"measurement": "error", "value": 1.0}), registry()).to_dict(
        "records"
    )
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_other_settings_are_named_and_not_judged() -> None:
    ((verdict, reason),) = verdicts(
        frame({"error": LOW}),
        {"measurement": "error", "value": 1.0, "settings": {"d": 3, "rho": 0.9, "epochs": 7}},
        {"measurement": "error", "value": 2.0, "settings": {"d": 2, "epochs": 1000}},
    )
    assert (verdict, reason) == ("other settings", "epochs absent, not 1000")


def test_what_has_no_reference_is_no_row_and_learning_curves_are_none() -> None:
    assert verdicts(frame({"error": LOW}), {"measurement": "mi", "value": 1.0}) == []
    assert verdicts(frame({"error": LOW}), {"measurement": "error", "value": float("nan")}) == []
    assert verdicts(frame({"error": LOW}, epoch=3), {"measurement": "error", "value": 1.0}) == []
    assert verdicts(frame({"error": LOW}), {"measurement": "error", "value": 1.0, "estimator": "other"}) == []


def test_a_tasks_statistics_are_judged_like_what_it_measures() -> None:
    measured = pd.concat([frame({"mi": LOW}), frame({"mi": [one + 3 for one in LOW]}, rho=0.9)])
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
    found = table["verdict"].xs("mean", level="statistic").to_dict()
    assert found == {
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


def test_a_small_difference_is_a_match_however_significant() -> None:
    table = compare_baseline(frame(shifted(0.1, seed=1)), frame(shifted(0, seed=2)), registry())
    (row,) = table[(table["measurement"] == "error") & (table["statistic"] == "mean")].to_dict("records")
    assert row["p"] < 0.05
    assert (row["verdict"], row["tolerance"]) == ("match", pytest.approx(0.5, rel=0.02))


def test_a_large_difference_that_may_be_chance_is_inconclusive() -> None:
    ours, theirs = frame({"error": [50.0, 60, 45, 52]}), frame({"error": [51.0, 50, 50, 49]})
    table = compare_baseline(ours, theirs, registry())
    (row,) = table[(table["measurement"] == "error") & (table["statistic"] == "mean")].to_dict("records")
    assert row["verdict"] == "inconclusive"
    assert "more seeds needed" in row["reason"]


def test_rows_are_adjusted_for_their_number() -> None:
    """A chance of 2/64, from six pairs that all point one way, is significant alone and not among many rows."""
    one = {"error": [55.0, 56, 57, 58, 59, 60]}, {"error": [50.0, 50, 50, 50, 50, 50]}
    alone = compare_baseline(*(frame(side, seconds=float("nan"), rho=0.5) for side in one), registry())
    assert alone.loc[alone["statistic"] == "mean", "p"].item() == pytest.approx(2 * 2 / 64)  # its range is a row too
    sides = [pd.concat([frame(side, rho=rho, seconds=float("nan")) for rho in np.linspace(0, 1, 5)]) for side in one]
    many = compare_baseline(*sides, registry())
    assert len(many) == 6
    mean = many[many["statistic"] == "mean"]
    assert set(mean["verdict"]) == {"inconclusive"}
    assert set(mean["reason"]) == {"about 2 more seeds needed"}  # 6 rows of 2/2^8 are below .05, of 2/2^7 are not


@pytest.mark.parametrize("better", [True, False])
def test_without_a_truth_a_baseline_matches_or_differs_undirected(better: bool) -> None:
    ours, theirs = frame({"mi": [one + 5 for one in LOW]}), frame({"mi": LOW})
    table = compare_baseline(ours if better else theirs, theirs, registry()).set_index(["measurement", "statistic"])
    assert table.loc[("mi", "mean"), "verdict"] == ("inconclusive" if better else "match")


def test_what_failed_here_alone_is_worse_and_what_is_missing_is_inconclusive() -> None:
    good = frame({"error": LOW})
    failed = good.assign(status="failed", value=np.nan, measurement="", seconds=np.nan)
    found = compare_baseline(failed, good, registry())
    assert set(found["verdict"][found["statistic"] == "mean"]) == {"worse", "other settings"}
    assert "5 trials failed that did not in the baseline" in set(found["reason"])
    missing = compare_baseline(frame({"mi": LOW}), good, registry()).set_index("measurement")
    assert set(missing.loc["error", "reason"]) == {"not measured here"}
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
        ("accuracy/conv", 52.0, 0.1, "paper"),
        ("mi", 1.0, "", "paper"),
    ]
    table = references(*(dict(zip(["measurement", "value", "spread", "provenance"], row, strict=True)) for row in rows))
    table = table.drop(columns="reference").assign(settings=[json.dumps(one) for one in table["settings"]])
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
        ({"error": [one - 5 for one in LOW]}, [], 0),
        ({"error": LOW}, [], 1),
        ({"error": [50.0]}, [], 0),
        ({"error": [50.0]}, ["--strict"], 3),
        ({"error": [one - 5 for one in LOW]}, ["--strict"], 0),
        ({"error": LOW}, ["--strict"], 1),
    ],
)
def test_the_exit_code_tells_worse_from_inconclusive(
    values: dict[str, list[float]], args: list[str], code: int, gate: Callable[..., Result]
) -> None:
    done = gate(write("ours.csv", values), "--reference", "toy-2025", *args)
    assert done.exit_code == code, done.output
    assert done.stderr.splitlines()[-1].startswith("mibench: 2 rows compared: ")


def test_trials_that_failed_are_counted(gate: Callable[..., Result]) -> None:
    whole = frame({"error": LOW})
    spoilt = whole["seed"].eq(0)
    frames.write(whole.assign(status=whole["status"].mask(spoilt, "crashed")), Path("ours.csv"))
    *_, counts, failed = gate("ours.csv", "--reference", "toy-2025").stderr.splitlines()
    assert counts.startswith("mibench: 2 rows compared: ")
    assert failed == f"  1 of {len(LOW)} trials did not end well; `mibench report` shows why"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["none.csv"], "there are no results in none.csv"),
        (["ours.csv", "--reference", "toy-2024"], "there is no reference 'toy-2024'; did you mean toy-2025"),
        (
            ["ours.csv", "--reference", "toy-2025", "--baseline", "ours.csv"],
            "compare with references or with a baseline",
        ),
        (["ours.csv", "--baseline", "none"], "there are no results in none"),
        (["ours.csv", "--task", "other"], "nothing to compare in ours.csv"),
        (["broken.csv"], "cannot read broken.csv as a frame of mibench: it lacks task"),
        (["ours.txt"], "ours.txt ends neither in .csv nor in .parquet"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(args: list[str], message: str, gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW})
    Path("broken.csv").write_text("a,b\n1,2\n")
    Path("ours.txt").touch()
    done = gate(*args)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: {message}")


def test_every_format_says_the_same(gate: Callable[..., Result]) -> None:
    write("ours.csv", {"error": LOW, "accuracy/conv": LOW, "mi": [1.0]})
    tables = {form: gate("ours.csv", "--format", form) for form in ("table", "csv", "md", "json")}
    assert {done.exit_code for done in tables.values()} == {1}
    rows = json.loads(tables["json"].stdout)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 4
    assert [row["verdict"] for row in rows] == ["worse", "match", "worse", "inconclusive"]
    from_csv = pd.read_csv(io.StringIO(tables["csv"].stdout))
    assert from_csv["mean"].tolist() == pytest.approx([row["mean"] for row in rows])
    shown = tables["table"].stdout.splitlines()
    assert shown[0].split()[:2] == ["verdict", "task"]
    assert [line.split()[0] for line in shown[1:]] == ["worse", "worse", "inconclusive", "match"]
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
