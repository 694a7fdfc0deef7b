"""Which code a trial was measured by."""

import importlib
from pathlib import Path

import pytest

from mibench.discovery.fingerprint import file_fingerprint, fingerprint, loaded_fingerprint


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


def test_an_edit_of_what_a_plugin_imports_from_its_own_folder_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "leaning.py").write_text("import torch\nfrom crutch import strength\n")
    (tmp_path / "crutch.py").write_text("import prop\nstrength = 1")
    (tmp_path / "prop.py").write_text("strength = 1")
    (tmp_path / "bystander.py").write_text("strength = 1")
    before = fingerprint("leaning:Estimator")
    (tmp_path / "bystander.py").write_text("strength = 2")
    assert fingerprint("leaning:Estimator") == before
    (tmp_path / "prop.py").write_text("strength = 2")
    assert fingerprint("leaning:Estimator") != before


def test_an_edit_of_a_sibling_in_a_package_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "leaning_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "estimator.py").write_text("from . import near\nfrom leaning_package.far import x\n")
    (package / "near.py").write_text("y = 1")
    (package / "far.py").write_text("x = 1")
    digests = [fingerprint("leaning_package.estimator:E")]
    for name in ("near.py", "far.py"):
        (package / name).write_text("y = x = 2")
        digests.append(fingerprint("leaning_package.estimator:E"))
    assert len(set(digests)) == 3


def test_a_file_that_imports_nothing_of_its_own_has_the_digest_that_older_records_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lonely.py").write_text("import os\nimport torch\n")
    assert fingerprint("lonely:E") == file_fingerprint("lonely:E") != ""
