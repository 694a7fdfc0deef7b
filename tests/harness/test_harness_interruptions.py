"""Real runs that are killed or interrupted lose nothing that was measured and leave no process behind."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import harness_children
import harness_toys
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from harness_sessions import parent_of, runs, session, started_in, wait_until

from mibench import runner
from mibench.api import load
from mibench.cli import main, progress
from mibench.cli.progress import RunProgress
from mibench.executors import Limits
from mibench.executors.orphans import Watchdog
from mibench.executors.serial import SerialExecutor

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
    wait_until(lambda: not session(process.pid), "the workers of a killed run end", 30)
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
    # A worker that is killed while it writes leaves one unfinished file, which `mibench gc` removes.
    assert len(list(results.rglob("*.tmp"))) <= 2


def test_ctrl_c_ends_promptly_in_one_line_and_leaves_no_worker(start: Start, results: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    asked = ("-e", "slow,steady", "--workers", "2", "--results", str(results))
    process = start("run", *TOYS, *asked, TOYS_MARKS=str(marks))
    wait_until(lambda: len(list(marks.iterdir())) == 2 or process.poll() is not None, "two workers hang")
    workers = [int(mark.name) for mark in marks.iterdir()]
    assert len(workers) == 2
    assert set(workers) < session(process.pid)
    done = len(records(results))
    pressed = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - pressed < 20
    assert process.returncode == 130
    last = stderr.splitlines()[-1]
    assert last == f"mibench: interrupted; {done} of 8 trials kept, the same command goes on"
    assert "Traceback" not in stderr
    assert len(records(results)) == done
    wait_until(lambda: not session(process.pid), "no process of the run is left", 10)


EXECUTORS = {"process": ("--workers", "1"), "serial": ("--executor", "serial")}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGKILL", -9)])
def test_workers_and_their_children_end_with_the_coordinator(
    name: str, code: int, executor: str, start: Start, results: Path, tmp_path: Path
) -> None:
    children, number = tmp_path / "children", getattr(signal, name)
    asked = ("-e", "slow-parent", "--profile", "smoke", *EXECUTORS[executor], "--results", str(results))
    toys = ("-p", harness_children.FILE, "-t", "toy", "--device", "cpu")
    process = start("run", *toys, *asked, TOYS_CHILDREN=str(children))
    wait_until(lambda: children.exists() or process.poll() is not None, "a trial has children")
    os.kill(process.pid, number)
    assert process.wait(timeout=60) == code
    wait_until(lambda: not session(process.pid), "no process of the run is left", 30)
    wait_until(lambda: not started_in(tmp_path), "no child of the trial is left, in whatever session", 30)
    if code > 0:
        said = process.communicate()[1].splitlines()
        assert said[-1] == "mibench: interrupted; 0 of 1 trial kept, the same command goes on"


def test_a_request_to_stop_that_python_drops_in_a_destructor_is_repeated(
    start: Start, results: Path, tmp_path: Path
) -> None:
    asked = ("-e", "slow-and-deaf", "--profile", "smoke", *EXECUTORS["serial"], "--results", str(results))
    toys = ("-p", harness_children.FILE, "-t", "toy", "--device", "cpu")
    process = start("run", *toys, *asked, TOYS_CHILDREN=str(tmp_path / "deaf"))
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert (tmp_path / "deaf").exists()  # the first request was dropped
    assert "0 of 1 trial kept" in stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["run", "estimate"])
def test_a_request_to_stop_that_comes_again_while_workers_end_says_nothing_more(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = runner.make_executor

    @contextlib.contextmanager
    def made(*given: Any) -> Generator[Any]:
        with make(*given) as executor:
            try:
                yield executor
            finally:
                signal.raise_signal(signal.SIGTERM)

    def execute(*_: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(runner, "make_executor", made)
    monkeypatch.setattr(progress, "execute", execute)
    np.savez(tmp_path / "pairs.npz", x=np.arange(60) % 7, y=np.arange(60) % 5)
    words = {"run": [*TOYS, "-e", "steady"], "estimate": [str(tmp_path / "pairs.npz"), "-e", "gauss"]}[command]
    given = [command, *words, "--executor", "serial", "--results", str(tmp_path / "results")]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 128 + signal.SIGTERM
    assert result.stderr.count("interrupted") == 1
    assert re.fullmatch(r"mibench: interrupted; 0 of \d+ trials? kept, the same command goes on", result.stderr.strip())


def test_what_a_trial_has_trained_so_far_is_said_to_be_kept(
    plan: Callable[..., runner.Job],
) -> None:
    job = plan(seeds=3)
    trials = [trial for batch in job.batches for trial in batch.trials]
    progress = RunProgress(job.batches, job.store, 1)
    first = next(iter(runner.execute(job, SerialExecutor(Limits(workers=1)))))
    progress.note(first)
    ended, begun = ([trial for trial in trials if (trial.key == first.key) == same] for same in (True, False))
    for trial in [*ended, begun[0]]:
        job.store.checkpoint(trial).save({"epoch": 1})
    assert progress.kept == f"1 of {len(trials)} trials kept and what 1 more has trained so far"


STUBBORN = """
import os, signal, sys, time
from mibench.process import interrupts

