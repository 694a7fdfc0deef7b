"""Commands that write a file at their end say first that they cannot, and if they cannot later, no file is lost."""

import contextlib
import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

import mibench
from mibench.cli import main
from mibench.cli.outputs import Output, refuse_unwritable
from mibench.errors import MibenchError, UsageError
from mibench.files import write_named
from mibench.showing import Page

FILES = ("a page.html", "new/deep/page.html")


def _commands() -> dict[str, click.Command]:
    context = click.Context(main)
    commands = {name: main.get_command(context, name) for name in main.list_commands(context)}
    found = {name: command for name, command in commands.items() if command is not None}
    for name, command in list(found.items()):
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": inner for below, inner in command.commands.items()}
    return found


def test_every_option_that_names_an_output_is_checked() -> None:
    outputs = [
        (name, option) for name, command in _commands().items() for option in command.params if option.name == "output"
    ]
    assert {name for name, _ in outputs} >= {"estimate", "report", "plot", "site", "export", "archive add"}
    assert [name for name, option in outputs if not isinstance(option.type, Output)] == []


@pytest.mark.parametrize("words", ["estimate data.npz", "report", "plot", "site", "export", "archive add results"])
@pytest.mark.parametrize("output", ["/proc/x.csv", "taken/x.csv", "x" * 300 + ".csv"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read_or_run(
    words: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    np.savez("data.npz", x=np.arange(30.0) % 7, y=np.arange(30.0) % 11)
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(main, [*words.split(), "-o", output])
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"mibench: cannot write {output}: ")
    assert line.endswith("; choose another --output")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "output", "endings"),
    [
        ("estimate data.npz", "x.pdf", ".html or .htm"),
        ("report", "x.csv", ".html or .htm"),
        ("export", "x.html", ".csv or .parquet"),
        ("export", "x", ".csv or .parquet"),
        ("archive add results", "x.parquet", ".csv"),
    ],
)
def test_an_output_of_another_kind_is_refused_before_anything_is_read_or_run(
    words: str, output: str, endings: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [*words.split(), "-o", output])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"mibench: --output ends in {endings}, and {output} does not\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["x.HTML", "x.htm", "x", "/dev/null"])
def test_a_page_may_have_any_name_of_a_page(output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "there are no results in results" in CliRunner().invoke(main, ["report", "-o", output]).stderr


def test_where_a_command_writes_without_being_told_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.html").symlink_to("/proc/x")
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 2
    assert done.stderr.startswith("mibench: cannot write report.html: ")


@pytest.mark.parametrize("file", FILES)
def test_the_check_leaves_no_trace(file: str, tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / file, tmp_path / file)
    assert list(tmp_path.iterdir()) == []


def test_the_check_keeps_what_a_file_holds(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("before")
    refuse_unwritable(page, page)
    assert page.read_text() == "before"


def test_devices_are_not_opened() -> None:
    refuse_unwritable(Path("/dev/stdout"), Path("/dev/stdout"))


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_what_the_check_made_goes_when_it_fails(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "there")
    with pytest.raises(UsageError, match="cannot write"):
        refuse_unwritable(tmp_path / "there" / "new" / ("x" * 300), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


@contextlib.contextmanager
def full_disk() -> Generator[None]:
    """No file may be larger than a few bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("report --results results -o a.html", "a.html"),
        ("export results -o a.csv", "a.csv"),
        ("plot gaussian --results results -o . --format svg", "gaussian-curves.svg"),
        ("estimate data.npz -e gauss --shuffles 1 --twins 0 --executor serial -o a.html", "a.html"),
    ],
)
def test_what_a_file_holds_outlives_a_full_disk(
    words: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.arange(30.0) % 7, y=np.arange(30.0) % 11)
    mibench.run("gauss", "gaussian[rho=0.2|0.6]", profile="smoke", results="results", device="cpu")
    line = words.split()
    CliRunner().invoke(main, line)  # so that all is measured
    assert Path(name).stat().st_size > 100
    Path(name).write_text("before")
    Path(name).chmod(0o640)
    with full_disk():
        done = CliRunner().invoke(main, line)
    assert done.exit_code == 2, done.output
    assert f"cannot write {name}: File too large" in done.stderr
    assert Path(name).read_text() == "before"
    assert [*tmp_path.glob("*.tmp")] == []
    assert CliRunner().invoke(main, line).exit_code == 0
    assert (Path(name).stat().st_size > 100, stat.S_IMODE(Path(name).stat().st_mode)) == (True, 0o640)


def test_a_link_goes_on_leading_to_its_file(tmp_path: Path) -> None:
    link, file = tmp_path / "link.html", tmp_path / "file.html"
    link.symlink_to(file)
    for text in (b"one", b"two"):
        write_named(link, lambda opened, text=text: opened.write(text))
        assert (link.is_symlink(), file.read_bytes()) == (True, text)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_devices_and_pipes_are_written_to_and_stay(path: str, tmp_path: Path) -> None:
    code = f"import pathlib, mibench.files as f; f.write_named(pathlib.Path({path!r}), lambda o: o.write(b'page'))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"page"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"page"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_file_whose_folder_takes_no_new_file_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    page = tmp_path / "page.html"
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="busy"):
        write_named(page, lambda file: file.write(b"new"))
    page.write_text("before, and longer")
    write_named(page, lambda file: file.write(b"new"))
    assert page.read_text() == "new"


def test_a_page_that_python_saves_outlives_a_full_disk(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("before")
    with full_disk(), pytest.raises(MibenchError, match="cannot write"):
        Page("x" * 1000).save(file)
    assert file.read_text() == "before"
