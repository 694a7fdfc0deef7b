"""What mibench ships stands beside a user's results: in the same cells alone, under its own name, and once."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result

import mibench
from mibench.comparison import archive
from mibench.errors import UsageError
from mibench.frames import narrow, read

ROOT = Path(__file__).resolve().parents[2]
CELLS = "x-mixture[d=1,r=0.5|0.9]"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    """Two seeds of two estimators in two cells that are shipped, and in one that is not."""
    folder = tmp_path_factory.mktemp("results")
    frame = mibench.run(["gauss", "oracle"], [CELLS, "x-mixture[d=1,r=0.85]"], seeds=2, device="cpu", results=folder)
    return frame, folder


def test_every_frame_of_the_repository_is_shipped_and_every_trial_once() -> None:
    shipped = archive.read_shipped()
    assert not shipped.duplicated(["key", "measurement", "epoch"]).any()
    for file in ("gaussian", "families-rsm", "ib-mnist", "dim-table1"):
        keys = set(pd.read_csv(ROOT / "results" / f"{file}.csv", usecols=["key"])["key"])
        assert keys <= set(shipped["key"])


def test_only_trials_of_the_same_cells_stand_beside_ours(ours: tuple[pd.DataFrame, Path]) -> None:
    frame, _ = ours
    both, note = archive.beside(frame)
    theirs = both[both["estimator"].str.endswith("(shipped)")]
    assert set(theirs["r"]) == {0.5, 0.9}
    assert set(theirs["d"]) == {1}
    shipped = narrow(archive.read_shipped(), CELLS)
    assert set(theirs["key"]) == set(shipped.loc[shipped["estimator"] != "oracle", "key"])
    assert note.startswith(
        f"beside {shipped['key'].nunique() - 4} trials"
    )  # the oracle's two seeds in two cells are ours
    pd.testing.assert_frame_equal(both.iloc[: len(frame)][frame.columns], frame, check_dtype=False)


def test_a_parameter_that_no_row_has_is_missing_in_one_way(ours: tuple[pd.DataFrame, Path]) -> None:
    frame = ours[0].assign(size=pd.array([pd.NA] * len(ours[0]), dtype="Int64"))
    both, _ = archive.beside(frame[["task", "size", *(name for name in frame.columns if name not in {"task", "size"})]])
    assert both["size"].nunique(dropna=False) == 1


def test_an_estimator_that_both_have_is_two_and_the_oracle_one(ours: tuple[pd.DataFrame, Path]) -> None:
    both, _ = archive.beside(ours[0])
    names = set(both["estimator"])
    assert {"gauss", "gauss (shipped)", "oracle"} <= names
    assert "oracle (shipped)" not in names
    measured = both[(both["estimator"] == "oracle") & (both["r"] == 0.9)]
    assert not measured.duplicated(["seed", "measurement"]).any()


def test_the_same_trial_has_the_shipped_numbers(ours: tuple[pd.DataFrame, Path]) -> None:
    both, _ = archive.beside(ours[0])
    value = both[(both["measurement"] == "mi_gradient") & (both["r"] == 0.9) & both["seed"].isin([0, 1])]
    gauss, shipped = (
        value[value["estimator"] == name].set_index("key")["value"] for name in ("gauss", "gauss (shipped)")
    )
    assert gauss.index.tolist() == shipped.index.tolist()
    assert gauss.tolist() == pytest.approx(shipped.tolist(), rel=1e-4, abs=1e-4)


def test_selectors_narrow_what_stands_beside(ours: tuple[pd.DataFrame, Path]) -> None:
    both, _ = archive.beside(ours[0], "gauss,mige")
    assert set(both["estimator"]) == {"gauss", "oracle", "gauss (shipped)", "mige (shipped)"}


@pytest.mark.parametrize("file", ["ib-mnist", "ib-beta", "dim-table1", "study", "gaussian"])
def test_cells_with_fewer_parameters_than_others_of_their_task_are_found(file: str) -> None:
    """Some cells of `ib` and `dim` have parameters that others lack, as `validation` and `noise`."""
    frame = read(ROOT / "results" / f"{file}.csv")
    both, _ = archive.beside(frame)
    theirs = both[both["estimator"].str.endswith("(shipped)")]
    assert set(frame["key"]) <= set(theirs["key"])
    assert len(theirs) < len(archive.read_shipped()) / 2


def test_a_cell_with_a_parameter_that_none_of_theirs_has_leaves_the_others(ours: tuple[pd.DataFrame, Path]) -> None:
    frame, _ = ours
    beyond = frame.copy()
    beyond.insert(1, "colour", pd.Series("red", frame.index, "string").where(frame["r"] == 0.9))
    both, _ = archive.beside(beyond)
    assert set(both.loc[both["estimator"].str.endswith("(shipped)"), "r"]) == {0.5}


def test_a_task_that_is_not_shipped_stays_alone(ours: tuple[pd.DataFrame, Path]) -> None:
    frame = ours[0].assign(task="another")
    both, note = archive.beside(frame)
    assert len(both) == len(frame)
    assert note.startswith("beside 0 trials")
    assert note.endswith("(none of another)")


def test_a_parameter_that_no_shipped_trial_of_a_task_shares_is_named(ours: tuple[pd.DataFrame, Path]) -> None:
    _, note = archive.beside(ours[0].assign(n=128))
    assert note.endswith("(those of x-mixture have n=256)")
    assert "(" not in archive.beside(ours[0])[1]


def test_other_data_are_other_cells(ours: tuple[pd.DataFrame, Path]) -> None:
    both, _ = archive.beside(ours[0].assign(data="digits: official"))
    assert not both["estimator"].str.endswith("(shipped)").any()


def test_an_installation_without_measurements_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(archive, "__file__", str(tmp_path / "mibench" / "comparison" / "archive.py"))
    archive.read_shipped.cache_clear()
    with pytest.raises(UsageError, match="holds no measurements"):
        archive.read_shipped()
    archive.read_shipped.cache_clear()


@pytest.mark.parametrize("command", ["show", "rank", "compare", "report", "plot"])
def test_every_command_that_shows_results_takes_it(
    command: str, ours: tuple[pd.DataFrame, Path], cli: Callable[..., Result], tmp_path: Path
) -> None:
    folder = str(ours[1])
    page = str(tmp_path / "page.html")
    result = {
        "show": lambda: cli("show", "--results", folder, "--with", "shipped"),
        "rank": lambda: cli("rank", folder, "--with", "shipped", "-t", CELLS),
        "compare": lambda: cli("compare", "gauss", "--with", "shipped", "--results", folder, "--format", "json"),
        "report": lambda: cli("report", "--results", folder, "--with", "shipped", "-o", page),
        "plot": lambda: cli("plot", "x-mixture[d=1]", "--results", folder, "--with", "shipped", "-e", "gauss"),
    }[command]()
    assert result.exit_code in {0, 1}, result.output
    assert "that mibench 0.1.0 ships for the same cells" in result.stderr
    shown = Path(page).read_text() if command == "report" else result.stdout
    assert "(shipped)" in shown or command == "plot"
    if command == "compare":
        assert {row["rival"] for row in json.loads(result.stdout)} >= {"gauss (shipped)"}


def test_it_stands_for_itself_where_no_folder_has_its_name(cli: Callable[..., Result], tmp_path: Path) -> None:
    """Before anything has been run."""
    assert len(mibench.load("shipped")) == len(archive.read_shipped())
    ranked = cli("rank", "shipped", "-t", CELLS, "-e", "gauss,rsm", "--format", "json")
    assert {row["estimator"] for row in json.loads(ranked.stdout)} == {"gauss", "rsm"}
    compared = cli("compare", "rsm", "--with", "gauss", "--results", "shipped", "-t", CELLS, "--format", "json")
    assert {row["rival"] for row in json.loads(compared.stdout)} == {"gauss"}
    assert "rsm" in cli("show", CELLS, "--results", "shipped").stdout
    assert cli("export", "shipped", "-t", CELLS, "-o", str(tmp_path / "cells.csv")).exit_code == 0
    Path("shipped").mkdir()
    assert "there are no records under shipped" in cli("rank", "shipped").stderr
