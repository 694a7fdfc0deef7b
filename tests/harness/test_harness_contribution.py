"""`mibench archive add`: what is whole and of this code is written, anything else is named and counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_trials import recorded_as

import mibench
from mibench.frames import read

Cli = Callable[..., Any]
TASK = "ring[kappa=1|2,n=64]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mibench.run("gauss,cca", TASK, seeds=2, results=tmp_path / "mine")
    return tmp_path / "mine"


def edit(folder: Path, estimator: str, **changes: Any) -> None:
    """Changes what one record says, and of which trial it is."""
    path = sorted((folder / "records" / "ring" / estimator).glob("*.json"))[0]
    if recorded_as(path, **changes) != path:
        path.unlink()


def test_a_whole_folder_becomes_the_frame_of_a_pull_request(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("archive", "add", str(folder), "-o", str(tmp_path / "ring.csv"))
    assert done.exit_code == 0, done.stdout + done.stderr
    assert "8 trials, 0 of them not ok" in done.stderr
    frame = read(tmp_path / "ring.csv")
    assert frame.equals(mibench.load(folder))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"estimator_version": 99}, "estimator gauss has version"),
        ({"sources": {"estimator": "0" * 16}}, "estimator gauss is other code than what is installed"),
        ({"estimator_plugin": "gone"}, "no installed plugin 'gone' brings estimator gauss (1 trial)"),
        ({"seed": 7}, "gauss on ring: seeds are 0, 1, 7, and do not count from 0"),
    ],
)
def test_what_differs_is_named_and_nothing_is_written(
    cli: Cli, folder: Path, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    edit(folder, "gauss", **changes)
    done = cli("archive", "add", str(folder), "-o", str(tmp_path / "ring.csv"))
    assert done.exit_code == 1
    assert reason in done.stdout
    assert "cca" not in done.stdout
    assert not (tmp_path / "ring.csv").exists()


def test_trials_on_data_of_ones_own_and_on_their_twins_cannot_join(cli: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    np.savez(tmp_path / "pairs.npz", x=random.normal(size=(60, 1)), y=random.normal(size=(60, 1)))
    asked: dict[str, Any] = {"results": tmp_path / "mine", "data_dir": tmp_path, "executor": "serial"}
    mibench.run("gauss", "data[file=pairs.npz,twin=0|1]", **asked)
    mibench.run("gauss", "data[file=pairs.npz,rows=40]", seeds=2, **asked)
    reason = "data of your own, which no installed plugin brings: such trials cannot join the archive"
    done = cli("archive", "add", str(tmp_path / "mine"), "-o", str(tmp_path / "mine.csv"))
    assert (done.exit_code, done.stdout) == (1, f"task data was run on {reason} (4 trials)\n")
    assert not (tmp_path / "mine.csv").exists()


@pytest.mark.parametrize(("data", "lines"), [("digits: sha256:0", 0), ("stripes: sha256:0", 1)])
def test_a_data_set_is_one_that_a_plugin_brings(cli: Cli, folder: Path, tmp_path: Path, data: str, lines: int) -> None:
    for estimator in ("gauss", "cca"):
        for path in sorted((folder / "records" / "ring" / estimator).glob("*.json")):
            recorded_as(path, data=data)
            path.unlink()
    done = cli("archive", "add", str(folder), "-o", str(tmp_path / "ring.csv"))
    assert done.stdout.count("ring was run on data of your own") == lines
    assert (done.exit_code, (tmp_path / "ring.csv").exists()) == (lines, not lines)


def test_an_older_version_of_a_trial_stands_for_no_trial_that_is_missing(cli: Cli, folder: Path) -> None:
    there, gone = sorted((folder / "records" / "ring" / "gauss").glob("*.json"))[:2]
    recorded_as(there, estimator_version=99)
    gone.unlink()
    done = cli("archive", "add", str(folder))
    assert "gauss on ring: 1 trial missing of 2 cells x 2 seeds; run them too" in done.stdout


def test_a_cell_that_is_missing_is_counted(cli: Cli, folder: Path) -> None:
    sorted((folder / "records" / "ring" / "cca").glob("*.json"))[0].unlink()
    done = cli("archive", "add", str(folder))
    assert done.exit_code == 1
    assert "cca on ring: 1 trial missing of 2 cells x 2 seeds" in done.stdout
    assert not folder.with_suffix(".csv").exists()


def test_a_seed_that_only_a_rival_has_is_missing(cli: Cli, folder: Path, tmp_path: Path) -> None:
    mibench.run("gauss", TASK, seeds=3, results=folder)
    done = cli("archive", "add", str(folder), "-o", str(tmp_path / "ring.csv"))
    assert (done.exit_code, done.stdout) == (1, "cca on ring: 2 trials missing of 2 cells x 3 seeds; run them too\n")
    assert not (tmp_path / "ring.csv").exists()
