"""What goes wrong around a run costs time and nothing else: kills, two runs at once, disks, clocks, versions."""

import contextlib
import dataclasses
import errno
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import harness_marks
import harness_toys
import pandas as pd
import pytest
from click.testing import Result

import mibench
from mibench.executors import Limits
from mibench.executors.serial import SerialExecutor
from mibench.plan.trial import Batch
from mibench.runner import Job, execute, worker
from mibench.runner.claims import Claims
from mibench.store import Store
from mibench.store.record import Record

Run = Callable[..., pd.DataFrame]
KILLS = 50
SMALL = "marked[n=0|1|2|3|4|5|6|7|8|9|10|11,steps=3]"
COORDINATORS = """
# Starts coordinators by fork, since loading torch takes longer than a run, and kills each at a random moment: after so
# many trials, or while it plans, and a little later.
import os, pathlib, random, signal, sys, time, warnings
import pandas, torch
from mibench.cli import main

def coordinator():
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        main(sys.argv[3:])
    return child

def ended():
    events = pathlib.Path(os.environ["TOYS_EVENTS"])
    return events.read_bytes().count(b" end ") if events.exists() else 0

warnings.simplefilter("ignore")
torch.set_num_threads(1)
moments, killed = random.Random(int(sys.argv[1])), 0
for _ in range(int(sys.argv[2])):
    child = coordinator()
    trials, end = moments.randrange(5), ended()
    while ended() < end + trials:
        time.sleep(0.0005)
    time.sleep(moments.uniform(0.0, 0.02 if trials else 0.2))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
done = len(list(pathlib.Path("results").rglob("records/*/*/*.json")))
print(killed, done, os.waitstatus_to_exitcode(os.waitpid(coordinator(), 0)[1]))
"""


def marked(results: Path, task: str = SMALL, seeds: int = 1) -> pd.DataFrame:
    plugins = [harness_marks.FILE]
    frame = mibench.run("idle", task, seeds=seeds, results=results, device="cpu", plugins=plugins)
    return frame.drop(columns="seconds")


def test_a_run_whose_coordinator_is_killed_fifty_times_equals_an_undisturbed_one(results: Path, tmp_path: Path) -> None:
    asked = ["run", "-p", harness_marks.FILE, "-e", "idle", "-t", SMALL, "--seeds", "16", "--device", "cpu"]
    command = [sys.executable, "-c", COORDINATORS, "2026", str(KILLS), *asked, "--executor", "serial"]
    done = subprocess.run(
        [*command, "--results", str(results)],
        cwd=tmp_path,
        env=os.environ | {"TOYS_EVENTS": str(tmp_path / "events"), "TOYS_PAUSE": "0.004"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    killed, kept, code = map(int, done.stdout.split())
    assert (killed, code) == (KILLS, 0), done.stderr
    assert 10 < kept < 192, "they were not killed while they were at it; give them more to do, or less"
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), marked(tmp_path / "whole", seeds=16))
    assert Store(results).read()[1] == []


def test_two_runs_at_once_leave_one_good_record_of_each_trial(
    start: Callable[..., "subprocess.Popen[str]"], results: Path, tmp_path: Path
) -> None:
    asked = ("run", "-p", harness_marks.FILE, "-e", "idle", "-t", SMALL, "--seeds", "4", "--device", "cpu")
    both = [start(*asked, "--executor", "serial", "--results", str(results), TOYS_PAUSE="0.01") for _ in range(2)]
    for process in both:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        assert re.search(r"48 trials(, \d+ of them now)?: 48 ok", stderr)
    files = [path for path in results.rglob("*") if path.is_file()]
    assert len(files) == 48
    assert Store(results).read()[1] == []
    pd.testing.assert_frame_equal(mibench.load(results).drop(columns="seconds"), marked(tmp_path / "one", seeds=4))


