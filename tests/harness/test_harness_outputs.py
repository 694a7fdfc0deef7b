"""Commands that write a file or a folder at their end say first that they cannot, and do nothing."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from mibench.cli import main
from mibench.cli.outputs import Output, refuse_unwritable
from mibench.errors import UsageError

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
