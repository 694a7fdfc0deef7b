"""`mibench report`, and the commands that a report gives."""

import html
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import report_cases as cases
from click.testing import CliRunner

import mibench
from mibench.cli import main
from mibench.frames import tidy
from mibench.plan.request import RunRequest
from mibench.reporting.commands import run_commands
from mibench.runner import prepare


def test_the_commands_of_a_page_measure_the_same_again(tmp_path: Path) -> None:
    asked = {"profile": "smoke", "results": tmp_path, "device": "cpu"}
    mibench.run("mige,mige[threshold=0.9]", "gaussian[bend=none|asinh,rotate=true]", seeds=2, **asked)
    frame = mibench.run("dvb", "gaussian", **asked)
    frame = mibench.load(tmp_path)
    commands = run_commands(frame)
    assert len(commands) == 2
    keys: set[str] = set()
    for command in commands:
        words = shlex.split(command)
        options = dict(zip(words[2::2], words[3::2], strict=True))
        assert words[:2] == ["mibench", "run"]
        request = RunRequest(
            estimators=options["--estimators"], tasks=options["--task"], seeds=int(options["--seeds"]), device="cpu"
        )
        plan = prepare(request).plan
        keys |= {trial.key for trial in plan.trials}
    assert keys == set(frame["key"])


_COMMAND = re.compile("<code>(mibench run .*)</code>")
PLUGIN = """
import dataclasses
from mibench import hookimpl
from mibench_mige import plugin

@hookimpl
def mibench_estimators():
    return [dataclasses.replace(spec, name="odd") for spec in plugin.mibench_estimators() if spec.name == "mige"]
"""


def test_commands_of_pages_run_as_printed_where_plugins_and_results_lie_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    Path("odd.py").write_text(PLUGIN)
    asked = ["-e", "odd,mige", "-t", "gaussian[d=2]", "--profile", "smoke", "--executor", "serial"]
    elsewhere = ["-p", "./odd.py", "--results", "odd results"]
    for line in (["run", *asked, *elsewhere], ["report", *elsewhere], ["site", "odd results", "-p", "./odd.py"]):
        done = CliRunner().invoke(main, line)
        assert done.exit_code == 0, done.output
    measured = mibench.load("odd results")
    pages = [Path(file).read_text(encoding="utf-8") for file in ("report.html", "site/estimators/odd.html")]
    report, site = (shlex.split(html.unescape(command)) for page in pages for command in _COMMAND.findall(page))
    assert report[-4:] == site[-4:] == elsewhere
    done = CliRunner().invoke(main, [*report[1:], "--executor", "serial"])
    assert done.exit_code == 0, done.output
    assert {*mibench.load("odd results")["key"]} == {*measured["key"]}
    assert not Path("results").exists()


def test_commands_name_shipped_estimators_without_their_origin() -> None:
    frame = tidy(cases.curves({"a": 0.1}))
    beside = pd.concat([frame, frame.assign(estimator="a (shipped)")])
    assert run_commands(beside) == run_commands(frame)


def test_cells_that_are_no_grid_have_no_command() -> None:
    records = cases.curves({"a": 0.1})
    assert len(run_commands(tidy(records))) == 1
    some = [record for record in records if record.trial.cell["rho"] < 0 or record.trial.cell["d"] == 2]
    assert run_commands(tidy(some)) == []
    assert run_commands(tidy([record for record in records if record.trial.seed > 0])) == []


@pytest.fixture
def results(tmp_path: Path) -> Path:
    mibench.run(
        "mige,mige[calibration=full]", "gaussian", profile="smoke", seeds=2, results=tmp_path / "results", device="cpu"
    )
    return tmp_path / "results"


def test_the_command_writes_one_file_and_says_which(results: Path, tmp_path: Path) -> None:
    output = tmp_path / "new folder" / "report.html"
    line = ["report", "gaussian[d=2]", "-e", "mige", "--results", str(results), "-o", str(output)]
    done = CliRunner().invoke(main, line)
    assert (done.exit_code, done.stdout) == (0, f"{output}\n")
    page = output.read_text(encoding="utf-8")
    assert "I(X;Y) and its gradient" in page
    assert "calibration=full" not in page
    made = f"mibench report 'gaussian[d=2]' --estimators mige --title 'mibench report' --results {results} --output "
    assert made in html.unescape(page)
    assert [file.name for file in output.parent.iterdir()] == ["report.html"]


def test_what_mibench_ships_is_reported_as_a_folder_is(tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    done = CliRunner().invoke(main, ["report", "sphere", "-e", "gauss", "--results", "shipped", "-o", str(output)])
    assert (done.exit_code, done.stdout) == (0, f"{output}\n")
    page = output.read_text(encoding="utf-8")
    assert "<dt>trials</dt><dd>0" not in page
    assert "--results shipped" in html.unescape(page)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["nothing"], "mibench: no such records under"),
        (
            ["--results", "empty"],
            "mibench: there are no results in empty: no such folder or file; `mibench run` makes some",
        ),
        (["-o", "taken/report.html"], "mibench: cannot write taken/report.html: "),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").touch()
    done = CliRunner().invoke(main, ["report", "--results", str(results), *more])
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(message)


def test_a_report_loads_neither_torch_nor_matplotlib(results: Path, tmp_path: Path) -> None:
    program = """
import sys
from mibench.cli import main
main(sys.argv[1:], standalone_mode=False)
print({"torch", "matplotlib"} & {*sys.modules})
"""
    line = ["report", "--results", str(results), "-o", str(tmp_path / "report.html")]
    done = subprocess.run([sys.executable, "-c", program, *line], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
