"""`mibench tune`: what it shows, what it refuses in one line, and what Python takes as it does."""

import inspect
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import tuning_toys
from click.testing import Result

import mibench
from mibench.cli.tune import command


def tune_cli(cli: Callable[..., Result], *args: str) -> Result:
    return cli("tune", "-p", tuning_toys.FILE, "--executor", "serial", "--device", "cpu", *args)


def test_the_command_shows_the_best_beside_the_default_and_what_was_spent(cli: Callable[..., Result]) -> None:
    shown = tune_cli(cli, "-e", "tunable", "-t", "known", "--trials", "12")
    assert shown.exit_code == 0, shown.output
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["parameters", "default", "tuned"]
    assert "12 candidates beside the default: 416 pairs seen" in shown.stderr
    assert "mibench run -e 'tunable[" in shown.stderr
    rows = json.loads(tune_cli(cli, "-e", "tunable", "-t", "known", "--trials", "12", "--format", "json").stdout)
    assert [row["parameters"] for row in rows] == ["default", "tuned"]
    assert rows[1]["ratio"] == pytest.approx(rows[1]["error"] / rows[0]["error"])
    listed = tune_cli(cli, "-e", "tunable", "-t", "known", "--trials", "12", "--format", "csv", "--history").stdout
    assert len(listed.splitlines()) == 14
    selector = rows[1]["estimator"]
    ran = cli("run", "-p", tuning_toys.FILE, "--executor", "serial", "-e", selector, "-t", "known")
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-e", "plain", "-t", "known"], "estimator plain declares no range of a parameter; give values to search"),
        (["-e", "gauss", "-t", "known"], "estimator gauss has no parameters: there is nothing to tune"),
        (["-e", "plain[rate=0.1]", "-t", "known"], "estimator plain leaves no parameter to search"),
        (["-e", "tunable[rat=1]", "-t", "known"], "estimator tunable has no parameter 'rat'; did you mean rate?"),
        (["-e", "tunable[rate=fast]", "-t", "known"], "estimator tunable: rate is a number, not 'fast'"),
        (["-e", "tunable", "-t", "known", "--trials", "0"], "`trials` is a whole number from 1 on, not 0"),
        (["-e", "tunable", "-t", "known", "--samples", "0"], "`samples` is a number above 0, not 0.0"),
        (["-e", "tunable", "-t", "known", "--seconds", "nan"], "`seconds` is a number above 0, not nan"),
        (["-e", "tunable,fragile", "-t", "known"], "a tuning is of one estimator"),
        (["-e", "all", "-t", "known"], "a tuning is of one estimator"),
        (["-e", "nobody", "-t", "known"], "there is no estimator 'nobody'"),
        (["-e", "tunable", "-t", "truthless"], "a tuning needs the truth of mi, which truthless lacks"),
        (["-e", "tunable", "-t", "known", "-t", "truthless"], "a tuning needs the truth of mi, which truthless lacks"),
        (["-e", "tunable", "-t", "known", "--measurement", "mi_gradient"], "tunable does not estimate mi_gradient"),
        (["-e", "sloped", "-t", "known"], "sloped cannot be tuned here: sloped does not estimate the value"),
        (["-e", "unfit", "-t", "known"], "estimator unfit cannot be tuned here: toys are not for me"),
        (["-e", "tunable", "-t", "uncounted", "--samples", "9"], "a task here does not count the pairs"),
        (["-e", "tunable", "-t", "known", "--results", tuning_toys.FILE], "Invalid value for '--results'"),
    ],
)
def test_what_no_tuning_could_do_is_refused_in_one_line(
    cli: Callable[..., Result], args: list[str], message: str
) -> None:
    refused = tune_cli(cli, *args)
    assert refused.exit_code == 2, refused.output
    assert refused.stderr.splitlines()[-1].startswith(f"mibench: {message}")
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("estimator", "code", "reason"),
    [
        ("broken", 1, "  12 x failed: broken: ValueError: nothing works"),
        ("fragile[rate=0.1|0.01,width=1,kind=near]", 0, "  4 x failed: fragile: ValueError: too fast"),
        ("ordered", 0, "failed in 2 cells (estimator ordered: low is below high, unlike"),
    ],
)
def test_a_tuning_says_why_trials_failed_and_fails_where_its_default_did(
    cli: Callable[..., Result], estimator: str, code: int, reason: str
) -> None:
    for _ in range(2):  # what is on record fails alike
        shown = tune_cli(cli, "-e", estimator, "-t", "known", "--trials", "20" if estimator == "ordered" else "2")
        assert shown.exit_code == code, shown.output
        assert reason in shown.stderr
        assert ("the default failed in every cell" in shown.stderr) == bool(code)


def test_without_optuna_the_line_says_what_to_install(
    cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    refused = tune_cli(cli, "-e", "tunable", "-t", "known")
    assert refused.exit_code == 2
    assert refused.stderr == "mibench: a tuning needs Optuna; install mibench[tune]\n"


def test_a_results_folder_that_is_something_else_is_refused(cli: Callable[..., Result], results: Path) -> None:
    results.mkdir()
    (results / "records").write_text("mine")
    refused = tune_cli(cli, "-e", "tunable", "-t", "known", "--results", str(results))
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"mibench: cannot write results to {results}")


def test_the_example_of_the_page_gives_what_it_shows(cli: Callable[..., Result]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tune.md").read_text()
    example = page.partition("## An example")[2].partition("\n## ")[0]
    commands = re.findall(r"^(?:\$ )?mibench (.*)$", example, re.MULTILINE)
    assert [line.split()[0] for line in commands] == ["tune", "run", "compare"]
    for line in commands:
        here = {"tune": ["--device", "cpu"], "run": ["--device", "cpu", "--executor", "serial"]}
        answer = cli(*shlex.split(line), *here.get(line.split()[0], []))
        assert answer.exit_code == 0, answer.output
        shown = example.partition(line)[2].partition("$ mibench")[0]
        for row in [] if line.startswith("run") else answer.stdout.splitlines():
            first, _, *cells, _ = re.split(
                r"  +", row
            )  # another Optuna has other numbers, another machine other seconds
            assert all(cell in shown for cell in (first, *cells)), row


def test_each_option_of_the_command_is_a_keyword_of_python() -> None:
    of_the_command_alone = {"history", "form"}
    options = {parameter.name for parameter in command.params} - of_the_command_alone
    renamed = {"estimators": "estimator", "tasks": "task"}
    assert set(inspect.signature(mibench.tune).parameters) == {renamed.get(str(name), name) for name in options}
