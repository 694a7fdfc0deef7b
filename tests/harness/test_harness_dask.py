"""Real dask clusters over loopback: what is lost, killed or late costs no other trial, and nothing is run twice."""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import harness_hosts
import harness_marks
import harness_toys
import pandas as pd
import pytest
from distributed import LocalCluster
from harness_marks import happened
from harness_sessions import session, wait_until

import mibench
from mibench.errors import MibenchError, UsageError
from mibench.executors import Limits, WorkerLostError
from mibench.executors import dask as ours

Start = Callable[..., "subprocess.Popen[str]"]
QUIET = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
IDLE = ("-p", harness_marks.FILE, "-e", "idle", "--device", "cpu")
MARKED = (*IDLE, "-t", "marked")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events"


@pytest.fixture
def cluster(events: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    """Somebody else's cluster: two workers of one thread, each under a nanny."""
    monkeypatch.setenv("TOYS_EVENTS", str(events))
    monkeypatch.setenv("TOYS_PAUSE", "0.3")
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), LocalCluster(**QUIET, n_workers=2) as cluster:
        yield cluster


def serial(results: Path, task: str = "marked", seeds: int = 1) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TOYS_PAUSE", raising=False)
        plugins = [harness_marks.FILE]
        frame = mibench.run("idle", task, seeds=seeds, results=results, device="cpu", plugins=plugins)
    return frame.drop(columns="seconds")


