"""Files are listed by this process or by another, with the same outcome."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mibench.errors import StoreError
from mibench.store import Store, listing
from mibench.store.columns import Texts
from mibench.store.listing import STATE, begin, list_files

PATHS = ("a/x/2.json", "a/x/1.json", "a/x-y/3.json", "a-b/x/4.json", "é/x/\udcff.json")
TOO_HIGH = ("0.json", "a/5.json")
NO_RECORDS = ("a/x/.6.json", "a/x/7.tmp", "a/x/deep/8.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of records, with files among them that are in no record's place."""
    for name in (*PATHS, *TOO_HIGH, *NO_RECORDS):
        path = tmp_path / "records" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    (tmp_path / "records" / "a" / "x" / "gone.json").symlink_to("nowhere")
    return tmp_path / "records"


def test_files_are_listed_level_by_level_in_the_order_of_paths(folder: Path) -> None:
    assert list_files(str(folder)).files == [*TOO_HIGH, *sorted([*PATHS, "a/x/gone.json"])]


def test_the_state_of_a_file_is_that_of_what_it_leads_to(folder: Path) -> None:
    found = list_files(str(folder))
    states = dict(zip(found.files, np.array(found.states).reshape(-1, STATE).tolist(), strict=True))
    status = (folder / "a/x/1.json").stat()
    assert states["a/x/1.json"] == [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    assert states["a/x/gone.json"] == [-1] * STATE


def test_another_process_lists_what_this_one_does(folder: Path) -> None:
    here, there = list_files(str(folder)), begin(str(folder))()
    assert there is not None
    assert there[1:] == here[1:]
    assert there.begun > here.begun


@pytest.mark.parametrize("change", ["no Python", "no program"])
def test_where_no_process_answers_this_one_lists(change: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of the folder says that another process is to list it."""
    (folder.parent / "index.npz").touch()
    broken = {"no Python": (listing.sys, "executable"), "no program": (listing, "__file__")}
    monkeypatch.setattr(*broken[change], str(folder / "none"))
    assert begin(str(folder))() is None
    assert Store(folder.parent).begin_listing()().files == list_files(str(folder)).files


def test_another_process_lists_where_an_index_says_that_files_are_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, here = Store(folder.parent), list_files(str(folder))
    monkeypatch.setattr(store, "listed", lambda: here)
    assert store.begin_listing()() is here
    store.index.touch()
    there = store.begin_listing()()
    assert there is not here
    assert there.files == here.files


def test_a_folder_that_cannot_be_listed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = os.scandir

    def scandir(path: str) -> "Iterator[os.DirEntry[str]]":
        if path.rstrip("/").endswith(("a/x-y", "a-b")):
            raise PermissionError(13, "Permission denied")
        return everywhere(path)

    monkeypatch.setattr(os, "scandir", scandir)
    store = Store(folder.parent)
    found = store.listed()
    shown = [*TOO_HIGH, *sorted([*PATHS, "a/x/gone.json"])]
    assert found.files == [name for name in shown if not name.startswith(("a/x-y", "a-b"))]
    hidden = [(record.path, record.reason, record.unread) for record in store.hidden(found)]
    reason = "cannot be read: Permission denied"
    assert hidden == [(folder / "a-b", reason, True), (folder / "a/x-y", reason, True)]


def test_a_folder_of_records_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(StoreError, match=r"cannot read .*: Permission denied"):
        Store(folder.parent).listed()


def test_codes_of_texts_compare_as_texts_do() -> None:
    texts = ["b", "é", "a", "b", ""]
    column = Texts.of(np.array([4, 0, 1, 3, 2, 0]), texts)
    assert [column.texts[code] for code in column.codes] == ["", "b", "é", "b", "a", "b"]
    assert column.texts == sorted({*texts})
