"""A bottleneck that is killed goes on at the epoch it had reached, and ends with the same numbers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mibench
from mibench.files import progress

COMMAND = [str(Path(sys.executable).with_name("mibench")), "run", "--task", "ib[epochs=25]", "--profile", "smoke"]
MINE = ["--estimators", "mine[hidden=16x16]", "--executor", "serial", "--device", "cpu"]


def test_a_killed_trial_resumes_with_the_numbers_of_one_that_was_not(tmp_path: Path) -> None:
    whole = mibench.run(
        "mine[hidden=16x16]", "ib[epochs=25]", profile="smoke", results=tmp_path / "whole", device="cpu"
    )
    results = tmp_path / "killed"
    command = [*COMMAND, *MINE, "--results", str(results)]
    killed = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    reached = 0.0
    while killed.poll() is None:
        reached = max((share for _, share in progress(results / "checkpoints")), default=0.0)
        if reached >= 0.2:
            os.killpg(killed.pid, signal.SIGKILL)
            break
        time.sleep(0.005)
    killed.communicate()
    if killed.returncode == 0:
        pytest.skip("the trial was done before it could be killed")
    (checkpoint,) = (results / "checkpoints").glob("*.pt")
    subprocess.run(command, check=True, capture_output=True)
    assert not checkpoint.exists()
    resumed = mibench.load(results)
    ours, theirs = (
        frame[frame["measurement"] != "epoch_seconds"][["measurement", "epoch", "value"]].reset_index(drop=True)
        for frame in (resumed, whole)
    )
    assert ours.equals(theirs)
    seconds = resumed[resumed["measurement"] == "epoch_seconds"]
    assert sorted(seconds["epoch"]) == list(range(1, 26))