def test_two_runs_at_once_share_the_work(
    start: Callable[..., "subprocess.Popen[str]"], results: Path, tmp_path: Path
) -> None:
    asked = ("run", "-p", harness_marks.FILE, "-e", "idle", "-t", SMALL, "--seeds", "8", "--device", "cpu")
    events = {"TOYS_PAUSE": "0.02", "TOYS_EVENTS": str(tmp_path / "events")}
    both = [start(*asked, "--executor", "serial", "--results", str(results), **events) for _ in range(2)]
    measured = 0
    for process in both:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        (line,) = (line for line in stderr.splitlines() if "96 trials" in line and "96 ok" in line)
        told = re.search(r"(\d+) of them now", line)
        measured += int(told[1]) if told else 96
    assert measured == 96, "each says what it measured itself"
    begun = [what for *_, kind, what in harness_marks.happened(tmp_path / "events") if kind == "begin"]
    assert len(set(begun)) == 96
    assert len(begun) == 96, "no trial is run by both"


@contextlib.contextmanager
def elsewhere(results: Path, batch: Batch) -> Iterator[int]:
    """A process that claims a batch until it is killed: its number if it got it, else 0."""
    program = f"""
import signal
from pathlib import Path
from types import SimpleNamespace
from mibench.runner.claims import Claims
trials = [SimpleNamespace(key=key) for key in {[trial.key for trial in batch.trials]}]
with Claims(Path({str(results)!r})) as claims:
    print(claims.take(SimpleNamespace(trials=trials)), flush=True)
    signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.pid if process.stdout.readline() == "True\n" else 0
    finally:
        process.kill()
        process.communicate()


def test_a_claim_ends_with_its_process(results: Path, plan: Callable[..., Job]) -> None:
    results.mkdir()
    (batch, *_) = plan(seeds=1).batches
    with Claims(results) as claims:
        with elsewhere(results, batch) as taken:
            assert taken
            assert not claims.take(batch)
        assert claims.take(batch)
    assert list(results.iterdir()) == []


def test_the_file_of_claims_is_opened_again_where_another_run_has_just_removed_it(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.mkdir()
    opened, others = os.open, iter(["a run that ends just now"])

    def open_late(path: Path, *asked: int) -> int:
        file = opened(path, *asked)
        if next(others, None):
            path.unlink()
            path.touch()
        return file

    monkeypatch.setattr(os, "open", open_late)
    with Claims(results) as claims:
        assert claims._file is not None
        assert os.path.samestat(os.fstat(claims._file), (results / "claims").stat())


def test_a_batch_is_claimed_whole_or_not_at_all(results: Path, plan: Callable[..., Job]) -> None:
    results.mkdir()
    first, second = plan(seeds=2, batch=2).batches[0].split()
    both = dataclasses.replace(first, trials=(*first.trials, *second.trials))
    with Claims(results) as claims, elsewhere(results, second):
        assert not claims.take(both)
        with elsewhere(results, first) as taken:
            assert taken


def test_a_batch_that_another_run_is_at_waits_for_it(results: Path, plan: Callable[..., Job]) -> None:
    job = plan(seeds=1, task="toy[rho=0.5]")
    (batch,) = job.batches
    records: list[Record] = []
    said: list[tuple[int, int | None]] = []

    def run() -> None:
        records.extend(execute(job, SerialExecutor(Limits(workers=1)), lambda *what: said.append(what)))

    waiting = threading.Thread(target=run)
    results.mkdir()
    with elsewhere(results, batch) as other:
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        assert said == [(1, other if sys.platform == "linux" else None)]
        worker.run_batch(batch, str(results))
        written = job.store.find(batch.trials[0])
    waiting.join(60)
    assert records == [written], "what the other run has measured is not measured again"
    assert len(said) == 1


def test_a_run_that_waits_for_another_says_so_in_one_line(
    results: Path, plan: Callable[..., Job], start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (batch,) = plan(seeds=1, task="toy[rho=0.5]").batches
    results.mkdir()
    asked = ("run", "-p", harness_toys.FILE, "-e", "steady", "-t", "toy[rho=0.5]", "--seeds", "1", "--device", "cpu")
    with elsewhere(results, batch) as other:
        process = start(*asked, "--executor", "serial", "--results", str(results))
        assert process.stderr
        line = process.stderr.readline()
    _, rest = process.communicate(timeout=120)
    assert line == f"mibench: waiting for 1 trial that another run (pid {other}) measures\n"
    assert process.returncode == 0, rest
    assert "waiting" not in rest


def test_of_a_batch_only_the_trials_that_are_left_are_run(results: Path, plan: Callable[..., Job]) -> None:
    (batch, *_) = plan(seeds=2, batch=2).batches
    first, second = batch.split()
    worker.run_batch(first, str(results))
    done = Store(results).path(first.trials[0]).read_bytes()
    records = worker.run_batch(batch, str(results), ["", ""])
    assert [record.key for record in records] == [trial.key for trial in batch.trials]
    assert Store(results).path(first.trials[0]).read_bytes() == done
    assert Store(results).find(second.trials[0]) is not None


def test_what_another_run_records_after_this_one_was_planned_is_not_run_again(
    results: Path, plan: Callable[..., Job]
) -> None:
    job = plan(seeds=1)
    mibench.run("steady", "toy", seeds=1, results=results, device="cpu", plugins=[harness_toys.FILE])
    written = {path: path.read_bytes() for path in results.rglob("*.json")}
    assert len(list(execute(job, SerialExecutor(Limits(workers=1))))) == len(written)
    assert {path: path.read_bytes() for path in results.rglob("*.json")} == written


def test_what_another_run_has_recorded_meanwhile_is_not_run_again(results: Path, plan: Callable[..., Job]) -> None:
    job, store = plan(seeds=1), Store(results)
    (first, second), before = job.batches, [store.digest(trial) for trial in job.plan.trials]
    worker.run_batch(first, str(results), before[:1])
    written = store.path(first.trials[0]).read_bytes()
    assert worker.run_batch(first, str(results), before[:1]) == [store.find(first.trials[0])]
    assert store.path(first.trials[0]).read_bytes() == written
    worker.run_batch(first, str(results), [store.digest(first.trials[0])])
    assert store.path(first.trials[0]).read_bytes() != written, "it was asked for with this record in sight"
    assert [record.outcome.status for record in worker.run_batch(second, str(results), before[1:])] == ["ok"]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How many more checkpoints it takes, and the error of those after."""
    state, sync = {"left": 2, "error": errno.ENOSPC}, os.fsync

    def fsync(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().parent.name == "checkpoints":
            state["left"] -= 1
            if state["left"] < 0:
                raise OSError(state["error"], os.strerror(state["error"]))
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return state


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds out which file is written by /proc")
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_checkpoint_that_cannot_be_written_fails_its_trial_which_goes_on_from_the_last_one(
    error: int, disk: dict[str, int], results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, events = "marked[n=0,steps=4]", tmp_path / "events"
    monkeypatch.setattr("mibench.training._SHARE", float("inf"))  # a checkpoint follows every epoch
    monkeypatch.setenv("TOYS_EVENTS", str(events))
    disk["error"] = error
    assert set(marked(results, task)["status"]) == {"failed"}
    (record,), _ = Store(results).read()
    assert record.outcome.error.type == "StoreError"
    assert record.outcome.error.message.endswith(os.strerror(error))
    assert len(list((results / "checkpoints").glob("*.pt"))) == 1
    disk["left"] = 10
    resumed = marked(results, task)
    steps = [line.split()[-1] for line in events.read_text().splitlines() if " step " in line]
    assert steps == ["1", "2", "3", "3", "4"]
    pd.testing.assert_frame_equal(resumed, marked(tmp_path / "whole", task))


def test_what_is_run_again_is_run_from_its_start(results: Path, tmp_path: Path, plan: Callable[..., Job]) -> None:
    """Whatever a run that was killed has left of it."""
    asked = {"estimators": "idle", "task": "marked[n=0,steps=2]", "device": "cpu", "plugins": [harness_marks.FILE]}
    expected = mibench.run(**asked, results=tmp_path / "whole")
    job = plan(**asked)
    job.store.checkpoint(job.plan.trials[0]).save({"of": "another time"})
    assert set(mibench.run(**asked, results=results)["status"]) == {"failed"}
    again = mibench.run(**asked, results=results, rerun="all")
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), expected.drop(columns="seconds"))


