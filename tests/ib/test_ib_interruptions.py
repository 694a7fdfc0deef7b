"""A bottleneck that is killed goes on at the epoch it had reached, and ends with the same numbers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import mibench
from mibench.errors import TrialsFailed
from mibench.files import Checkpoint, progress
from mibench.plan.request import Rerun

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


def test_judges_that_draw_read_after_a_failure_what_they_read_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = "ib[epochs=4,hidden=32x32,latent=4,batch=32,beta=10,truth_every=1,judge=mige+mige-rp]"
    report = Checkpoint.report

    def failing(checkpoint: Checkpoint, epoch: int, epochs: int) -> None:
        report(checkpoint, epoch, epochs)
        if epoch == 3:  # before its state is kept
            raise RuntimeError("the disk is gone")

    def read(results: str, rerun: Rerun = "missing") -> pd.DataFrame:
        frame = mibench.run("dvb", task, profile="smoke", results=tmp_path / results, device="cpu", rerun=rerun)
        truth = frame[frame["measurement"].str.startswith("truth/")]
        return truth[["measurement", "epoch", "value"]].reset_index(drop=True)

    whole = read("whole")
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "report", failing)
        with pytest.warns(TrialsFailed):
            failed = read("failed")
    assert failed.empty
    assert {"truth/cosine/z/mige", "truth/cosine/z/mige-rp"} <= set(whole["measurement"])
    pd.testing.assert_frame_equal(read("failed", "failed"), whole, check_exact=True)
