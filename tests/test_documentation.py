"""What the README and the pages tell a reader to type works."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import mibench
from mibench.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_ESTIMATOR = [ROOT / "README.md", ROOT / "docs" / "plugins.md"]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands() -> list[str]:
    """Every `mibench` command of every console block, without the prompt or what sets it up."""
    lines = [
        line.removeprefix("$ ") for page in PAGES for block in blocks(page, "console") for line in block.splitlines()
    ]
    return sorted({line[line.index("mibench ") :] for line in lines if re.search(r"(^|uv run )mibench ", line)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the estimator that the pages define."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_estimator", raising=False)
    (source,) = (block for block in blocks(WITH_ESTIMATOR[0], "python") if "# my_estimator.py" in block)
    (tmp_path / "my_estimator.py").write_text(source)
    return tmp_path


def run(line: str, *more: str) -> Result:
    return CliRunner().invoke(main, [*shlex.split(line, comments=True)[1:], *more])


def test_there_are_commands_to_test() -> None:
    assert any("--estimators mige,mine --task gaussian" in command for command in commands())


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [one for one in commands() if one.startswith("mibench run")])
def test_every_run_in_the_pages_is_understood(command: str) -> None:
    result = run(command, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "to run" in result.output


@pytest.mark.usefixtures("folder")
def test_every_other_command_in_the_pages_works() -> None:
    smoke = "mibench run --estimators mige --task gaussian --profile smoke --executor serial"
    assert run(smoke).exit_code == 0
    for command in (one for one in commands() if not one.startswith("mibench run")):
        result = run(command)
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("page", WITH_ESTIMATOR, ids=lambda page: page.name)
def test_the_estimator_of_a_page_runs_and_keeps_the_contract(page: Path) -> None:
    (source,) = (block for block in blocks(page, "python") if "# my_estimator.py" in block)
    Path("my_estimator.py").write_text(source)
    frame = mibench.run("gauss", "gaussian", profile="smoke", device="cpu", plugins=["./my_estimator.py"])
    assert set(frame["status"]) == {"ok"}
    checked = run("mibench check gauss -p ./my_estimator.py")
    assert checked.exit_code == 0, checked.output
    assert checked.output.endswith("gauss: keeps the contract\n")
