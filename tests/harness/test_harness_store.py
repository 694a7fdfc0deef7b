"""Records are whole or absent; what is no record is named, skipped, and never deleted."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness_toys
import pandas as pd
import pytest
from click.testing import Result

import mibench
from mibench.api import load
from mibench.errors import StoreError, TrialsFailed
from mibench.outcome import Measurement, Outcome, Status
from mibench.runner import Job
from mibench.store import Store
from mibench.store.record import LARGEST, SCHEMA, Record


@pytest.fixture
def written(run: Callable[..., pd.DataFrame], results: Path) -> list[Path]:
    """The files of four good records."""
    run()
    return sorted(results.rglob("*.json"))


def edited(path: Path, **changes: Any) -> bytes:
    return json.dumps(json.loads(path.read_text()) | changes).encode()


DAMAGE: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "truncated": (lambda path: path.read_bytes()[:-20], "cannot be read"),
    "empty": (lambda _: b"", "cannot be read"),
    "binary": (lambda _: b"\xff\xfe\x00", "cannot be read"),
    "other-json": (lambda _: b'{"hello": "world"}', "is not a record of mibench"),
    "list": (lambda _: b"[1, 2]", "is not a record of mibench"),
    "odd schema": (lambda path: edited(path, schema="one"), "is not a record of mibench"),
    "schema before the first": (
        lambda path: edited(path, schema=0),
        "is not a record of mibench: no mibench wrote schema 0, they count from 1",
    ),
    "newer": (
        lambda path: edited(path, schema=SCHEMA + 1),
        f"was written by a newer mibench (schema {SCHEMA + 1}, this one knows {SCHEMA}) and is left alone",
    ),
    "another key": (lambda path: edited(path, key="0" * 16), "holds another trial than its key says"),
    "another seed": (lambda path: edited(path, seed=99), "holds another trial than its key says"),
    "another cell": (lambda path: edited(path, cell={"rho": 0.125}), "holds another trial than its key says"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_no_record_is_named_skipped_and_left(
    damage: str, written: list[Path], results: Path, cli: Callable[..., Result]
) -> None:
    make, reason = DAMAGE[damage]
    content = make(written[0])
    written[0].write_bytes(content)
    shown = cli("show", "--results", str(results), "--tidy", "--format", "csv")
    assert shown.exit_code == 0
    (line,) = shown.stderr.splitlines()
    assert line.startswith(f"mibench: skipped {written[0]}: {reason}")
    assert set(load(results)["key"]) == {path.stem for path in written[1:]}
    assert written[0].read_bytes() == content


def test_a_record_that_lacks_a_field_of_its_key_is_read_as_before(written: list[Path], results: Path) -> None:
    record = json.loads(written[0].read_text())
    del record["data"]
    written[0].write_text(json.dumps(record))
    assert len(Store(results).read()[0]) == len(written)


def _deep(_: Path) -> bytes:
    return b'{"schema": 1, "key": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


MALFORMED: dict[str, Callable[[Path], bytes]] = {
    "deep": _deep,
    "cell is a list": lambda path: edited(path, cell=[1]),
    "cell of dicts": lambda path: edited(path, cell={"d": {}}),
    "cell of NaN": lambda path: edited(path, cell={"rho": math.nan}),
    "seed is text": lambda path: edited(path, seed="x"),
    "seed is true": lambda path: edited(path, seed=True),
    "huge seed": lambda path: edited(path, seed=10**30),
    "seed of many digits": lambda path: path.read_bytes().replace(b'"seed": ', b'"seed": ' + b"9" * 5000),
    "value is text": lambda path: edited(path, measurements=[{"name": "mi", "value": "1", "truth": None, "unit": ""}]),
    "huge value": lambda path: edited(path, measurements=[{"name": "a", "value": 10**400, "truth": None, "unit": ""}]),
    "huge epoch": lambda path: edited(
        path, measurements=[{"name": "a", "value": 1, "truth": None, "unit": "", "epoch": 10**30}]
    ),
    **{
        f"cell with {name}": lambda path, name=name: edited(path, cell={"d": 2, name: 1})
        for name in ("task", "seed", "truth_error", "on data")
    },
    "negative seconds": lambda path: edited(path, seconds=-3.0),
    "endless seconds": lambda path: edited(path, seconds=math.inf),
    **{
        f"{name} of {value}": lambda path, name=name, value=value: edited(
            path, measurements=[{"name": "mi", "value": 1.0, "truth": None, "unit": "", name: value}]
        )
        for name, value in (("value", math.inf), ("value", -1e308), ("truth", -math.inf), ("truth_error", math.inf))
    },
    "negative truth_error": lambda path: edited(
        path, measurements=[{"name": "mi", "value": 1.0, "truth": 1.0, "unit": "", "truth_error": -1.0}]
    ),
    "measurements are text": lambda path: edited(path, measurements="abc"),
    "a measurement is none": lambda path: edited(path, measurements=[None]),
    "no such status": lambda path: edited(path, status="fine"),
    "seconds are text": lambda path: edited(path, seconds="1"),
    "error is text": lambda path: edited(path, error="no"),
    "estimator is none": lambda path: edited(path, estimator=None),
    "environment is a list": lambda path: edited(path, environment=["a"]),
    "schema is true": lambda path: edited(path, schema=True),
    "huge schema": lambda path: edited(path, schema=10**30),
    "too large": lambda path: b" " * (LARGEST + 1),
}
READERS = [["show"], ["show", "--tidy", "--format", "json"], ["export", "-o", "out.csv"], ["report"], ["compare"]]


@pytest.mark.parametrize("damage", MALFORMED)
def test_every_reader_names_a_malformed_record_and_goes_on(
    damage: str, written: list[Path], results: Path, cli: Callable[..., Result]
) -> None:
    written[0].write_bytes(MALFORMED[damage](written[0]))
    for command, *more in READERS:
        place = [str(results)] if command in {"export", "compare"} else ["--results", str(results)]
        done = cli(command, *place, *more)
        assert done.exit_code == 0, done.output
        assert f"mibench: skipped {written[0]}: " in done.stderr
        assert len(done.stderr) < 3000
    merged = cli("merge", str(results), "--into", "merged")
    assert merged.exit_code == 0
    assert f"mibench: skipped {written[0]}: " in merged.stderr
    assert len(list(Path("merged").rglob("*.json"))) == len(written) - 1


@pytest.mark.parametrize("kind", ["fifo", "endless", "folder", "dangling"])
def test_what_is_no_regular_file_is_named_and_neither_opened_nor_removed(
    kind: str, written: list[Path], results: Path, cli: Callable[..., Result], toy_cli: Callable[..., Result]
) -> None:
    place = written[0]
    place.unlink()
    if kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero" if kind == "endless" else "/no/such/file")
    shown = cli("show", "--results", str(results))
    assert shown.exit_code == 0
    assert f"mibench: skipped {place}: cannot be read: " in shown.stderr
    assert cli("gc", str(results)).exit_code == 0
    assert os.path.lexists(place)
    assert toy_cli("-e", "steady", "--results", str(results)).exit_code == 0
    assert load(results)["key"].nunique() == len(written)


def test_what_cannot_be_read_now_is_never_removed(
    written: list[Path], results: Path, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the system would say, since root may read anything."""
    before = {path: path.read_bytes() for path in written}

    def refuse(path: object, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("mibench.files.os.open", refuse)
        done = cli("gc", str(results))
    assert done.exit_code == 0
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in written} == before


