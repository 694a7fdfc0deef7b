"""submitit's jobs, as local processes and through a stand-in for SLURM's commands: lost, preempted and left alone."""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import harness_marks
import harness_slurm
import pandas as pd
import pytest
from click.testing import Result
from harness_marks import GATE, happened
from harness_sessions import session, wait_until

import mibench
from mibench.executors import Limits, OverdueError
from mibench.executors import slurm as ours

Start = Callable[..., "subprocess.Popen[str]"]
LONG = "marked[n=0|1,steps=6]"
SHORT = "marked[n=0|1,steps=2]"
MARKED = ("run", "-p", harness_marks.FILE, "-e", "idle", "--device", "cpu", "--workers", "2")
LOCAL = ("--executor", "slurm[cluster=local]")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SLURM's commands, first on the path; the folder of what they know."""
    harness_slurm.install(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{tmp_path / 'slurm'}:{os.environ['PATH']}")
    return tmp_path / "slurm"


def processes(events: Path) -> dict[int, list[str]]:
    """By the process that began them, the steps that a trial took."""
    jobs: dict[int, list[str]] = {}
    for process, _, what, which in happened(events):
        if what == "step":
            jobs.setdefault(int(process), []).append(which)
    return jobs


def at_gate(events: Path) -> list[tuple[int, int]]:
    """The processes that wait at the gate, each with that of its job."""
    return [(int(guest), int(host)) for guest, host, *what in happened(events) if what == ["step", str(GATE)]]


def lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def serial(results: Path, task: str) -> pd.DataFrame:
    frame = mibench.run("idle", task, results=results, device="cpu", plugins=[harness_marks.FILE])
    return frame.drop(columns="seconds")


def test_a_job_that_is_lost_is_one_row_and_one_that_is_preempted_goes_on_where_it_was(
    start: Start, results: Path, events: Path, tmp_path: Path
) -> None:
    asked = (*MARKED, "-t", LONG, *LOCAL, "--results", str(results))
    process = start(*asked, TOYS_EVENTS=str(events), TOYS_GATE=str(tmp_path / "gate"))
    wait_until(lambda: len(at_gate(events)) == 2 or process.poll() is not None, "both jobs run")
    (_, lost), (guest, preempted) = at_gate(events)
    os.kill(lost, signal.SIGKILL)
    os.kill(preempted, signal.SIGUSR2)  # as SLURM says that it wants its node back
    wait_until(lambda: not lives(guest), "what was preempted ends")
    (tmp_path / "gate").touch()
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 1, stderr
    assert f"mibench: 2 trials: 1 crashed, 1 ok; records in {results / 'records'}" in stderr.splitlines()
    (line,) = [line for line in stderr.splitlines() if line.startswith("  ")]
    assert re.fullmatch(r"  1 x crashed: idle: WorkerLost: job \d+ ended without an answer; see .*_log.err", line)
    (seconds,) = mibench.load(results).query("status == 'crashed'")["seconds"]
    assert 0 < seconds < 600
    (resumed,) = [taken for taken in processes(events).values() if int(taken[0]) > 1]
    assert resumed[-1] == "6"

    again = start(*asked, TOYS_EVENTS=str(events))
    _, stderr = again.communicate(timeout=600)
    assert again.returncode == 0, stderr
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), serial(tmp_path / "serial", LONG))
    assert set(Counter(which for _, _, what, which in happened(events) if what == "end").values()) == {1}
    wait_until(lambda: not session(process.pid), "no process of the first run is left", 60)


def test_jobs_whose_coordinator_is_killed_go_on_and_count(
    start: Start, results: Path, events: Path, tmp_path: Path
) -> None:
    asked = (*MARKED, "-t", SHORT, *LOCAL, "--results", str(results))
    process = start(*asked, TOYS_EVENTS=str(events), TOYS_PAUSE="0.2")
    wait_until(lambda: len(processes(events)) == 2 or process.poll() is not None, "both jobs run")
    process.kill()
    process.wait()
    wait_until(lambda: len(list(results.rglob("*.json"))) == 2, "they are recorded all the same")
    assert start(*asked, TOYS_EVENTS=str(events), TOYS_PAUSE="0.2").wait(timeout=600) == 0
    assert [what for _, _, what, _ in happened(events)].count("begin") == 2
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), serial(tmp_path / "serial", SHORT))