def test_others_may_read_what_is_written(results: Path) -> None:
    marked(results, "marked")
    (results / "plain").touch()
    modes = {path.stat().st_mode for path in results.rglob("*.json")}
    assert modes == {(results / "plain").stat().st_mode}


def test_progress_that_cannot_be_written_is_said_as_what_it_is(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))

    monkeypatch.setattr(Path, "write_text", refuse)
    assert set(marked(results, "marked")["status"]) == {"failed"}
    (record, *_), _ = Store(results).read()
    assert record.outcome.error.type == "StoreError"
    assert "No space left on device" in record.outcome.error.message


def refuse_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def refuse_new(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> object:
        return refuse() if "x" in mode or "w" in mode else opened(path, mode, *args, **kwargs)

    opened = Path.open
    monkeypatch.setattr(Path, "open", refuse_new)
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


def test_a_read_only_folder_can_be_shown_and_is_refused_before_anything_is_run(
    toy_cli: Callable[..., Result], cli: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the system would say: root may write to any folder whose mode forbids it."""
    asked = ("-e", "steady", "--results", str(results))
    assert toy_cli(*asked).exit_code == 0
    shown = cli("show", "--results", str(results)).stdout
    refuse_to_write(monkeypatch)
    assert cli("show", "--results", str(results)).stdout == shown
    again = toy_cli(*asked)
    assert (again.exit_code, again.stdout) == (0, shown)
    more = toy_cli(*asked, "--seeds", "3")
    assert more.exit_code == 2
    (line,) = more.stderr.splitlines()
    assert line == f"mibench: cannot write results to {results}: Read-only file system; choose --results"
    assert mibench.load(results)["key"].nunique() == 4


def test_a_folder_that_becomes_read_only_ends_the_run_in_one_line_and_keeps_what_was_measured(
    toy_cli: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = Store.write, iter([True, True])

    def then_refused(self: Store, *args: object) -> None:
        if not next(left, False):
            refuse_to_write(monkeypatch)
        write(self, *args)

    monkeypatch.setattr(Store, "write", then_refused)
    done = toy_cli("-e", "steady", "--results", str(results))
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].endswith("Read-only file system; nothing measured before is lost")
    assert "Traceback" not in done.output
    assert mibench.load(results)["key"].nunique() == 2


class Backwards(datetime):
    """A clock that goes back by an hour at each look."""

    looks = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        cls.looks += 1
        return datetime(2026, 1, 1, tzinfo=UTC).astimezone(tz) - timedelta(hours=cls.looks)


def test_a_clock_that_goes_backwards_changes_no_number_and_nothing_is_run_twice(
    run: Run, plan: Callable[..., Job], results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = run(seeds=3, results=tmp_path / "undisturbed").drop(columns="seconds")
    monkeypatch.setattr(worker, "datetime", Backwards)
    seconds = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))
    first = run(seeds=2)
    for path in results.rglob("*.json"):
        os.utime(path, (2**31, 2**31))  # in the future
    again = run(seeds=3)
    assert Backwards.looks > 0
    assert (again["seconds"] >= 0).all()
    assert plan(seeds=3).batches == []
    pd.testing.assert_frame_equal(again[again["seed"] < 2].reset_index(drop=True), first)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), undisturbed)


def test_another_version_of_an_estimator_is_run_again_beside_the_records_of_the_old_one(tmp_path: Path) -> None:
    source = Path(harness_toys.FILE).read_text()
    written: dict[Path, bytes] = {}
    for version in (1, 2):
        plugin = tmp_path / f"versioned_toys_{version}.py"
        plugin.write_text(source.replace('summary="behaves"', f"version={version}"))
        asked = {"results": tmp_path / "results", "device": "cpu", "plugins": [str(plugin)]}
        # The same plugin to its users, under the two names that two modules in one process must have.
        frame = mibench.run("steady", "toy", **asked)
        assert set(frame["status"]) == {"ok"}
        records = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}
        assert {path: records[path] for path in written} == written
        assert len(records) == len(written) + 4
        written = records
    assert set(mibench.load(tmp_path / "results", wide=True)["estimator_version"]) == {1, 2}