def test_text_that_is_no_text_is_escaped_as_a_record_is_read(
    written: list[Path], results: Path, cli: Callable[..., Result]
) -> None:
    odd = {"type": "E", "message": "caf\udce9 \x1b[31mred\x07", "traceback": "\ud800"}
    written[0].write_bytes(edited(written[0], status="failed", error=odd, measurements=[]))
    (record,) = [record for record in Store(results).read()[0] if record.outcome.error]
    assert record.outcome.error
    assert record.outcome.error.message == "caf\\xe9 \\x1b[31mred\\x07"
    for command in (["report", "--results", str(results)], ["export", str(results), "--wide", "-o", "out.csv"]):
        assert cli(*command).exit_code == 0


@pytest.mark.parametrize("damage", sorted(DAMAGE.keys() - {"newer"}))
def test_a_run_measures_again_and_keeps_what_stood_in_the_way(
    damage: str, written: list[Path], results: Path, toy_cli: Callable[..., Result], run: Callable[..., pd.DataFrame]
) -> None:
    before = load(results)
    make, reason = DAMAGE[damage]
    content = make(written[0])
    written[0].write_bytes(content)
    done = toy_cli("-e", "steady", "--results", str(results))
    assert done.exit_code == 0
    assert f"mibench: skipped {written[0]}: {reason}" in done.stderr
    assert content in [path.read_bytes() for path in written[0].parent.iterdir()]
    again = load(results)
    pd.testing.assert_frame_equal(again.drop(columns="seconds"), before.drop(columns="seconds"))
    assert run().equals(again)


@pytest.mark.parametrize("rerun", ["missing", "failed", "all"])
def test_a_record_of_a_newer_mibench_is_named_and_stays_in_its_place(
    rerun: str, written: list[Path], results: Path, toy_cli: Callable[..., Result]
) -> None:
    content = edited(written[0], schema=SCHEMA + 1)
    written[0].write_bytes(content)
    done = toy_cli("-e", "steady", "--results", str(results), "--rerun", rerun)
    assert done.exit_code == 1
    named, summary = done.stderr.splitlines()[-2:]
    assert named == f"mibench: skipped {written[0]}: {DAMAGE['newer'][1]}"
    assert ": 3 ok, 1 of a newer mibench; records in " in summary
    assert sorted(written[0].parent.iterdir()) == written
    assert written[0].read_bytes() == content


