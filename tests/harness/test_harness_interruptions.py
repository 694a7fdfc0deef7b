"""Real runs that are killed or interrupted lose nothing that was measured and leave no process behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import harness_toys
import pandas as pd
from conftest import group_lives, wait_until

from mibench.api import load

Start = Callable[..., "subprocess.Popen[str]"]
TOYS = ("-p", harness_toys.FILE, "-t", "toy", "--device", "cpu")


def records(results: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in results.rglob("*.json")}


def test_a_run_killed_half_way_goes_on_and_equals_an_undisturbed_one(
    start: Start, results: Path, run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    asked = ("run", *TOYS, "-e", "slow[seconds=0.2]", "--seeds", "8", "--workers", "2", "--results", str(results))
    process = start(*asked, TOYS_MARKS=str(tmp_path))
    wait_until(lambda: len(records(results)) >= 2 or process.poll() is not None, "two records")
    process.kill()
    process.wait()
    wait_until(lambda: not group_lives(process.pid), "the workers of a killed run end", 30)
    kept = records(results)
    assert 2 <= len(kept) < 16, "the run ended before it was killed; give it more to do"

    again = start(*asked)
    _, stderr = again.communicate(timeout=300)
    assert again.returncode == 0, stderr
    assert {path: content for path, content in records(results).items() if path in kept} == kept
    undisturbed = run("slow[seconds=0.2]", seeds=8, results=tmp_path / "undisturbed")
    assert undisturbed["key"].nunique() == 16
    pd.testing.assert_frame_equal(load(results).drop(columns="seconds"), undisturbed.drop(columns="seconds"))
    share = max(1, (os.cpu_count() or 1) // 2)
    assert set(load(results, wide=True)["environment.threads"]) == {share}
    assert list(results.rglob("*.tmp")) == []


def test_ctrl_c_ends_promptly_in_one_line_and_leaves_no_worker(start: Start, results: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    asked = ("-e", "slow,steady", "--workers", "2", "--results", str(results))
    process = start("run", *TOYS, *asked, TOYS_MARKS=str(marks))
    wait_until(lambda: len(list(marks.iterdir())) == 2 or process.poll() is not None, "two workers hang")
    workers = [int(mark.name) for mark in marks.iterdir()]
    assert len(workers) == 2
    assert all(os.getpgid(worker) == process.pid for worker in workers)
    done = len(records(results))
    pressed = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - pressed < 20
    assert process.returncode == 130
    last = stderr.splitlines()[-1]
    assert last == f"mibench: interrupted; {done} of 8 trials kept, the same command goes on"
    assert "Traceback" not in stderr
    assert len(records(results)) == done
    wait_until(lambda: not group_lives(process.pid), "no process of the run is left", 10)
