"""Default and tuned rows are told apart, and no table mixes them unasked; a tuning's own trials are in no table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tuning_toys
from click.testing import Result

import mibench
import mibench.store.index
from mibench.comparison.tuned import is_tuned, keep_apart, marked
from mibench.errors import UsageError
from mibench.plan.trial import TUNED, TUNING_SEEDS

TOYS = {"device": "cpu", "plugins": [tuning_toys.FILE]}
REFUSED = "mibench: default and tuned rows (tunable["


def tuned_results(results: Path, estimator: str = "tunable") -> str:
    """A folder with a tuning, and with the default, the best of the tuning and another estimator on a run's seeds."""
    tuning = mibench.tune(estimator, "known", trials=4, seeds=1, results=results, **TOYS)
    mibench.run([tuning.default.estimator, tuning.best.estimator, "plain"], "known", results=results, **TOYS)
    assert tuning.best.number
    return tuning.best.estimator


@pytest.fixture(scope="module")
def best(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("tuned") / "results"
    return folder, tuned_results(folder)


def test_a_row_is_tuned_where_a_tuning_tried_its_parameters(best: tuple[Path, str]) -> None:
    folder, selector = best
    frame = mibench.load(folder)
    assert set(frame.loc[frame[TUNED], "estimator"]) == {selector}
    assert set(frame.loc[~frame[TUNED], "estimator"]) == {"tunable", "plain"}


def test_the_trials_of_a_tuning_are_loaded_only_where_they_are_asked_for(best: tuple[Path, str]) -> None:
    folder, _ = best
    assert set(mibench.load(folder)["seed"]) == {0, 1}
    every = mibench.load(folder, tunings=True)
    assert set(every["seed"]) == {0, 1, TUNING_SEEDS}
    assert every.loc[every["seed"] == TUNING_SEEDS, "key"].nunique() == 5 * 2


def test_what_a_tuning_fixes_is_its_default_and_not_tuned(results: Path) -> None:
    tuned_results(results, "tunable[width=3]")
    frame = mibench.load(results)
    assert not frame.loc[frame["estimator"] == "tunable[width=3]", TUNED].any()
    assert frame[TUNED].any()


def test_without_a_tuning_there_is_no_such_column(results: Path) -> None:
    mibench.run("tunable,plain", "known", results=results, **TOYS)
    assert TUNED not in mibench.load(results)


def shown(cli: Callable[..., Result], folder: Path, *args: str) -> Result:
    place = (str(folder),) if args[0] in {"rank", "site"} else ("--results", str(folder))
    return cli(*args, *place, "-p", tuning_toys.FILE)


TABLES = [["show"], ["show", "--tidy"], ["rank"], ["compare", "plain", "--with", "all"], ["report"], ["plot"], ["site"]]


@pytest.mark.parametrize("args", TABLES, ids=" ".join)
def test_no_table_mixes_default_and_tuned_rows_unasked(
    best: tuple[Path, str], cli: Callable[..., Result], args: list[str]
) -> None:
    refused = shown(cli, best[0], *args)
    assert refused.exit_code == 2, refused.output
    assert refused.stderr.startswith(REFUSED)
    assert refused.stderr.count("\n") == 1
    assert "--parameters default" in refused.stderr


@pytest.mark.parametrize("args", TABLES, ids=" ".join)
def test_every_table_mixes_them_where_it_is_asked_to(
    best: tuple[Path, str], cli: Callable[..., Result], args: list[str]
) -> None:
    asked = shown(cli, best[0], *args, "--parameters", "all")
    assert asked.exit_code in ({0, 1} if args[0] == "compare" else {0}), asked.output


def test_rows_of_one_kind_are_shown_and_say_which_they_are(best: tuple[Path, str], cli: Callable[..., Result]) -> None:
    folder, selector = best
    default = shown(cli, folder, "show", "--parameters", "default").stdout
    assert "plain" in default
    assert "tunable[" not in default
    tuned = shown(cli, folder, "show", "--parameters", "tuned").stdout
    assert f"{selector} (tuned)" in tuned
    assert "plain" not in tuned
    ranked = shown(cli, folder, "rank", "--parameters", "all", "--format", "csv").stdout
    assert f"{selector} (tuned)" in ranked
    assert "(tuned)" not in shown(cli, folder, "rank", "--parameters", "default").stdout


def test_who_names_estimators_has_asked(best: tuple[Path, str], cli: Callable[..., Result]) -> None:
    folder, selector = best
    assert shown(cli, folder, "rank", "-e", f"plain,{selector}").exit_code == 0
    assert shown(cli, folder, "compare", selector, "--with", "tunable").exit_code == 0
    assert len(mibench.rank(folder, estimators=["tunable", selector], plugins=[tuning_toys.FILE])) == 2
    assert len(mibench.compare(folder, selector, rivals="tunable", plugins=[tuning_toys.FILE])) > 0


@pytest.mark.parametrize("ask", [mibench.rank, mibench.report, mibench.plot])
def test_python_refuses_what_the_command_line_refuses(best: tuple[Path, str], ask: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match="do not compare"):
        ask(best[0], plugins=[tuning_toys.FILE])
    ask(best[0], parameters="default", plugins=[tuning_toys.FILE])
    with pytest.raises(UsageError, match="do not compare"):
        mibench.compare(best[0], "plain", plugins=[tuning_toys.FILE])


def test_an_exported_file_knows_its_tuned_rows(best: tuple[Path, str], cli: Callable[..., Result]) -> None:
    assert cli("export", str(best[0]), "-o", "all.csv").exit_code == 0
    frame = mibench.frames.read(Path("all.csv"))
    assert set(frame["seed"]) == {0, 1}
    assert frame[TUNED].dtype == "boolean"
    assert cli("rank", "all.csv", "-p", tuning_toys.FILE).stderr.startswith(REFUSED)


def test_merged_folders_know_their_tuned_rows(best: tuple[Path, str], cli: Callable[..., Result]) -> None:
    assert cli("merge", str(best[0]), "--into", "both").exit_code == 0
    pd.testing.assert_frame_equal(mibench.load("both"), mibench.load(best[0]))


def test_an_index_knows_which_rows_are_tuned(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned_results(results)
    whole = mibench.load(results)
    monkeypatch.setattr(mibench.store.index, "FEWEST", 1)
    monkeypatch.setattr(mibench.store.index, "SETTLED", -1)
    for _ in range(2):
        pd.testing.assert_frame_equal(mibench.load(results), whole)
    assert (results / "index.npz").is_file()


def test_a_folder_of_tunings_alone_has_no_rows(results: Path, cli: Callable[..., Result]) -> None:
    mibench.tune("tunable", "known", trials=1, seeds=1, results=results, **TOYS)
    said = f"there are only trials of tunings under {results}; `mibench run` makes others"
    for command in ("show", "rank", "report"):
        refused = shown(cli, results, command)
        assert refused.exit_code == 2
        assert refused.stderr == f"mibench: {said}\n"
    assert cli("archive", "add", str(results), "-p", tuning_toys.FILE).stderr == f"mibench: {said}\n"


def frame_of(**tuned: bool | None) -> pd.DataFrame:
    rows = [{"estimator": name, TUNED: kind} for name, kind in tuned.items()]
    return pd.DataFrame(rows).astype({TUNED: "boolean"})


def test_the_oracle_joins_either_kind_and_an_unknown_kind_is_default() -> None:
    frame = frame_of(oracle=None, mine=None, nwj=True)
    assert is_tuned(frame).tolist() == [False, False, True]
    assert list(keep_apart(frame, "tuned", named=False)["estimator"]) == ["oracle", "nwj"]
    assert list(keep_apart(frame, "default", named=False)["estimator"]) == ["oracle", "mine"]
    assert len(keep_apart(frame_of(oracle=None, nwj=True), None, named=False)) == 2
    assert list(marked(frame)["estimator"]) == ["oracle", "mine", "nwj (tuned)"]


def test_a_kind_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match="no row here is tuned"):
        keep_apart(frame_of(mine=False), "tuned", named=False)
    with pytest.raises(UsageError, match="every row here is tuned"):
        keep_apart(frame_of(mine=True), "default", named=False)
