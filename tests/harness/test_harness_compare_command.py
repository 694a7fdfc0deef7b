"""`mibench compare` in a terminal: exit codes, what is said, formats, and bad input in one line."""

import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from comparison_toys import LOW, frame, on_files, references

import mibench
from mibench import frames
from mibench.comparison.verdicts import COLUMNS
from mibench.errors import UsageError


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


def test_trials_that_failed_count_whichever_measurements_are_asked_for(gate: Callable[..., Result]) -> None:
    good = frame({"error": LOW, "mi": LOW}, epoch=None)
    crashed = good[good["measurement"] == "mi"].assign(status="crashed", measurement="", value=math.nan)
    diverged = good[good["measurement"] == "error"].assign(status="diverged", epoch=1)
    frames.write(good, Path("theirs.csv"))
    for failed in (crashed, diverged):
        frames.write(pd.concat([good[good["seed"] < 3], failed[failed["seed"] >= 3]]), Path("ours.csv"))
        done = gate("ours.csv", "--baseline", "theirs.csv", "--measurements", "mi")
        assert done.exit_code == 1, done.output
        assert "2 trials failed that did not in the baseline" in " ".join(done.stdout.split())


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


def test_a_strict_gate_does_not_pass_where_the_data_changed(gate: Callable[..., Result]) -> None:
    frames.write(on_files(new=LOW), Path("ours.csv"))
    frames.write(on_files(old=LOW), Path("theirs.csv"))
    assert [gate("ours.csv", "--baseline", "theirs.csv", *more).exit_code for more in ([], ["--strict"])] == [0, 3]
