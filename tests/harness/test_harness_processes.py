"""Real processes: a trial that dies, hangs or devours memory costs that trial and no other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness_children
import harness_toys
import nbclient
import nbformat
import pandas as pd
import pytest
from harness_sessions import session, wait_until

from mibench.api import load
from mibench.discovery import Plugin, load_plugins
from mibench.discovery.registry import Registry
from mibench.errors import MibenchError, UsageError
from mibench.executors import Limits, OverdueError, process
from mibench.executors.hosted import Worker
from mibench.plan.request import RunRequest
from mibench.runner import plan_in_worker
from mibench.runner.answers import outcome_of
from mibench.specs import EstimatorSpec


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
    wait_until(lambda: not session(command.pid), "no process of the run is left", 10)
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
    assert 0 < frame.loc["killed", "seconds"] < 4 <= frame.loc["slow", "seconds"] < 9
    unharmed = run("steady[scale=1|2|3]", profile="smoke", results=tmp_path / "serial")
    rows = load(results)
    rows = rows[rows["estimator"].str.startswith("steady")].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), unharmed.drop(columns="seconds"))
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


def test_a_worker_that_is_born_while_its_pool_ends_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:

    def terminate_late(worker: Worker) -> None:
        time.sleep(3)  # in which it is born
        terminate(worker)

    terminate = Worker.terminate
    executor = process.ProcessExecutor(Limits(workers=1, timeout=0.2))
    with pytest.raises(OverdueError):
        executor.submit(signal.pause).result(timeout=60)
    monkeypatch.setattr(Worker, "terminate", terminate_late)
    executor.shutdown()
    assert capfd.readouterr().err == ""


def test_a_trial_that_exits_with_0_is_crashed(start: Callable[..., "subprocess.Popen[str]"], results: Path) -> None:
    toys = ("-p", harness_children.FILE, "-t", "toy", "--device", "cpu", "--profile", "smoke")
    process = start("run", *toys, "-e", "leaver,steady", "--workers", "1", "--results", str(results))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    frame = load(results, wide=True).drop_duplicates("key").set_index("estimator")
    assert frame["status"].to_dict() == {"leaver": "crashed", "steady": "ok"}
    assert frame.loc["leaver", "error"] == "WorkerLost: the worker ended with exit code 0"


def test_a_worker_keeps_its_own_deadline() -> None:
    """Where the pool that should end it does not."""
    script = "import time; from mibench.executors.hosted import deadline\nwith deadline(0.2): time.sleep(60)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=50).returncode == -signal.SIGALRM


PROGRAM = """
import sys, mibench
def count(results):
    try:
        return mibench.run("mige", "gaussian", profile="smoke", executor="process", results=results, device="cpu")
    except mibench.errors.UsageError as error:
        return error
"""
GUARDED = "if __name__ == '__main__': "
POOL = """
    from multiprocessing import get_context
    with get_context("spawn").Pool(1) as pool: print(pool.apply(count, ["r"]))"""


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("print(count('r'))", 'put its call of mibench under `if __name__ == "__main__":`'),
        (GUARDED + POOL, "this process is itself a worker, e.g. of multiprocessing.Pool or joblib"),
        (f"{GUARDED}\n    import joblib; print(joblib.Parallel(2)([joblib.delayed(count)('r')])[0])", "or joblib"),
        ("", "<stdin> is no file: save the program in a file"),
    ],
    ids=["no guard", "pool", "joblib", "standard input"],
)
def test_a_program_whose_workers_cannot_start_is_told_what_to_do(rest: str, message: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM + rest)
    done = subprocess.run(
        [sys.executable, *([program] if rest else [])],
        input=None if rest else PROGRAM + "print(count('r'))",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert message in done.stdout, done.stderr
    assert 'executor="serial"' in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_notebook_runs_on_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    asked = '"gauss", "gaussian", profile="smoke", seeds=1, executor="process", workers=1, device="cpu", results="r"'
    cells = ["import mibench", f"frame = mibench.run({asked})", "print(*frame['status'].unique())"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    settings: dict[str, Any] = {"timeout": 120, "kernel_name": "python3"}
    nbclient.NotebookClient(notebook, **settings, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [output.get("text") for output in notebook.cells[-1].outputs] == ["ok\n"]
    assert load(tmp_path / "r")["status"].unique().tolist() == ["ok"]


def test_workers_that_cannot_import_torch_say_why_in_one_line(
    start: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("raise ImportError('libcudart.so.1: no such file')")
    asked = ("run", "-e", "mige", "-t", "gaussian", "--profile", "smoke", "--device", "cpu", "--workers", "1")
    process = start(*asked, PYTHONPATH=str(tmp_path / "broken"))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 2
    assert stderr.splitlines()[-1] == "mibench: workers cannot import torch: ImportError: libcudart.so.1: no such file"
    assert "Traceback" not in stderr


def test_a_time_limit_beyond_any_alarm_is_none(tmp_path: Path) -> None:
    for timeout in (1e10, 1e300, 10**400):
        with process.ProcessExecutor(Limits(workers=1, timeout=timeout, scratch=tmp_path)) as executor:
            assert executor.submit(int).result(120) == 0


@pytest.mark.parametrize("memory", ["0.2", "0.8"])
def test_a_worker_with_too_little_memory_to_import_anything_says_so_in_one_line(
    memory: str, start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    asked = ("run", "-e", "ksg", "-t", "gaussian", "--profile", "smoke", "--device", "cpu", "--workers", "1")
    command = start(*asked, "--memory", memory)
    _, stderr = command.communicate(timeout=120)
    assert command.returncode == 2
    assert stderr.splitlines()[-1].startswith(f"mibench: a worker may use {float(memory):.2f} GiB, and needs ")
    assert stderr.splitlines()[-1].endswith("raise --memory, or take fewer --workers")
    assert "Traceback" not in stderr


@pytest.mark.parametrize("memory", [2**63 - 1, 2**40])
def test_more_memory_than_the_system_allows_is_what_it_allows(memory: int) -> None:
    program = (
        "from resource import *; from mibench.executors.process import prepare_worker\n"
        f"setrlimit(RLIMIT_DATA, (2**33, 2**33)); prepare_worker(1, {memory}); print(getrlimit(RLIMIT_DATA))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == f"({2**33}, {2**33})\n", done.stderr


@pytest.mark.parametrize("message", ["x.so: failed to map segment from shared object", "Cannot allocate memory"])
def test_an_import_that_lacks_memory_blames_no_plugin(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "starved.py").write_text(f"raise ImportError({message!r})")
    error = outcome_of(ImportError(message)).error
    assert error
    assert error.message == f"out of memory: {message}"
    spec = EstimatorSpec(name="starved", target="starved:Starved", estimates={"value"})
    registry = Registry([*load_plugins(), Plugin("here", "here", specs=[spec])])
    request = RunRequest(estimators="starved", tasks="gaussian", device="cpu")
    with pytest.raises(UsageError, match=f"planning failed, out of memory: .*{message}; raise --memory"):
        plan_in_worker(registry, request, "cpu")
