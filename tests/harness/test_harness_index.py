"""The index of a results folder saves reading its records, and never says anything that they do not."""

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import Result
from harness_trials import recorded_as

from mibench.api import load
from mibench.frames import tidy
from mibench.store import Store, index, reading
from mibench.store.columns import Columns
from mibench.store.index import read_made
from mibench.store.record import InvalidRecord


@pytest.fixture
def indexed(run: Callable[..., pd.DataFrame], results: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of records that an index holds; their last change counts as long ago."""
    monkeypatch.setattr(index, "FEWEST", 1)
    monkeypatch.setattr(index, "SETTLED", 0)
    run("steady,raiser,steep", "toy")
    load(results)
    assert (results / "index.npz").exists()
    return sorted(results.rglob("*.json"))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are read one by one from here on."""
    paths: list[Path] = []
    one_by_one = reading.read_record

    def read_record(path: Path) -> Any:
        paths.append(path)
        return one_by_one(path)

    monkeypatch.setattr(reading, "read_record", read_record)
    return paths


def of_records(results: Path) -> pd.DataFrame:
    """The frame that the records alone give."""
    return tidy(Store(results).read()[0], wide=True)


def edit(path: Path, **changes: Any) -> None:
    """An edit in place that keeps the file's inode and its time of modification."""
    status, contents = path.stat(), json.loads(path.read_text()) | changes
    path.write_text(json.dumps(contents))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite(path: Path) -> None:
    contents = json.loads(path.read_text())
    for measurement in contents["measurements"]:
        measurement["value"] = 7.25
    beside = path.with_name("beside")
    beside.write_text(json.dumps(contents))
    beside.replace(path)


def capitalise(path: Path) -> None:
    """An edit in place that keeps the file's size too."""
    edit(path, spelled=json.loads(path.read_text())["spelled"].upper())


CHANGES: dict[str, Callable[[Path], object]] = {
    "rewritten": rewrite,
    "removed": Path.unlink,
    "added": lambda path: recorded_as(path, seed=99),
    "edited": lambda path: edit(path, spelled="another"),
    "edited to the same size": capitalise,
    "moved to another estimator": lambda path: path.rename(path.parent.parent / "raiser" / path.name),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_one_record_is_noticed(change: str, indexed: list[Path], results: Path, read: list[Path]) -> None:
    before = of_records(results)
    CHANGES[change](next(path for path in indexed if path.parent.name == "steady"))
    after = of_records(results)
    assert not after.equals(before)
    assert load(results, wide=True).equals(after)
    assert len(read) == (change != "removed")


def test_what_has_not_changed_is_not_read_again(indexed: list[Path], results: Path, read: list[Path]) -> None:
    assert load(results, wide=True).equals(of_records(results))
    assert read == []
    assert len(indexed) > 2


def test_what_was_made_of_an_index_that_is_out_of_date_is_made_again(indexed: list[Path], results: Path) -> None:
    made: list[int] = []

    def make(columns: Columns) -> int:
        made.append(len(columns))
        return made[-1]

    count = len(indexed)
    assert read_made(Store(results), make) == (count, [])
    assert made == [count]
    indexed[0].unlink()
    assert read_made(Store(results), make) == (count - 1, [])
    assert made == [count, count, count - 1]


def test_what_changed_in_the_last_moment_is_read_again(
    indexed: list[Path], results: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system may give two changes within a moment the same times."""
    (results / "index.npz").unlink()
    monkeypatch.setattr(index, "SETTLED", 3600 * 10**9)
    load(results)
    load(results)
    assert read == indexed * 2
    assert not (results / "index.npz").exists()


def test_a_record_that_is_damaged_later_is_named(
    indexed: list[Path], results: Path, cli: Callable[..., Result]
) -> None:
    indexed[0].write_text("{}")
    shown = cli("show", "--results", str(results), "--tidy", "--format", "csv")
    assert shown.stderr == f"mibench: skipped {indexed[0]}: is not a record of mibench\n"
    assert indexed[0].stem not in shown.stdout


def mark_headers(path: Path, place: int, value: int) -> None:
    """Writes a byte into every header of an archive, and into the directory at its end, where it is 2 bytes later."""
    contents = bytearray(path.read_bytes())
    for mark, further in ((b"PK\x03\x04", 0), (b"PK\x01\x02", 2)):
        for found in re.finditer(re.escape(mark), bytes(contents)):
            contents[found.start() + place + further] = value
    path.write_bytes(contents)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a byte changed": lambda path: path.write_bytes(path.read_bytes().replace(b'"toy"', b'"boy"', 1)),
    "text": lambda path: path.write_text("hello"),
    "encrypted": lambda path: mark_headers(path, 6, 1),
    "compressed by its headers alone": lambda path: mark_headers(path, 8, 8),
    "compressed in an unknown way": lambda path: mark_headers(path, 8, 99),
    "another array": lambda path: path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<i8'}"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_made_again(damage: str, indexed: list[Path], results: Path, read: list[Path]) -> None:
    DAMAGE[damage](results / "index.npz")
    assert load(results, wide=True).equals(of_records(results))
    assert read == indexed
    load(results)
    assert read == indexed


def test_an_index_of_other_code_is_made_again(
    indexed: list[Path], results: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_maker", lambda: "another")
    load(results)
    assert read == indexed


class Trap:
    """Says that it was unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("unpickled",)


def test_nothing_is_unpickled(indexed: list[Path], results: Path, read: list[Path]) -> None:
    (results / "index.npz").write_bytes(pickle.dumps(Trap()))
    load(results)
    assert read == indexed


def test_where_no_index_can_be_written_records_are_read(indexed: list[Path], results: Path, read: list[Path]) -> None:
    (results / "index.npz").unlink()
    (results / "index.npz").mkdir()
    assert load(results, wide=True).equals(of_records(results))
    assert read == indexed
    assert sorted(path.name for path in results.glob("*index*")) == ["index.npz"]


def test_a_few_records_make_no_index(run: Callable[..., pd.DataFrame], results: Path) -> None:
    run()
    load(results)
    assert not (results / "index.npz").exists()


def test_an_index_is_no_part_of_what_is_merged(
    indexed: list[Path], results: Path, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    assert cli("merge", str(results), "--into", str(tmp_path / "merged")).exit_code == 0
    assert not (tmp_path / "merged" / "index.npz").exists()
    assert len(sorted((tmp_path / "merged").rglob("*.json"))) == len(indexed)
    assert not any(isinstance(record, InvalidRecord) for _, record in Store(tmp_path / "merged").files())


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three processes share the files, however few they are."""
    monkeypatch.setattr(reading, "FEWEST", 1)
    monkeypatch.setattr(reading, "_cores", lambda: 3)


def test_files_that_processes_share_are_read_as_by_one(
    indexed: list[Path], results: Path, read: list[Path], processes: None, cli: Callable[..., Result]
) -> None:
    (results / "index.npz").unlink()
    assert load(results, wide=True).equals(of_records(results))
    assert read == []
    (results / "index.npz").unlink()
    indexed[1].write_text("{}")
    shown = cli("show", "--results", str(results), "--tidy", "--format", "csv")
    assert shown.stderr == f"mibench: skipped {indexed[1]}: is not a record of mibench\n"
    assert load(results, wide=True).equals(of_records(results))
    assert read == [indexed[1]]  # the index holds all that the processes read


def test_where_no_process_starts_files_are_read_all_the_same(
    indexed: list[Path], results: Path, read: list[Path], processes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / "index.npz").unlink()
    monkeypatch.setattr(reading.sys, "executable", str(results / "none"))
    assert load(results, wide=True).equals(of_records(results))
    assert sorted(read) == indexed
