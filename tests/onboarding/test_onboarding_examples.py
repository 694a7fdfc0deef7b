"""The examples, as third parties would ship them: wheels beside mibench's wheel, in a fresh environment."""

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from onboarding_fresh import EXAMPLES, Environment

pytest_plugins = ["onboarding_fixtures"]
PACKAGES = {"mibench-cca": "mibench_cca", "mibench-ksg": "mibench_ksg"}
every_package = pytest.mark.parametrize("name", PACKAGES)


def test_it_is_the_wheels_that_are_imported(fresh: Environment, tmp_path: Path) -> None:
    names = ["mibench", "mibench_mige", "mibench_gaussian", *PACKAGES.values()]
    said = fresh.run(f"python -c 'import {', '.join(names)}; print({'.__file__, '.join(names)}.__file__)'", tmp_path)
    files = said.split()
    assert len(files) == len(names)
    assert all(Path(file).is_relative_to(fresh.site) for file in files), said


def test_the_wheel_holds_what_is_no_code(fresh: Environment) -> None:
    (wheel,) = (fresh.folder.parent / "wheels").glob("mibench-0*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"mibench/py.typed", "mibench_gaussian/references.csv", "mibench/shipped/gaussian.csv"} <= names
    shipped = [file for file in zipfile.ZipFile(wheel).infolist() if file.filename.startswith("mibench/shipped/")]
    assert sum(file.compress_size for file in shipped) < 2_000_000
    assert not [name for name in names if name.startswith("mibench/shipped/records/")]
    assert {
        "mibench/cli/scaffolds/estimator/pyproject.toml.tmpl",
        "mibench/cli/scaffolds/task/package/py.typed.tmpl",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "examples/", "docs/"))]


def test_they_are_listed_with_the_plugin_that_brought_them(fresh: Environment, tmp_path: Path) -> None:
    for kind, name, plugin in (
        ("estimators", "cca-ridge", "cca"),
        ("estimators", "ksg-tree", "ksg"),
        ("tasks", "ksg-gamma-exponential", "ksg"),
        ("references", "ksg-scikit-learn", "ksg"),
    ):
        rows = [re.split(r"\s{2,}", line) for line in fresh.run(f"mibench list {kind}", tmp_path).splitlines()]
        (row,) = [row for row in rows if row[0] == name]
        assert plugin in row
    rows = [line.split() for line in fresh.run("mibench plugins", tmp_path).splitlines()]
    assert ["cca", "ok", "mibench-cca", "0.1.0", "1", "estimator"] in rows


def test_they_run_beside_the_others_and_are_shown(fresh: Environment, tmp_path: Path) -> None:
    asked = "--profile smoke --device cpu --workers 1"
    fresh.run(f"mibench run --estimators cca-ridge,ksg-tree,mige --task gaussian {asked}", tmp_path)
    fresh.run(f"mibench run --estimators cca-ridge,ksg-tree,infonce --task ksg-gamma-exponential {asked}", tmp_path)
    rows = json.loads(fresh.run("mibench show --tidy --format json", tmp_path))
    measured = {(row["task"], row["estimator"]) for row in rows if row["status"] == "ok"}
    assert measured == {
        *(("gaussian", name) for name in ("cca-ridge", "ksg-tree", "mige")),
        *(("ksg-gamma-exponential", name) for name in ("cca-ridge", "ksg-tree", "infonce")),
    }
    assert "ksg-tree" in fresh.run("mibench compare", tmp_path)
    fresh.run("mibench report", tmp_path)
    assert "ksg-tree" in (tmp_path / "report.html").read_text(encoding="utf-8")


@every_package
def test_their_own_tests_pass_on_the_wheel(name: str, fresh: Environment, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / name / "tests", tmp_path / "tests")
    said = fresh.run("python -m pytest -q -W error -p no:cacheprovider tests", tmp_path)
    assert " passed" in said


def test_pytest_checks_the_contract_by_name(fresh: Environment, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --strict-config --strict-markers\nfilterwarnings = error\n"
    )
    said = fresh.run(
        "python -m pytest -q -p no:cacheprovider --mibench cca-ridge --mibench ksg-tree -k 'shapes or resume'", tmp_path
    )
    assert "4 passed" in said


@every_package
def test_the_commands_of_their_pages_work(name: str, fresh: Environment, tmp_path: Path) -> None:
    page = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```console\n(.*?)```", page, flags=re.DOTALL)
    install, *commands = block.splitlines()
    assert install.split("#")[0].split() == ["pip", "install", f"./examples/{name}"]
    for command in commands:
        assert fresh.run(command, tmp_path)
