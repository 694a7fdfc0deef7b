"""Which code a trial was measured by."""

import importlib
from pathlib import Path

import pytest

from mibench.discovery.fingerprint import fingerprint, loaded_fingerprint


def test_an_edit_changes_the_file_and_not_what_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, target = tmp_path / "edited_while_running.py", "edited_while_running:Estimator"
    monkeypatch.syspath_prepend(str(tmp_path))
    file.write_text("one = 1")
    before = fingerprint(target)
    importlib.import_module("edited_while_running")
    assert loaded_fingerprint(target) == before
    file.write_text("two = 2")
    assert fingerprint(target) != before
    assert loaded_fingerprint(target) == before


def test_what_has_no_file_has_no_fingerprint() -> None:
    assert {fingerprint(target) for target in ("sys:path", "no_such_module:Class", "json.none:x")} == {""}