interrupts._AGAIN = 0.05
number = signal.Signals[sys.argv[1]]
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
requests = 1
with interrupts.listen(number.name), interrupts.noting_interrupts():
    while True:
        try:
            while requests:
                requests -= 1
                os.kill(os.getpid(), number)
            time.sleep(60)
        except BaseException:
            pass
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_code_that_drops_every_request_to_stop_ends_with_its_process(name: str) -> None:
    ended = subprocess.run([sys.executable, "-c", STUBBORN, name], timeout=60, check=False)
    assert ended.returncode == -signal.Signals[name]


def test_the_children_of_a_killed_worker_end_with_it(start: Start, results: Path, tmp_path: Path) -> None:
    children = tmp_path / "children"
    asked = ("-e", "slow-parent", "--profile", "smoke", "--workers", "1", "--results", str(results))
    toys = ("-p", harness_children.FILE, "-t", "toy", "--device", "cpu")
    process = start("run", *toys, *asked, TOYS_CHILDREN=str(children))
    wait_until(lambda: children.exists() or process.poll() is not None, "a trial has children")
    first = harness_children.written(children)
    (worker,) = {parent_of(pid) for pid in first}
    os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode == 1
    wait_until(lambda: not started_in(tmp_path), "no child of the trial is left, in whatever session", 30)


def test_what_a_trial_starts_while_its_process_is_killed_ends_too() -> None:
    """What was started after the last look at the process's children, which only its environment tells."""
    script = """
import os, signal, subprocess
from mibench.executors import Limits
from mibench.executors.serial import SerialExecutor
def trial():
    child = subprocess.Popen(["sleep", "600"], start_new_session=True, **quiet)
    print(child.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
other = subprocess.Popen(["sleep", "600"], **quiet)  # of the same program, but of no trial
print(other.pid, flush=True)
SerialExecutor(Limits(workers=1)).submit(trial)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    other, child = map(int, ended.stdout.split())
    assert ended.returncode == -signal.SIGKILL
    wait_until(lambda: not runs(child), "the trial's child has ended", 30)
    assert runs(other)
    os.kill(other, signal.SIGKILL)


def test_a_run_that_ends_dismisses_its_watchdog() -> None:
    watchdog = Watchdog()
    assert watchdog.pid is not None
    assert runs(watchdog.pid)
    pid = watchdog.pid
    watchdog.dismiss()
    assert not runs(pid)


@pytest.mark.parametrize(
    "options", [("--executor", "serial"), ("--workers", "1"), ("--workers", "1", "--timeout", "3")]
)
def test_a_trials_children_end_with_it(options: tuple[str, ...], start: Start, results: Path, tmp_path: Path) -> None:
    children, estimator = tmp_path / "children", "slow-parent" if "--timeout" in options else "parent"
    toys = ("-p", harness_children.FILE, "-t", "toy", "--device", "cpu", "--profile", "smoke")
    process = start("run", *toys, "-e", estimator, *options, "--results", str(results), TOYS_CHILDREN=str(children))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == (1 if "--timeout" in options else 0), stderr
    assert len(harness_children.written(children)) == 3
    wait_until(lambda: not any(map(runs, harness_children.written(children))), "no child of the trial is left", 30)
