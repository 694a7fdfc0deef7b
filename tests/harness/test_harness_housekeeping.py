"""Export, merge, gc and older records: nothing is lost, overwritten or removed unasked."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness_toys
import pandas as pd
import pytest
from click.testing import Result
from harness_trials import recorded_as

from mibench import frames
from mibench.api import load
from mibench.discovery.registry import Registry
from mibench.runner import Job
from mibench.store import Store
from mibench.store import record as layout
from mibench.store.gc import CHECKPOINT_SECONDS, TEMPORARY_SECONDS, orphans

Cli = Callable[..., Result]


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("wide", [False, True])
def test_an_exported_frame_reads_back_as_it_was(ending: str, wide: bool, toy_cli: Cli, cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady[scale=1|2],lost,steep", "--results", str(results))
    done = cli("export", str(results), "-o", f"out.{ending}", *(["--wide"] if wide else []))
    assert done.exit_code == 0, done.output
    expected = load(results, wide=wide)
    exported = frames.read(Path(f"out.{ending}"))
    # a CSV does not tell an absent text from an empty one
    texts = [name for name in expected.columns if str(expected[name].dtype) == "string"]
    filled = dict.fromkeys(texts, "") if ending == "csv" else {}
    pd.testing.assert_frame_equal(exported.fillna(filled), expected.fillna(filled), check_exact=True)


@pytest.mark.parametrize("name", ["out.CSV", ".csv", "out.Parquet"])
def test_the_ending_of_a_frame_may_have_capitals_or_be_all_of_its_name(
    name: str, toy_cli: Cli, cli: Cli, results: Path
) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    assert cli("export", str(results), "-o", name).exit_code == 0
    assert len(frames.read(Path(name))) == len(load(results))


def test_a_file_of_a_frame_is_named_by_text_too(toy_cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    frames.write(load(results), "out.csv")
    assert len(frames.read("out.csv")) == len(load(results))


def test_an_exported_file_is_drawn_and_reported(cli: Cli, results: Path) -> None:
    smoke = ("--profile", "smoke", "--seeds", "1", "--executor", "serial")
    cli("run", "-e", "gauss", "-t", "bpsk[d=1,snr=0.1|1]", *smoke, "--results", str(results))
    assert cli("export", str(results), "-o", "out.csv").exit_code == 0
    drawn = cli("plot", "bpsk", "--results", "out.csv", "-o", "figures")
    assert drawn.exit_code == 0, drawn.output
    assert list(Path("figures").glob("bpsk-*"))
    reported = cli("report", "--results", "out.csv", "-o", "page.html")
    assert reported.exit_code == 0, reported.output
    assert "bpsk" in Path("page.html").read_text()


def test_an_exported_file_is_shown_in_place_of_a_folder_and_is_no_task(toy_cli: Cli, cli: Cli, results: Path) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    assert cli("export", str(results), "-o", "out.csv").exit_code == 0
    plugin = ["-p", harness_toys.FILE]
    shown, of_file = (cli("show", "--results", where, *plugin) for where in (str(results), "out.csv"))
    assert (of_file.exit_code, of_file.stdout) == (0, shown.stdout)
    for command in ("show", "plot", "report"):
        done = cli(command, "out.csv", *plugin)
        assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
        assert "out.csv is a file, and a task comes here; say --results out.csv" in done.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "out.xls"], "--output ends in .csv or .parquet, and out.xls does not"),
        (["-o", "/proc/no/such/out.csv"], "cannot write /proc/no/such/out.csv"),
        (["-o", "out.csv", "-t", "other"], "nothing to export in "),
    ],
)
def test_what_cannot_be_exported_is_one_line_and_exit_2(
    args: list[str], message: str, toy_cli: Cli, cli: Cli, results: Path
) -> None:
    toy_cli("-e", "steady", "--results", str(results))
    done = cli("export", str(results), *args)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"mibench: {message}")


@pytest.fixture
def two(toy_cli: Cli, cli: Cli, tmp_path: Path) -> tuple[Path, Path]:
    """Folders that share two of their trials."""
    folders = tmp_path / "one", tmp_path / "two"
    toy_cli("-e", "steady", "--results", str(folders[0]))
    asked = ("run", "--executor", "serial", "--device", "cpu", "-p", harness_toys.FILE, "-e", "steady")
    cli(*asked, "-t", "toy[rho=0.5|0.9]", "--results", str(folders[1]))
    return folders


def test_merged_folders_hold_what_either_held(two: tuple[Path, Path], cli: Cli, run: Callable[..., Any]) -> None:
    before = [contents(folder) for folder in two]
    done = cli("merge", *map(str, two), "--into", "all")
    assert (done.exit_code, done.stderr) == (0, "mibench: 6 records copied into all, 2 were there\n")
    assert [contents(folder) for folder in two] == before
    merged = load("all")
    assert set(merged["key"]) == set(load(two[0])["key"]) | set(load(two[1])["key"])
    assert cli("merge", *map(str, two), "--into", "all").stderr.startswith("mibench: 0 records copied")
    pd.testing.assert_frame_equal(load("all"), merged)


@pytest.mark.parametrize(("source", "into"), [("one", "one/records"), ("one/records", "one")])
def test_a_folder_is_not_merged_into_a_part_of_itself(
    source: str, into: str, two: tuple[Path, Path], cli: Cli, tmp_path: Path
) -> None:
    before = contents(two[0])
    done = cli("merge", str(tmp_path / source), "--into", str(tmp_path / into))
    assert done.exit_code == 2
    assert " lies within what " in done.stderr
    assert contents(two[0]) == before


def test_parts_in_folders_of_the_target_are_merged_into_it(two: tuple[Path, Path], cli: Cli, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    parts = [shutil.copytree(part, whole / part.name) for part in two]
    assert cli("merge", *map(str, parts), "--into", str(whole)).exit_code == 0
    assert {*load(whole)["key"]} == {*load(two[0])["key"], *load(two[1])["key"]}


def test_times_are_no_numbers_that_conflict(two: tuple[Path, Path], cli: Cli) -> None:
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    for place, seconds in ((shared, 1.0), (two[0] / shared.relative_to(two[1]), 2.0)):
        timed = {"name": "epoch_seconds", "value": seconds, "truth": None, "unit": "s", "epoch": 1}
        edit(place, measurements=[*json.loads(place.read_text())["measurements"], timed])
    assert cli("merge", str(two[1]), "--into", str(two[0])).exit_code == 0


def test_a_differing_record_is_named_and_nothing_is_copied(two: tuple[Path, Path], cli: Cli) -> None:
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    record = json.loads(shared.read_text())
    record["measurements"][0]["value"] += 1
    shared.write_text(json.dumps(record))
    target = two[0] / shared.relative_to(two[1])
    before = contents(two[0])
    done = cli("merge", str(two[1]), "--into", str(two[0]))
    assert done.exit_code == 2
    differs, advice = done.stderr.splitlines()
    assert differs == f"mibench: {shared} and {target}: different {record['measurements'][0]['name']}"
    assert advice.startswith("mibench: 1 trial differs and nothing was copied; say --prefer theirs or --prefer ours")
    assert contents(two[0]) == before
    kept = cli("merge", str(two[1]), "--into", str(two[0]), "--prefer", "ours")
    assert (kept.exit_code, target.read_bytes()) == (0, before[str(target.relative_to(two[0]))])
    taken = cli("merge", str(two[1]), "--into", str(two[0]), "--prefer", "theirs")
    assert (taken.exit_code, target.read_bytes()) == (0, shared.read_bytes())


def test_a_failed_record_gives_way_to_one_that_is_done_and_never_the_reverse(two: tuple[Path, Path], cli: Cli) -> None:
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    target = two[0] / shared.relative_to(two[1])
    good = target.read_bytes()
    failure = {"status": "failed", "measurements": [], "error": {"type": "E", "message": "m", "traceback": ""}}
    edit(target, **failure)
    assert cli("merge", str(two[1]), "--into", str(two[0])).exit_code == 0
    assert json.loads(target.read_text())["status"] == "ok"
    target.write_bytes(good)
    edit(shared, **failure)
    assert cli("merge", str(two[1]), "--into", str(two[0])).exit_code == 0
    assert target.read_bytes() == good


@pytest.fixture
def encoders(two: tuple[Path, Path]) -> tuple[Path, Path]:
    """The artifact of a trial that two folders share, in the first and in the second."""
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    first, second = (folder / "artifacts" / shared.stem / "encoder.safetensors" for folder in two)
    for path in (first, second):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"weights")
    return first, second


def test_what_trials_left_behind_is_merged_with_their_records(
    two: tuple[Path, Path], encoders: tuple[Path, Path], cli: Cli
) -> None:
    (encoders[1].parent / ".dead.tmp").touch()
    done = cli("merge", *map(str, two), "--into", "all")
    assert done.stderr == "mibench: 6 records copied into all, 2 were there; artifacts: 1 copied, 1 were there\n"
    copied = Path("all") / encoders[0].relative_to(two[0])
    assert [(path, path.read_bytes()) for path in copied.parent.iterdir()] == [(copied, b"weights")]
    copied.unlink()  # as a merge that copied records alone left it
    again = cli("merge", str(two[1]), "--into", "all")
    assert again.stderr == "mibench: 0 records copied into all, 4 were there; artifacts: 1 copied, 0 were there\n"
    assert copied.read_bytes() == b"weights"


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_differing_artifact_is_named_and_nothing_is_copied(
    is_recorded: bool, two: tuple[Path, Path], encoders: tuple[Path, Path], cli: Cli
) -> None:
    encoders[1].write_bytes(b"other")
    if not is_recorded:
        next(two[0].rglob(f"records/**/{encoders[0].parent.name}.json")).unlink()
    before = contents(two[0])
    merge = ("merge", str(two[1]), "--into", str(two[0]))
    done = cli(*merge)
    differs, advice = done.stderr.splitlines()
    assert (done.exit_code, differs) == (2, f"mibench: {encoders[1]} and {encoders[0]}: different contents")
    assert advice.startswith("mibench: 1 trial differs and nothing was copied")
    assert contents(two[0]) == before
    assert cli(*merge, "--prefer", "ours").exit_code == 0
    assert encoders[0].read_bytes() == b"weights"
    assert cli(*merge, "--prefer", "theirs").exit_code == 0
    assert encoders[0].read_bytes() == b"other"
    assert len(list((two[0] / "records").rglob(f"{encoders[0].parent.name}.json"))) == 1


def test_an_artifact_gives_way_with_its_failed_record_and_never_without(
    two: tuple[Path, Path], encoders: tuple[Path, Path], cli: Cli
) -> None:
    encoders[1].write_bytes(b"half trained")
    failed = next((two[1] / "records").rglob(f"{encoders[1].parent.name}.json"))
    edit(failed, status="failed", measurements=[], error={"type": "E", "message": "m", "traceback": ""})
    assert cli("merge", str(two[1]), "--into", str(two[0])).exit_code == 0
    assert encoders[0].read_bytes() == b"weights"
    assert cli("merge", str(two[1]), str(two[0]), "--into", "all").exit_code == 0
    assert (Path("all") / encoders[0].relative_to(two[0])).read_bytes() == b"weights"


def test_an_artifact_that_cannot_be_copied_is_one_line_and_its_record_does_not_come_alone(
    two: tuple[Path, Path], encoders: tuple[Path, Path], cli: Cli
) -> None:
    (Path("all") / "artifacts").mkdir(parents=True)
    (Path("all") / "artifacts" / encoders[0].parent.name).write_text("in the way")
    done = cli("merge", *map(str, two), "--into", "all")
    assert done.exit_code == 2
    assert done.stderr.startswith("mibench: cannot write all/artifacts/")
    assert len(done.stderr.splitlines()) == 1
    assert not list(Path("all").rglob(f"{encoders[0].parent.name}.json"))


@pytest.mark.parametrize(
    ("source", "next_step"), [("{one}/records", "did you mean {one}?"), ("empty", "`mibench run` makes some")]
)
def test_a_folder_without_records_is_not_merged(
    source: str, next_step: str, two: tuple[Path, Path], cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    source, next_step = source.format(one=two[0]), next_step.format(one=two[0])
    done = cli("merge", source, str(two[1]), "--into", "all")
    assert done.exit_code == 2
    assert done.stderr == f"mibench: there are no records under {source}; {next_step}\n"
    assert not Path("all").exists()
    assert cli("show", "--results", source).stderr == done.stderr


def test_what_is_no_record_is_neither_merged_nor_overwritten(two: tuple[Path, Path], cli: Cli) -> None:
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    (two[0] / shared.relative_to(two[1])).write_text("{}")
    done = cli("merge", str(two[1]), "--into", str(two[0]))
    assert done.exit_code == 2
    assert "the file there is not a record of mibench" in done.stderr
    back = cli("merge", str(two[0]), "--into", "fresh")
    assert back.exit_code == 0
    assert "is not a record of mibench" in back.stderr


@pytest.mark.parametrize("prefer", ["theirs", "ours"])
def test_a_merge_never_replaces_a_record_of_a_newer_mibench(prefer: str, two: tuple[Path, Path], cli: Cli) -> None:
    same_place = (two[0] / path.relative_to(two[1]) for path in two[1].rglob("*.json"))
    there = next(path for path in same_place if path.exists())
    edit(there, schema=layout.SCHEMA + 1)
    content = there.read_bytes()
    done = cli("merge", str(two[1]), "--into", str(two[0]), "--prefer", prefer)
    assert done.exit_code == 0
    assert f"mibench: skipped {there}: was written by a newer mibench" in done.stderr
    assert there.read_bytes() == content


@pytest.fixture
def littered(toy_cli: Cli, results: Path, plan: Callable[..., Job]) -> tuple[Path, dict[str, str]]:
    """A folder with one file of every kind that nothing needs (by reason), and of every kind that looks like it."""
    toy_cli("-e", "steady", "--results", str(results))
    records = results / "records" / "toy" / "steady"
    first, second, third, fourth = sorted(records.glob("*.json"))
    (results / "checkpoints").mkdir(exist_ok=True)
    outdated = recorded_as(first, estimator_version=0)
    first.unlink()
    edit(second, schema=layout.SCHEMA + 1)
    (records / "notes.json").write_text("{}")
    (records / "0123.deadbeef.invalid").touch()
    (results / "checkpoints" / "0123.deadbeef.invalid").touch()
    left = [results / "artifacts" / path.stem / "encoder.safetensors" for path in (outdated, third)]
    for path in left:
        path.parent.mkdir(parents=True)
        path.touch()
    (records / f"{second.stem}.deadbeef.invalid").write_bytes(second.read_bytes())
    old = {
        records / ".dead.tmp": TEMPORARY_SECONDS,
        left[1].with_name(".dead.tmp"): TEMPORARY_SECONDS,
        results / "checkpoints" / "given-up.pt": CHECKPOINT_SECONDS,
    }
    fresh = [
        records / ".alive.tmp",
        results / "checkpoints" / "under-way.pt",
        results / "checkpoints" / "under-way.progress",
    ]
    done = results / "checkpoints" / f"{third.stem}.pt"
    for path in (*old, *fresh, done):
        path.touch()
    rerun = results / "checkpoints" / f"{fourth.stem}.pt"  # younger than the record of its trial
    rerun.touch()
    before_its_record = third.stat().st_mtime - 60
    os.utime(done, (before_its_record, before_its_record))
    for path, seconds in old.items():
        then = path.stat().st_mtime - seconds - 60
        os.utime(path, (then, then))
    expected = {
        str(outdated): "measured with version 0 of estimator steady, which is now 1",
        str(left[0]): "measured with version 0 of estimator steady, which is now 1",
        str(records / "notes.json"): "is not a record of mibench",
        str(records / "0123.deadbeef.invalid"): "stood in the place of a record",
        str(results / "checkpoints" / "0123.deadbeef.invalid"): "stood in the place of a checkpoint",
        str(records / ".dead.tmp"): "was being written by a process that died",
        str(left[1].with_name(".dead.tmp")): "was being written by a process that died",
        str(
            results / "checkpoints" / "given-up.pt"
        ): "is the checkpoint of a trial that nobody has gone on with for a week",
        str(done): "is the checkpoint of a trial that is done",
    }
    return results, expected


def test_gc_removes_what_its_dry_run_lists_and_nothing_else(littered: tuple[Path, dict[str, str]], cli: Cli) -> None:
    folder, expected = littered
    before = contents(folder)
    dry = cli("gc", str(folder), "--dry-run", "-p", harness_toys.FILE)
    assert dry.exit_code == 0, dry.output
    assert dict(line.split(": ", 1) for line in dry.stdout.splitlines()) == expected
    assert dry.stderr == "mibench: 9 files would be removed\n"
    assert contents(folder) == before
    wet = cli("gc", str(folder), "-p", harness_toys.FILE)
    assert wet.stdout == dry.stdout
    removed = {str(Path(path).relative_to(folder)) for path in expected}
    assert contents(folder) == {name: data for name, data in before.items() if name not in removed}
    assert cli("gc", str(folder), "-p", harness_toys.FILE).stdout == ""


@pytest.fixture
def records(toy_cli: Cli, results: Path) -> list[Path]:
    toy_cli("-e", "steady,steep", "--results", str(results))
    return sorted((results / "records").rglob("*.json"))


MOVES: dict[str, Callable[[Path], Path]] = {
    "above tasks": lambda path: path.parent.parent.parent / path.name,
    "above estimators": lambda path: path.parent.parent / path.name,
    "among another's": lambda path: path.parent.parent / "lost" / path.name,
    "renamed": lambda path: path.with_stem("copy"),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_record_in_the_wrong_place_is_named_measured_again_and_kept_until_then(
    move: str, records: list[Path], results: Path, toy_cli: Cli, cli: Cli
) -> None:
    right, wrong = records[0], MOVES[move](records[0])
    wrong.parent.mkdir(exist_ok=True)
    right.rename(wrong)
    reason = f"lies in the wrong place: it belongs at {right.relative_to(results)}"
    shown = cli("show", "--results", str(results), "-p", harness_toys.FILE)
    assert (shown.exit_code, shown.stderr) == (0, f"mibench: skipped {wrong}: {reason}\n")
    assert set(load(results)["key"]) == {path.stem for path in records[1:]}
    kept = cli("gc", str(results), "-p", harness_toys.FILE)
    line = f"mibench: kept {wrong}: the only copy of a measurement, which counts again if moved to {right}"
    assert (kept.stdout, kept.stderr.splitlines()) == ("", [line, "mibench: 0 files removed"])
    assert f"{len(records)} trials, 1 of them now" in toy_cli("-e", "steady,steep", "--results", str(results)).stderr
    gone = cli("gc", str(results), "-p", harness_toys.FILE)
    assert (gone.stdout, gone.stderr) == (f"{wrong}: {reason}\n", "mibench: 1 file removed\n")
    assert sorted((results / "records").rglob("*.json")) == records


def test_a_record_that_was_put_aside_is_kept_while_it_is_the_only_copy(
    records: list[Path], results: Path, cli: Cli
) -> None:
    aside = records[0].rename(records[0].with_suffix(".deadbeef.invalid"))
    assert cli("gc", str(results)).stderr.startswith(f"mibench: kept {aside}: the only copy of a measurement")
    records[0].write_bytes(aside.read_bytes())
    assert cli("gc", str(results)).stdout == f"{aside}: stood in the place of a record\n"


def test_records_all_of_which_lie_in_the_wrong_place_are_not_said_to_be_none(
    records: list[Path], results: Path, cli: Cli
) -> None:
    for path in records:
        path.rename(results / "records" / path.name)
    shown = cli("show", "--results", str(results))
    assert shown.exit_code == 2
    *named, last = shown.stderr.splitlines()
    assert len(named) == len(records)
    assert last == f"mibench: no file under {results} is a record in its place, as said above of {len(records)}"
    assert cli("merge", str(results), "--into", "all").stderr.splitlines()[-1] == last


def test_a_file_of_something_else_above_the_records_is_left(records: list[Path], results: Path, cli: Cli) -> None:
    """The folder of records may have been there before."""
    for other in (results / "records" / "notes.json", records[0].parent.parent / "notes.json"):
        other.write_text("{}")
    assert cli("gc", str(results), "-p", harness_toys.FILE).stderr == "mibench: 0 files removed\n"


def test_a_merge_never_replaces_a_record_of_another_place(two: tuple[Path, Path], cli: Cli) -> None:
    shared = next(p for p in two[1].rglob("*.json") if (two[0] / p.relative_to(two[1])).exists())
    there = two[0] / shared.relative_to(two[1])
    other = next(path for path in two[0].rglob("*.json") if path != there)
    other.replace(there)
    content = there.read_bytes()
    done = cli("merge", str(two[1]), "--into", str(two[0]), "--prefer", "theirs")
    assert (done.exit_code, there.read_bytes()) == (0, content)
    assert f"mibench: skipped {there}: lies in the wrong place" in done.stderr


def test_records_of_absent_plugins_and_of_newer_versions_are_kept(
    written: list[Path], results: Path, registry: Registry
) -> None:
    assert orphans(Store(results), Registry([])) == ([], [])
    recorded_as(written[0], estimator_version=2)
    assert orphans(Store(results), registry) == ([], [])


@pytest.fixture
def written(run: Callable[..., pd.DataFrame], results: Path) -> list[Path]:
    run()
    return sorted(results.rglob("*.json"))


def test_an_older_record_is_upgraded_as_it_is_read_and_found_again(
    written: list[Path], results: Path, plan: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two layouts ago seconds were milliseconds; then cells were lists of pairs."""
    expected = load(results)
    for path in written:
        record = json.loads(path.read_text())
        milliseconds = {"milliseconds": 1e3 * record.pop("seconds")}
        path.write_text(json.dumps(record | milliseconds | {"cell": list(record["cell"].items())}))
    before = contents(results)
    monkeypatch.setattr(layout, "SCHEMA", 3)
    monkeypatch.setitem(layout.UPGRADES, 1, lambda old: old | {"seconds": old["milliseconds"] / 1e3})
    monkeypatch.setitem(layout.UPGRADES, 2, lambda old: old | {"cell": dict(old["cell"])})
    pd.testing.assert_frame_equal(load(results), expected)
    assert [record.to_json()["schema"] for record in Store(results).read()[0]] == [3] * len(written)
    assert plan().batches == []  # all of it is done
    assert contents(results) == before


@pytest.mark.parametrize(
    ("upgrades", "reason"),
    [
        ({}, "cannot be upgraded from schema 1"),
        ({1: lambda old: {"key": old["key"], "schema": 1}}, "is not a record of mibench"),
        ({1: lambda old: old["lost"]}, "cannot be upgraded from schema 1: 'lost'"),
    ],
)
def test_a_record_that_cannot_be_upgraded_is_named_and_left(
    upgrades: dict[int, Any], reason: str, written: list[Path], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SCHEMA", 2)
    monkeypatch.setattr(layout, "UPGRADES", upgrades)
    records, invalid = Store(results).read()
    assert records == []
    assert all(reason in file.reason for file in invalid)
    assert [file.path for file in invalid] == written
