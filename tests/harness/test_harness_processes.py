"""Real processes: a trial that dies, hangs or devours memory costs that trial and no other."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import harness_toys
import pandas as pd
import pytest
from conftest import group_lives, wait_until

from mibench.api import load
from mibench.errors import MibenchError
from mibench.executors import Limits, process


def test_every_way_to_die_costs_one_row_and_no_other_trial(
    start: Callable[..., "subprocess.Popen[str]"], results: Path, run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    estimators = "steady[scale=1|2|3],raiser,lost,quitter,killed,glutton,slow"
    limits = ("--workers", "1", "--timeout", "4", "--memory", "2", "--profile", "smoke")
    command = start(
        "run",
        "-p",
        harness_toys.FILE,
        "-t",
        "toy",
        "--device",
        "cpu",
        "-e",
        estimators,
        *limits,
        "--results",
        str(results),
        "--format",
        "csv",
    )
    stdout, stderr = command.communicate(timeout=300)
    assert command.returncode == 1, stderr
    wait_until(lambda: not group_lives(command.pid), "no process of the run is left", 10)
    frame = load(results, wide=True).drop_duplicates("key").set_index("estimator")
    assert frame["status"].to_dict() == {
        "steady": "ok",
        "steady[scale=2.0]": "ok",
        "steady[scale=3.0]": "ok",
        "raiser": "failed",
        "lost": "diverged",
        "quitter": "failed",
        "killed": "crashed",
        "glutton": "failed",
        "slow": "timeout",
    }
    assert set(frame["environment.threads"].drop(index=["killed", "slow"])) == {os.cpu_count()}
    assert frame.loc["killed", "error"] == "WorkerLost: the worker was killed by SIGKILL"
    assert frame.loc["slow", "error"] == "Overdue: stopped after 4 s"
    assert frame.loc["glutton", "error"].partition(": ")[2].startswith("out of memory")
    unharmed = run("steady[scale=1|2|3]", profile="smoke", results=tmp_path / "serial")
    found = load(results)
    found = found[found["estimator"].str.startswith("steady")].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), unharmed.drop(columns="seconds"))
    assert "Traceback" not in stderr
    assert "\x1b" not in stdout + stderr
    for estimator, status in frame["status"].items():
        named = [line for line in stderr.splitlines() if line.startswith(f"  1 x {status}: {estimator}: ")]
        assert len(named) == (status != "ok")


def test_workers_that_cannot_start_end_the_run_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "prepare_worker", sys.exit)  # which takes one argument, not two
    executor = process.ProcessExecutor(Limits(workers=1))
    try:
        with pytest.raises(MibenchError, match=r"workers died with no trial to blame .*; the same command goes on"):
            executor.submit(os.getpid).result(timeout=60)
    finally:
        executor.shutdown(cancel_futures=True)