def test_a_worker_killed_in_the_middle_loses_nothing_and_nothing_is_done_twice(
    start: Start, results: Path, events: Path, tmp_path: Path
) -> None:
    asked = ("run", *IDLE, "-t", "marked[steps=2]", "--seeds", "3", "--workers", "2", "--executor", "dask")
    process = start(*asked, "--results", str(results), TOYS_EVENTS=str(events), TOYS_PAUSE="0.2")
    seen: list[list[str]] = []

    def in_the_middle() -> bool:
        """Whether the last event is no end, between which and its record a kill has the trial measured again."""
        seen[:] = happened(events)
        return len(seen) >= 12 and seen[-1][2] != "end"

    wait_until(lambda: in_the_middle() or process.poll() is not None, "some trials have begun")
    worker = int(seen[-1][1])
    assert worker != process.pid
    os.kill(worker, signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stdout + stderr
    (summary,) = (line for line in stderr.splitlines() if " ok; records in " in line)
    # A worker that is killed once it has recorded a trial, and before it says so, is not counted as having measured it.
    assert re.fullmatch(r"mibench: 24 trials(, 2\d of them now)?: 24 ok; records in .*", summary)
    assert "Traceback" not in stderr
    assert len({parent for _, parent, *_ in happened(events)}) == 3
    ended = Counter(which for _, _, what, which in happened(events) if what == "end")
    assert len(ended) == 24
    assert set(ended.values()) == {1}
    frame = mibench.load(results).drop(columns="seconds")
    pd.testing.assert_frame_equal(frame, serial(tmp_path / "serial", "marked[steps=2]", seeds=3))
    wait_until(lambda: not session(process.pid), "no process of the run is left", 20)


def test_every_way_to_die_costs_one_row_on_a_cluster_too(
    start: Start, results: Path, cluster: LocalCluster, run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    before = set(cluster.scheduler.workers)
    plugin = ("-p", harness_toys.FILE, "-t", "toy", "--profile", "smoke", "--device", "cpu")
    limits = ("--timeout", "4", "--memory", "2", "--results", str(results))
    estimators = "steady[scale=1|2|3],quitter,killed,glutton,slow"
    process = start("run", *plugin, "-e", estimators, "--executor", "dask", "--scheduler", address(cluster), *limits)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 1, stderr
    frame = mibench.load(results, wide=True).drop_duplicates("key").set_index("estimator")
    died = {"quitter": "failed", "killed": "crashed", "glutton": "failed", "slow": "timeout"}
    assert frame["status"].to_dict() == dict.fromkeys(["steady", "steady[scale=2.0]", "steady[scale=3.0]"], "ok") | died
    assert frame.loc["killed", "error"] == "WorkerLost: the worker was killed by SIGKILL"
    unharmed = run("steady[scale=1|2|3]", profile="smoke", results=tmp_path / "serial")
    rows = mibench.load(results)
    rows = rows[rows["estimator"].str.startswith("steady")].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows.drop(columns="seconds"), unharmed.drop(columns="seconds"))
    assert set(cluster.scheduler.workers) == before, "a worker of the cluster was lost"


def test_the_records_of_a_run_whose_coordinator_is_killed_count(
    start: Start, results: Path, cluster: LocalCluster, events: Path, tmp_path: Path
) -> None:
    asked = ("run", *IDLE, "-t", "marked[steps=2]", "--executor", "dask", "--scheduler", address(cluster))
    process = start(*asked, "--results", str(results))
    wait_until(lambda: len(happened(events)) >= 10 or process.poll() is not None, "some trials have begun")
    process.kill()
    process.wait()
    wait_until(lambda: [what for _, _, what, _ in happened(events)].count("begin") == ends(events), "workers go on")
    kept = ends(events)
    assert 2 <= kept < 8
    wait_until(lambda: len(list(results.rglob("*.json"))) == kept, "what was finished is recorded")
    again = start(*asked, "--results", str(results))
    _, stderr = again.communicate(timeout=300)
    assert again.returncode == 0, stderr
    assert ends(events) == 8
    frame = mibench.load(results).drop(columns="seconds")
    pd.testing.assert_frame_equal(frame, serial(tmp_path / "serial", "marked[steps=2]"))


def test_a_batch_that_several_workers_are_lost_with_is_given_up(cluster: LocalCluster) -> None:
    with ours.DaskExecutor(Limits(), ours.DaskParams(scheduler=address(cluster))) as executor:
        with pytest.raises(WorkerLostError, match="2 of dask's workers in a row were lost with it"):
            executor.submit(harness_hosts.kill_the_host).result(timeout=280)
        assert executor.submit(os.getpid).result(timeout=280)


def test_a_cluster_that_is_gone_is_one_line(cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = ours.DaskExecutor(Limits(), ours.DaskParams(scheduler=address(cluster)))
    waiting = executor.submit(signal.pause)
    wait_until(lambda: any(worker.processing for worker in cluster.scheduler.workers.values()), "it runs")
    monkeypatch.setattr(executor._client, "_timeout", 0.5)  # seconds in which it would come back
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 99)  # its two workers close before it does
    cluster.close()
    with pytest.raises(MibenchError, match="the dask cluster is gone; the same command goes on"):
        waiting.result(timeout=280)
    executor.shutdown(cancel_futures=True)


@pytest.mark.parametrize("executor", [[], ["--executor", "dask"]])
@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1:nonsense"])
def test_a_scheduler_that_does_not_answer_is_one_line(
    scheduler: str, executor: list[str], cli: Callable[..., object]
) -> None:
    done = cli("run", *MARKED, *executor, "--scheduler", scheduler)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: no dask scheduler answers at {scheduler}: ")


def test_a_cluster_without_gpus_says_how_to_offer_them(cluster: LocalCluster) -> None:
    with pytest.raises(UsageError, match=r'no dask worker offers a GPU; .*--resources "GPU=1"'):
        ours.DaskExecutor(Limits(device="cuda"), ours.DaskParams(scheduler=address(cluster)))


def test_on_gpus_there_is_one_batch_for_each_that_is_offered(events: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOYS_EVENTS", str(events))
    with LocalCluster(**QUIET | {"threads_per_worker": 2}, n_workers=1, resources={"GPU": 1}) as cluster:
        asked = ours.DaskParams(scheduler=address(cluster))
        monkeypatch.setattr(ours, "Host", harness_hosts.PretendedHost)
        with ours.DaskExecutor(Limits(device="cuda"), asked) as executor:
            assert executor.slots == 2 * 1
            for future in [executor.submit(harness_hosts.begin_and_end, 0.3) for _ in range(4)]:
                future.result(timeout=280)
    level = highest = 0
    for _, _, what in [line[:3] for line in happened(events)]:
        level += 1 if what == "begin" else -1
        highest = max(highest, level)
    assert highest == 1


def ends(events: Path) -> int:
    return [what for _, _, what, _ in happened(events)].count("end")


def address(cluster: LocalCluster) -> str:
    return str(cluster.scheduler_address)
