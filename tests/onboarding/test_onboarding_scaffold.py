"""`mibench new` writes packages whose own tests pass at once, and which a strict type checker and ruff accept."""

import io
import json
import resource
import shlex
import subprocess
import sys
import tokenize
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mibench.cli import main
from mibench.cli.new import Kind, scaffold_words, write_scaffold
from mibench.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
STRICT = {
    "typeCheckingMode": "strict",
    "reportMissingTypeStubs": False,
    "reportUnknownMemberType": False,
    "reportUnknownArgumentType": False,
    "reportUnknownVariableType": False,
}


def new(*args: str) -> Result:
    return CliRunner().invoke(main, ["new", *args])


@pytest.mark.parametrize("kind", ["estimator", "task", "family"])
def test_the_tests_of_a_new_package_pass_before_it_is_installed(kind: Kind, tmp_path: Path) -> None:
    write_scaffold(kind, "my-own", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "mibench-my-own"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_new_package_is_typed_and_formatted(tmp_path: Path) -> None:
    write_scaffold("estimator", "my-own", tmp_path)
    write_scaffold("task", "Other_thing", tmp_path)
    write_scaffold("family", "third", tmp_path)
    folders = ["mibench-my-own", "mibench-other-thing", "mibench-third"]
    settings = STRICT | {"include": folders, "executionEnvironments": [{"root": folder} for folder in folders]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    for command in (
        ["ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "D1,I,S101", *folders],
        ["ruff", "format", "--check", *folders],
        ["pyright", "--pythonpath", sys.executable],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_the_command_lists_what_it_wrote_and_what_to_do_next(tmp_path: Path) -> None:
    done = new("estimator", "my-own", "--directory", str(tmp_path))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    folder = tmp_path / "mibench-my-own"
    assert {Path(line) for line in lines if line.startswith(str(tmp_path))} == {
        p for p in folder.rglob("*") if p.is_file()
    }
    assert f"  pip install -e {folder}" in lines
    assert "  mibench check my-own" in lines


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["estimator", "mine"], "estimator 'mine' exists already, in plugin 'variational'"),
        (["family", "ring"], "family 'ring' exists already, in plugin 'families'"),
        (["task", "gaussian"], "task 'gaussian' exists already, in plugin 'gaussian'"),
        (["estimator", "../up"], "'../up' is no name for a plugin"),
        (["estimator", "3d"], "'3d' is no name for a plugin"),
        (["estimator", "class"], "'class' would be called class, a keyword of Python"),
        (["estimator", "true"], "'true' would be called True, a keyword of Python"),
        (["task", "False"], "'False' would be called False, a keyword of Python"),
        (["family", "none"], "'none' would be called None, a keyword of Python"),
        (["estimator", "plugin"], "'plugin' would be a second file mibench_plugin/plugin.py of the package"),
        (["task", "Plugin"], "'Plugin' would be a second file mibench_plugin/plugin.py of the package"),
        (["family", "plugin"], "'plugin' would be a second file mibench_plugin/plugin.py of the package"),
        (["task", "exact"], "'exact' would be the class Exact, which hides what the package's files call so"),
        (["family", "value-error"], "'value-error' would be the class ValueError, which hides what"),
        (["estimator", "all"], "'all' is a word of the command line; choose another name"),
        (["estimator", "shipped"], "'shipped' is a word of the command line"),
        (["task", "all"], "'all' is a word of the command line"),
        (["family", "all"], "'all' is a word of the command line"),
        (["estimator", "families"], "a package 'mibench_families' is installed already; choose another name"),
        (["colour", "red"], "'colour' is not one of"),
    ],
)
def test_a_name_that_cannot_be_used_is_one_line(args: list[str], message: str, tmp_path: Path) -> None:
    done = new(*args, "--directory", str(tmp_path))
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["estimator", "task", "family"])
def test_no_class_is_called_as_anything_in_the_files_beside_it(kind: Kind, tmp_path: Path) -> None:
    words = set[str]()
    for path in write_scaffold(kind, "my-own", tmp_path):
        if path.suffix == ".py":
            tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline))
            words |= {
                token.string
                for before, token in pairwise(tokens)
                if token.type == tokenize.NAME and before.string != "."  # an attribute hides nothing
            }
    called = {word for word in words if word[0].isupper() and "MyOwn" not in word}
    assert len(called) > 5
    for word in called:
        with pytest.raises(UsageError, match="choose another name"):
            write_scaffold(kind, word, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mibench-my-own"]


def test_a_name_may_hold_the_words_that_files_are_called_by_until_they_have_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "mibench-module-package"
    written = {str(path.relative_to(folder)) for path in write_scaffold("estimator", "module-package", tmp_path)}
    package = "mibench_module_package"
    assert {f"{package}/module_package.py", f"{package}/plugin.py", "tests/test_module_package.py"} < written


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mibench-my-own").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        write_scaffold("task", "my-own", tmp_path)


@pytest.mark.parametrize(("directory", "name"), [("/proc/x", "my-own"), ("file/below", "my-own"), (".", "a" * 300)])
def test_what_cannot_be_written_is_one_line(
    directory: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    done = new("estimator", name, "--directory", directory)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("mibench: cannot write ")
    assert line.endswith("; choose another name or --directory")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_leaves_no_half_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    size = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (800, size[1]))
    try:
        done = new("estimator", "my-own")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, size)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("mibench: cannot write mibench-my-own: ")
    assert list(tmp_path.iterdir()) == []
    assert new("estimator", "my-own").exit_code == 0, "nothing is in the way of another try"


def test_what_to_do_next_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "sp ace {x}"
    lines = new("estimator", "my-own", "--directory", str(folder)).stdout.splitlines()
    for words in (["pip", "install", "-e"], ["python", "-m", "pytest"]):
        assert [*words, str(folder / "mibench-my-own")] in [shlex.split(line) for line in lines]


def test_a_name_becomes_names_of_python() -> None:
    assert scaffold_words("InfoMax-2_b") == {
        "name": "InfoMax-2_b",
        "distribution": "mibench-infomax-2-b",
        "package": "mibench_infomax_2_b",
        "module": "infomax_2_b",
        "kind": "InfoMax2B",
    }