def test_what_is_measured_meanwhile_does_not_replace_a_record_of_a_newer_mibench(
    plan: Callable[..., Job], written: list[Path], results: Path
) -> None:
    (old, *_) = plan().records
    place = Store(results).path(old.trial)
    content = edited(place, schema=SCHEMA + 1)
    place.write_bytes(content)
    Store(results).write(old)
    assert place.read_bytes() == content
    assert sorted(results.rglob("*.json")) == written
    with pytest.warns(UserWarning, match="was written by a newer mibench"):
        mibench.run("steady", "toy", results=results, device="cpu", plugins=[harness_toys.FILE])


def test_a_record_is_where_its_trial_says(plan: Callable[..., Job], written: list[Path], results: Path) -> None:
    store = Store(results)
    trials = plan().plan.trials
    assert sorted(store.path(trial) for trial in trials) == written
    assert all(path.parent == results / "records" / "toy" / "steady" for path in written)
    records = [store.find(trial) for trial in trials]
    assert [record.key for record in records if record] == [trial.key for trial in trials]


def test_a_write_that_dies_half_way_leaves_the_record_as_it_was(
    plan: Callable[..., Job], written: list[Path], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in written}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for record in plan().records:
        with pytest.raises(StoreError, match=r"cannot write .*: No space left on device; nothing measured before"):
            Store(results).write(replace(record, seconds=12.5))
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before


def test_a_reader_never_sees_half_a_record(
    plan: Callable[..., Job], written: list[Path], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment of the rename, the folder holds the old record and nothing else that reads as one."""
    store, seen = Store(results), list[tuple[int, int]]()
    (old, *_) = plan().records
    new = replace(old, seconds=12.5)
    rename = Path.replace

    def watched(self: Path, target: Path) -> Path:
        records, invalid = store.read()
        assert json.loads(self.read_text())["seconds"] == 12.5
        seen.append((len(records), len(invalid)))
        assert all(record.seconds != 12.5 for record in records)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    store.write(new)
    assert seen == [(len(written), 0)]
    assert store.find(new.trial) == new


@pytest.mark.parametrize("below", ["a file", "/proc/no/such"])
def test_an_unwritable_folder_is_one_line_before_anything_is_measured(
    below: str, tmp_path: Path, toy_cli: Callable[..., Result]
) -> None:
    (tmp_path / "a file").write_text("in the way")
    folder = str(tmp_path / below / "results")  # an absolute `below` replaces what is before it
    done = toy_cli("-e", "raiser", "--results", folder)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: cannot write results to {folder}: ")
    assert line.endswith("; choose --results")


def test_a_disk_that_fills_ends_the_run_in_one_line_and_keeps_what_was_measured(
    toy_cli: Callable[..., Result], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, left = os.fsync, iter([True, True])

    def full(file: int) -> None:
        if not next(left, False):
            raise OSError(28, "No space left on device")
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    done = toy_cli("-e", "steady", "--results", str(results))
    assert done.exit_code == 2
    assert "No space left on device; nothing measured before is lost" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.output
    assert load(results)["key"].nunique() == 2


def test_an_absent_folder_holds_no_records_and_an_empty_one_loads_as_nothing(results: Path) -> None:
    assert Store(results).read() == ([], [])
    results.mkdir()
    assert len(load(results)) == 0


def test_a_record_that_could_not_be_read_again_is_not_written(plan: Callable[..., Job], results: Path) -> None:
    trial = plan().plan.trials[0]
    for fields, reason in (
        ({"estimator_version": "1.0"}, "estimator_version cannot be '1.0'"),
        ({"parameters": {"a": {"b": 1}}}, "a cannot be {'b': 1}"),
        ({"cell": {"estimator": 1}}, "a cell has no parameter called estimator"),
    ):
        unreadable = replace(trial, **fields)
        with pytest.raises(StoreError, match="could not be read again, and is not written: it .*" + reason):
            Store(results).write(Record(trial=unreadable, key="0" * 16, outcome=Outcome(Status.OK)))
    assert not list(results.rglob("*.json"))


def test_a_trial_whose_numbers_could_not_be_read_again_fails_and_says_so(
    run: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mibench.store.record.LARGEST", 4000)  # a record of a failure is about 2,000 bytes
    monkeypatch.setattr(
        harness_toys.Toy, "run", lambda *_: [[Measurement(f"mi/{i}", 1.0) for i in range(100)] for _ in range(4)]
    )
    with pytest.warns(TrialsFailed):
        frame = run(batch=1)
    assert set(frame["status"]) == {"failed"}