def test_batches_are_one_job_array_with_time_and_memory_of_each(
    start: Start, results: Path, cluster: Path, tmp_path: Path
) -> None:
    executor = "slurm[partition=long,account=mine,time=90,mem_gb=2.5,cpus=1]"
    process = start(*MARKED, "-t", SHORT, "--executor", executor, "--results", str(results))
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    (script,) = cluster.glob("*.sbatch")
    lines = script.read_text().splitlines()
    asked = ("array=0-1%2", "time=90", "mem=2560MB", "cpus-per-task=1", "partition=long", "account=mine")
    assert {f"#SBATCH --{option}" for option in asked} <= set(lines)
    assert not [line for line in lines if "gpus" in line or "qos" in line]
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), serial(tmp_path / "serial", SHORT))
    assert set(mibench.load(results, wide=True)["environment.threads"]) == {1}
    assert not (results / "scratch").exists()


def test_a_job_that_is_put_back_into_the_queue_goes_on_where_it_was(
    start: Start, results: Path, cluster: Path, events: Path, tmp_path: Path
) -> None:
    asked = (*MARKED, "-t", LONG.replace("0|1", "0"), "--executor", "slurm", "--results", str(results))
    process = start(*asked, TOYS_EVENTS=str(events), TOYS_GATE=str(tmp_path / "gate"))
    wait_until(lambda: at_gate(events) or process.poll() is not None, "the job runs")
    ((guest, host),) = at_gate(events)
    for number in (signal.SIGTERM, signal.SIGUSR2):  # as SLURM does, to each process of the job
        os.kill(guest, number)
        os.kill(host, number)
    wait_until(lambda: not lives(guest), "what was preempted ends")
    (tmp_path / "gate").touch()
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 0, stderr
    first, second = processes(events).values()
    assert first == ["1", "2", "3", "4"]
    assert int(second[0]) > 1
    assert second[-1] == "6"
    frame, expected = mibench.load(results).drop(columns="seconds"), serial(tmp_path / "serial", LONG)
    pd.testing.assert_frame_equal(frame, expected[expected["n"] == 0].reset_index(drop=True))


def test_a_machine_of_no_cluster_and_a_refusal_are_one_line(
    cli: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (*MARKED, "-t", SHORT, "--executor", "slurm", "--results", str(tmp_path / "results"))
    without = cli(*asked)
    assert without.exit_code == 2
    (line,) = without.stderr.splitlines()
    assert line.startswith("mibench: cannot submit jobs: ")
    harness_slurm.install(tmp_path / "slurm")
    (tmp_path / "slurm" / "sbatch").write_text("#!/bin/sh\necho 'invalid partition specified: no' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'slurm'}:{os.environ['PATH']}")
    refused = cli(*asked)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines()[-1].startswith("mibench: the cluster took no jobs: ")
    assert "invalid partition specified: no" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr


def test_limits_of_a_trial_hold_in_a_job_too(tmp_path: Path) -> None:
    limits = Limits(workers=1, timeout=0.5, scratch=tmp_path / "scratch")
    with ours.SlurmExecutor(limits, ours.SlurmParams(cluster="local")) as executor:
        late = executor.submit(signal.pause)
        with pytest.raises(OverdueError, match=r"stopped after 0\.5 s") as raised:
            late.result(timeout=280)
        assert 0.5 <= (raised.value.seconds or 0.0) < 10  # also after the way through pickle


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("time=0", "`time` is at least 1, not 0"),
        ("cpus=-1", "`cpus` is at least 1, not -1"),
        ("cpus=0", "`cpus` is at least 1, not 0"),
        ("mem_gb=-1", "`mem_gb` is at least 0.001, not -1.0"),
    ],
)
def test_numbers_that_no_job_can_have_are_one_line(
    options: str, error: str, cluster: Path, cli: Callable[..., Result]
) -> None:
    done = cli(*MARKED, "-t", SHORT, "--executor", f"slurm[{options}]")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [f"mibench: executor slurm: {error}"]
    assert not list(cluster.glob("*.sbatch"))
